"""Bad packages 1 to 35: archives that two programs could read differently, or that want to hurt."""

import io
import struct
import zipfile
import zlib

from support.csar.hostile import case
from support.csar.workbench import zipped


def edited(data, offset, new):
    return data[:offset] + new + data[offset + len(new) :]


def end_of(data):
    return data.rindex(b"PK\x05\x06")


def central_of(data, name):
    """Offset of the central record of `name`."""
    offset = struct.unpack("<L", data[end_of(data) + 16 : end_of(data) + 20])[0]
    while data[offset : offset + 4] == b"PK\x01\x02":
        lengths = struct.unpack("<HHH", data[offset + 28 : offset + 34])
        if data[offset + 46 : offset + 46 + lengths[0]] == name.encode():
            return offset
        offset += 46 + sum(lengths)
    raise AssertionError(name)


def local_of(data, name):
    return struct.unpack("<L", data[central_of(data, name) + 42 : central_of(data, name) + 46])[0]


def with_info(files, name, *, data=b"x", method=zipfile.ZIP_STORED, **fields):
    """The package with one more entry, its ZipInfo bent as told."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for other, content in files.items():
            archive.writestr(other, content)
        info = zipfile.ZipInfo(name.replace("\0", "~"))
        info.compress_type = method
        for key, value in fields.items():
            setattr(info, key, value)
        archive.writestr(info, data, compress_type=method)
    return target.getvalue().replace(name.replace("\0", "~").encode(), name.encode())


@case(1, "ZIP-001")
def empty_file(_files):
    return b""


@case(2, "ZIP-001")
def not_a_zip(_files):
    return b"#!/bin/sh\necho hello\n" * 100


@case(3, "ZIP-002")
def no_entries(_files):
    return b"PK\x05\x06" + bytes(18)


@case(4, "ZIP-003")
def truncated(files):
    data = zipped(files)
    return data[: end_of(data) - 10]


@case(5, "ZIP-005")
def comment_with_an_end_record(files):
    target = io.BytesIO(zipped(files))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = zipped({"other": b"x"})
    return target.getvalue()


@case(6, "ZIP-005")
def appended_archive(files):
    inner = zipped(files)
    return inner + zipped({"other": b"x"})


@case(7, "ZIP-004")
def prepended_script(files):
    return b"#!/bin/sh\nexit 0\n" + zipped(files)


@case(8, "ZIP-006")
def several_disks(files):
    data = zipped(files)
    return edited(data, end_of(data) + 4, struct.pack("<HH", 1, 1))


@case(9, "ZIP-007")
def absurd_zip64(files):
    data = zipped(files)
    end = end_of(data)
    start = struct.unpack("<L", data[end + 16 : end + 20])[0]
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 62, 1 << 62, 1 << 61, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end + 5, 1)
    return (
        data[:end]
        + record
        + locator
        + edited(data[end:], 8, struct.pack("<HHLL", 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    )


@case(10, "ZIP-008", "ZIP-017")
def encrypted(files):
    data = zipped(files)
    return edited(data, central_of(data, "ChangeLog.txt") + 8, b"\x01\x00")


@case(11, "ZIP-009", "MF-005", "ZIP-016", "ZIP-034")
def lzma(files):
    return with_info(files, "a.bin", data=b"x" * 1000, method=zipfile.ZIP_LZMA)


@case(12, "ZIP-012")
def bomb(files):
    return with_info(files, "zeros.bin", data=bytes(300 << 20), method=zipfile.ZIP_DEFLATED)


@case(13, "ZIP-010")
def a_million_files(files):
    """Only the directory lies: nothing in it is ever looked at."""
    data = zipped(files)
    end = end_of(data)
    start, size = struct.unpack("<L", data[end + 16 : end + 20])[0], struct.unpack("<L", data[end + 12 : end + 16])[0]
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**6, 10**6, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return (
        data[:end]
        + record
        + locator
        + edited(data[end:], 8, struct.pack("<HHLL", 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    )


@case(14, "ZIP-014", "MF-005")
def nested_package(files):
    return zipped({**files, "inner/inner.csar": zipped(files)})


@case(15, "ZIP-015", "ZIP-004", "ZIP-017")
def overlapping_entries(files):
    data = zipped(files)
    first, second = central_of(data, "ChangeLog.txt"), central_of(data, "Tests/README.txt")
    return edited(data, second + 42, data[first + 42 : first + 46])


@case(16, "ZIP-016", "MF-005")
def lying_size(files):
    data = with_info(files, "lies.bin", data=b"x" * 5000, method=zipfile.ZIP_DEFLATED)
    for offset in (central_of(data, "lies.bin") + 24, local_of(data, "lies.bin") + 22):
        data = edited(data, offset, struct.pack("<L", 10))
    return data


@case(17, "ZIP-018")
def wrong_crc(files):
    data = zipped(files)
    for offset in (central_of(data, "ChangeLog.txt") + 16, local_of(data, "ChangeLog.txt") + 14):
        data = edited(data, offset, struct.pack("<L", 12345))
    return data


@case(18, "ZIP-017")
def names_differ(files):
    data = zipped(files)
    return edited(data, local_of(data, "ChangeLog.txt") + 30, b"changelog.TXT")


@case(19, "ZIP-020", "ZIP-004")
def two_of_one_name(files):
    data = zipped({**files, "ChangeLog.txu": b"other"})
    return data.replace(b"ChangeLog.txu", b"ChangeLog.txt")


@case(20, "ZIP-021", "MF-005")
def names_by_case(files):
    return zipped({**files, "changelog.TXT": b"x"})


@case(21, "ZIP-021", "ZIP-024", "MF-005")
def names_by_unicode_form(files):
    return zipped({**files, "Stra\u00dfe/\u00e9": b"x", "Stra\u00dfe/e\u0301": b"y"})


@case(22, "ZIP-022", "MF-005")
def parent_path(files):
    return zipped({**files, "../../etc/passwd": b"x"})


@case(23, "ZIP-022", "MF-005")
def absolute_path(files):
    return zipped({**files, "/etc/passwd": b"x"})


@case(24, "ZIP-023", "MF-005")
def backslash(files):
    return zipped({**files, "a\\b.txt": b"x"})


@case(24, "ZIP-023", "MF-005")
def drive_letter(files):
    return zipped({**files, "C:evil.txt": b"x"})


@case(25, "ZIP-024", "MF-005")
def nul_in_name(files):
    return with_info(files, "safe.txt\0.sh")


@case(25, "ZIP-024", "MF-005")
def direction_override(files):
    return zipped({**files, "invoice\u202efdp.exe": b"x"})


@case(26, "ZIP-013", "MF-005")
def long_name(files):
    return zipped({**files, "a/" * 300 + "x": b"x"})


@case(27, "ZIP-033", "MF-005")
def windows_names(files):
    return zipped({**files, "docs/CON.txt": b"x", "docs/dot.": b"x"})


@case(28, "ZIP-026", "MF-005")
def symbolic_link(files):
    return with_info(files, "link", data=b"/etc/passwd", external_attr=0o120777 << 16, create_system=3)


@case(29, "ZIP-027", "MF-005")
def device(files):
    return with_info(files, "fifo", external_attr=0o010644 << 16, create_system=3)


@case(30, "ZIP-028", "MF-005")
def setuid(files):
    return with_info(files, "root", external_attr=0o104755 << 16, create_system=3)


@case(31, "ZIP-029")
def folder_with_data(files):
    data = with_info(files, "folder_", data=b"not empty")
    return data.replace(b"folder_", b"folder/")


@case(32, "ZIP-032", "MF-005")
def file_and_folder(files):
    return zipped({**files, "thing": b"x", "thing/inside": b"y"})


@case(33, "ZIP-030", "MF-005")
def other_name_in_extra_field(files):
    field = struct.pack("<HHBL", 0x7075, 5 + 4, 1, zlib.crc32(b"a.txt")) + b"evil"
    return with_info(files, "a.txt", extra=field)


@case(33, "ZIP-030", "MF-005")
def garbage_extra_field(files):
    return with_info(files, "a.txt", extra=b"\x99\x99\xff\x00abc")


@case(34, "ZIP-031")
def month_zero(files):
    data = zipped(files)
    for offset in (central_of(data, "ChangeLog.txt") + 14, local_of(data, "ChangeLog.txt") + 12):
        data = edited(data, offset, b"\x00\x00")
    return data


@case(35, "ZIP-025", "MF-005")
def name_in_latin1(files):
    data = zipped({**files, "caf~": b"x"})
    return data.replace(b"caf~", b"caf\xe9")
