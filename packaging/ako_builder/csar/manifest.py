"""The manifest (`.mf`): metadata, one digest for every file, one signature at the end.

Written so that every reader known accepts it: LF only, a blank line between blocks, the algorithm before the hash,
hashes in lower case, the signature as the very last thing. The signature covers all bytes before the line that begins
it.

Reading keeps what was written (entries in order, with line numbers) and reports what breaks the grammar instead of
raising: the rules of the verifier decide what is an error.
"""

import re
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from ako_builder.csar.profile import Profile

MAX_LINE = 64 << 10
BEGIN_CMS = b"-----BEGIN CMS-----"
_BEGIN_ANY = re.compile(rb"^-----BEGIN ([A-Z0-9 ]+)-----", re.MULTILINE)
_END = re.compile(rb"^-----END [A-Z0-9 ]+-----[ \t]*(\r\n|\n|\r|\Z)", re.MULTILINE)
_FIELD = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*:[ \t]*(.*)")
_LINE_END = re.compile(rb"\r\n|\n|\r|\Z")
# What Unicode, Python and Java besides take for the end of a line, and NUL, which ends a text for C.
_OTHER_ENDS = "\0\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_ENTRY_KEYS = {"Algorithm", "Hash", "Signature", "Certificate"}


class Digest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One `Source` entry."""

    source: str
    algorithm: str
    value: str
    line: int = 0


class ArtifactSignature(msgspec.Struct, frozen=True, kw_only=True):
    """A file that has a signature of its own, by path, and perhaps the signer's certificate beside it."""

    source: str
    signature: str
    certificate: str = ""
    line: int = 0


