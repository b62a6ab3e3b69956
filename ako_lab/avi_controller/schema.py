"""What the controller knows about its objects: types, messages, fields. Loaded from `schema.json`.

The file is derived by `scripts/avi-schema` from the published documents of release 30.2.1 and holds facts only. This
module turns it into values and answers the two questions that need a rule: which type does a path segment name, and
does a field exist in a requested API version. A field may have been introduced on several branches ("18.2.10, 20.1.2"):
a version that lies on one of these branches is compared with that branch, any other with the oldest of them.

Types marked `open` are reference targets whose documents we do not have; they accept any field.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Literal

import msgspec

from ako_lab.avi_controller import errors

Version = tuple[int, ...]
OLDEST_VERSION = "15.2"
# Licence tiers that lack fields and values of the others.
SMALL_TIERS = frozenset({"ESSENTIALS", "BASIC"})
# The version that a controller assumes when a request names none (recorded).
UNNAMED_VERSION = "16.4.2"
# Names under which clients reach a type whose path is another.
ALIASES: Mapping[str, str] = {"botpolicy": "botdetectionpolicy"}


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field of a message; the wire names are the short ones of `schema.json`."""

    type: str = msgspec.field(name="t")
    repeated: int = msgspec.field(name="l", default=0)
    enum: tuple[str, ...] = msgspec.field(name="e", default=())
    default: bool | int | float | str | None = msgspec.field(name="d", default=None)
    ranges: tuple[tuple[float, float], ...] = msgspec.field(name="r", default=())
    reference: str | None = msgspec.field(name="ref", default=None)
    introduced: tuple[str, ...] = msgspec.field(name="v", default=())
    read_only: int = msgspec.field(name="ro", default=0)
    minimum_items: int = msgspec.field(name="mn", default=0)
    maximum_items: int = msgspec.field(name="mx", default=0)
    tiers: dict[str, str | tuple[str, ...]] | None = msgspec.field(name="tier", default=None)
    tier_defaults: dict[str, bool | int | float | str] = msgspec.field(name="td", default_factory=dict)


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a message and which of them must be there."""

    required: tuple[str, ...]
    fields: dict[str, Field]


class ObjectType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A type of configuration object, as its path names it."""

    model: str
    scope: Literal["cloud", "tenant", "global"]
    open: int = 0


class Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All types and messages of a release."""

    release: str
    types: dict[str, ObjectType]
    messages: dict[str, Message]

    def type_name(self, segment: str) -> str | None:
        """The canonical type for a path segment, or None."""
        name = ALIASES.get(segment, segment)
        return name if name in self.types else None

    def unknown_fields(self, model: str, document: Mapping[str, object], path: str = "") -> Iterator[str]:
        """Paths of the fields of a document that its message does not have; messages without documents have any."""
        fields = self.messages[model].fields
        if fields == _OPEN_MESSAGE.fields:
            return
        for name, value in document.items():
            field = fields.get(name)
            if field is None:
                yield f"{path}{name}"
                continue
            if field.type not in self.messages:
                continue
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Mapping):
                    yield from self.unknown_fields(field.type, item, f"{path}{name}.")


_OPEN_MESSAGE = Message(
    required=("name",),
    fields={
        "name": Field(type="s"),
        "uuid": Field(type="s"),
        "url": Field(type="s", read_only=1),
        "_last_modified": Field(type="s", read_only=1),
        "tenant_ref": Field(type="s", reference="Tenant"),
        "cloud_ref": Field(type="s", reference="Cloud"),
        "created_by": Field(type="s"),
    },
)


def load_schema() -> Schema:
    """The schema that ships with the simulator."""
    text = files("ako_lab.avi_controller").joinpath("schema.json").read_bytes()
    schema = msgspec.json.decode(text, type=Schema)
    for kind in schema.types.values():
        schema.messages.setdefault(kind.model, _OPEN_MESSAGE)
    return schema


_VERSION = re.compile(r"\d{1,4}([._]\d{1,4}){0,5}")


def parse_version(text: str, *, newest: str) -> Version:
    """A version header as a comparable value, or a refusal; nothing newer than the controller itself is accepted."""
    if not _VERSION.fullmatch(text):
        raise errors.invalid_version(text, oldest=OLDEST_VERSION, newest=newest)
    version = version_of(text)
    if not version_of(OLDEST_VERSION) <= version <= version_of(newest):
        raise errors.invalid_version(text, oldest=OLDEST_VERSION, newest=newest)
    return version


def version_of(text: str) -> Version:
    """A version number as a comparable value."""
    return tuple(int(part) for part in text.replace("_", ".").split("."))


def exists_in(field: Field, version: Version) -> bool:
    """Whether a field exists in an API version."""
    if not field.introduced:
        return True
    releases = [version_of(text) for text in field.introduced]
    same_branch = [release for release in releases if release[:2] == version[:2]]
    return version >= min(same_branch or releases)
