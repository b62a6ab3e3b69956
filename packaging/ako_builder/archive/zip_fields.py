"""Small parts of a ZIP entry: extra fields, names, attributes, time stamps.

Each function knows what honest tools write and returns what is wrong with anything else.
"""

import re
import struct
import unicodedata
import zlib

ZIP64 = 0x0001
_NTFS = 0x000A
_TIMES = 0x5455
_OLD_UNIX = 0x5855
_SHORT_UNIX = 0x7855
_UNIX = 0x7875
_UNICODE_PATH = 0x7075
_JAR = 0xCAFE
# What made the entry: MS-DOS, Unix, NTFS (by PKWARE's number and by Info-ZIP's), OS X.
HOSTS = frozenset({0, 3, 10, 11, 19})
# Names of the others Info-ZIP takes for the character set of DOS, whatever their flag says.
_UNIX_HOSTS = frozenset({3, 19})
# Attributes of DOS and NTFS that change nothing about what an entry is: read only, hidden, system, archive, normal,
# compressed, not indexed, and 7-Zip's mark that the upper half is a mode of Unix.
_PLAIN_ATTRIBUTES = 0x01 | 0x02 | 0x04 | 0x20 | 0x80 | 0x800 | 0x2000 | 0x8000
_FOLDER_ATTRIBUTE = 0x10

_RESERVED = {
    *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"),
    *(f"{device}{number}" for device in ("COM", "LPT") for number in "0123456789¹²³"),
}
_FORBIDDEN_BY_WINDOWS = frozenset('<>"|?*')
# Code points that fonts and some file systems leave out although they are letters or marks.
_INVISIBLE = frozenset(
    chr(point)
    for point in (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)
_MAX_PART = 255
_ENDS = re.compile(r"[. ]+(?=/|$)")
# Names as nearly all are: parts of ASCII letters, digits and three signs, not ending in a dot, none of them a device.
_USUAL = re.compile(
    r"(?:(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|$))[a-z0-9_.-]*[a-z0-9_-](?:/(?!/)|$))+",
    re.IGNORECASE | re.ASCII,
)


def extra_fields(extra: bytes) -> list[tuple[int, bytes]] | None:
    """Kinds and contents of the extra fields; None if they are not made of complete records."""
    found = []
    offset = 0
    while offset + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, offset)
        if offset + 4 + length > len(extra):
            return None
        found.append((kind, extra[offset + 4 : offset + 4 + length]))
        offset += 4 + length
    return found if offset == len(extra) else None


def extra_problem(fields: list[tuple[int, bytes]], *, raw_name: bytes) -> str | None:
    """What is wrong with the extra fields of one header; the content of zip64's is judged where it is used."""
    kinds = [kind for kind, _ in fields]
    if len(set(kinds)) != len(kinds):
        return "an extra field stands twice: readers disagree which one counts"
    for kind, content in fields:
        if kind == _UNICODE_PATH:
            if content != struct.pack("<BL", 1, zlib.crc32(raw_name)) + raw_name:
                return "an extra field states another name for the entry"
        elif kind != ZIP64 and not _is_known(kind, content):
            return f"an extra field of kind 0x{kind:04x} with {len(content)} bytes is not one that is known"
    return None


def _is_known(kind: int, content: bytes) -> bool:
    """Whether a field has the exact form that its kind has: no room for other bytes."""
    if kind == _TIMES:
        # The central copy holds the first time only, whatever its flags announce.
        flags = content[0] if content else 0xFF
        return flags <= 7 and len(content) in {5, 1 + 4 * flags.bit_count()}
    if kind == _UNIX:
        return _is_owner(content)
    if kind == _NTFS:
        return len(content) == 32 and content[:8] == struct.pack("<LHH", 0, 1, 24)
    lengths = {_OLD_UNIX: {8, 12}, _SHORT_UNIX: {0, 4}, _JAR: {0}}
    return len(content) in lengths.get(kind, ())


def _is_owner(content: bytes) -> bool:
    """Whether it is version 1 with two numbers of the same width: of the user and of the group."""
    if len(content) not in {7, 11, 19} or content[0] != 1:
        return False
    width = (len(content) - 3) // 2
    return content[1] == content[2 + width] == width


