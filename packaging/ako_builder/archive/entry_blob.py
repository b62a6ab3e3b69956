"""A member of an open archive as a blob, so that it can be copied into another one."""

from io import BufferedReader
from typing import BinaryIO, cast

from ako_builder.archive.container import Container, Entry
from ako_builder.archive.member_stream import MemberStream


class EntryBlob:
    """The content of one entry; readable while its container is open."""

    def __init__(self, container: Container, entry: Entry) -> None:
        self._container = container
        self._entry = entry

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._entry.size

    def open(self) -> BinaryIO:
        """Open a new stream over all of them."""
        return cast("BinaryIO", BufferedReader(MemberStream(self._container, self._entry), 1 << 20))
