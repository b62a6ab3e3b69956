"""TOSCA.meta: the first thing that a reader of a CSAR opens.

Written with version 1.0 and CSAR-Version 1.1, the only pair that every reader accepts, in ASCII, without a colon and a
blank in a value. Reading keeps the first block's keys and reports what breaks the grammar. Other readers take the whole
file for one mapping, split it at other characters or ignore case, so a later block may hold only what describes a
single file, and nothing may look like the end of a line to one reader alone.
"""

import re

import msgspec

from ako_builder.csar.manifest import Flaw

PATH = "TOSCA-Metadata/TOSCA.meta"
MAX_META = 64 << 10
_OTHER = re.compile(r'"([^"]*)"|([^\s,"]+)')
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")


# Keys of the blocks after the first one, in lower case (TOSCA 1.0 13.3, and Tacker's samples, which write
# Content-type as well). None of them is a key of the first block, so their case misleads nobody.
_OF_FILES = frozenset({"name", "content-type", "algorithm", "hash", "source"})


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """The first block of TOSCA.meta."""

    keys: dict[str, str]
    flaws: tuple[Flaw, ...]


def other_definitions(keys: dict[str, str]) -> tuple[str, ...]:
    """The paths that Other-Definitions names: separated by blanks, as TOSCA says, or by commas; quoted or not."""
    quoted = _OTHER.findall(keys.get("Other-Definitions", ""))
    return tuple(first or second for first, second in quoted)


def meta_text(keys: dict[str, str]) -> str:
    """The text of TOSCA.meta."""
    return "".join(f"{key}: {value}\n" for key, value in keys.items())


def parse_meta(data: bytes) -> Meta:
    """Read TOSCA.meta."""
    flaws: list[Flaw] = []
    if data[:3] == b"\xef\xbb\xbf" or data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        flaws.append(Flaw("encoding", "a byte order mark stands at the start", 1))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        flaws.append(Flaw("encoding", f"not UTF-8 ({error.reason} at byte {error.start})", 0))
        return Meta(keys={}, flaws=tuple(flaws))
    keys: dict[str, str] = {}
    started = False
    later = False
    for number, line in enumerate(re.split(r"\r\n|\n", text), start=1):
        if not line.replace("\t", " ").isprintable():
            flaws.append(
                Flaw("separator", "a control character or line separator that other readers end lines at", number)
            )
        if not line.strip():
            later = started
        elif later:
            _describe(line, number=number, flaws=flaws)
        else:
            started = True
            _take(line, number=number, keys=keys, flaws=flaws)
    return Meta(keys=keys, flaws=tuple(flaws))


def _describe(line: str, *, number: int, flaws: list[Flaw]) -> None:
    """A line of a later block, which describes a single file: its digest stands in the manifest."""
    field = _FIELD.fullmatch(line)
    if field is None or field[1].lower() not in _OF_FILES:
        flaws.append(Flaw("later-block", f"{line[:60]!r} stands in a block about single files", number))


def _take(line: str, *, number: int, keys: dict[str, str], flaws: list[Flaw]) -> None:
    field = _FIELD.fullmatch(line)
    if field is None:
        flaws.append(Flaw("grammar", f"not 'Key: value': {line[:60]!r}", number))
        return
    key, value = field[1], field[2].strip()
    if key in keys or key.lower() in {other.lower() for other in keys}:
        flaws.append(Flaw("duplicate-key", f"{key} stands twice", number))
        return
    if ": " in value:
        flaws.append(Flaw("colon", f"the value of {key} holds a colon and a blank, which some readers refuse", number))
    keys[key] = value
