"""Reproducible archives: the same members and the same epoch give the same bytes, on any machine.

What usually differs between two builds is taken away. Time stamps come from one epoch (`SOURCE_DATE_EPOCH` or the
release's own date), never from the file system; owners are root by number without names; modes are given, not copied;
members stand in the order of the caller, who sorts. ZIP members are stored unless the caller asks for deflation,
because zlib and its replacements compress the same input to different bytes. A ZIP follows the profile of ISO/IEC
21320-1: methods 0 and 8, no encryption, no split archive, no data descriptors, UTF-8 names, zip64 only where a number
does not fit.

A large member is read once. Its SHA-256 is computed by a second thread while the first copies (hashlib releases the
interpreter lock), and its CRC is patched into the local header afterwards. Where the archive's own bytes are hashed
while they are written, nothing can be patched, so the CRC is computed in a pass of its own before, by two threads: CRCs
of neighbouring parts can be combined. For the same reason a nested archive needs no CRC pass of its own.

Every file is written under a temporary name beside its destination and renamed when complete: a build that fails
leaves nothing half-written.
"""

import gzip
import hashlib
import io
import os
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import msgspec

from ako_builder.archive.crc32 import crc32, crc32_combined
from ako_builder.archive.lanes import Lane, Update
from ako_builder.archive.zip_records import (
    LIMIT32,
    Central,
    central_record,
    dos_time,
    end_records,
    local_record,
)
from ako_runtime.errors import UserError

# Small enough to be hashed and written where the processor's caches still hold it.
_CHUNK = 1 << 19
_WINDOW = 16  # chunks in flight between the reading and the hashing thread
_PARALLEL = 32 << 20


class Blob(Protocol):
    """Bytes of known size that can be read more than once, without being in memory."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def open(self) -> BinaryIO:
        """Open a new stream over all of them."""
        ...


class BytesBlob(msgspec.Struct, frozen=True):
    """A blob in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """Open a new stream over all of them."""
        return io.BytesIO(self.data)


class FileBlob(msgspec.Struct, frozen=True):
    """A blob on disk."""

    path: Path

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        """Open a new stream over all of them."""
        return self.path.open("rb", buffering=0)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file (or, if its name ends with a slash, one directory) of an archive."""

    name: str
    content: Blob = BytesBlob(b"")
    mode: int = 0o644
    deflate: bool = False


@contextmanager
def replaced(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the block ends well, and vanishes if it does not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path} was not written: {error}") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file, or nothing."""
    with replaced(path, mode=mode) as stream:
        stream.write(data)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in lower-case hexadecimal."""
    with path.open("rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_tar_gz(path: Path, members: Iterable[Member], *, epoch: int) -> None:
    """Write a gzip-compressed tar (USTAR, PAX only for names that do not fit)."""
    with replaced(path) as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        write_tar(packed, members, epoch=epoch)  # type: ignore[arg-type]  # GzipFile writes


def write_tar(stream: BinaryIO, members: Iterable[Member], *, epoch: int) -> None:
    """Write a tar to an open stream."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            info = tarfile.TarInfo(member.name.rstrip("/"))
            info.mtime = epoch
            info.mode = member.mode
            if member.name.endswith("/"):
                info.type = tarfile.DIRTYPE
                info.mode = 0o755
                tar.addfile(info)
                continue
            info.size = member.content.size
            with member.content.open() as content:
                tar.addfile(info, content)


