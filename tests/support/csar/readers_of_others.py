"""Programs and libraries of others that unpack ZIP archives, each as a function from an archive to what it holds.

The judge of `verify` is that they agree: whatever it accepts is the same package for all of them, name by name and byte
by byte. A reader gives the digest of each file and None for each folder that it makes; links and other odd things show
as what they are. Java's and Go's readers are reached by small programs of ours (`csar_readers/`), compiled once into
the cache of `scripts/csar-tools`.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from support.csar.outside_tools import cache, tool
from support.skips import Missing, skip_without

SOURCES = Path(__file__).with_name("readers")
Content = Mapping[str, str | None]


class Refused(Exception):  # noqa: N818 - named after what the program did
    """The program does not unpack the archive."""


def _run(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
    if run.returncode:
        raise Refused((run.stderr or run.stdout).decode(errors="replace").strip()[-300:] or f"exit {run.returncode}")
    return run.stdout.decode("utf-8", "surrogateescape")


def _unpacked(command: Callable[[Path], list[str]]) -> Content:
    with tempfile.TemporaryDirectory(prefix="readers-") as folder:
        _run(command(Path(folder)))
        return _tree(Path(folder))


def _tree(root: Path) -> Content:
    found: dict[str, str | None] = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            inner = path.relative_to(root).as_posix()
            mode = path.lstat().st_mode
            if path.is_symlink():
                found[inner] = f"link to {path.readlink()}"
            elif path.is_dir():
                found[inner] = None
            elif mode & 0o7000:
                found[inner] = f"mode {mode:o}"
            else:
                found[inner] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _listed(text: str) -> Content:
    """Lines `SHA-256 NAME` of a program of ours; a name ends with NUL, for it may hold anything else."""
    found: dict[str, str | None] = {}
    for line in text.split("\0")[:-1]:
        digest, _, name = line.partition(" ")
        if name in found:
            raise Refused(f"it has {name!r} twice")
        found[name.rstrip("/")] = None if name.endswith("/") else digest
    return found


def by_python(path: Path) -> Content:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.comment or len(set(archive.namelist())) != len(archive.namelist()):
                raise Refused("a comment, or a name twice")
            return {
                info.filename.rstrip("/"): None if info.is_dir() else hashlib.sha256(archive.read(info)).hexdigest()
                for info in archive.infolist()
            }
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError) as error:
        raise Refused(str(error)) from error


def by_unzip(path: Path) -> Content:
    program = tool("AKO_UNZIP", "unzip")
    return _unpacked(lambda folder: [program, "-qq", "-o", str(path), "-d", str(folder)])


def by_7zip(path: Path) -> Content:
    program = tool("AKO_7Z", "7zz", "7z")
    # Its types are named, lest it takes an archive in an archive.
    return _unpacked(lambda folder: [program, "x", "-tzip", "-bd", "-y", "-snl-", f"-o{folder}", str(path)])


def by_bsdtar(path: Path) -> Content:
    program = tool("AKO_BSDTAR", "bsdtar")
    return _unpacked(lambda folder: [program, "-x", "-f", str(path), "-C", str(folder)])


def by_java_file(path: Path) -> Content:
    return _listed(_run([*_java(), "file", str(path)]))


def by_java_stream(path: Path) -> Content:
    return _listed(_run([*_java(), "stream", str(path)]))


def by_go(path: Path) -> Content:
    return _listed(_run([_go(), str(path)]))


READERS: Mapping[str, Callable[[Path], Content]] = {
    "zipfile of Python": by_python,
    "unzip of Info-ZIP": by_unzip,
    "7-Zip": by_7zip,
    "bsdtar": by_bsdtar,
    "ZipFile of Java": by_java_file,
    "ZipInputStream of Java": by_java_stream,
    "archive/zip of Go": by_go,
}


def with_parents(content: Content) -> Content:
    """The content with every folder that a path implies: some readers name those only that have entries."""
    found = dict(content)
    for name in content:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            found.setdefault("/".join(parts[:depth]), None)
    return found


def _java() -> list[str]:
    compiler, java = shutil.which("javac"), shutil.which("java")
    if compiler is None or java is None:
        skip_without(Missing.TOOLS, "no javac and java: install a JDK")
    source = SOURCES / "ReadZip.java"
    folder = _built("java", source, lambda target: [compiler, "-d", str(target), str(source)])
    return [java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", str(folder), "ReadZip"]


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        skip_without(Missing.TOOLS, "no go: install Go")
    source = SOURCES / "readzip.go"
    folder = _built("go", source, lambda target: [go, "build", "-o", str(target / "readzip"), str(source)])
    return str(folder / "readzip")


def _built(kind: str, source: Path, command: Callable[[Path], list[str]]) -> Path:
    """The folder with what a compiler made of a source; made once for each state of the source."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    folder = cache() / f"readers-{kind}-{digest}"
    if not folder.is_dir():
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as parent:
            target = Path(parent, "out")
            target.mkdir()
            _run(command(target))
            try:
                target.rename(folder)
            except OSError:
                if not folder.is_dir():  # another test process was faster
                    raise
    return folder
