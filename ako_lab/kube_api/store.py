"""The store: collections of immutable documents, one version counter, a bounded history.

Every write takes the next number of one counter, as in etcd, and leaves an `Event` in its collection's history. A
watch is a cursor into that history, so a hundred watches cost a hundred integers; a watcher that falls behind further
than the history reaches learns so (`Gone`) instead of holding memory. `compact` forgets the history on purpose.

Documents are never changed in place. Their JSON is encoded once, when somebody first asks, and shared by every list
and watch after that. Keys are `(namespace, name)`; a collection keeps them sorted lazily, so creating 20,000 objects
costs no more for the last than for the first, and a list after many creates sorts once.

Nothing here knows HTTP, kinds or time. One lock (held by `Api`) guards all of it.
"""

from collections.abc import Callable, Iterator

import msgspec

from ako_lab.kube_api.errors import JsonObject

Key = tuple[str, str]


class Gone(Exception):  # noqa: N818 - the API's own word
    """The history no longer reaches back to the version asked for."""


class Stored:
    """One version of one object, with its JSON."""

    __slots__ = ("_encoded", "document", "version")

    def __init__(self, document: JsonObject, version: int) -> None:
        self.document = document
        self.version = version
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The document as JSON."""
        if self._encoded is None:
            self._encoded = msgspec.json.encode(self.document)
        return self._encoded


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One write: the object before it (None: created) and after it (None: deleted; `last` is its final form)."""

    version: int
    before: Stored | None
    after: Stored | None
    last: Stored


class Collection:
    """The objects of one kind and the history of their writes."""

    def __init__(self, *, retained: int, version: int) -> None:
        self._objects: dict[Key, Stored] = {}
        self._keys: list[Key] = []
        self._sorted = True
        self._retained = retained
        self._events: list[Event] = []
        self._first = 0
        self._forgotten = version

    def get(self, key: Key) -> Stored | None:
        """The object of a key."""
        return self._objects.get(key)

    def keys(self) -> list[Key]:
        """Every key in order; the caller must not change the list."""
        if not self._sorted:
            self._keys = sorted(self._objects)
            self._sorted = True
        return self._keys

    def items(self, namespace: str | None = None) -> Iterator[Stored]:
        """The objects in the order of their keys."""
        for key in self.keys():
            if namespace is None or key[0] == namespace:
                yield self._objects[key]

    def record(self, key: Key, event: Event) -> None:
        """Make a write visible."""
        if event.after is None:
            del self._objects[key]
            self._sorted = False
        else:
            if key not in self._objects:
                self._sorted = False
            self._objects[key] = event.after
        self._events.append(event)
        if len(self._events) > 2 * self._retained:
            self._forget(len(self._events) - self._retained)

    def cursor(self, version: int) -> int:
        """The position in the history just after `version`."""
        if version < self._forgotten:
            raise Gone
        low, high = 0, len(self._events)
        while low < high:
            middle = (low + high) // 2
            if self._events[middle].version <= version:
                low = middle + 1
            else:
                high = middle
        return self._first + low

    def since(self, cursor: int, limit: int) -> list[Event]:
        """At most `limit` events from a cursor on."""
        if cursor < self._first:
            raise Gone
        start = cursor - self._first
        return self._events[start : start + limit]

    def compact(self, version: int) -> None:
        """Forget the whole history; versions older than `version` are gone."""
        self._forget(len(self._events))
        self._forgotten = max(self._forgotten, version)

    def _forget(self, count: int) -> None:
        if count:
            self._forgotten = self._events[count - 1].version
            self._first += count
            del self._events[:count]


class Store:
    """Every collection, and the counter that orders their writes."""

    def __init__(self, *, retained: int) -> None:
        self._retained = retained
        self._collections: dict[str, Collection] = {}
        self._listeners: tuple[Callable[[], None], ...] = ()
        self.version = 1

    def collection(self, storage: str) -> Collection:
        """The collection of a kind, made when it is first asked for."""
        found = self._collections.get(storage)
        if found is None:
            found = self._collections[storage] = Collection(retained=self._retained, version=0)
        return found

    def storages(self) -> list[str]:
        """The names of the collections."""
        return list(self._collections)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every write."""
        self._listeners = (*self._listeners, listener)

    def write(self, storage: str, key: Key, document: JsonObject) -> Stored:
        """Create or replace an object under the next version."""
        collection = self.collection(storage)
        stored = self._next(document)
        event = Event(version=self.version, before=collection.get(key), after=stored, last=stored)
        self._record(collection, key, event)
        return stored

    def remove(self, storage: str, key: Key, document: JsonObject) -> Stored:
        """Delete an object; `document` is the final form that watchers see."""
        collection = self.collection(storage)
        last = self._next(document)
        self._record(collection, key, Event(version=self.version, before=collection.get(key), after=None, last=last))
        return last

    def compact(self) -> None:
        """Forget every history, as etcd's compaction does."""
        for collection in self._collections.values():
            collection.compact(self.version)

    def _next(self, document: JsonObject) -> Stored:
        self.version += 1
        metadata = {**document["metadata"], "resourceVersion": str(self.version)}
        return Stored({**document, "metadata": metadata}, self.version)

    def _record(self, collection: Collection, key: Key, event: Event) -> None:
        collection.record(key, event)
        for listener in self._listeners:
            listener()
