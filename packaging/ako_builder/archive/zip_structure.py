"""What an archive may consist of; everything else is refused.

A ZIP has many places for bytes that one reader follows and another skips: before, between and behind the entries,
comments, extra fields, extensible records, a second set of numbers for large files. So the rule is a list of what may
be there, and whatever is not on it is a `Breach`:

- entries from the first byte to the central directory, back to back: local header, name, extra fields of known kinds
  and exact lengths, content, and behind a deflated content of unknown length one descriptor in the form that every
  reader takes (signature, CRC, two sizes of 32 bits);
- one record for each entry in the central directory, saying the same as the local header, without comment;
- zip64 numbers only where a number needs them, in fields that hold these numbers and nothing else; a zip64 end record
  of 56 bytes and its locator of 20 only where the end record needs or honest tools write them;
- the end record, the last 22 bytes, without comment.

Names must mean one thing on every file system, attributes one thing on every host (see `zip_fields`). The central
directory is the authority, for all readers can be made to agree on it: that is what the comparison with other programs
in the tests shows.

Reading goes on where it can, so that one report names everything.
"""

import struct
from collections.abc import Callable

import msgspec

from ako_builder.archive.zip_fields import (
    ZIP64,
    attribute_problem,
    extra_fields,
    extra_problem,
    folded,
    is_time,
    name_problem,
)

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LOCATOR64 = b"PK\x06\x07"
_CENTRAL = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_U32 = 0xFFFFFFFF
_U16 = 0xFFFF
_CHUNK = 1 << 20
_MAX_BREACHES = 200
# Python and others write zip64 from here on, where the numbers are those of a signed integer no more.
_FAR = 0x7FFFFFFF
_DESCRIBED = 0x0008
_UTF8 = 0x0800
_ENCRYPTED = 0x2041
_KNOWN_FLAGS = _DESCRIBED | _UTF8 | 0x0006
# Version 4.5 is the highest that the profile of ISO/IEC 21320-1 needs: zip64.
_MAX_VERSION = 45
# A deflated stream of no bytes, which some writers give to folders.
_NOTHING_DEFLATED = b"\x03\x00"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of an archive is believed. `entries` counts folders that nobody lists, too."""

    entries: int = 65_536
    name: int = 512
    total: int = 64 << 30
    ratio: int = 200
    ratio_from: int = 1 << 20
    directory: int = 12 << 20


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the container may not be: the rule, the entry, what was found."""

    rule: str
    where: str
    text: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class _NotZip(Exception):  # noqa: N818
    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule
        self.text = text


