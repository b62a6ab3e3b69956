"""Find the control plane's programs, or build them once from their Go modules into the user's cache.

No package registry carries a kube-apiserver, but the Go module proxy carries its source. `k8s.io/kubernetes` cannot be
required like an ordinary module, because its staging modules (`k8s.io/api` and thirty others) are `v0.0.0` with
replacements that only hold inside its own repository. So the build writes a small go.mod of its own that requires
`k8s.io/kubernetes` at the wanted version and replaces each staging module by its published `v0.MINOR.PATCH`; the list
of staging modules is read from the module's own go.mod, so a new Kubernetes line needs a new pin and nothing else.

etcd gets a second go.mod: two modules with two minds about shared dependencies stay apart. The version that a program
reports (`/version`) is set by the linker, as in the release builds.

`KUBEBUILDER_ASSETS` (the convention of controller-runtime's envtest) names a folder with ready programs and wins over
building. Two builds at once are kept apart by a file lock. Each program is written under a temporary name and then
renamed, and Go's own build cache keeps what was compiled, so an interrupted build goes on where it stopped.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ako_runtime.errors import UserError

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")

_ETCD_PACKAGE = "go.etcd.io/etcd/server/v3"
_PROGRESS_SECONDS = 15.0
_OR_ASSETS = f"or set KUBEBUILDER_ASSETS to a folder with {', '.join(PROGRAMS)}"


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One pinned control plane: a Kubernetes version, its etcd, and the oldest Go that compiles them."""

    kubernetes: str
    etcd: str
    go: tuple[int, int]

    @property
    def line(self) -> str:
        """The release line, `1.34` for `1.34.4`."""
        return self.kubernetes.rpartition(".")[0]


RELEASES: Mapping[str, Release] = {
    release.line: release
    for release in (
        Release(kubernetes="1.30.14", etcd="3.6.16", go=(1, 24)),
        Release(kubernetes="1.34.4", etcd="3.6.16", go=(1, 24)),
        Release(kubernetes="1.37.2", etcd="3.6.16", go=(1, 26)),
    )
}
DEFAULT_LINE = "1.34"


def release_of(line: str) -> Release:
    """The pinned release of a Kubernetes line, or one sentence with the lines there are."""
    release = RELEASES.get(line)
    if release is None:
        raise UserError(f"no control plane is pinned for Kubernetes {line}: choose one of {', '.join(RELEASES)}")
    return release


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's cache folder of this project (`AKO_CACHE`, else below `XDG_CACHE_HOME`, else `~/.cache`)."""
    explicit = environ.get("AKO_CACHE")
    if explicit:
        return Path(explicit)
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ako-toolkit"


@contextmanager
def exclusive(lock: Path, *, say: Callable[[str], None]) -> Iterator[None]:
    """Hold `lock` against other processes; say so when it is taken and we must wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is at work ({lock}): waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def announce(line: str) -> None:
    """Print one progress line on standard error at once."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress is for people