def write_zip(path: Path, members: Iterable[Member], *, epoch: int) -> None:
    """Write a ZIP."""
    with replaced(path) as raw, ZipWriter(raw, epoch=epoch) as archive:
        for member in members:
            archive.add(member)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a member once it is in the archive."""

    name: str
    size: int
    sha256: str


class ZipWriter:
    """Writes a ZIP member by member to a seekable stream.

    `tee` is called with every byte of the archive in order (to hash the archive itself while it is written); the
    stream then need not be seekable. `hashes=False` spares the SHA-256 of the members. `progress` hears how many bytes
    of content were copied.
    """

    def __init__(
        self,
        raw: "BinaryIO | NestedStream",
        *,
        epoch: int,
        tee: Callable[[memoryview], None] | None = None,
        progress: Callable[[int], None] | None = None,
        hashes: bool = True,
    ) -> None:
        self._raw = raw
        self._stamp = dos_time(epoch)
        self._tee = tee
        self._progress = progress
        self._hashes = hashes
        self._offset = 0
        self._entries: list[Central] = []
        # One thread for each hash: its updates must stay in order.
        self._member_lane = Lane("hash-member")
        self._archive_lane = Lane("hash-archive")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._member_lane.close()
            self._archive_lane.close()

    def add(self, member: Member) -> Written:
        """Append one member and tell its size and digest."""
        if member.name.endswith("/"):
            self._header(member, mode=0o040755, method=0, crc=0, packed=0, size=0)
            return Written(name=member.name, size=0, sha256="")
        if member.deflate or isinstance(member.content, BytesBlob):
            return self._add_small(member)
        return self._add_large(member)

    @contextmanager
    def nested(self, name: str, *, bound: int) -> Iterator["NestedStream"]:
        """Open a stored member of unknown content, at most `bound` bytes long, to be written in the block."""
        start = self._offset
        self._header(Member(name=name), mode=0o100644, method=0, crc=0, packed=bound, size=bound)
        raw = self._seekable()
        inner = NestedStream(raw)
        yield inner
        entry = msgspec.structs.replace(self._entries[-1], crc=inner.crc, packed=inner.size, size=inner.size)
        self._entries[-1] = entry
        self._offset += inner.size
        raw.seek(start)
        raw.write(local_record(entry, stamp=self._stamp))
        raw.seek(self._offset)

    def _add_small(self, member: Member) -> Written:
        with member.content.open() as stream:
            data = stream.read()
        payload = data
        if member.deflate:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            payload = packer.compress(data) + packer.flush()
        method = 8 if member.deflate else 0
        mode = 0o100000 | member.mode
        self._header(member, mode=mode, method=method, crc=crc32(data), packed=len(payload), size=len(data))
        self._write(memoryview(payload))
        digest = hashlib.sha256(data).hexdigest() if self._hashes else ""
        return Written(name=member.name, size=len(data), sha256=digest)

    def _add_large(self, member: Member) -> Written:
        size = member.content.size
        # The bytes of the archive are final as soon as they are teed: no patching then.
        before = _state(member.content)
        crc = blob_crc32(member.content) if self._tee else None
        start = self._offset
        self._header(member, mode=0o100000 | member.mode, method=0, crc=crc or 0, packed=size, size=size)
        digest, found, copied = self._copy(member.content, crc=crc if before else None)
        if copied != size or _state(member.content) != before or crc not in {None, found}:
            raise UserError(f"{member.name} changed while it was packed: build again when nothing writes to it")
        if not self._tee:
            self._seekable().seek(start + 14)
            self._raw.write(struct.pack("<L", found))
            self._seekable().seek(self._offset)
            self._entries[-1] = msgspec.structs.replace(self._entries[-1], crc=found)
        return Written(name=member.name, size=size, sha256=digest)

    def _copy(self, content: Blob, *, crc: int | None) -> tuple[str, int, int]:
        """Copy a blob; its digest, CRC and length. Hashing runs a few chunks behind on other threads.

        `crc` is given where it is known, and whoever gives it finds out whether the content has changed since.
        """
        digest = hashlib.sha256()
        jobs: list[tuple[Lane, Update]] = []
        if self._hashes:
            jobs.append((self._member_lane, digest.update))
        if self._tee:
            jobs.append((self._archive_lane, self._tee))
        found, copied, pending = crc or 0, 0, 0
        write = self._raw.write_summed if isinstance(self._raw, NestedStream) else self._raw.write
        with content.open() as stream:
            for view in _chunks(stream, buffers=_WINDOW + 1):
                for lane, update in jobs:
                    lane.submit(update, view)
                found = found if crc is not None else crc32(view, found)
                write(view)
                copied += len(view)
                if self._progress:
                    self._progress(len(view))
                pending += 1
                if pending == _WINDOW:
                    pending -= _wait(jobs, chunks=1)
        _wait(jobs, chunks=pending)
        if isinstance(self._raw, NestedStream):
            self._raw.add_sum(found, size=copied)
        self._offset += copied
        return digest.hexdigest() if self._hashes else "", found, copied

    def _seekable(self) -> BinaryIO:
        if isinstance(self._raw, NestedStream):
            raise TypeError("a nested archive cannot be patched: give it a tee")
        return self._raw

    def _write(self, view: memoryview) -> None:
        self._raw.write(view)
        if self._tee:
            self._tee(view)
        self._offset += len(view)

    def _header(self, member: Member, *, mode: int, method: int, crc: int, packed: int, size: int) -> None:
        name = member.name.encode()
        entry = Central(
            name=name,
            flags=0 if name.isascii() else 0x800,
            method=method,
            crc=crc,
            packed=packed,
            size=size,
            mode=mode,
            offset=self._offset,
            large=packed >= LIMIT32 or size >= LIMIT32,
        )
        self._entries.append(entry)
        self._write(memoryview(local_record(entry, stamp=self._stamp)))

    def _finish(self) -> None:
        start = self._offset
        for entry in self._entries:
            self._write(memoryview(central_record(entry, stamp=self._stamp)))
        size = self._offset - start
        self._write(memoryview(end_records(len(self._entries), size=size, start=start)))
        self._raw.flush()


class NestedStream:
    """The content of a member that is itself written piece by piece; counts and sums what passes."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.size = 0
        self.crc = 0

    def write(self, data: memoryview | bytes) -> int:
        """Append to the member."""
        self.crc = crc32(data, self.crc)
        self.size += len(data)
        return self._raw.write(data)

    def write_summed(self, data: memoryview) -> None:
        """Append bytes whose CRC somebody else computes and adds."""
        self._raw.write(data)

    def add_sum(self, crc: int, *, size: int) -> None:
        """Add the CRC of the bytes that were written without."""
        self.crc = crc32_combined(self.crc, crc, size=size)
        self.size += size

    def flush(self) -> None:
        """Nothing is held back."""


