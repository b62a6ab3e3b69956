"""Collections: the query parameters of the API, compiled into a standing query, a page and a selection of fields.

Each filter becomes a predicate on a record and a part of the query's identity, with names of other objects already
replaced by keys, so that equal questions find the same standing result whatever the order of their parameters.
Filters that name an object exactly (`name`, `uuid.in`, `refers_to` ...) look at those candidates only. What is not a
known parameter filters by the field of that name, and is ignored when the type has no such field, as the product does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.store import Predicate, Query, Record, Store, target_key
from ako_lab.avi_controller.values import Json

DEFAULT_PAGE_SIZE = 25
MAXIMUM_PAGE_SIZE = 200
ALL_TENANTS = "*"
_FEW_REFERRERS = 100
# Parameters that shape an answer and select nothing.
SHAPING = frozenset(
    [
        "fields",
        "exclude",
        "include_name",
        "skip_default",
        "join_subresources",
        "page",
        "page_size",
        "sort",
        "limit_by",
        "limit",
        "export_key",
        "include_refs",
        "include_service_accounts",
        "detail",
        "step",
        "metric_id",
        "search_fields",
    ]
)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a result is wanted."""

    number: int
    size: int


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """A page of records, how many there are in all, and whether another page follows."""

    count: int
    records: tuple[Record, ...]
    page: Page
    more: bool


