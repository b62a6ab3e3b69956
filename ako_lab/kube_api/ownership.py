"""Garbage collection by owner references, in the background form that `kubectl delete` asks for.

An index from owner uid to dependents; when the last known owner of an object is gone, so is the object. Foreground
deletion and `blockOwnerDeletion` are not here: a deleted owner never waits for its dependents.
"""

from collections.abc import Callable

from ako_lab.kube_api.errors import JsonObject
from ako_lab.kube_api.store import Key

Place = tuple[str, Key]


class Dependents:
    """Who depends on whom."""

    def __init__(self) -> None:
        self._by_owner: dict[str, set[Place]] = {}
        self._alive: set[str] = set()

    def remember(self, storage: str, key: Key, document: JsonObject) -> None:
        """Index a stored object."""
        self._alive.add(document["metadata"]["uid"])
        for owner in document["metadata"].get("ownerReferences") or ():
            self._by_owner.setdefault(owner.get("uid", ""), set()).add((storage, key))

    def forget(self, storage: str, key: Key, document: JsonObject) -> None:
        """Take a deleted object out of the index."""
        self._alive.discard(document["metadata"]["uid"])
        for owner in document["metadata"].get("ownerReferences") or ():
            self._by_owner.get(owner.get("uid", ""), set()).discard((storage, key))

    def known(self, uid: str) -> bool:
        """Whether an object of this uid exists."""
        return uid in self._alive

    def orphaned(self, uid: str, lives: Callable[[str, Key, str], bool]) -> list[Place]:
        """The dependents of a deleted owner that no other owner keeps alive."""
        places = self._by_owner.pop(uid, set())
        return sorted((storage, key) for storage, key in places if not lives(storage, key, uid))
