"""The files of a chart's archive, and of the archives of its subcharts, read without unpacking anything.

The archive may be anybody's. Helm drops the first part of every path, merges what is left and takes the last of two
equal names; other readers unpack what is there. So an archive is read only if both mean the same: one folder at the
top, each path once, plain files and folders, an end. Subcharts are looked into, for a link or a bomb is not better for
lying one archive deeper.

Memory is what is kept: Chart.yaml, values, templates, licences, other small texts. Everything else is only passed over.
The names and attributes that tar's extension headers hold are read into memory by `tarfile`, so the stream below it
refuses to give more at once than any of them needs.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, cast

from ako_runtime.errors import UserError

MAX_FILES = 10_000
# What all archives of a chart unpack to, and what of it is kept in memory.
MAX_TOTAL = 64 << 20
_MAX_KEPT = 16 << 20
_MAX_DEPTH = 8
_MAX_READ = 256 << 10
_PIECE = 64 << 10
_BLOCK = 512
_KEPT = (".yaml", ".yml", ".tpl", ".txt", ".json", ".md", "LICENSE", "LICENCE", ".helmignore")
_ARCHIVES = (".tgz", ".tar.gz")


class ChartProblem(UserError):  # noqa: N818 - named after the finding
    """The archive is not a chart that can be trusted."""


class _Forward(io.RawIOBase):
    """A stream that `tarfile` may read once, in order and in small pieces; the last block may be read again."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._position = 0
        self.last = b""
        self._again = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position - self._again

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or self._position - offset > len(self.last):
            raise tarfile.ReadError("its headers point backwards")
        if offset <= self._position:
            self._again = self._position - offset
            return offset
        self._again = 0
        while self._position < offset:
            if not self._take(min(_PIECE, offset - self._position)):
                break
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _MAX_READ:
            raise tarfile.ReadError("a header of it is larger than any honest one")
        again = self.last[len(self.last) - self._again :][:size]
        self._again -= len(again)
        return again + (self._take(size - len(again)) if size > len(again) else b"")

    def _take(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and (piece := self._source.read(size - len(found))):
            found += piece
        self._position += len(found)
        self.last = (self.last + found)[-_BLOCK:]
        return bytes(found)


class _Reading:
    """What is left of the limits, over an archive and all archives inside of it."""

    def __init__(self, origin: str, *, spend: Callable[[str, int], None] | None) -> None:
        self.origin = origin
        self._spend = spend
        self._files = 0
        self._total = 0
        self._kept = 0

    def take(self, info: tarfile.TarInfo) -> None:
        """Count a member that may be in a chart."""
        origin = self.origin
        if info.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE} or info.issparse():
            raise ChartProblem(f"{origin}: {info.name} is a link or a device; a chart holds plain files only")
        parts = info.name.split("/")
        if info.name.startswith("/") or ".." in parts or "\\" in info.name or not info.name.isprintable():
            raise ChartProblem(f"{origin}: the path {info.name!r} leaves the chart; do not use this archive")
        self._files += 1
        self._total += info.size
        if self._files > MAX_FILES or self._total > MAX_TOTAL:
            raise ChartProblem(f"{origin}: more than {MAX_FILES} files or {MAX_TOTAL >> 20} MiB; this is not a chart")
        if self._spend is not None:
            self._spend("files of charts", 1)
            self._spend("bytes of charts", info.size + _BLOCK)

    def content(self, stream: IO[bytes], *, size: int) -> bytes:
        """Read a file that is kept."""
        self._kept += size
        if self._kept > _MAX_KEPT:
            raise ChartProblem(f"{self.origin}: more than {_MAX_KEPT >> 20} MiB of templates and values; ask its maker")
        return b"".join(iter(lambda: stream.read(_PIECE), b""))


@contextmanager
def opened_tar(stream: IO[bytes] | io.RawIOBase) -> Iterator[tarfile.TarFile]:
    """Open a chart's archive, from its begin, to be read once and in order.

    tarfile's own detection misreads the extra field that Helm puts into the header of its archives, gzip does not.
    """
    with _opened(cast("IO[bytes]", stream)) as (tar, _):
        yield tar


@contextmanager
def _opened(plain: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, _Forward]]:
    packed = plain.read(2) == b"\x1f\x8b"
    plain.seek(0)
    with ExitStack() as stack:
        source = stack.enter_context(gzip.GzipFile(fileobj=plain, mode="rb")) if packed else plain
        forward = _Forward(cast("IO[bytes]", source))
        yield stack.enter_context(tarfile.open(fileobj=cast("IO[bytes]", forward), mode="r:")), forward


def chart_files(
    stream: IO[bytes] | io.RawIOBase, *, origin: str, spend: Callable[[str, int], None] | None = None
) -> dict[str, bytes]:
    """Content of the chart's small texts by path inside the chart; a subchart's lie below `charts/NAME/`.

    `spend` hears how many files and bytes of charts are unpacked.
    """
    try:
        return _members(cast("IO[bytes]", stream), reading=_Reading(origin, spend=spend), depth=0)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError) as error:
        raise ChartProblem(
            f"{origin}: not a chart archive ({error}); give the .tgz that 'helm package' makes"
        ) from error


def _members(stream: IO[bytes], *, reading: _Reading, depth: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    tops: set[str] = set()
    with _opened(stream) as (tar, forward):
        for info in tar:
            # Its own list of what it read would grow with the archive.
            tar.members.clear()  # type: ignore[attr-defined]
            reading.take(info)
            top, _, inner = info.name.removeprefix("./").rstrip("/").partition("/")
            tops.add(top)
            if len(tops - {".", ""}) > 1:
                raise ChartProblem(
                    f"{reading.origin}: folders {', '.join(sorted(tops))} beside each other; Helm merges"
                )
            if info.isdir() or not inner:
                continue
            if inner in seen:
                raise ChartProblem(f"{reading.origin}: {inner} stands twice in it; readers disagree which one counts")
            seen.add(inner)
            found |= _kept(tar, info, inner=inner, reading=reading, depth=depth)
        _check_end(forward, reading=reading)
    return found


def _kept(
    tar: tarfile.TarFile, info: tarfile.TarInfo, *, inner: str, reading: _Reading, depth: int
) -> dict[str, bytes]:
    """What of one file is kept: its content, what an archive of a subchart holds, or nothing."""
    content = tar.extractfile(info)
    if content is None:
        return {}
    folder, _, name = inner.rpartition("/")
    if folder.endswith("charts") and name.endswith(_ARCHIVES) and not name.startswith((".", "_")):
        if depth >= _MAX_DEPTH:
            raise ChartProblem(f"{reading.origin}: subcharts lie in each other more than {_MAX_DEPTH} deep")
        below = _members(io.BytesIO(reading.content(content, size=info.size)), reading=reading, depth=depth + 1)
        base = inner.removesuffix(".tgz").removesuffix(".tar.gz")
        return {f"{base}/{path}": data for path, data in below.items()}
    return {inner: reading.content(content, size=info.size)} if name.endswith(_KEPT) else {}


def _check_end(forward: _Forward, *, reading: _Reading) -> None:
    """What ended the archive must be its end: tarfile stops at a damaged header, too, and others read on behind it."""
    rest = 0
    piece = forward.last
    while piece:
        if piece.strip(b"\0") or rest > MAX_TOTAL:
            raise ChartProblem(f"{reading.origin}: not a chart archive: it goes on behind its end, or is damaged there")
        rest += len(piece)
        piece = forward.read(_PIECE)
    if not forward.last:
        raise ChartProblem(f"{reading.origin}: not a chart archive: it is empty")
