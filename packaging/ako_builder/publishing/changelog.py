"""Change-log fragments, and what a release makes of them: its notes, and the changes that Artifact Hub shows.

A fragment is a file `<topic>.<kind>.md` in docs/changelog, written with the change that it tells of. The kinds are
those of Artifact Hub that we use, and `upgrade`: what an operator has to do before or after an upgrade, which stands
first in the notes.
"""

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from ako_builder.release import Change, ChangeKind
from ako_runtime.errors import UserError

Kind = Literal["upgrade", "security", "added", "changed", "fixed"]
# Kind of a fragment -> the heading of its section, in the order of the notes.
HEADINGS: Final[dict[Kind, str]] = {
    "upgrade": "Before you upgrade",
    "security": "Security",
    "added": "Added",
    "changed": "Changed",
    "fixed": "Fixed",
}
# Artifact Hub has no kind for what an operator has to do.
_PUBLISHED: Final[dict[Kind, ChangeKind]] = {
    "upgrade": "changed",
    "security": "security",
    "added": "added",
    "changed": "changed",
    "fixed": "fixed",
}
_NAME: Final = re.compile(rf"(?P<topic>[a-z0-9-]+)\.(?P<kind>{'|'.join(HEADINGS)})\.md")
_OVERVIEW: Final = "README.md"
_CODE: Final = re.compile(r"```.*?```", re.DOTALL)
_LINK: Final = re.compile(r"\[([^]]*)\]\([^)]*\)")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*])")


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """One change as its author tells it to users: Markdown of one or more lines."""

    topic: str
    kind: str
    text: str


def load_fragments(folder: Path) -> tuple[Fragment, ...]:
    """The fragments of a folder by name; a file whose name is not that of a fragment is a `UserError`."""
    fragments = []
    for path in sorted(folder.iterdir()):
        if path.name == _OVERVIEW:
            continue
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise UserError(f"{path}: name it TOPIC.KIND.md, with one of the kinds {', '.join(HEADINGS)}")
        text = path.read_text(encoding="utf-8").strip()
        if not text:
            raise UserError(f"{path}: says nothing; tell users what is different, or remove it")
        fragments.append(Fragment(topic=match["topic"], kind=match["kind"], text=text))
    return tuple(fragments)


def release_notes(fragments: Sequence[Fragment], *, version: str, date: dt.date) -> str:
    """The section of one release in CHANGELOG.md; a release without fragments says that nothing changed for users."""
    lines = [f"## {version} ({date.isoformat()})"]
    for kind, heading in HEADINGS.items():
        texts = [fragment.text for fragment in fragments if fragment.kind == kind]
        if texts:
            lines += ["", f"### {heading}", "", *(_item(text) for text in texts)]
    if not fragments:
        lines += ["", "Nothing changes for users."]
    return "\n".join(lines) + "\n"


def _item(text: str) -> str:
    first, *more = text.splitlines()
    return "\n".join([f"- {first}", *(f"  {line}".rstrip() for line in more)])


def with_notes(changelog: str, notes: str) -> str:
    """CHANGELOG.md with the newest section before the older ones; one that is there already is replaced."""
    head = notes.partition(" (")[0]
    introduction, *sections = re.split(r"(?m)^(?=## )", changelog)
    older = [section for section in sections if section.partition(" (")[0] != head]
    return introduction.rstrip() + "\n\n" + "\n".join(section.rstrip() + "\n" for section in (notes, *older))


def published_changes(fragments: Sequence[Fragment]) -> tuple[Change, ...]:
    """What Artifact Hub shows of a release: the first sentence of each fragment, without marks of Markdown."""
    return tuple(
        Change(kind=_PUBLISHED[kind], description=_plain(fragment.text))
        for kind in HEADINGS
        for fragment in fragments
        if fragment.kind == kind
    )


def _plain(text: str) -> str:
    words = " ".join(_LINK.sub(r"\1", _CODE.sub("", text)).split())
    return _SENTENCE.split(words, maxsplit=1)[0].replace("`", "").replace("**", "")
