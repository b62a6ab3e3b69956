"""Queries, pages and the snapshots that make pages belong together.

A page after the first comes from the same version as the first, as on a real server: the first page keeps references
to what is left (objects are immutable, so that costs a pointer each), and the continue token names that snapshot. Few
snapshots are kept; a token whose snapshot is gone is a 410, which tells the client to list again.
"""

import base64
from collections import OrderedDict
from itertools import count

import msgspec

from ako_lab.kube_api.catalog import Resource
from ako_lab.kube_api.errors import ApiError
from ako_lab.kube_api.selectors import Predicate, field_predicate, label_predicate
from ako_lab.kube_api.store import Stored

_SNAPSHOTS = 64


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The query parameters of list and watch."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    bookmarks: bool = False
    initial_events: bool = False
    timeout: float | None = None

    def predicate(self, resource: Resource) -> Predicate | None:
        """Both selectors as one predicate; None when everything matches."""
        by_label = label_predicate(self.labels)
        by_field = field_predicate(self.fields, resource.fields)
        if by_label and by_field:
            return lambda document: by_label(document) and by_field(document)
        return by_label or by_field

    def version_ahead(self, current: int) -> bool:
        """Whether the version asked for does not exist yet; a 400 if it is no version at all."""
        if self.version and not self.version.isdigit():
            raise ApiError(400, f"Invalid value: {self.version!r}: the resource version must be a number")
        return bool(self.version) and int(self.version) > current


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some objects, the version of the whole list, and the way to the rest."""

    items: list[Stored]
    version: int
    token: str = ""
    remaining: int | None = None


class _Rest(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Stored]
    version: int
    filtered: bool


class Snapshots:
    """What is left of the lists that clients are reading page by page."""

    def __init__(self) -> None:
        self._rests: OrderedDict[int, _Rest] = OrderedDict()
        self._numbers = count(1)

    def first_page(self, items: list[Stored], query: Query, *, version: int) -> Page:
        """The first page of a list, which is all of it without a limit."""
        if not query.limit or len(items) <= query.limit:
            return Page(items=items, version=version)
        number = next(self._numbers)
        self._rests[number] = _Rest(items=items, version=version, filtered=bool(query.labels or query.fields))
        while len(self._rests) > _SNAPSHOTS:
            self._rests.popitem(last=False)
        return self._page(number, 0, query.limit)

    def next_page(self, query: Query) -> Page:
        """The page that a continue token asks for."""
        try:
            number, offset = map(int, base64.urlsafe_b64decode(query.token.encode()).decode().split("/"))
        except ValueError as error:
            raise ApiError(400, "continue key is not valid: the token was not made by this server") from error
        if number not in self._rests:
            text = (
                "The provided continue parameter is too old to display a consistent list result: list again without it"
            )
            raise ApiError(410, text)
        return self._page(number, offset, query.limit)

    def expire(self) -> None:
        """Forget every snapshot, so that each open continue token is a 410."""
        self._rests.clear()

    def _page(self, number: int, offset: int, limit: int) -> Page:
        rest = self._rests[number]
        end = offset + limit if limit else len(rest.items)
        left = len(rest.items) - end
        if left <= 0:
            return Page(items=rest.items[offset:], version=rest.version)
        token = base64.urlsafe_b64encode(f"{number}/{end}".encode()).decode()
        items = rest.items[offset:end]
        return Page(items=items, version=rest.version, token=token, remaining=None if rest.filtered else left)
