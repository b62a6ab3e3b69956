"""The Python distributions of a release: a wheel and a source archive, the same bytes for the same sources.

`build` makes both by setuptools. A wheel takes its times from SOURCE_DATE_EPOCH; a source archive carries the times,
owners and order of files that the machine has, so it is written anew with one epoch and no owners.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ako_builder.archive.writer import BytesBlob, Member, write_tar_gz
from ako_runtime.errors import Refused, UserError


def build_distributions(source: Path, *, out: Path, epoch: int) -> tuple[Path, Path]:
    """Build wheel and source archive of a tree into `out`, judged by twine; gives the paths of both.

    The tree is left with what setuptools writes beside it, so it is a copy that nobody needs afterwards.
    """
    out.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONWARNINGS": "ignore"}
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)], environment=environment)
    (wheel,), (archive,) = out.glob("*.whl"), out.glob("*.tar.gz")
    _rewrite(archive, epoch=epoch)
    run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(archive)])
    return wheel, archive


def install(wheel: Path, *, folder: Path) -> dict[str, str]:
    """Put a wheel alone into a folder; gives the environment in which Python finds it first."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
    ]
    run([*command, "--target", str(folder), str(wheel)])
    return {**os.environ, "PYTHONPATH": str(folder)}


def run(command: list[str], *, environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """Run a program of the release; its output, or `Refused` with the last lines of what it said."""
    done = subprocess.run(command, env=environment, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Refused(f"{' '.join(command[:5])} … ended with {done.returncode}:\n{said}")
    return done.stdout


def _rewrite(archive: Path, *, epoch: int) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent) as work:
        new = Path(work) / archive.name
        with tarfile.open(archive, "r:gz") as tar:
            write_tar_gz(new, _members(tar), epoch=epoch)
        new.replace(archive)


def _members(tar: tarfile.TarFile) -> Iterable[Member]:
    for info in sorted(tar.getmembers(), key=lambda info: info.name):
        stream = tar.extractfile(info) if info.isfile() else None
        if stream is not None:
            mode = 0o755 if info.mode & 0o111 else 0o644
            yield Member(name=info.name, content=BytesBlob(stream.read()), mode=mode)
        elif not info.isdir():
            raise UserError(f"{info.name}: neither a file nor a folder; a source archive holds nothing else")