def name_problem(name: str, *, limit: int) -> tuple[str, str] | None:
    """The rule that a name breaks, and how."""
    if len(name) <= min(limit, _MAX_PART) and _USUAL.fullmatch(name):
        return None
    parts = name.rstrip("/").split("/")
    length = len(name.encode("utf-8", "surrogatepass"))
    longest = max(len(part.encode("utf-8", "surrogatepass")) for part in parts)
    odd = not name.isprintable() or (not name.isascii() and not _INVISIBLE.isdisjoint(name))
    fragile = any(part != part.rstrip(". ") or _is_device(part) for part in parts)
    fragile = fragile or not _FORBIDDEN_BY_WINDOWS.isdisjoint(name)
    problems = {
        ("ZIP-013", f"the name has {length} bytes (at most {limit})"): length > limit,
        ("ZIP-013", f"a part of the name has {longest} bytes (at most {_MAX_PART})"): longest > _MAX_PART,
        ("ZIP-022", "the name leads out of the package"): name.startswith("/") or ".." in parts,
        ("ZIP-023", "the name has a backslash, or a colon (a drive or a stream on Windows)"): "\\" in name
        or ":" in name,
        ("ZIP-024", "the name has characters that do not show or that change how it shows"): odd,
        ("ZIP-024", "the name has letters in parts, which some readers put together"): not _is_composed(name),
        ("ZIP-034", "a part of the name ends in a semicolon and a number, which some readers take for a version"): any(
            _VERSION_OF_VMS.search(part) for part in parts
        ),
        ("ZIP-022", "the name has an empty part or a single dot"): "" in parts or "." in parts,
        ("ZIP-022", "the name ends in several slashes"): name.endswith("//"),
        ("ZIP-033", "a part of the name ends in a dot or blank, or is one that Windows refuses"): fragile,
    }
    return next((problem for problem, found in problems.items() if found), None)


# Info-ZIP cuts it off.
_VERSION_OF_VMS = re.compile(r";[0-9]*\Z")


def _is_composed(name: str) -> bool:
    # libarchive unpacks every name in Unicode's normal form C, others as it stands.
    return name.isascii() or unicodedata.is_normalized("NFC", name)


def _is_device(part: str) -> bool:
    return part.split(".", 1)[0].rstrip(" ").upper() in _RESERVED


def folded(path: str) -> str:
    """The same text for all paths that some file system takes for one: case, Unicode form, dots and blanks at ends."""
    if path.isascii():
        found = path.lower()
    else:
        found = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())
    return _ENDS.sub("", found)


def attribute_problem(name: str, *, host: int, external: int) -> tuple[str, str] | None:
    """What is wrong with the host and the attributes of an entry: others make links or other names of them.

    Readers disagree for which hosts the upper half is a mode of Unix, so it has to be harmless for all.
    """
    mode = external >> 16
    kind = mode & 0o170000
    marked = kind == 0o040000 or external & _FOLDER_ATTRIBUTE
    others = external & 0xFFFF & ~(_PLAIN_ATTRIBUTES | _FOLDER_ATTRIBUTE)
    foreign = not name.isascii() and host not in _UNIX_HOSTS
    if kind in {0, 0o100000} and host in HOSTS and not (foreign or marked or others or mode & 0o7000):
        return None
    problems = {
        ("ZIP-026", "the entry is a symbolic link"): kind == 0o120000,
        ("ZIP-027", "the entry is a device, a pipe or a socket"): kind not in {0, 0o100000, 0o040000},
        ("ZIP-028", "the mode has setuid, setgid or the sticky bit"): mode & 0o7000,
        ("ZIP-034", "a file is marked as a folder"): marked and not name.endswith("/"),
        ("ZIP-034", f"it was made on system {host}, whose attributes readers take differently"): host not in HOSTS,
        (
            "ZIP-034",
            "a name beyond ASCII that was not made on Unix: readers take its letters differently",
        ): foreign,
        ("ZIP-034", f"attributes 0x{others:04x} are not those of a plain file or folder"): others,
    }
    return next((problem for problem, found in problems.items() if found), None)


def is_time(stamp: int) -> bool:
    """Whether a DOS time stamp is a time."""
    date, time = stamp >> 16, stamp & 0xFFFF
    return (
        1 <= date >> 5 & 15 <= 12
        and 1 <= date & 31 <= 31
        and time >> 11 < 24
        and time >> 5 & 63 < 60
        and time & 31 < 30
    )
