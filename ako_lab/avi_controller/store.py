"""The objects, indexed so that no answer takes longer because there are many of them.

A `Record` keeps the attributes that questions are asked about, and the object itself as encoded JSON: that is a fifth
of the memory of the decoded form, and most answers need no decoding at all. References inside it stand in stored form
(see `validation`), so what an object refers to is read off the text, and rendering replaces them by addresses.

Indexes: by key (`type/uuid`), by (tenant, cloud, name), by name alone, who refers to whom, which child of a virtual
service has which domain, and per type a small number of **standing queries**: the result of a filter that clients use
is kept and maintained by later writes instead of being searched again. A client pages through thousands of objects with
the same filter, again and again; the first page pays for all. The least recently used query is given up, so a write
never maintains more than `STANDING_QUERIES` of them.

A change that writes several objects is made inside `undoing`: what it wrote is taken back when it does not come to its
end.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.references import parse_reference
from ako_lab.avi_controller.schema import Schema
from ako_lab.avi_controller.values import MARK, Document, Json

STANDING_QUERIES = 24
ADMIN = "admin"
Query = tuple[object, ...]
Predicate = Callable[["Record"], bool]
Index = TypeVar("Index")
_STORED_REFERENCE = re.compile(rb'"\xee\x80\x80([^"]*)"')


class Record:
    """One object: what is asked about it, and its encoded body."""

    __slots__ = (
        "body",
        "claims",
        "cloud",
        "created_by",
        "facts",
        "key",
        "modified",
        "name",
        "references",
        "tenant",
        "type",
        "uuid",
    )

    def __init__(self, *, key: str, document: Document, facts: tuple[Json, ...] = ()) -> None:
        self.key = key
        self.type, _, self.uuid = key.partition("/")
        self.name: str = document.get("name", "")
        # A tenant lies in itself: who may see it may see what lies in it.
        self.tenant: str = self.uuid if self.type == "tenant" else target_uuid(document.get("tenant_ref", "")) or ADMIN
        self.cloud: str = target_uuid(document.get("cloud_ref", ""))
        self.created_by: str = document.get("created_by", "")
        self.modified: str = document.get("_last_modified", "")
        self.facts = facts
        parent = target_key(document.get("vh_parent_vs_ref", ""))
        # Names that only one child of a parent may have: (parent, name).
        self.claims = tuple((parent, name) for name in document.get("vh_domain_name", ())) if parent else ()
        self.body = msgspec.json.encode(document)
        self.references = frozenset(_references(self.body)) - {key}

    def document(self) -> Document:
        """A fresh decoded copy, references in stored form."""
        result: Document = msgspec.json.decode(self.body)
        return result


def _references(body: bytes) -> Iterator[str]:
    return (found.decode() for found in _STORED_REFERENCE.findall(body))


def target_key(stored: str) -> str:
    """The key of what a stored reference means, empty for none."""
    return stored[1:] if stored.startswith(MARK) else ""


def target_uuid(stored: str) -> str:
    """The uuid of what a stored reference means, empty for none."""
    return target_key(stored).partition("/")[2]


def stored_reference(key: str) -> str:
    """The stored form of a reference to a key."""
    return MARK + key


def _forget(index: dict[Index, dict[str, Record]], entry: Index, record: Record) -> None:
    found = index.get(entry)
    if found is not None:
        found.pop(record.key, None)
        if not found:
            del index[entry]


class Table:
    """The objects of one type, in order of creation, with their name indexes and standing queries."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.names: dict[tuple[str, str, str], Record] = {}
        self.by_name: dict[str, dict[str, Record]] = {}
        self._standing: OrderedDict[Query, tuple[Predicate, dict[str, Record]]] = OrderedDict()

    def add(self, record: Record, *, unique: tuple[str, str, str]) -> None:
        """Add or replace a record."""
        self.records[record.uuid] = record
        self.names[unique] = record
        self.by_name.setdefault(record.name, {})[record.uuid] = record
        for predicate, found in self._standing.values():
            # An object that changed keeps its place in a result that it still belongs to.
            if predicate(record):
                found[record.uuid] = record
            else:
                found.pop(record.uuid, None)

    def remove(self, record: Record, *, unique: tuple[str, str, str], gone: bool) -> None:
        """Forget a record; unless it is gone for good, its places in `records` and the queries wait for the new one."""
        self.names.pop(unique, None)
        same_name = self.by_name.get(record.name, {})
        same_name.pop(record.uuid, None)
        if not same_name:
            self.by_name.pop(record.name, None)
        if gone:
            self.records.pop(record.uuid, None)
            for _, found in self._standing.values():
                found.pop(record.uuid, None)

    def matching(self, query: Query, predicate: Predicate) -> dict[str, Record]:
        """The records of a query by uuid, from its standing result if there is one."""
        known = self._standing.get(query)
        if known is not None:
            self._standing.move_to_end(query)
            return known[1]
        found = {uuid: record for uuid, record in self.records.items() if predicate(record)}
        self._standing[query] = (predicate, found)
        if len(self._standing) > STANDING_QUERIES:
            self._standing.popitem(last=False)
        return found