class Flaw(msgspec.Struct, frozen=True):
    """A breach of the grammar: a stable code, what was found, and where."""

    code: str
    text: str
    line: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that was read."""

    metadata: dict[str, str]
    digests: tuple[Digest, ...]
    sets: dict[str, tuple[str, ...]]
    artifacts: tuple[ArtifactSignature, ...]
    # Files that are listed without a digest, with their lines: nothing protects their content.
    undigested: tuple[tuple[str, int], ...]
    # The bytes that the signature covers, and the PEM block (empty: unsigned).
    signed: bytes
    signature: bytes
    flaws: tuple[Flaw, ...]


def manifest_text(
    metadata: dict[str, str],
    *,
    digests: tuple[Digest, ...],
    profile: Profile,
    sets: dict[str, tuple[str, ...]] | None = None,
) -> str:
    """The text of a manifest up to its signature."""
    lines = ["metadata:"]
    for key in profile.metadata:
        space = " " if profile.release_date_space and key == "vnf_release_date_time" else ""
        lines.append(f"  {key}{space}: {metadata[key]}")
    text = "\n".join([*lines, "", digest_lines(digests)])
    if sets:
        lines = ["non_mano_artifact_sets:"]
        for name, sources in sets.items():
            lines.append(f"  {name}:")
            lines += [f"    Source: {source}" for source in sources]
        text += "\n".join([*lines, "", ""])
    return text


def digest_lines(digests: tuple[Digest, ...], *, artifacts: tuple[ArtifactSignature, ...] = ()) -> str:
    """The entries of all files, each followed by a blank line; with those signatures that single files have."""
    signed = {entry.source: entry for entry in artifacts}
    lines = []
    for digest in digests:
        lines += [f"Source: {digest.source}", f"Algorithm: {digest.algorithm}", f"Hash: {digest.value}"]
        entry = signed.get(digest.source)
        if entry is not None:
            lines.append(f"Signature: {entry.signature}")
        if entry is not None and entry.certificate:
            lines.append(f"Certificate: {entry.certificate}")
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def parse_manifest(data: bytes, *, known: Mapping[str, Any] | None = None) -> Manifest:
    """Read a manifest; `known` holds, by name, things with a `name` that sources share rather than repeat."""
    reader = _Reader(known or {})
    begin = data.find(BEGIN_CMS)
    other = _BEGIN_ANY.search(data)
    if other and (begin < 0 or other.start() < begin):
        if other[1] == b"PKCS7":
            reader.flaw("label", "the signature block is labelled PKCS7; SOL004 readers look for CMS", 0)
        begin = other.start()
    signed, block = (data, b"") if begin < 0 else (data[:begin], data[begin:])
    del data  # the parts are copies
    if block:
        reader.signature(block, line=signed.count(b"\n") + 1)
    reader.text(signed)
    return Manifest(
        metadata=reader.metadata,
        digests=tuple(reader.digests),
        sets={name: tuple(sources) for name, sources in reader.sets.items()},
        artifacts=tuple(reader.artifacts),
        undigested=tuple(reader.undigested.items()),
        signed=signed,
        signature=block,
        flaws=tuple(reader.flaws),
    )


class _Reader:
    """Line by line, remembering in which block it is."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known
        self.metadata: dict[str, str] = {}
        self.digests: list[Digest] = []
        self.sets: dict[str, list[str]] = {}
        self.artifacts: list[ArtifactSignature] = []
        self.undigested: dict[str, int] = {}
        self.flaws: list[Flaw] = []
        self._block = ""
        self._set = ""
        self._open: dict[str, str] = {}
        self._open_line = 0

    def flaw(self, code: str, text: str, line: int) -> None:
        """Note a breach."""
        self.flaws.append(Flaw(code, text, line))

    def signature(self, block: bytes, *, line: int) -> None:
        """Check that the block is alone and last."""
        if len(_BEGIN_ANY.findall(block)) > 1:
            self.flaw("second-signature", "a second PEM block follows the first", line)
        end = _END.search(block)
        if end is None:
            self.flaw("label", "the signature block has no end", line)
        elif block[end.end() :].strip() and len(_BEGIN_ANY.findall(block)) == 1:
            self.flaw("trailing", "text follows the end of the signature, outside of what it protects", line)

    def text(self, data: bytes) -> None:
        """Read the part before the signature."""
        ends = {b"\r\n": data.count(b"\r\n")}
        ends[b"\n"] = data.count(b"\n") - ends[b"\r\n"]
        ends[b"\r"] = data.count(b"\r") - ends[b"\r\n"]
        if sum(1 for count in ends.values() if count) > 1 or ends[b"\r"]:
            self.flaw("newlines", "line ends are mixed or bare CR: readers disagree where a line ends", 0)
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.flaw("encoding", f"not UTF-8 ({error.reason} at byte {error.start})", 0)
        odd = next((c for c in _OTHER_ENDS if c.encode() in data), None)
        if odd is not None:
            self.flaw("newlines", f"the character U+{ord(odd):04X} ends a line for some readers and not for others", 0)
        start = 0
        if data.startswith(b"\xef\xbb\xbf"):
            self.flaw("encoding", "a byte order mark stands at the start", 1)
            start = 3
        # Line by line: the whole text would be a second copy of all.
        for number, end in enumerate(_LINE_END.finditer(data), start=1):
            self._line(data[start : end.start()].decode("utf-8", "replace"), number=number)
            start = end.end()
        self._close()

    def _line(self, line: str, *, number: int) -> None:
        if len(line) > MAX_LINE:
            self.flaw("long-line", f"a line of {len(line)} characters", number)
            return
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            return
        field = _FIELD.fullmatch(stripped)
        if field is None:
            self.flaw("grammar", f"not 'key: value': {stripped[:60]!r}", number)
            return
        key, value = field[1], field[2].strip()
        if key in {"metadata", "non_mano_artifact_sets"} and not value:
            self._close()
            self._block = key
            return
        if key in {"Source", *_ENTRY_KEYS}:
            self._entry(key, value, number=number)
        elif self._block == "non_mano_artifact_sets" and not value:
            self._set = key
            self.sets.setdefault(key, [])
        elif self._block == "metadata":
            if key in self.metadata:
                self.flaw("duplicate-key", f"{key} stands twice in the metadata", number)
            self.metadata[key] = value
        else:
            self.flaw("grammar", f"unexpected key {key!r}", number)

    def _entry(self, key: str, value: str, *, number: int) -> None:
        if key == "Source" and self._block == "non_mano_artifact_sets" and self._set:
            self._close()
            self.sets[self._set].append(value)
            self._open = {"Source": value, "set": "1"}
            self._open_line = number
            return
        if key == "Source":
            self._close()
            self._block = "digests"
            self._open = {"Source": value}
            self._open_line = number
            return
        if "Source" not in self._open:
            self.flaw("grammar", f"{key} without a Source before it", number)
            return
        if key == "Hash" and "Algorithm" not in self._open:
            self.flaw("order", "Hash stands before Algorithm", number)
        if key == "Certificate" and "Signature" not in self._open:
            self.flaw("grammar", f"Certificate without a Signature for {self._open['Source']}", number)
        if key in self._open:
            self.flaw("duplicate-key", f"{key} stands twice for {self._open['Source']}", number)
        self._open[key] = value

    def _close(self) -> None:
        entry, self._open = self._open, {}
        if entry.get("Signature"):
            self.artifacts.append(
                ArtifactSignature(
                    source=entry["Source"],
                    signature=entry["Signature"],
                    certificate=entry.get("Certificate", ""),
                    line=self._open_line,
                )
            )
        if not entry or ("set" in entry and "Hash" not in entry):
            return
        if "Hash" not in entry or "Algorithm" not in entry:
            if "Signature" not in entry:
                self.undigested.setdefault(entry["Source"], self._open_line)
            return
        same = self._known.get(entry["Source"])
        self.digests.append(
            Digest(
                source=entry["Source"] if same is None else same.name,
                algorithm=sys.intern(entry["Algorithm"]),
                value=entry["Hash"],
                line=self._open_line,
            )
        )