class Structure:
    """The entries of an archive by name, in the order of its directory, its folders, and what is wrong with it.

    `read(offset, length)` gives bytes of the archive, fewer at its end; `label` is what it is called in reports.
    """

    def __init__(self, read: Callable[[int, int], bytes], *, size: int, label: str, limits: Limits) -> None:
        self.entries: dict[str, Entry] = {}
        self.breaches: list[Breach] = []
        # Paths of folders, listed or implied, without the last slash.
        self.folders: set[str] = set()
        self._at = read
        self._size = size
        self._label = label
        self._limits = limits
        # Every path by what all file systems together take for the same.
        self._places: dict[str, str] = {}
        self._weight = 0
        try:
            self._read()
        except _NotZip as error:
            self._breach(error.rule, label, error.text)
        except (struct.error, ValueError, OverflowError) as error:
            self._breach("ZIP-003", label, f"the central directory cannot be read ({error})")
        self._places = {}

    def _read(self) -> None:
        if self._size == 0:
            raise _NotZip("ZIP-001", "the file is empty")
        end, count, size, start = self._end()
        if count == 0:
            raise _NotZip("ZIP-002", "the archive has no entries")
        if count > self._limits.entries:
            raise _NotZip("ZIP-010", f"{count} entries are too many (at most {self._limits.entries})")
        if size > self._limits.directory or start + size > end:
            raise _NotZip("ZIP-003", "the central directory lies outside of the file or is too large")
        directory = self._at(start, size)
        if start + size != end or directory[:4] != _CENTRAL:
            rule = "ZIP-005" if _END in self._at(max(0, end - _U16), min(end, _U16)) else "ZIP-004"
            raise _NotZip(rule, "the central directory is not where the end record says: other data was joined on")
        self._directory(directory, count=count)
        self._layout(start)
        self._totals()

    # -- the end -----------------------------------------------------------------------------------------------------

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
        # Some readers look for the locator in any case, so it may not look as if there were one.
        if tail[exact - 20 : exact - 16] == _LOCATOR64:
            return self._end64(position, stated=(count, size, start))
        if _U32 in {size, start}:
            raise _NotZip("ZIP-007", "the end record wants zip64, but its locator is not there")
        return position, count, size, start

    def _end64(self, position: int, *, stated: tuple[int, int, int]) -> tuple[int, int, int, int]:
        disk, where, disks = struct.unpack("<4xLQL", self._at(position - 20, 20))
        if disk or disks != 1 or where + 56 != position - 20:
            raise _NotZip("ZIP-007", "the zip64 locator does not point to a record of 56 bytes right before it")
        record = self._at(where, 56)
        if record[:4] != _END64:
            raise _NotZip("ZIP-007", "the zip64 end record is not where its locator says")
        length, _, version, disk, start_disk, here, *numbers = struct.unpack("<4xQHHLLQQQQ", record)
        count, size, start = numbers
        if (disk, start_disk, length) != (0, 0, 44) or here != count or version > _MAX_VERSION:
            raise _NotZip("ZIP-007", "the zip64 end record contradicts itself")
        largest = (_U16, _U32, _U32)
        if any(short not in {most, number} for short, number, most in zip(stated, numbers, largest, strict=True)):
            raise _NotZip("ZIP-007", "the end record and the zip64 end record disagree")
        if count < _U16 and max(size, start) < _FAR:
            raise _NotZip("ZIP-007", "a zip64 end record stands where no number needs it")
        return where, count, size, start

    # -- the directory -----------------------------------------------------------------------------------------------

    def _directory(self, data: bytes, *, count: int) -> None:
        offset = 0
        for _ in range(count):
            if data[offset : offset + 4] != _CENTRAL or offset + 46 > len(data):
                raise _NotZip("ZIP-003", "the central directory ends before its last entry")
            fields = struct.unpack_from("<4xHHHHLLLLHHHHHLL", data, offset)
            name_length, extra_length, comment_length = fields[8:11]
            middle = offset + 46 + name_length
            stop = middle + extra_length + comment_length
            if stop > len(data):
                raise _NotZip("ZIP-003", "an entry of the central directory reaches beyond its end")
            self._entry(fields, raw_name=data[offset + 46 : middle], extra=data[middle : middle + extra_length])
            offset = stop
        if offset != len(data):
            self._breach("ZIP-004", self._label, "bytes follow the last entry of the central directory")

    def _entry(self, fields: tuple[int, ...], *, raw_name: bytes, extra: bytes) -> None:
        made_by, version, flags, method, stamp, crc, packed, size = fields[:8]
        comment, disk, internal, external, header = fields[10:15]
        name = self._name(raw_name, utf8=bool(flags & _UTF8))
        zip64 = self._extras(extra, name=name, raw_name=raw_name)
        packed, size, header = self._zip64(zip64, values=(packed, size, header), name=name)
        if comment:
            self._breach("ZIP-005", name, "the entry has a comment; no digest covers it, and records may hide there")
        if disk:
            self._breach("ZIP-006", name, "the entry lies on another disk")
        if internal > 1:
            self._breach("ZIP-034", name, f"internal attributes 0x{internal:04x}")
        problem = attribute_problem(name, host=made_by >> 8, external=external)
        if problem:
            self._breach(problem[0], name, problem[1])
        self._check_flags(name, flags=flags, method=method, version=version)
        if not is_time(stamp):
            self._breach("ZIP-031", name, "the time stamp is not a time")
        problem = name_problem(name, limit=self._limits.name)
        if problem:
            self._breach(problem[0], name, problem[1])
        if name in self.entries:
            self._breach("ZIP-020", name, "two entries have this name: programs disagree which one counts")
            return
        start = self._local(name, raw_name=raw_name, header=header, expected=(flags, method, stamp, crc, packed, size))
        entry = Entry(
            name=name,
            method=method,
            crc=crc,
            packed=packed,
            size=packed if size == packed else size,
            mode=external >> 16 if made_by >> 8 in {3, 19} else 0,
            stamp=stamp,
            header=header,
            start=start,
            described=bool(flags & _DESCRIBED),
        )
        self._check_size(entry)
        self.entries[name] = entry
        self._place(name)

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

    def _extras(self, extra: bytes, *, name: str, raw_name: bytes) -> bytes | None:
        """Judge the extra fields of one header; the content of zip64's."""
        if not extra:
            return None
        fields = extra_fields(extra)
        problem = (
            "the extra field is not made of complete records"
            if fields is None
            else extra_problem(fields, raw_name=raw_name)
        )
        if problem:
            self._breach("ZIP-030", name, problem)
        return next((content for kind, content in fields or () if kind == ZIP64), None)

    def _zip64(self, content: bytes | None, *, values: tuple[int, int, int], name: str) -> tuple[int, int, int]:
        """The numbers of a central record: from zip64 exactly where the record's own say so."""
        packed, size, header = values
        own = (size, packed, header)
        wanted = [value == _U32 for value in own]
        if content is None and not any(wanted):
            return values
        if content is None or len(content) != 8 * sum(wanted):
            self._breach("ZIP-007", name, "the numbers of zip64 are not those that the entry announces")
            return values
        numbers = list(struct.unpack(f"<{sum(wanted)}Q", content))
        if max(numbers) < _FAR:
            self._breach("ZIP-007", name, "zip64 stands where no number needs it")
        if max(numbers) > 1 << 62:
            self._breach("ZIP-007", name, "a size of zip64 is absurd")
        size, packed, header = (numbers.pop(0) if asked else value for asked, value in zip(wanted, own, strict=True))
        return packed, size, header

    def _check_flags(self, name: str, *, flags: int, method: int, version: int) -> None:
        if flags & _ENCRYPTED:
            self._breach("ZIP-008", name, "the entry is encrypted")
        elif flags & ~_KNOWN_FLAGS:
            self._breach("ZIP-034", name, f"flags 0x{flags:04x}: not every reader knows all of them")
        if method not in {0, 8}:
            self._breach("ZIP-009", name, f"compression method {method}; ISO/IEC 21320-1 knows store and deflate")
        if flags & _DESCRIBED and method == 0:
            self._breach("ZIP-034", name, "stored with a data descriptor: readers of streams cannot find its end")
        if version > _MAX_VERSION:
            self._breach("ZIP-034", name, f"version {version} is needed to unpack it; some readers leave it out")

    def _check_size(self, entry: Entry) -> None:
        packed, size, name = entry.packed, entry.size, entry.name
        if entry.method == 0 and packed != size:
            self._breach("ZIP-016", name, f"stored, but {packed} bytes packed and {size} unpacked")
        if size > self._limits.ratio_from and size > self._limits.ratio * max(packed, 1):
            self._breach("ZIP-012", name, f"{packed} bytes unpack to {size}: more than {self._limits.ratio} times")
        if not entry.is_folder or entry.start < 0:
            return
        if size or entry.crc or (packed and self._at(entry.start, min(packed, 3)) != _NOTHING_DEFLATED):
            self._breach("ZIP-029", name, "a folder entry has content")

    def _place(self, name: str) -> None:
        """Take the path, and the folders that it implies; each place has one spelling, and is a file or a folder."""
        path = name.rstrip("/")
        self._take(path, name=name)
        if name != path:
            self._folder(path)
        parent = path.rpartition("/")[0]
        while parent and parent not in self.folders:
            self._take(parent, name=name)
            self._folder(parent)
            parent = parent.rpartition("/")[0]

    def _take(self, path: str, *, name: str) -> None:
        other = self._places.setdefault(folded(path), path)
        if other != path:
            self._breach("ZIP-021", name, f"the same as {other!r} on systems that ignore case or Unicode form")

    def _folder(self, path: str) -> None:
        self.folders.add(path)
        self._weight += len(path)
        if len(self.folders) > self._limits.entries or self._weight > self._limits.directory:
            raise _NotZip("ZIP-010", f"more than {len(self.folders) - 1} folders, listed or implied, are too many")

    # -- local headers -----------------------------------------------------------------------------------------------

    def _local(self, name: str, *, raw_name: bytes, header: int, expected: tuple[int, ...]) -> int:
        """Compare the local header with the central one; where the content starts."""
        head = self._at(header, 30 + len(raw_name) + 64) if header < self._size else b""
        if len(head) < 30:
            self._breach("ZIP-017", name, "the local header lies outside of the file")
            return -1
        if head[:4] != _LOCAL:
            self._breach("ZIP-017", name, "there is no local header where the central directory says")
            return -1
        version, flags, method, stamp, crc, packed, size, name_length, extra_length = struct.unpack_from(
            "<4xHHHLLLLHH", head
        )
        start = int(header + 30 + name_length + extra_length)
        rest = head[30:] if start <= header + len(head) else self._at(header + 30, name_length + extra_length)
        extra = rest[name_length : name_length + extra_length]
        zip64 = self._extras(extra, name=name, raw_name=rest[:name_length])
        if version > _MAX_VERSION:
            self._breach("ZIP-034", name, f"version {version} is needed to unpack it; some readers leave it out")
        if rest[:name_length] != raw_name:
            self._breach("ZIP-017", name, "the local header has another name than the central directory")
            return start
        if zip64 is not None or _U32 in {packed, size}:
            if zip64 is None or len(zip64) != 16 or packed != _U32 or size != _U32 or flags & _DESCRIBED:
                self._breach("ZIP-007", name, "the local header has zip64 in part, or where its readers do not agree")
                return start
            size, packed = struct.unpack("<QQ", zip64)
        found = [flags, method, stamp, crc, packed, size]
        if flags & _DESCRIBED and (crc, packed) == (0, 0) and size in {0, expected[5]}:
            # The numbers follow the content in a data descriptor. macOS knows the size beforehand and writes it here.
            found[3:] = expected[3:]
        if found != list(expected):
            self._breach("ZIP-017", name, "local header and central directory disagree")
        return start

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
        elif start == stop:
            self._breach("ZIP-017", entry.name, "a data descriptor is announced, but not there")
        elif stop - start not in {12, 16, 20, 24}:
            self._gap(start, stop)
        elif max(entry.packed, entry.size) > _U32:
            self._breach("ZIP-017", entry.name, "a data descriptor cannot hold the sizes")
        elif self._at(start, stop - start) != _DESCRIPTOR + struct.pack("<LLL", entry.crc, entry.packed, entry.size):
            self._breach(
                "ZIP-017",
                entry.name,
                "the data descriptor says something else than the headers, or in a way that not all read",
            )

    def _gap(self, start: int, stop: int) -> None:
        if _END in self._at(start, min(stop - start, _CHUNK)):
            self._breach("ZIP-005", self._label, f"a second archive ends among the bytes from {start} to {stop}")
        else:
            self._breach("ZIP-004", self._label, f"bytes {start} to {stop} belong to no entry")

    def _totals(self) -> None:
        total = sum(entry.size for entry in self.entries.values())
        if total > self._limits.total:
            self._breach("ZIP-011", self._label, f"{total} bytes unpacked are too many (at most {self._limits.total})")
        for name in self.entries:
            if name in self.folders:
                self._breach("ZIP-032", name, "a file has the name of a folder that holds other entries")

    def _breach(self, rule: str, where: str, text: str) -> None:
        if len(self.breaches) < _MAX_BREACHES:
            self.breaches.append(Breach(rule=rule, where=where, text=text))
