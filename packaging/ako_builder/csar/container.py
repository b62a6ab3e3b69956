"""Reading a ZIP from a stranger: every entry is known twice, and both must agree.

`zipfile` trusts the central directory and sanitises names silently; other tools trust the local headers, or the first
of two equal names, or the last archive in a file. A package that two programs read differently is an attack, so this
reader parses both structures itself and accepts only an archive in which nothing is left to interpretation: one end
record at the very end, central and local headers equal, members back to back from the first byte to the central
directory, names that mean one thing on every file system, methods store and deflate, no encryption, no links, sizes
within limits.

What breaks that is a `Breach` with the id of a rule; the reader goes on where it can, so that one report names
everything. Content is only ever streamed, with its CRC and size checked on the way. Nothing is extracted.
"""

import os
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from ako_builder.crc32 import crc32
from ako_builder.csar.zip_fields import extra_field, is_time, name_problem
from ako_builder.mapped import MAPPED_FROM, can_map, windows
from ako_runtime.errors import UserError

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LOCATOR64 = b"PK\x06\x07"
_CENTRAL = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_U32 = 0xFFFFFFFF
_U16 = 0xFFFF
_CHUNK = 1 << 20
_UNICODE_PATH = 0x7075
_MAX_BREACHES = 200


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of an archive is believed."""

    entries: int = 100_000
    name: int = 512
    total: int = 64 << 30
    ratio: int = 200
    ratio_from: int = 1 << 20
    directory: int = 64 << 20


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the container may not be: the rule, the entry, what was found."""

    rule: str
    where: str
    text: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One member, as central directory and local header agree on it."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    stamp: int
    header: int
    start: int
    # Whether CRC and sizes are to stand behind the content, too, where readers of streams look for them.
    described: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory entry."""
        return self.name.endswith("/")


class Unreadable(Exception):  # noqa: N818 - named after the finding
    """The content of an entry is not what its header promises; `rule` says which promise."""

    def __init__(self, text: str, *, rule: str = "ZIP-016") -> None:
        super().__init__(text)
        self.rule = rule


class _NotZip(Exception):  # noqa: N818
    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule
        self.text = text


class Container:
    """An open archive: its entries by name, in order, and what is wrong with it.

    `start` and `size` restrict it to a part of the file: a stored member of another archive.
    """

    def __init__(self, path: Path, *, limits: Limits | None = None, start: int = 0, size: int | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()
        self.entries: dict[str, Entry] = {}
        self.breaches: list[Breach] = []
        self._start = start
        try:
            self._stream: BinaryIO = path.open("rb", buffering=0)
            self._size = path.stat().st_size - start if size is None else size
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; name a readable file") from error
        try:
            self._read()
        except _NotZip as error:
            self._breach(error.rule, path.name, error.text)
        except (struct.error, ValueError, OverflowError) as error:
            self._breach("ZIP-003", path.name, f"the central directory cannot be read ({error})")
        except OSError as error:
            self._stream.close()
            raise UserError(f"{path}: {error.strerror}; name a readable file") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stream.close()

    @property
    def size(self) -> int:
        """Bytes of the archive."""
        return self._size

    @property
    def folders(self) -> set[str]:
        """Names that are folders, by entry or because a file lies in them, without the last slash."""
        found: set[str] = set()
        for name in self.entries:
            parts = name.rstrip("/").split("/")
            found.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
            if name.endswith("/"):
                found.add(name.rstrip("/"))
        return found

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

    # -- structure ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if self._size == 0:
            raise _NotZip("ZIP-001", "the file is empty")
        end, count, size, start = self._end()
        if count == 0:
            raise _NotZip("ZIP-002", "the archive has no entries")
        if count > self.limits.entries:
            raise _NotZip("ZIP-010", f"{count} entries are too many (at most {self.limits.entries})")
        if size > self.limits.directory or start + size > end:
            raise _NotZip("ZIP-003", "the central directory lies outside of the file or is too large")
        directory = self._at(start, size)
        if start + size != end or directory[:4] != _CENTRAL:
            rule = "ZIP-005" if _END in self._at(max(0, end - _U16), min(end, _U16)) else "ZIP-004"
            raise _NotZip(rule, "the central directory is not where the end record says: other data was joined on")
        self._directory(directory, count=count)
        self._layout(start)
        self._totals()

    def _end(self) -> tuple[int, int, int, int]:
        """Position of the end of the directory, number of entries, size and start of the directory."""
        tail = self._at(max(0, self._size - 22 - _U16), min(self._size, 22 + _U16))
        if self._size < 22 or _END not in tail:
            head = self._at(0, 4)
            if head == _LOCAL:
                raise _NotZip("ZIP-003", "the file ends before the end record: it is truncated")
            raise _NotZip("ZIP-001", "not a ZIP archive")
        exact = len(tail) - 22
        if tail[exact : exact + 4] != _END:
            raise _NotZip("ZIP-005", "a comment or other bytes follow the end record; a second archive may hide there")
        position = self._size - 22
        disk, start_disk, here, count, size, start, comment = struct.unpack("<4xHHHHLLH", tail[exact:])
        if comment:
            raise _NotZip("ZIP-005", "the end record announces a comment that is not there")
        if (disk, start_disk) != (0, 0) or here != count:
            raise _NotZip("ZIP-006", "the archive is split over several disks")
        if count != _U16 and _U32 not in {size, start}:
            return position, count, size, start
        return self._end64(position)

    def _end64(self, position: int) -> tuple[int, int, int, int]:
        locator = self._at(position - 20, 20) if position >= 20 else b""
        if locator[:4] != _LOCATOR64:
            raise _NotZip("ZIP-007", "the end record wants zip64, but its locator is not there")
        disk, where, disks = struct.unpack("<4xLQL", locator)
        if disk or disks > 1 or where + 56 > position - 20:
            raise _NotZip("ZIP-007", "the zip64 locator points outside of the archive")
        record = self._at(where, 56)
        if record[:4] != _END64:
            raise _NotZip("ZIP-007", "the zip64 end record is not where its locator says")
        length, _, _, disk, start_disk, here, count, size, start = struct.unpack("<4xQHHLLQQQQ", record)
        if (disk, start_disk) != (0, 0) or here != count or where + 12 + length != position - 20:
            raise _NotZip("ZIP-007", "the zip64 end record contradicts itself")
        return where, count, size, start

    def _directory(self, data: bytes, *, count: int) -> None:
        offset = 0
        seen: dict[str, str] = {}
        for _ in range(count):
            if data[offset : offset + 4] != _CENTRAL or offset + 46 > len(data):
                raise _NotZip("ZIP-003", "the central directory ends before its last entry")
            fields = struct.unpack("<4xHHHHLLLLHHHHHLL", data[offset : offset + 46])
            name_length, extra_length, comment_length = fields[8:11]
            stop = offset + 46 + name_length + extra_length + comment_length
            if stop > len(data):
                raise _NotZip("ZIP-003", "an entry of the central directory reaches beyond its end")
            raw_name = data[offset + 46 : offset + 46 + name_length]
            extra = data[offset + 46 + name_length : offset + 46 + name_length + extra_length]
            self._entry(fields, raw_name=raw_name, extra=extra, seen=seen)
            offset = stop
        if offset != len(data):
            self._breach("ZIP-004", self.path.name, "bytes follow the last entry of the central directory")

    def _entry(self, fields: tuple[int, ...], *, raw_name: bytes, extra: bytes, seen: dict[str, str]) -> None:
        made_by, _, flags, method, stamp, crc, packed, size = fields[:8]
        disk, _, external, header = fields[11:15]
        name = self._name(raw_name, utf8=bool(flags & 0x800))
        packed, size, header = self._zip64(extra, values=(packed, size, header), name=name)
        self._extras(extra, name=name, raw_name=raw_name)
        if disk:
            self._breach("ZIP-006", name, "the entry lies on another disk")
        mode = external >> 16 if made_by >> 8 == 3 else 0
        self._check_flags(name, flags=flags, method=method, mode=mode, size=size, stamp=stamp)
        self._check_name(name, seen=seen)
        if name in self.entries:
            self._breach("ZIP-020", name, "two entries have this name: programs disagree which one counts")
            return
        start = self._local(name, raw_name=raw_name, header=header, expected=(flags, method, stamp, crc, packed, size))
        if method == 0 and packed != size:
            self._breach("ZIP-016", name, f"stored, but {packed} bytes packed and {size} unpacked")
        if size > self.limits.ratio_from and size > self.limits.ratio * max(packed, 1):
            self._breach("ZIP-012", name, f"{packed} bytes unpack to {size}: more than {self.limits.ratio} times")
        self.entries[name] = Entry(
            name=name,
            method=method,
            crc=crc,
            packed=packed,
            size=size,
            mode=mode,
            stamp=stamp,
            header=header,
            start=start,
            described=bool(flags & 8),
        )

    def _name(self, raw: bytes, *, utf8: bool) -> str:
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("cp437")
            self._breach("ZIP-025", name, "the name is not UTF-8")
            return name
        if not utf8 and not raw.isascii():
            self._breach("ZIP-025", name, "the name is not ASCII, and the flag that says UTF-8 is not set")
        return name

    def _check_flags(self, name: str, *, flags: int, method: int, mode: int, size: int, stamp: int) -> None:
        if flags & 0x41 or flags & 0x2000:
            self._breach("ZIP-008", name, "the entry is encrypted")
        if method not in {0, 8}:
            self._breach("ZIP-009", name, f"compression method {method}; ISO/IEC 21320-1 knows store and deflate")
        kind = mode & 0o170000
        if kind == 0o120000:
            self._breach("ZIP-026", name, "the entry is a symbolic link")
        elif kind not in {0, 0o100000, 0o040000}:
            self._breach("ZIP-027", name, "the entry is a device, a pipe or a socket")
        if mode & 0o7000:
            self._breach("ZIP-028", name, "the mode has setuid, setgid or the sticky bit")
        if name.endswith("/") and size:
            self._breach("ZIP-029", name, "a folder entry has content")
        if not is_time(stamp):
            self._breach("ZIP-031", name, "the time stamp is not a time")

    def _check_name(self, name: str, *, seen: dict[str, str]) -> None:
        problem = name_problem(name, limit=self.limits.name)
        if problem:
            self._breach(problem[0], name, problem[1])
        folded = unicodedata.normalize("NFC", name).casefold().rstrip("/")
        other = seen.setdefault(folded, name)
        if other != name and other in self.entries:
            self._breach("ZIP-021", name, f"the same as {other!r} on systems that ignore case or Unicode form")

    def _zip64(self, extra: bytes, *, values: tuple[int, int, int], name: str) -> tuple[int, int, int]:
        packed, size, header = values
        if _U32 not in values:
            return values
        field = extra_field(extra, 1)
        wanted = [value == _U32 for value in (size, packed, header)]
        if field is None or len(field) < 8 * sum(wanted):
            self._breach("ZIP-007", name, "sizes of zip64 are announced, but not there")
            return values
        numbers = iter(struct.unpack(f"<{sum(wanted)}Q", field[: 8 * sum(wanted)]))
        size = next(numbers) if wanted[0] else size
        packed = next(numbers) if wanted[1] else packed
        header = next(numbers) if wanted[2] else header
        if max(size, packed, header) > 1 << 62:
            self._breach("ZIP-007", name, "a size of zip64 is absurd")
        return packed, size, header

    def _extras(self, extra: bytes, *, name: str, raw_name: bytes) -> None:
        offset = 0
        while offset + 4 <= len(extra):
            kind, length = struct.unpack_from("<HH", extra, offset)
            if offset + 4 + length > len(extra):
                break
            if kind == _UNICODE_PATH:
                path = extra[offset + 9 : offset + 4 + length]
                if path != raw_name:
                    self._breach("ZIP-030", name, "an extra field states another name for the entry")
            offset += 4 + length
        if offset != len(extra):
            self._breach("ZIP-030", name, "the extra field is not made of complete records")

    def _local(self, name: str, *, raw_name: bytes, header: int, expected: tuple[int, ...]) -> int:
        """Compare the local header with the central one; where the content starts."""
        if header + 30 > self._size:
            self._breach("ZIP-017", name, "the local header lies outside of the file")
            return -1
        head = self._at(header, 30)
        if head[:4] != _LOCAL:
            self._breach("ZIP-017", name, "there is no local header where the central directory says")
            return -1
        _, flags, method, stamp, crc, packed, size, name_length, extra_length = struct.unpack("<4xHHHLLLLHH", head)
        rest = self._at(header + 30, name_length + extra_length)
        extra = rest[name_length:]
        if _U32 in {packed, size}:
            packed, size, _ = self._zip64(extra, values=(packed, size, 0), name=name)
        self._extras(extra, name=name, raw_name=rest[:name_length])
        found = [flags, method, stamp, crc, packed, size]
        if flags & 8 and (crc, packed) == (0, 0) and size in {0, expected[5]}:
            # The numbers follow the content in a data descriptor. macOS knows the size beforehand and writes it here.
            found[3:] = expected[3:]
        if rest[:name_length] != raw_name:
            self._breach("ZIP-017", name, "the local header has another name than the central directory")
        elif found != list(expected):
            self._breach("ZIP-017", name, "local header and central directory disagree")
        return int(header + 30 + name_length + extra_length)

    def _layout(self, directory: int) -> None:
        """Members must fill the file from its first byte to the directory, one after the other."""
        position = 0
        before: Entry | None = None
        for entry in sorted(self.entries.values(), key=lambda entry: entry.header):
            if entry.start < 0:
                return
            if entry.header < position:
                self._breach("ZIP-015", entry.name, "the entry overlaps another one")
            else:
                self._between(before, position, entry.header)
            before, position = entry, entry.start + entry.packed
            if position > directory:
                self._breach("ZIP-015", entry.name, "the content reaches into the central directory")
                return
        self._between(before, position, directory)

    def _between(self, entry: Entry | None, start: int, stop: int) -> None:
        """Behind an entry stands the data descriptor that it announces, or nothing; it says the same as the headers."""
        if entry is None or not entry.described:
            if start != stop:
                self._gap(start, stop)
            return
        numbers = [struct.pack("<LQQ", entry.crc, entry.packed, entry.size)]
        if max(entry.packed, entry.size) <= _U32:
            numbers.append(struct.pack("<LLL", entry.crc, entry.packed, entry.size))
        if stop - start in {12, 16, 20, 24}:
            if self._at(start, stop - start) not in {mark + form for mark in (b"", _DESCRIPTOR) for form in numbers}:
                self._breach("ZIP-017", entry.name, "the data descriptor says something else than the headers")
        elif start == stop:
            self._breach("ZIP-017", entry.name, "a data descriptor is announced, but not there")
        else:
            self._gap(start, stop)

    def _gap(self, start: int, stop: int) -> None:
        if _END in self._at(start, min(stop - start, _CHUNK)):
            self._breach("ZIP-005", self.path.name, f"a second archive ends among the bytes from {start} to {stop}")
        else:
            self._breach("ZIP-004", self.path.name, f"bytes {start} to {stop} belong to no entry")

    def _totals(self) -> None:
        total = sum(entry.size for entry in self.entries.values())
        if total > self.limits.total:
            self._breach(
                "ZIP-011", self.path.name, f"{total} bytes unpacked are too many (at most {self.limits.total})"
            )
        folders = {"/".join(name.split("/")[:-1]) for name in self.entries if "/" in name}
        for name in self.entries:
            if name in folders:
                self._breach("ZIP-032", name, "a file has the name of a folder that holds other entries")

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
            if length >= MAPPED_FROM and can_map(self._stream.fileno()):
                yield from windows(self._stream.fileno(), start=self._start + offset, length=length)
            else:
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

    def _breach(self, rule: str, where: str, text: str) -> None:
        if len(self.breaches) < _MAX_BREACHES:
            self.breaches.append(Breach(rule=rule, where=where, text=text))
