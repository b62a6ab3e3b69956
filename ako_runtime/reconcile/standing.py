"""Which outcomes are known to be in place: the controller and the statuses show all that they say.

A pass that knows how its outcome differs from one in place need only look at the difference. What is in place is
forgotten when the pass of its key begins, and noted when a pass ended well; a new reading of the controller (drift)
voids all of it.
"""

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
        self._intents: dict[StackKey, dict[ObjectRef, StatusIntent]] = {}

    def note(
        self, key: StackKey, intents: tuple[StatusIntent, ...], *, every: tuple[StatusIntent, ...] | None = None
    ) -> None:
        """Take what a pass decided; with `every`, `intents` are those of them that differ from the last time."""
        held = self._intents.get(key)
        if every is not None and held is not None and len(held) == len(every):
            held |= {intent.about: intent for intent in intents}
            return
        standing = intents if every is None else every
        if any(self._store.snapshot.object(intent.about) is not None for intent in standing):
            self._intents[key] = {intent.about: intent for intent in standing}
        else:
            self._intents.pop(key, None)

    def about(self, key: StackKey, obj: ObjectRef) -> tuple[bool, StatusIntent | None]:
        """Whether the key decided anything, and what about the object."""
        held = self._intents.get(key)
        return (held is not None, held.get(obj) if held is not None else None)


def is_narrow(operations: tuple[Operation, ...]) -> bool:
    """Whether what is written leaves alone what statuses beside it depend on: the addresses."""
    return all(operation.ref.kind != _ADDRESSES for operation in operations)
