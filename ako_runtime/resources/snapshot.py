"""An immutable view of everything that translation may look at.

Objects are held by kind (plural resource name) in persistent maps: a snapshot shares all but a few nodes with its
predecessor, so taking one is free and it never changes under a reader. Indexes are persistent maps as well and are
kept up with each change; their cost depends on the object that changed, not on the number of objects. The journal says
which changes came last.

Of an Ingress, translation sees what its user wrote. When only what controllers write into it changes (which is mostly
our own status coming back), `latest` answers the new version, everything else the one before: it is the same object,
so nothing that was made of it need be looked at again.

`complete` names the kinds whose list has been seen; a kind outside it is unknown, which is not empty.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from immutables import Map
from msgspec import Struct

from ako_runtime.model.environment import Environment, Reference
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.core import EndpointSlice, Namespace, Service
from ako_runtime.resources.index import L4_INDEXES, SLICES_OF_SERVICE, Index
from ako_runtime.resources.index import Identity as ObjectIdentity
from ako_runtime.resources.index_l7 import L7_INDEXES
from ako_runtime.resources.index_rules import RULE_INDEXES
from ako_runtime.resources.journal import Change, Journal
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress, is_marked_alone

R = TypeVar("R", bound=Resource)
Identity = ObjectIdentity

INDEXES: tuple[Index, ...] = (*L4_INDEXES, *L7_INDEXES, *RULE_INDEXES)

_NO_OBJECTS: Map[Identity, Resource] = Map()


class Snapshot(Struct, frozen=True, kw_only=True):
    """Kubernetes objects that we watch, and the facts about the controller, at one moment."""

    objects: Map[str, Map[Identity, Resource]] = Map()
    # Newer versions of `objects` that differ in nothing but what controllers write.
    marked: Map[tuple[str, Identity], Resource] = Map()
    indexes: Map[str, Map[Identity, Map[Identity, Resource]]] = Map()
    complete: frozenset[str] = frozenset()
    environment: Environment = Environment()
    references: Map[Ref, Reference] = Map()
    journal: Journal = Journal()

    def of(self, resource: str) -> Mapping[Identity, Resource]:
        """All objects of a kind, by namespace and name."""
        return self.objects.get(resource, _NO_OBJECTS)

    def found(self, index: Index, value: Identity) -> tuple[Resource, ...]:
        """Objects under `value` in an index, by namespace and name."""
        by_value = self.indexes.get(index.name)
        entries = by_value.get(value) if by_value is not None else None
        return tuple(obj for _, obj in sorted(entries.items())) if entries else ()

    def object(self, about: ObjectRef) -> Resource | None:
        """Any watched object."""
        return self.of(about.resource).get((about.namespace, about.name))

    def latest(self, about: ObjectRef) -> Resource | None:
        """Any watched object with its present status and marks, which translation does not see."""
        return self.marked.get((about.resource, (about.namespace, about.name))) or self.object(about)

    def reference(self, ref: Ref) -> Reference | None:
        """What is known of a named object on the controller; None if nobody has looked yet (see `Outcome.needs`)."""
        return self.references.get(ref)

    def service(self, namespace: str, name: str) -> Service | None:
        """A Service."""
        found = self.of("services").get((namespace, name))
        return found if isinstance(found, Service) else None

    def namespace(self, name: str) -> Namespace | None:
        """A Namespace."""
        found = self.of("namespaces").get(("", name))
        return found if isinstance(found, Namespace) else None

    def slices(self, namespace: str, service: str) -> tuple[EndpointSlice, ...]:
        """EndpointSlices of a Service."""
        return only(self.found(SLICES_OF_SERVICE, (namespace, service)), EndpointSlice)

    def with_object(self, resource: str, obj: Resource) -> "Snapshot":
        """This snapshot with `obj` added or replaced."""
        return self._changed(resource, obj.identity, obj)

    def without_object(self, resource: str, identity: Identity) -> "Snapshot":
        """This snapshot without the object."""
        return self._changed(resource, identity, None)

    def with_reference(self, ref: Ref, found: Reference) -> "Snapshot":
        """This snapshot with what the controller says about a named object."""
        return msgspec.structs.replace(
            self,
            references=self.references.set(ref, found),
            journal=self.journal.with_change(Change(reference=ref)),
        )

    def _changed(self, resource: str, identity: Identity, new: Resource | None) -> "Snapshot":
        held = self.objects.get(resource, _NO_OBJECTS)
        old = held.get(identity)
        if new is None and old is None:
            return self
        if isinstance(old, Ingress) and isinstance(new, Ingress) and is_marked_alone(old, new):
            # What is equal is kept once.
            shown = msgspec.structs.replace(new, spec=old.spec)
            return msgspec.structs.replace(self, marked=self.marked.set((resource, identity), shown))
        marked = self.marked.delete((resource, identity)) if (resource, identity) in self.marked else self.marked
        held = held.set(identity, new) if new is not None else held.delete(identity)
        indexes = self.indexes
        for index in INDEXES:
            if index.resource == resource:
                indexes = indexes.set(index.name, _reindexed(indexes.get(index.name, Map()), index, old, new))
        return Snapshot(
            objects=self.objects.set(resource, held),
            marked=marked,
            indexes=indexes,
            complete=self.complete,
            environment=self.environment,
            references=self.references,
            journal=self.journal.with_change(Change(resource=resource, old=old, new=new)),
        )


def _reindexed(
    held: Map[Identity, Map[Identity, Resource]], index: Index, old: Resource | None, new: Resource | None
) -> Map[Identity, Map[Identity, Resource]]:
    before = set(index.values(old)) if old is not None else set()
    after = set(index.values(new)) if new is not None else set()
    for value in before - after:
        if old is not None:
            entries = held[value].delete(old.identity)
            held = held.set(value, entries) if entries else held.delete(value)
    if new is not None:
        for value in after:
            held = held.set(value, held.get(value, _NO_OBJECTS).set(new.identity, new))
    return held


def only(objects: Iterable[Resource], kind: type[R]) -> tuple[R, ...]:
    """Those of `objects` that are of `kind` (all of them, in practice), typed."""
    return tuple(obj for obj in objects if isinstance(obj, kind))
