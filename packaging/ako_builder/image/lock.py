"""What the image is made of, by digest: `lock.yaml` beside this module.

Every Debian package, wheel and source archive is pinned by file name and SHA-256, for every platform. `refreshed` asks
the package managers of this machine for the newest versions (apt-get with folders of its own, so that neither the
system nor its architecture matters; pip with a foreign platform); `content` gets exactly a pinned file, from a folder
that was given, from the cache, or through the same package managers, and refuses a file with another digest.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
import yaml

from ako_builder.archive.writer import write_bytes
from ako_builder.image.debian import control_fields
from ako_builder.image.python_packages import NOT_NEEDED
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import UserError

LOCK: Final = Path(__file__).with_name("lock.yaml")

# In the order in which they are laid over each other. No shell, no package manager.
DEBIAN_PACKAGES: Final = (
    "libc6", "libgcc-s1", "libcrypt1", "zlib1g", "libexpat1", "libssl3", "libffi8", "libbz2-1.0", "liblzma5",
    "libuuid1", "libpython3.11-minimal", "libpython3.11-stdlib", "python3.11-minimal", "ca-certificates",
    "media-types", "netbase", "tzdata",
)  # fmt: skip
SOURCE_PACKAGES: Final = {"avisdk": "avi"}
_DEBIAN_NAMES: Final = {"linux/amd64": "amd64", "linux/arm64": "arm64"}
_WHEEL_NAMES: Final = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_MANYLINUX: Final = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
_INFO: Final = re.compile(r"(?P<name>[A-Za-z0-9_.]+?)-(?P<version>[0-9][^-]*)(-.*\.whl|\.tar\.gz)")

Kind = Literal["debian", "wheel", "source"]


class Pin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file that the image is made of."""

    kind: Kind
    name: str
    version: str
    file: str
    sha256: str


class Lock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All pins, by platform."""

    platforms: dict[str, tuple[Pin, ...]]

    def pins(self, platform: str) -> tuple[Pin, ...]:
        """The pins of one platform; UserError if it has none."""
        if platform not in self.platforms:
            raise UserError(f"{platform} is not pinned; choose from {', '.join(self.platforms)}")
        return self.platforms[platform]


def load_lock(path: Path = LOCK) -> Lock:
    """Read the pins."""
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Lock)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise UserError(f"{path}: {error}; write it anew with 'ako image lock'") from error


def write_lock(lock: Lock, path: Path = LOCK) -> None:
    """Write the pins."""
    text = "# What the image is made of. Written by `ako image lock`; do not edit.\n"
    text += yaml_text(msgspec.to_builtins(lock))
    write_bytes(path, text.encode())


def cache_folder() -> Path:
    """Where fetched files are kept: below AKO_CACHE, else in the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("AKO_CACHE") or Path(root) / "ako-toolkit") / "image"


