"""The records of a ZIP that we write: local header, central directory, end.

After the profile of ISO/IEC 21320-1: methods 0 and 8, no data descriptors, UTF-8 names, zip64 only where a number does
not fit. Every number is the caller's, so the same entries give the same bytes.
"""

import struct
import time

import msgspec

ZIP_EPOCH = 315532800  # 1980-01-01: the earliest time that a ZIP can say
LAST_ZIP_TIME = 4354819198  # 2107-12-31T23:59:58
LIMIT32 = 0xFFFFFFFF
_LIMIT16 = 0xFFFF


class Central(msgspec.Struct, frozen=True, kw_only=True):
    """What the central directory says of one member."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int
    large: bool


def dos_time(epoch: int) -> int:
    """A time as a ZIP writes it: even seconds of UTC, clamped to what it can say."""
    when = time.gmtime(min(max(epoch, ZIP_EPOCH), LAST_ZIP_TIME))
    date = (when.tm_year - 1980) << 9 | when.tm_mon << 5 | when.tm_mday
    return date << 16 | when.tm_hour << 11 | when.tm_min << 5 | when.tm_sec // 2


def local_record(entry: Central, *, stamp: int) -> bytes:
    """The header before a member."""
    extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.packed) if entry.large else b""
    head = struct.pack(
        "<4sHHHLLLLHH",
        b"PK\x03\x04",
        _version(entry),
        entry.flags,
        entry.method,
        stamp,
        entry.crc,
        LIMIT32 if entry.large else entry.packed,
        LIMIT32 if entry.large else entry.size,
        len(entry.name),
        len(extra),
    )
    return head + entry.name + extra


def _version(entry: Central) -> int:
    if entry.large or entry.offset >= LIMIT32:
        return 45
    return 20 if entry.method or entry.name.endswith(b"/") else 10


def central_record(entry: Central, *, stamp: int) -> bytes:
    """The entry of a member in the central directory."""
    large = entry.large
    far = entry.offset >= LIMIT32
    extra = struct.pack("<QQ", entry.size, entry.packed) if large else b""
    extra += struct.pack("<Q", entry.offset) if far else b""
    if extra:
        extra = struct.pack("<HH", 1, len(extra)) + extra
    version = _version(entry)
    external = entry.mode << 16 | (0x10 if entry.name.endswith(b"/") else 0)
    head = struct.pack(
        "<4sHHHHLLLLHHHHHLL",
        b"PK\x01\x02",
        3 << 8 | max(version, 20),  # made on Unix
        version,
        entry.flags,
        entry.method,
        stamp,
        entry.crc,
        LIMIT32 if large else entry.packed,
        LIMIT32 if large else entry.size,
        len(entry.name),
        len(extra),
        0,
        0,
        0,
        external,
        LIMIT32 if far else entry.offset,
    )
    return head + entry.name + extra


def end_records(count: int, *, size: int, start: int) -> bytes:
    """What stands behind the central directory."""
    end = struct.pack(
        "<4sHHHHLLH",
        b"PK\x05\x06",
        0,
        0,
        min(count, _LIMIT16),
        min(count, _LIMIT16),
        min(size, LIMIT32),
        min(start, LIMIT32),
        0,
    )
    if count < _LIMIT16 and size < LIMIT32 and start < LIMIT32:
        return end
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)
    return record + locator + end
