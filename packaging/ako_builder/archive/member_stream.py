"""A member of an archive as a seekable stream, without unpacking it.

A stored member is read in place, so a tar inside a package can be walked from header to header past gigabytes of
layers. A deflated one is inflated piece by piece; going back further than the last piece begins again, which nobody may
do often. No read returns more than a few MiB, whatever a header in the member asks for.
"""

import io
from collections.abc import Iterator

from ako_builder.archive.container import Container, Entry, Unreadable

_MAX_READ = 4 << 20
_MAX_STARTS = 4


class MemberStream(io.RawIOBase):
    """Reads a member; seeking works."""

    def __init__(self, container: Container, entry: Entry) -> None:
        self._container = container
        self._entry = entry
        self._position = 0
        # Of a deflated member: what comes, the two last pieces that came, and where they begin.
        self._pieces: Iterator[memoryview] = iter(())
        self._starts = 0
        self._window = b""
        self._older = b""
        self._begin = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere else."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._entry.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """As readinto, into new memory: of what is there, and not of what somebody says."""
        size = self._entry.size - self._position if size < 0 else size
        if size > _MAX_READ:
            raise Unreadable(f"{size} bytes are too many to read at once (at most {_MAX_READ})")
        buffer = bytearray(max(0, size))
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer from the current position."""
        length = max(0, min(len(buffer), self._entry.size - self._position))
        if self._entry.method == 0:
            part = self._container.part(self._entry, self._position, length)
        else:
            part = self._inflated(length)
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _inflated(self, length: int) -> bytes:
        """Up to `length` bytes from the position, at least one if there is one."""
        if self._position < self._begin or not self._starts:
            self._starts += 1
            if self._starts > _MAX_STARTS:
                raise Unreadable("it is not laid out to be read in order")
            self._pieces = self._container.chunks(self._entry)
            self._window, self._older, self._begin = b"", b"", 0
        while self._position >= self._begin + len(self._older) + len(self._window):
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._begin += len(self._older)
            self._older, self._window = self._window, bytes(piece)
        offset = self._position - self._begin
        held = self._older[offset:] or self._window[offset - len(self._older) :]
        return held[:length]