def page_of(parameters: Mapping[str, str]) -> Page:
    """The page that the parameters ask for, or a refusal."""
    size = _number(parameters, "page_size", DEFAULT_PAGE_SIZE)
    if "limit" in parameters or "limit_by" in parameters:
        size = min(size, max(1, _number(parameters, "limit" if "limit" in parameters else "limit_by", size)))
    number = _number(parameters, "page", 1)
    if number < 1 or size < 1:
        raise errors.bad_request("Invalid page: page and page_size start at 1")
    return Page(number=number, size=min(size, MAXIMUM_PAGE_SIZE))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A page of anything."""

    count: int
    items: tuple[Json, ...]
    more: bool


def part_of(results: Sequence[Json], parameters: Mapping[str, str]) -> Part:
    """The page of a list that the parameters ask for, or a refusal."""
    page = page_of(parameters)
    start = _start(page, len(results))
    end = start + page.size
    return Part(count=len(results), items=tuple(results[start:end]), more=end < len(results))


def _start(page: Page, count: int) -> int:
    start = (page.number - 1) * page.size
    if start and start >= count:
        raise errors.Refusal(404, "That page contains no results")
    return start


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise errors.bad_request(f"Invalid page: {name} must be a positive number")
    return int(text)


class Searcher:
    """Answers collection queries from the store."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def selection(self, kind: str, parameters: Mapping[str, str], *, tenants: frozenset[str] | None) -> Selection:
        """The page that is asked for; `tenants` None means every tenant."""
        page = page_of(parameters)
        found = self._found(kind, parameters, tenants=tenants)
        order = parameters.get("sort", "")
        records: Iterable[Record] = self._sorted(found.values(), order) if order else found.values()
        start = _start(page, len(found))
        chosen = tuple(islice(records, start, start + page.size))
        return Selection(count=len(found), records=chosen, page=page, more=start + page.size < len(found))

    def _found(
        self, kind: str, parameters: Mapping[str, str], *, tenants: frozenset[str] | None
    ) -> Mapping[str, Record]:
        query: list[Query] = []
        predicates: list[Predicate] = []
        if tenants is not None:
            query.append(("tenants", tenants))
            predicates.append(lambda record: record.tenant in tenants)
        for name, value in sorted(parameters.items()):
            if name in SHAPING:
                continue
            filtered = self._filter(kind, name, value, parameters)
            if filtered is not None:
                query.append(filtered[0])
                predicates.append(filtered[1])
        candidates = self._candidates(kind, parameters)
        if candidates is not None:
            wanted = _conjunction([lambda record: record.type == kind, *predicates])
            return {record.uuid: record for record in candidates if wanted(record)}
        table = self._store.tables[kind]
        if not query:
            return table.records
        return table.matching(tuple(query), _conjunction(predicates))

    def _candidates(self, kind: str, parameters: Mapping[str, str]) -> Iterable[Record] | None:
        """The few records that can match when a parameter names them, None when any record can."""
        table = self._store.tables[kind]
        if parameters.get("name"):
            return list(table.by_name.get(parameters["name"], {}).values())
        if "name.in" in parameters:
            return [r for name in _items(parameters["name.in"]) for r in table.by_name.get(name, {}).values()]
        uuids = _items(parameters["uuid.in"]) if "uuid.in" in parameters else _items(parameters.get("uuid", ""))
        if uuids or "uuid.in" in parameters:
            return _present(table.records.get(uuid) for uuid in uuids)
        if parameters.get("refers_to"):
            return self._few_referrers(_key(parameters["refers_to"]), kind)
        if parameters.get("referred_by"):
            source = self._store.records.get(_key(parameters["referred_by"]))
            return _present(self._store.records.get(key) for key in sorted(source.references if source else ()))
        return None

    def _few_referrers(self, key: str, kind: str) -> Iterable[Record] | None:
        """Who refers to a key, None when many do: a health monitor that all pools use is asked for as others are."""
        if self._store.number_of_referrers(key) > _FEW_REFERRERS:
            return None
        return list(self._store.referrers(key, kind))

    def _naming_filter(self, name: str, value: str) -> Predicate:
        """What a parameter that names objects says about a record."""
        if name in ("name", "name.in"):
            names = frozenset({value} if name == "name" else _items(value))
            return lambda record: record.name in names
        if name in ("uuid", "uuid.in"):
            uuids = frozenset(_items(value))
            return lambda record: record.uuid in uuids
        key = _key(value)
        if name == "refers_to":
            return lambda record: key in record.references
        source = self._store.records.get(key)
        targets: frozenset[str] = source.references if source else frozenset()
        return lambda record: record.key in targets

    def _filter(
        self, kind: str, name: str, value: str, parameters: Mapping[str, str]
    ) -> tuple[Query, Predicate] | None:
        text_filter = _TEXT_FILTERS.get(name)
        if text_filter is not None:
            return ((name, value), text_filter(value)) if value else None
        if name in _CANDIDATE_FILTERS:
            return ((name, value), self._naming_filter(name, value)) if value or name.endswith(".in") else None
        if name == "label_key":
            wanted = parameters.get("label_value", "")
            return (name, value, wanted), _marked(value, wanted)
        if name in ("label_value", ""):
            return None
        return self._field_filter(kind, name, value)

    def _field_filter(self, kind: str, name: str, value: str) -> tuple[Query, Predicate] | None:
        """A filter by any field, by the name or the uuid of what a field refers to, or None for an unknown field."""
        field, _, part = ("cloud_ref", "", "uuid") if name == "cloud_uuid" else name.partition(".")
        described = self._store.schema.messages[self._store.schema.types[kind].model].fields.get(field)
        if described is None or not value:
            return None
        if described.reference is None:
            return (field, value), _equal_field(field, value) if not part else _contains_field(field, value)
        keys = self._reference_keys(described.reference, part, value)
        return None if keys is None else ((field, keys), _refers(field, keys))

    def _reference_keys(self, reference: str, part: str, value: str) -> frozenset[str] | None:
        """Keys that a filter on a reference means, by uuid or name of the target; None for another part of it."""
        target = self._store.schema.type_name(reference.lower())
        if target is None or part not in ("", "name", "uuid"):
            return None
        if part == "uuid" or (not part and "/" not in value and value.startswith(target + "-")):
            return frozenset({f"{target}/{value}"})
        return self._named_keys(target, value)

    def _named_keys(self, target: str, value: str) -> frozenset[str]:
        if "/" in value:
            try:
                return frozenset({self._store.resolved(target, value, tenant=None, cloud="")})
            except errors.Refusal:
                return frozenset()
        return frozenset(record.key for record in self._store.tables[target].by_name.get(value, {}).values())

    def _sorted(self, records: Iterable[Record], order: str) -> list[Record]:
        """By the fields of a comma list, each descending behind a minus; the first field decides most."""
        result = list(records)
        for part in reversed(_items(order)):
            field = part.lstrip("-")
            result.sort(key=_text_of(field), reverse=part.startswith("-"))
        return result