def _wait(jobs: Sequence[tuple[Lane, Update]], *, chunks: int) -> int:
    """Wait until every lane has done its oldest chunks; how many."""
    for _ in range(chunks):
        for lane, _ in jobs:
            lane.wait()
    return chunks


def blob_crc32(content: Blob) -> int:
    """CRC-32 of a blob; the two halves of a large one by two threads."""
    size = content.size
    if size < _PARALLEL:
        return _part_crc32(content, 0, size)
    half = size // 2
    with ThreadPoolExecutor(1, thread_name_prefix="crc") as pool:
        second = pool.submit(_part_crc32, content, half, size)
        first = _part_crc32(content, 0, half)
        return crc32_combined(first, second.result(), size=size - half)


def _part_crc32(content: Blob, start: int, stop: int) -> int:
    crc = 0
    view = memoryview(bytearray(_CHUNK))
    with content.open() as stream:
        stream.seek(start)
        while start < stop and (count := _fill(stream, view[: min(_CHUNK, stop - start)])):
            crc = crc32(view[:count], crc)
            start += count
    return crc


def _chunks(stream: BinaryIO, *, buffers: int) -> Iterator[memoryview]:
    """Read a stream to its end; a chunk is valid until `buffers` further ones were taken."""
    ring = [memoryview(bytearray(_CHUNK)) for _ in range(buffers)]
    for buffer in cycle(ring):
        count = _fill(stream, buffer)
        if not count:
            return
        yield buffer[:count]


def _state(content: Blob) -> tuple[int, int, int] | None:
    """What changes when somebody writes to the file that a blob is; None for a blob that is no file."""
    if not isinstance(content, FileBlob):
        return None
    found = content.path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _fill(stream: BinaryIO, buffer: memoryview) -> int:
    return stream.readinto(buffer)  # type: ignore[attr-defined,no-any-return]  # every stream of a Blob can