class BinaryCache:
    """The programs of one release: where they are, and how to build them."""

    def __init__(
        self,
        *,
        release: Release,
        environ: Mapping[str, str] = os.environ,
        say: Callable[[str], None] = announce,
    ) -> None:
        self._release = release
        self._environ = environ
        self._say = say
        self._root = cache_folder(environ) / "control-plane"

    @property
    def folder(self) -> Path:
        """Where the programs of this release are kept."""
        return self._root / f"kubernetes-{self._release.kubernetes}-etcd-{self._release.etcd}"

    def found(self) -> Path | None:
        """The folder that holds every program (`KUBEBUILDER_ASSETS` first), or None."""
        assets = self._environ.get("KUBEBUILDER_ASSETS")
        folder = Path(assets) if assets else self.folder
        missing = [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]
        if assets and missing:
            raise UserError(f"KUBEBUILDER_ASSETS={assets} lacks {', '.join(missing)}: unset it or complete the folder")
        return None if missing else folder

    def why_not(self) -> str | None:
        """One line that says why the programs are neither here nor buildable; None when `ensure` can work."""
        if self.found() is not None:
            return None
        try:
            self._check_go()
        except UserError as error:
            return str(error)
        return None

    def ensure(self) -> Path:
        """The folder with every program; builds what is missing."""
        found = self.found()
        if found is not None:
            return found
        self._check_go()
        with exclusive(self._root / "build.lock", say=self._say):
            self.folder.mkdir(parents=True, exist_ok=True)
            started = time.monotonic()
            for name in PROGRAMS:
                if not os.access(self.folder / name, os.X_OK):
                    self._build(name)
            self._say(f"control plane {self._release.kubernetes}: ready in {time.monotonic() - started:.0f} s")
        return self.folder

    def _check_go(self) -> None:
        """Raise one clear sentence when Go is missing or too old for this release."""
        need = ".".join(map(str, self._release.go))
        what = f"Kubernetes {self._release.kubernetes} is built from source and needs Go {need} or newer"
        if shutil.which("go", path=self._environ.get("PATH")) is None:
            raise UserError(f"{what}, but there is no `go` on PATH: install it, {_OR_ASSETS}")
        text = self._go(["env", "GOVERSION"], cwd=Path.cwd()).strip()
        match = re.match(r"go(\d+)\.(\d+)", text)
        if match is None or (int(match[1]), int(match[2])) < self._release.go:
            raise UserError(f"{what}, but `go` on PATH is {text}: install a newer one, {_OR_ASSETS}")

    def _build(self, name: str) -> None:
        module = self._etcd_module() if name == "etcd" else self._kubernetes_module()
        package = _ETCD_PACKAGE if name == "etcd" else f"k8s.io/kubernetes/cmd/{name}"
        target = self.folder / name
        temporary = target.with_suffix(".part")
        flags = "" if name == "etcd" else _version_flags(self._release)
        command = ["build", "-mod=mod", "-v", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", str(temporary), package]
        self._say(f"{name}: compiling {package} (the first time takes minutes; an interrupted build goes on)")
        self._compile(name, command, cwd=module)
        temporary.replace(target)

    def _compile(self, name: str, command: list[str], *, cwd: Path) -> None:
        """Run one `go build -v` and turn its stream of package names into a line every few seconds."""
        started = told = time.monotonic()
        packages, tail = 0, [""]
        arguments = ["go", *command]
        with subprocess.Popen(
            arguments, cwd=cwd, env=self._go_environment(), stderr=subprocess.PIPE, text=True
        ) as process:
            for line in process.stderr or ():
                tail = [*tail[-19:], line]
                packages += 1
                if time.monotonic() - told >= _PROGRESS_SECONDS:
                    told = time.monotonic()
                    self._say(f"{name}: {packages} steps, {told - started:.0f} s, now {line.strip()}")
        if process.returncode:
            said = "".join(tail).strip()
            raise UserError(f"building {name} failed (go said below); try again, it goes on from here\n{said}")
        self._say(f"{name}: built, {packages} steps, {time.monotonic() - started:.0f} s")

    def _etcd_module(self) -> Path:
        version = f"v{self._release.etcd}"
        folder = self._root / "modules" / f"etcd-{version}"
        described = json.loads(self._go(["mod", "download", "-json", f"{_ETCD_PACKAGE}@{version}"], cwd=self._root))
        source = json.loads(self._go(["mod", "edit", "-json", described["GoMod"]], cwd=self._root))
        _write_module(folder, go=source["Go"], require=[(_ETCD_PACKAGE, version)], replace=[])
        return folder

    def _kubernetes_module(self) -> Path:
        version = f"v{self._release.kubernetes}"
        folder = self._root / "modules" / f"kubernetes-{version}"
        described = json.loads(self._go(["mod", "download", "-json", f"k8s.io/kubernetes@{version}"], cwd=self._root))
        source = json.loads(self._go(["mod", "edit", "-json", described["GoMod"]], cwd=self._root))
        staged = [item["Path"] for item in source["Require"] if item["Version"] == "v0.0.0"]
        published = "v0." + self._release.kubernetes.partition(".")[2]
        _write_module(
            folder,
            go=source["Go"],
            require=[("k8s.io/kubernetes", version)],
            replace=[(path, published) for path in staged],
        )
        return folder

    def _go(self, command: list[str], *, cwd: Path) -> str:
        cwd.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["go", *command], cwd=cwd, env=self._go_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UserError(f"`go {' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _go_environment(self) -> dict[str, str]:
        return {**self._environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}


def _version_flags(release: Release) -> str:
    """Linker flags that make the programs report their version, as the release builds do."""
    major, minor, _ = release.kubernetes.split(".")
    values = {
        "gitVersion": f"v{release.kubernetes}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "archive",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())


def _write_module(folder: Path, *, go: str, require: list[tuple[str, str]], replace: list[tuple[str, str]]) -> None:
    """Write go.mod, unless an earlier run (which Go has since completed with what it resolved) already did."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "go.mod").exists():
        return
    lines = ["module control-plane", "", f"go {go}", ""]
    lines += [f"require {path} {version}" for path, version in require]
    lines += [f"replace {path} => {path} {version}" for path, version in replace]
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, suffix=".part") as handle:
        handle.write("\n".join(lines) + "\n")
    Path(handle.name).replace(folder / "go.mod")