class Store:
    """All objects and who refers to whom."""

    def __init__(self, *, schema: Schema) -> None:
        self.schema = schema
        self.records: dict[str, Record] = {}
        self.tables: dict[str, Table] = {name: Table() for name in schema.types}
        self._referrers: dict[str, dict[str, Record]] = {}
        self._claimants: dict[tuple[str, str], dict[str, Record]] = {}
        self.writes = 0
        # Keys written since somebody who follows the store took this set; None while nobody does.
        self.changed: set[str] | None = None
        # Number of the last write of each key, the last written at the end; None until a Service Engine follows.
        self._written: OrderedDict[str, int] | None = None
        # What stood under each key before a write, in order of the writes; None outside `undoing`.
        self._before: list[tuple[str, Record | None]] | None = None

    def unique_name(self, kind: str, *, tenant: str, cloud: str, name: str) -> tuple[str, str, str]:
        """What must be unique about an object of a type."""
        scope = self.schema.types[kind].scope
        return ("" if scope == "global" else tenant, cloud if scope == "cloud" else "", name)

    def _unique(self, record: Record) -> tuple[str, str, str]:
        return self.unique_name(record.type, tenant=record.tenant, cloud=record.cloud, name=record.name)

    def put(self, record: Record) -> None:
        """Add a record, or replace the one that has its key."""
        table = self.tables[record.type]
        old = self.records.get(record.key)
        if self._before is not None:
            self._before.append((record.key, old))
        if old is not None:
            table.remove(old, unique=self._unique(old), gone=False)
            self._unlink(old)
        self.records[record.key] = record
        table.add(record, unique=self._unique(record))
        for target in record.references:
            self._referrers.setdefault(target, {})[record.key] = record
        for claim in record.claims:
            self._claimants.setdefault(claim, {})[record.key] = record
        self._note(record.key)

    def remove(self, record: Record) -> None:
        """Take a record away for good."""
        if self._before is not None:
            self._before.append((record.key, record))
        del self.records[record.key]
        self.tables[record.type].remove(record, unique=self._unique(record), gone=True)
        self._unlink(record)
        self._note(record.key)

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """All writes inside or none: an exception takes them back. One inside another belongs to the outer one."""
        if self._before is not None:
            yield
            return
        before: list[tuple[str, Record | None]] = []
        self._before = before
        try:
            yield
        except BaseException:
            self._before = None
            for key, record in reversed(before):
                if record is not None:
                    self.put(record)
                elif key in self.records:
                    self.remove(self.records[key])
            raise
        finally:
            self._before = None

    def _note(self, key: str) -> None:
        self.writes += 1
        if self.changed is not None:
            self.changed.add(key)
        if self._written is not None:
            self._written[key] = self.writes
            self._written.move_to_end(key)

    def written_since(self, number: int) -> list[str]:
        """Keys written or removed after a write of this number; from the first question on, the store takes note."""
        if self._written is None:
            self._written = OrderedDict.fromkeys(self.records, self.writes)
            return list(self._written)
        found = []
        for key in reversed(self._written):
            if self._written[key] <= number:
                break
            found.append(key)
        return found

    def _unlink(self, record: Record) -> None:
        for target in record.references:
            _forget(self._referrers, target, record)
        for claim in record.claims:
            _forget(self._claimants, claim, record)

    def referrers(self, key: str, kind: str | None = None) -> Iterable[Record]:
        """Who refers to a key, all or of one type, in order of their last write."""
        pointing = self._referrers.get(key, {}).values()
        return pointing if kind is None else [record for record in pointing if record.type == kind]

    def number_of_referrers(self, key: str) -> int:
        """How many objects of any type refer to a key."""
        return len(self._referrers.get(key, {}))

    def claimants(self, parent: str, name: str) -> Iterable[Record]:
        """The children of a virtual service that have a domain."""
        return self._claimants.get((parent, name), {}).values()

    def named(self, kind: str, name: str, *, tenant: str, cloud: str = "") -> Record | None:
        """The object of a name in exactly this tenant and cloud."""
        return self.tables[kind].names.get(self.unique_name(kind, tenant=tenant, cloud=cloud, name=name))

    def resolved(self, target: str, text: str, *, tenant: str | None, cloud: str) -> str:
        """The key that a client's reference means; empty for unset; a refusal when there is no such object.

        An object of `tenant` may refer to that tenant's objects and to those of `admin`, whichever form the reference
        has; `tenant` None looks in all of them. `cloud` is where a target that lies in a cloud must lie, empty for any.
        """
        reference = parse_reference(text)
        if reference is None:
            return ""
        kind = self.schema.type_name(reference.type or target.lower())
        wanted = target.lower() or (kind or "")
        if kind is None or kind != wanted:
            raise errors.bad_request(f"a reference to {target or 'an object'} is expected, not {text[:200]!r}")
        record = self._meant(kind, reference.uuid, reference.names, tenant=tenant, cloud=cloud)
        if record is None:
            raise errors.reference_not_found(self.schema.types[kind].model, text[:200])
        if cloud and record.cloud != cloud:
            raise errors.bad_request(f"{record.type} {record.name!r} belongs to another cloud than what refers to it")
        return record.key

    def _meant(
        self, kind: str, uuid: str | None, names: tuple[str, ...], *, tenant: str | None, cloud: str
    ) -> Record | None:
        if uuid is not None:
            found = self.records.get(f"{kind}/{uuid}")
            in_reach = tenant is None or self.schema.types[kind].scope == "global"
            return found if found is None or in_reach or found.tenant in (tenant, ADMIN) else None
        if tenant is None:
            return next((record for name in names for record in self.tables[kind].by_name.get(name, {}).values()), None)
        tenants = (tenant, ADMIN) if tenant != ADMIN else (ADMIN,)
        for name in names:
            for owner in tenants:
                found = self.named(kind, name, tenant=owner, cloud=cloud)
                if found is None and not cloud:
                    # The referring object belongs to no cloud (an L4PolicySet, say): any cloud's object will do.
                    same_name = self.tables[kind].by_name.get(name, {}).values()
                    found = next((record for record in same_name if record.tenant == owner), None)
                if found is not None:
                    return found
        return None
