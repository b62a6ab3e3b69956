"""An archive from a stranger, opened: what is in it, and its content as streams.

Which archives are accepted, and what an entry is, says `zip_structure`. Content is only ever streamed, with its CRC and
size checked on the way. Nothing is extracted.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ako_builder.archive.budget import Budget
from ako_builder.archive.crc32 import crc32
from ako_builder.archive.zip_structure import Breach, Entry, Limits, Structure
from ako_runtime.errors import UserError

__all__ = ["Breach", "Container", "Entry", "Limits", "Unreadable"]

# Small enough to be hashed where the processor's caches still hold it.
_CHUNK = 1 << 19


class Unreadable(Exception):  # noqa: N818 - named after the finding
    """The content of an entry is not what its header promises; `rule` says which promise."""

    def __init__(self, text: str, *, rule: str = "ZIP-016") -> None:
        super().__init__(text)
        self.rule = rule


class Container:
    """An open archive: its entries by name, in order, and what is wrong with it.

    `start` and `size` restrict it to a part of the file: a stored member of another archive.
    """

    def __init__(self, path: Path, *, limits: Limits | None = None, start: int = 0, size: int | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()
        self._start = start
        try:
            self._stream: BinaryIO = path.open("rb", buffering=0)
            self._size = path.stat().st_size - start if size is None else size
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; name a readable file") from error
        try:
            structure = Structure(self._at, size=self._size, label=path.name, limits=self.limits)
        except OSError as error:
            self._stream.close()
            raise UserError(f"{path}: {error.strerror}; name a readable file") from error
        self.entries: dict[str, Entry] = structure.entries
        self.breaches: list[Breach] = structure.breaches
        self.budget = Budget()
        # Paths of folders, listed or implied, without the last slash.
        self.folders: set[str] = structure.folders

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stream.close()

    @property
    def size(self) -> int:
        """Bytes of the archive."""
        return self._size

    def chunks(self, entry: Entry, *, buffers: int = 1) -> Iterator[memoryview]:
        """Stream the content; a chunk is valid until `buffers` further ones were taken. `Unreadable` if it lies."""
        source = self._raw(entry, buffers=buffers) if entry.method == 0 else self._inflated(entry)
        crc = 0
        size = 0
        for chunk in source:
            crc = crc32(chunk, crc)
            size += len(chunk)
            if size > entry.size:
                raise Unreadable(f"more bytes come out than the {entry.size} that the header states")
            yield chunk
        if size != entry.size:
            raise Unreadable(f"{size} bytes come out, the header states {entry.size}")
        if crc != entry.crc:
            raise Unreadable("the CRC differs: the content was changed or damaged", rule="ZIP-018")

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole content of a small entry."""
        entry = self.entries[name]
        if entry.size > limit:
            raise Unreadable(f"{entry.size} bytes are too many to read at once (at most {limit})")
        self.budget.spend("bytes of documents", entry.size)
        return b"".join(bytes(chunk) for chunk in self.chunks(entry))

    def part(self, entry: Entry, offset: int, length: int) -> bytes:
        """Some bytes of a stored entry."""
        return self._at(entry.start + offset, length) if entry.start >= 0 else b""

    def everything(self, *, buffers: int = 1) -> Iterator[memoryview]:
        """Stream the archive's own bytes."""
        yield from self._span(0, self._size, buffers=buffers)

    def absolute(self, entry: Entry) -> int:
        """Where the content of an entry begins in the file."""
        return self._start + entry.start

    # -- bytes -------------------------------------------------------------------------------------------------------

    def _at(self, offset: int, length: int) -> bytes:
        buffer = bytearray(max(0, min(length, self._size - offset)))
        filled = 0
        while filled < len(buffer):
            view = memoryview(buffer)[filled:]
            count = os.preadv(self._stream.fileno(), [view], self._start + offset + filled)
            if not count:
                break
            filled += count
        return bytes(buffer[:filled])

    def _span(self, offset: int, length: int, *, buffers: int) -> Iterator[memoryview]:
        # Reads at a position, not from one: several threads may stream entries of one archive.
        try:
            yield from self._buffered(self._start + offset, length, buffers=buffers)
        except OSError as error:
            raise Unreadable(f"the content cannot be read ({error})") from error

    def _buffered(self, position: int, length: int, *, buffers: int) -> Iterator[memoryview]:
        ring = [bytearray(min(_CHUNK, max(length, 1))) for _ in range(buffers)]
        turn = 0
        while length:
            view = memoryview(ring[turn])[: min(len(ring[turn]), length)]
            count = os.preadv(self._stream.fileno(), [view], position)
            if not count:
                raise Unreadable("the file ends inside the entry")
            yield view[:count]
            position += count
            length -= count
            turn = (turn + 1) % buffers

    def _raw(self, entry: Entry, *, buffers: int) -> Iterator[memoryview]:
        if entry.start < 0 or entry.start + entry.packed > self._size:
            raise Unreadable("the content lies outside of the file")
        yield from self._span(entry.start, entry.packed, buffers=buffers)

    def _inflated(self, entry: Entry) -> Iterator[memoryview]:
        if entry.method != 8:
            raise Unreadable(f"compression method {entry.method} is not read")
        engine = zlib.decompressobj(-15)
        try:
            for packed in self._raw(entry, buffers=1):
                data = engine.decompress(packed, _CHUNK)
                while data:
                    yield memoryview(data)
                    data = engine.decompress(engine.unconsumed_tail, _CHUNK)
            tail = engine.flush()
        except zlib.error as error:
            raise Unreadable(f"the compressed data is damaged ({error})") from error
        if tail:
            yield memoryview(tail)
        if not engine.eof or engine.unused_data:
            raise Unreadable("the compressed data ends too early or too late")
