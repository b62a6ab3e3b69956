"""Small parts of a ZIP entry: extra fields, names, time stamps."""

import struct

_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10))}
_BIDI = {0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def extra_field(extra: bytes, wanted: int) -> bytes | None:
    """The content of the extra field of one kind."""
    offset = 0
    while offset + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, offset)
        if kind == wanted:
            return extra[offset + 4 : offset + 4 + length]
        offset += 4 + length
    return None


def name_problem(name: str, *, limit: int) -> tuple[str, str] | None:
    """The rule that a name breaks, and how."""
    parts = name.rstrip("/").split("/")
    length = len(name.encode())
    odd = any(ord(c) < 0x20 or ord(c) == 0x7F or ord(c) in _BIDI for c in name)
    fragile = any(part != part.rstrip(". ") or part.split(".")[0].upper() in _RESERVED for part in parts)
    problems = {
        ("ZIP-013", f"the name has {length} bytes (at most {limit})"): length > limit,
        ("ZIP-022", "the name leads out of the package"): name.startswith("/") or ".." in parts,
        ("ZIP-023", "the name has a backslash or a drive letter"): "\\" in name or name[1:2] == ":",
        ("ZIP-024", "the name has control or direction characters"): odd,
        ("ZIP-022", "the name has an empty part or a single dot"): "" in parts or "." in parts,
        ("ZIP-033", "a part of the name ends in a dot or blank, or is a device name on Windows"): fragile,
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
