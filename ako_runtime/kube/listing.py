"""What counts as a list of the API server, and when an older one is believed: the rules, without any request.

A list that is not one (a proxy's page, a Status, `{}`) and an empty list look alike to whoever only reads `items`, and
an empty list deletes everything that the kind stands for. So a page must say what it is: a kind that ends in `List`,
items that are a list, a version.

Versions of one server only grow. A list that is older than what was seen comes from a server that lags or lies, or from
one that was restored from a backup; only time tells these apart. It is held back until the server answers the same
again after a while: still older than what was seen, and no older than its first such answer.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ako_runtime.errors import RetryLater

RESTORED: Final = 30.0
"""Seconds between an older list and the next one that makes it believed."""


class Page(Struct, frozen=True, kw_only=True):
    """One page of a list: objects as JSON, the version of the list, where the next page begins (empty: the last)."""

    items: tuple[Raw, ...]
    version: str
    continue_: str = ""


class _ListMeta(Struct, frozen=True, kw_only=True, rename="camel"):
    resource_version: str
    continue_: str | None = msgspec.field(default=None, name="continue")


class _List(Struct, frozen=True, kw_only=True):
    kind: str
    items: tuple[Raw, ...]
    metadata: _ListMeta


def decode_page(body: bytes, *, what: str) -> Page:
    """The page that `body` holds; raises RetryLater if it is none. `what` says what was asked for."""
    try:
        found = msgspec.json.decode(body, type=_List)
    except (ValueError, RecursionError) as error:
        said = body[:80].decode(errors="replace")
        raise RetryLater(f"{what}: the answer is no list ({error}): {said!r}", reason="NotAList") from error
    if not found.kind.endswith("List"):
        raise RetryLater(f"{what}: the answer is a {found.kind or 'nameless thing'}, no list", reason="NotAList")
    if not found.metadata.resource_version:
        raise RetryLater(f"{what}: the list has no version", reason="NotAList")
    return Page(items=found.items, version=found.metadata.resource_version, continue_=found.metadata.continue_ or "")


def is_older(version: str, than: str) -> bool:
    """Whether a version comes before another; versions that are no numbers cannot be compared, and are not."""
    if not (_is_number(version) and _is_number(than)):
        return False
    return int(version) < int(than)


def _is_number(text: str) -> bool:
    # A longer one is no version of any server, and to read it costs the square of its length.
    return text.isascii() and text.isdigit() and len(text) <= 20


class Seen:
    """The newest version that the server has shown of a kind, and what to do about an older list."""

    def __init__(self, *, patience: float = RESTORED) -> None:
        self._patience = patience
        self._newest = ""
        # The first older answer that has not been contradicted, and when it came.
        self._older: tuple[str, float] | None = None

    def note(self, version: str) -> None:
        """An event or a list that was taken had this version."""
        if not is_older(version, self._newest):
            self._newest = version

    def takes(self, version: str, *, now: float) -> bool:
        """Whether a list of this version may be taken at `now` (seconds of any clock that only goes on)."""
        if not is_older(version, self._newest):
            self._older = None
        elif self._older is None or is_older(version, self._older[0]):
            self._older = (version, now)
            return False
        elif now - self._older[1] < self._patience:
            return False
        else:
            self._older = None
        self._newest = version
        return True

    @property
    def holds(self) -> bool:
        """Whether an older list is being held back."""
        return self._older is not None


def says_unserved(groups: bytes, *, group: str, version: str) -> bool | None:
    """What `GET /apis` says about a version of a group: not served, maybe served, or (None) nothing."""
    try:
        found = msgspec.json.decode(groups, type=_Groups)
    except (ValueError, RecursionError):
        return None
    if found.kind != "APIGroupList":
        return None
    return not any(one.name == group and any(each.version == version for each in one.versions) for one in found.groups)


def says_no_resource(resources: bytes, resource: str) -> bool | None:
    """What `GET /apis/GROUP/VERSION` says about a resource: not served, served, or (None) nothing."""
    try:
        found = msgspec.json.decode(resources, type=_Resources)
    except (ValueError, RecursionError):
        return None
    if found.kind != "APIResourceList":
        return None
    return not any(one.get("name") == resource for one in found.resources)


class _GroupVersion(Struct, frozen=True, kw_only=True):
    version: str


class _Group(Struct, frozen=True, kw_only=True):
    name: str
    versions: tuple[_GroupVersion, ...]


class _Groups(Struct, frozen=True, kw_only=True):
    kind: str
    groups: tuple[_Group, ...]


class _Resources(Struct, frozen=True, kw_only=True):
    kind: str
    resources: tuple[Mapping[str, object], ...]