class Depot:
    """Gets the files of pins, and finds out what to pin."""

    def __init__(self, *, cache: Path, given: Path | None = None) -> None:
        self._cache = cache
        self._given = given

    def content(self, pin: Pin, *, platform: str) -> bytes:
        """The pinned file."""
        for folder in (self._given, self._cache / pin.sha256):
            if folder is not None and (folder / pin.file).is_file():
                return _checked(pin, folder / pin.file)
        if self._given is not None:
            raise UserError(f"{self._given / pin.file} is missing; put it there, or leave out --inputs")
        self.ensure([pin], platform=platform)
        return _checked(pin, self._cache / pin.sha256 / pin.file)

    def ensure(self, pins: Iterable[Pin], *, platform: str) -> None:
        """Get those files into the cache that are not there, each package manager called once.

        Where a folder was given nothing is fetched. Raises UserError for a file that cannot be had.
        """
        if self._given is not None:
            return
        missing = [pin for pin in pins if not (self._cache / pin.sha256 / pin.file).is_file()]
        by_kind = {kind: [pin for pin in missing if pin.kind == kind] for kind in ("debian", "wheel", "source")}
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache) as text:
            folder = Path(text)
            if by_kind["debian"]:
                names = [f"{pin.name}={pin.version}" for pin in by_kind["debian"]]
                self._apt(platform, ["download", *names], folder=folder)
            if by_kind["wheel"]:
                names = [f"{pin.name}=={pin.version}" for pin in by_kind["wheel"]]
                _pip_download(folder, ["--no-deps", *names], platform=platform)
            for pin in by_kind["source"]:
                _pip_source(folder, f"{pin.name}=={pin.version}")
            for pin in missing:
                if not (folder / pin.file).is_file():
                    raise UserError(f"{pin.file} cannot be had any more; pin what can with 'ako image lock'")
                write_bytes(self._cache / pin.sha256 / pin.file, _checked(pin, folder / pin.file))

    def refreshed(self, platforms: Iterable[str], *, requirements: Sequence[str]) -> Lock:
        """Pins of the newest versions."""
        return Lock(platforms={platform: tuple(self._newest(platform, requirements)) for platform in platforms})

    def _newest(self, platform: str, requirements: Sequence[str]) -> Iterator[Pin]:
        folder = self._cache / "newest" / _DEBIAN_NAMES[platform]
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        self._apt(platform, ["download", *DEBIAN_PACKAGES], folder=folder)
        for name in DEBIAN_PACKAGES:
            path = next(iter(sorted(folder.glob(f"{name}_*.deb"))))
            yield self._pinned(path, kind="debian", name=name, version=control_fields(path.read_bytes())["Version"])
        for name in SOURCE_PACKAGES:
            _pip_source(folder, name)
        plain = [text for text in requirements if re.split(r"[<>=! ]", text)[0] not in SOURCE_PACKAGES]
        # What the source packages need is asked for by name; nothing is built here.
        _pip_download(folder, [*plain, "requests"], platform=platform)
        for path in sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")]):
            found = _INFO.fullmatch(path.name)
            if found is None:
                raise UserError(f"{path.name} is no name of a wheel or source archive")
            name = found["name"].replace("_", "-").lower()
            if name not in NOT_NEEDED:
                kind: Kind = "wheel" if path.suffix == ".whl" else "source"
                yield self._pinned(path, kind=kind, name=name, version=found["version"])

    def _pinned(self, path: Path, *, kind: Kind, name: str, version: str) -> Pin:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        write_bytes(self._cache / digest / path.name, data)
        return Pin(kind=kind, name=name, version=version, file=path.name, sha256=digest)

    def _apt(self, platform: str, arguments: Sequence[str], *, folder: Path) -> None:
        architecture = _DEBIAN_NAMES[platform]
        home = self._cache / "apt" / architecture
        for name in ("state/lists/partial", "cache/archives/partial"):
            (home / name).mkdir(parents=True, exist_ok=True)
        (home / "status").touch()
        base = [
            "apt-get", "-qq", "-o", f"Dir::State={home / 'state'}", "-o", f"Dir::State::status={home / 'status'}",
            "-o", f"Dir::Cache={home / 'cache'}", "-o", f"APT::Architecture={architecture}",
            "-o", f"APT::Architectures={architecture}", "-o", "APT::Sandbox::User=root",
        ]  # fmt: skip
        # The lists are read anew each time: a list of yesterday names files that mirrors no longer have.
        _run([*base, "update"], cwd=folder, purpose="reading the Debian package lists")
        _run([*base, *arguments], cwd=folder, purpose="fetching Debian packages")


def _pip_download(folder: Path, arguments: Sequence[str], *, platform: str) -> None:
    tags = [part for tag in _MANYLINUX for part in ("--platform", f"{tag}_{_WHEEL_NAMES[platform]}")]
    abis = [part for abi in ("cp311", "abi3", "none") for part in ("--abi", abi)]
    _run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:",
         "--python-version", "3.11", "--implementation", "cp", *tags, *abis, "--dest", str(folder), *arguments],
        cwd=folder, purpose="fetching wheels",
    )  # fmt: skip


def _pip_source(folder: Path, requirement: str) -> None:
    _run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-binary", ":all:", "--dest", str(folder), requirement],
        cwd=folder, purpose=f"fetching the source of {requirement}",
    )  # fmt: skip


def _run(command: Sequence[str], *, cwd: Path, purpose: str) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(
            f"{purpose}: {command[0]} cannot be run; install it, or give the files with --inputs"
        ) from error
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise UserError(f"{purpose} failed: {words[-1] if words else done.returncode}; or give them with --inputs")


def _checked(pin: Pin, path: Path) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != pin.sha256:
        raise UserError(f"{path} is not the pinned {pin.name} {pin.version}: its SHA-256 differs; remove the file")
    return data