def _text_of(field: str) -> Callable[[Record], str]:
    """The value of one field of a record as a text that can be searched, compared and sorted by."""
    if field == "name":
        return lambda record: record.name
    read = _reader(field)
    return lambda record: _shown(read(record))


def _reader(field: str) -> Callable[[Record], Json]:
    """The value of one field of a record, None for none: several times faster than decoding all of it."""
    try:
        only = msgspec.defstruct("Only", [("value", Any, msgspec.field(default=None, name=field))])
    except ValueError:
        # Not the name of any field; this one is in no object.
        return _reader("-")
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(only).decode
    return lambda record: decode(record.body).value


def _conjunction(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return lambda record: all(predicate(record) for predicate in predicates)


def _items(text: str) -> list[str]:
    return list(dict.fromkeys(item for item in text.split(",") if item))


def _present(records: Iterable[Record | None]) -> list[Record]:
    return [record for record in records if record is not None]


def _key(text: str) -> str:
    """The key in a `type:uuid` parameter."""
    return text.replace(":", "/", 1)


def _searching(value: str) -> Predicate:
    field, text = _search_terms(value)
    if field:
        show = _text_of(field)
        return lambda record: text in show(record)
    needle = text.encode()
    return lambda record: needle in record.body


def _searching_any_case(value: str) -> Predicate:
    field, text = _search_terms(value.lower())
    if field:
        show = _text_of(field)
        return lambda record: text in show(record).lower()
    return lambda record: text in record.body.decode().lower()


def _search_terms(value: str) -> tuple[str, str]:
    """The field, empty for any, and the text of `text` or `(field,text)`."""
    if value.startswith("(") and value.endswith(")") and "," in value:
        field, _, text = value[1:-1].partition(",")
        return field.strip(), text
    return "", value


def _text_contains(value: str) -> Predicate:
    return lambda record: value in record.name


def _text_contains_any_case(value: str) -> Predicate:
    lowered = value.lower()
    return lambda record: lowered in record.name.lower()


# `search` takes "(field,text)" for one field, or a text that may stand anywhere in the object.
_TEXT_FILTERS: Mapping[str, Callable[[str], Predicate]] = {
    "name.contains": _text_contains,
    "name.icontains": _text_contains_any_case,
    "search": _searching,
    "isearch": _searching_any_case,
    "created_by": lambda value: lambda record: record.created_by == value,
}
_CANDIDATE_FILTERS = frozenset({"name", "uuid", "uuid.in", "name.in", "refers_to", "referred_by"})


def _marked(key: str, value: str) -> Predicate:
    # Most objects are told apart by their text: decoding fifty thousand of them takes a second.
    needles = [msgspec.json.encode(text)[1:-1] for text in (key, value)]
    read = _reader("markers")

    def matches(record: Record) -> bool:
        if not all(needle in record.body for needle in needles):
            return False
        markers = read(record) or ()
        return any(m.get("key") == key and (not value or value in m.get("values", ())) for m in markers)

    return matches


def _equal_field(field: str, value: str) -> Predicate:
    wanted = value.lower() if value.lower() in ("true", "false") else value
    name, read = msgspec.json.encode(field), _reader(field)

    def matches(record: Record) -> bool:
        return name in record.body and _shown(read(record)) == wanted

    return matches


def _contains_field(field: str, value: str) -> Predicate:
    show = _text_of(field)
    return lambda record: value in show(record)


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _refers(field: str, keys: frozenset[str]) -> Predicate:
    read = _reader(field)

    def matches(record: Record) -> bool:
        if field == "cloud_ref":
            return f"cloud/{record.cloud}" in keys
        if not keys & record.references:
            return False
        value = read(record) or ""
        targets = value if isinstance(value, list) else [value]
        return any(target_key(target) in keys for target in targets)

    return matches
