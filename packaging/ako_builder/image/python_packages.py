"""The Python part of the image: pinned wheels and source archives, and the runtime itself.

Wheels are zip archives whose files belong into site-packages; unpacking them is all that an installer would do here.
avisdk is published as a source archive only; it is pure Python, so its package folder is taken as it is. Left out is
what the runtime never imports: tests, samples, and the asynchronous half of the Kubernetes client (more than half of
it) with the packages that only this half needs.
"""

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from ako_builder.image.layer import Entry, file
from ako_builder.release import Release

SITE: Final = "usr/local/lib/python3.11/dist-packages"

# Needed by kubernetes.aio only, or by nothing at all on a system with time zone data.
NOT_NEEDED: Final = frozenset(
    {
        "aiohappyeyeballs", "aiohttp", "aiohttp-retry", "aiosignal", "attrs", "beautifulsoup4", "frozenlist",
        "multidict", "propcache", "soupsieve", "tzdata", "yarl",
    }
)  # fmt: skip
_LEFT_OUT: Final = re.compile(
    r"^kubernetes/(aio|e2e_test|docs|test)/|/tests?/|^avi/sdk/(samples|test)/|\.dist-info/(RECORD|INSTALLER|REQUESTED)$"
    r"|\.data/|\.pyi$|\.c$|\.h$|\.pyx$|/__pycache__/"
)


def wheel_entries(data: bytes) -> Iterator[tuple[str, Entry]]:
    """Files of a wheel, at their places in the image."""
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        for info in wheel.infolist():
            if not info.is_dir() and not _LEFT_OUT.search(info.filename):
                mode = 0o755 if info.filename.endswith(".so") else 0o644
                yield f"{SITE}/{info.filename}", file(wheel.read(info), mode=mode)


def source_entries(data: bytes, *, package: str) -> Iterator[tuple[str, Entry]]:
    """The package folder of a source archive, and its metadata."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            top, _, name = member.name.partition("/")
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is None or _LEFT_OUT.search(name):
                continue
            if name.startswith(f"{package}/"):
                yield f"{SITE}/{name}", file(stream.read())
            elif name == "PKG-INFO":
                yield f"{SITE}/{top}.dist-info/METADATA", file(stream.read())


def application_entries(release: Release, *, package: Path) -> Iterator[tuple[str, Entry]]:
    """The runtime as an installed distribution without extras: its modules, and the commands that it can run."""
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{SITE}/ako_runtime/{path.relative_to(package).as_posix()}", file(path.read_bytes())
    info = f"{SITE}/{release.product.replace('-', '_')}-{release.version}.dist-info"
    metadata = (
        f"Metadata-Version: 2.1\nName: {release.product}\nVersion: {release.version}\nSummary: {release.title}\n"
        f"License: {release.licence}\nHome-page: {release.home}\n"
    )
    commands = sorted(
        f"{entry.name} = {entry.value.split('[')[0].strip()}"
        for entry in entry_points(group="ako.commands")
        if entry.module.startswith("ako_runtime.") and not entry.extras
    )
    yield f"{info}/METADATA", file(metadata.encode())
    yield f"{info}/entry_points.txt", file(("[ako.commands]\n" + "\n".join(commands) + "\n").encode())
