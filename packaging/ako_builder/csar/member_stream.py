"""A member of an archive as a seekable stream, without unpacking it.

A stored member is read in place, so a tar inside a package can be walked from header to header past gigabytes of
layers. A deflated one is inflated into memory first, within a limit.
"""

import io

from ako_builder.csar.container import Container, Entry

_MAX_INFLATED = 64 << 20


class MemberStream(io.RawIOBase):
    """Reads a member; seeking works."""

    def __init__(self, container: Container, entry: Entry) -> None:
        self._container = container
        self._entry = entry
        self._position = 0
        self._data = None if entry.method == 0 else container.read(entry.name, limit=_MAX_INFLATED)

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

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer from the current position."""
        length = max(0, min(len(buffer), self._entry.size - self._position))
        if self._data is not None:
            part = self._data[self._position : self._position + length]
        else:
            part = self._container.part(self._entry, self._position, length)
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)
