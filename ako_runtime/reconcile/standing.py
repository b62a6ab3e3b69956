"""Which outcomes are known to be in place: the controller and the statuses show all that they say.

A pass that knows how its outcome differs from one in place need only look at the difference. What is in place is
forgotten when the pass of its key begins, and noted when a pass ended well; a new reading of the controller (drift)
voids all of it.
"""

import threading
from collections.abc import Collection
from typing import Final

from ako_runtime.kube.store import Store
from ako_runtime.model.operation import Operation
from ako_runtime.model.stack import Delta, ObjectRef, Outcome, StackKey, StatusIntent

_ADDRESSES: Final = "vsvip"


class Standing:
    """Outcomes in place, by key; used by the thread that plans and by those that end passes."""

    def __init__(self) -> None:
        # The token of the outcome, and the reading of the inventory under which it was compared.
        self._tokens: dict[StackKey, tuple[object, int]] = {}

    def taken(self, outcome: Outcome, *, reading: int) -> Delta | None:
        """How the outcome differs from what is in place; None if that must be found out. Nothing is in place then."""
        held = self._tokens.pop(outcome.key, None)
        delta = outcome.delta
        if held is None or delta is None or delta.since is None:
            return None
        return delta if held[0] is delta.since and held[1] == reading else None

    def note(self, outcome: Outcome, *, reading: int) -> None:
        """The outcome is in place."""
        if outcome.delta is not None:
            self._tokens[outcome.key] = (outcome.delta.token, reading)


class Decided:
    """What the last pass of each key decided that its objects should show."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._intents: dict[StackKey, dict[ObjectRef, StatusIntent]] = {}
        # The same by object: who said anything about it.
        self._deciders: dict[ObjectRef, frozenset[StackKey]] = {}

    def note(
        self, key: StackKey, intents: tuple[StatusIntent, ...], *, every: tuple[StatusIntent, ...] | None = None
    ) -> None:
        """Take what a pass decided; with `every`, `intents` are those of them that differ from the last time."""
        with self._lock:
            held = self._intents.get(key, {})
            standing = intents if every is None else every
            if every is not None and len(held) == len(every) and all(intent.about in held for intent in intents):
                held |= {intent.about: intent for intent in intents}
                return
            if any(self._store.snapshot.object(intent.about) is not None for intent in standing):
                self._intents[key] = {intent.about: intent for intent in standing}
            else:
                self._intents.pop(key, None)
            self._note_deciders(key, before=held.keys(), after=self._intents.get(key, {}).keys())

    def add(self, key: StackKey, intent: StatusIntent) -> None:
        """Take one decision of a pass that has not ended."""
        with self._lock:
            self._intents.setdefault(key, {})[intent.about] = intent
            self._note_deciders(key, before=(), after=(intent.about,))

    @property
    def keys(self) -> frozenset[StackKey]:
        """The keys whose last pass decided anything."""
        with self._lock:
            return frozenset(self._intents)

    def about(self, obj: ObjectRef) -> tuple[tuple[StackKey, StatusIntent], ...]:
        """What was decided about the object, and by whom."""
        with self._lock:
            found = [(key, self._intents[key].get(obj)) for key in sorted(self._deciders.get(obj, ()))]
        return tuple((key, intent) for key, intent in found if intent is not None)

    def _note_deciders(self, key: StackKey, *, before: Collection[ObjectRef], after: Collection[ObjectRef]) -> None:
        for obj in before:
            if obj not in after:
                left = self._deciders[obj] - {key}
                if left:
                    self._deciders[obj] = left
                else:
                    del self._deciders[obj]
        for obj in after:
            if obj not in before:
                self._deciders[obj] = self._deciders.get(obj, frozenset()) | {key}


def is_narrow(operations: tuple[Operation, ...]) -> bool:
    """Whether what is written leaves alone what statuses beside it depend on: the addresses."""
    return all(operation.ref.kind != _ADDRESSES for operation in operations)
