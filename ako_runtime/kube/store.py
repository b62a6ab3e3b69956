"""The one mutable place for Kubernetes objects: swaps immutable snapshots under a lock.

Reflectors report lists and events here. A change that does not touch a field that we read goes no further. For each
other one the listener is called with old and new object, when the snapshot already holds the change.

A kind is complete when it has been listed in every place in which it is read: once, or in each of its namespaces.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from ako_runtime.kube.kinds import WatchedKind
from ako_runtime.model.environment import Environment, Reference
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.meta import Resource, differs
from ako_runtime.resources.snapshot import Identity, Snapshot


class ChangeListener(Protocol):
    """Told of every change that matters."""

    def __call__(self, resource: str, old: Resource | None, new: Resource | None) -> None:
        """One object was added (no old), removed (no new) or changed."""


class Store:
    """Current snapshot and how it changes."""

    def __init__(self, *, environment: Environment, on_change: ChangeListener, kinds: Iterable[WatchedKind]) -> None:
        self._lock = threading.Lock()
        self._snapshot = Snapshot(environment=environment)
        self._on_change = on_change
        self._unlisted = {(kind.key, kind.namespace) for kind in kinds}
        self._synced = threading.Event()

    @property
    def snapshot(self) -> Snapshot:
        """The present moment."""
        return self._snapshot

    @property
    def missing(self) -> frozenset[str]:
        """Kinds that have not been listed yet."""
        with self._lock:
            return frozenset(key for key, _ in self._unlisted)

    def wait_synced(self, timeout: float) -> bool:
        """Whether every expected kind has been listed, waiting up to `timeout` seconds."""
        return self._synced.wait(timeout)

    def replace_environment(self, environment: Environment, changed: Callable[[], None]) -> None:
        """Put new facts in; `changed` is called when they differ from the old ones."""
        with self._lock:
            same = self._snapshot.environment == environment
            if not same:
                self._snapshot = msgspec.structs.replace(self._snapshot, environment=environment)
        if not same:
            changed()

    def put_reference(self, ref: Ref, found: Reference) -> bool:
        """What the controller says about a named object; True if it says something new."""
        with self._lock:
            known = self._snapshot.references.get(ref)
            if known != found:
                self._snapshot = self._snapshot.with_reference(ref, found)
            return known is not None and known != found

    def put(self, resource: str, obj: Resource) -> None:
        """An object was added or changed."""
        with self._lock:
            old = self._latest(resource, obj.identity)
            # Not by version alone: a server that was set back gives old numbers to new content.
            if old == obj:
                return
            self._snapshot = self._snapshot.with_object(resource, obj)
        if differs(old, obj):
            self._on_change(resource, old, obj)

    def remove(self, resource: str, identity: Identity) -> None:
        """An object is gone."""
        with self._lock:
            old = self._latest(resource, identity)
            self._snapshot = self._snapshot.without_object(resource, identity)
        if old is not None:
            self._on_change(resource, old, None)

    def _latest(self, resource: str, identity: Identity) -> Resource | None:
        return self._snapshot.latest(ObjectRef(resource=resource, namespace=identity[0], name=identity[1]))

    def replace(
        self, resource: str, objects: Mapping[Identity, Resource], *, keep: frozenset[Identity], namespace: str = ""
    ) -> None:
        """A complete list (of one namespace): what is not in it is gone, except `keep`, present but not decodable."""
        gone = [
            identity
            for identity in self._snapshot.of(resource)
            if namespace in ("", identity[0]) and identity not in objects and identity not in keep
        ]
        for identity in gone:
            self.remove(resource, identity)
        for obj in objects.values():
            self.put(resource, obj)
        with self._lock:
            self._unlisted.discard((resource, namespace))
            if not any(key == resource for key, _ in self._unlisted):
                complete = self._snapshot.complete | {resource}
                self._snapshot = msgspec.structs.replace(self._snapshot, complete=complete)
            if not self._unlisted:
                self._synced.set()
