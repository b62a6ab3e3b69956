"""Which reader asked which question, so that a change names those whose answer it may alter.

A reader is a stack key, or the placement of an Ingress (by its identity): the keys that would serve its hosts. It reads
in pieces, which are registered apart, so that a key with thousands of hosts is kept up at the cost of the hosts that a
pass computed. A question has mostly one asker, which stands for itself; those with several have a table. Asking too
much costs a needless pass, forgetting a question would be a missed change; nothing is removed but by whoever asked it.

The table is written by the thread that translates and read by those that report changes; `lock` guards both.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

from ako_runtime.model.stack import StackKey
from ako_runtime.resources.index import Identity, Index
from ako_runtime.resources.journal import Change
from ako_runtime.resources.snapshot import INDEXES

ALL, INDEX, OBJECT, REFERENCE = range(4)
Question = tuple[int, str, object]
"""What was asked: all objects of a kind, those under a value of an index, one object, or one reference."""
Piece = tuple[str, str | Identity]
Reader = StackKey | Identity
Asker = tuple[Reader, Piece]
_Askers = Asker | dict[Reader, dict[Piece, None]]

WHOLE: Piece = ("", "")
"""The piece of a reader for what it asks outside of pieces."""


class Readers:
    """The askers of every question."""

    def __init__(self, lock: AbstractContextManager[object] | None = None) -> None:
        self._lock = lock if lock is not None else nullcontext()
        self._askers: dict[Question, _Askers] = {}

    def __len__(self) -> int:
        return len(self._askers)

    def replace(self, asker: Asker, old: Iterable[Question], new: Iterable[Question]) -> None:
        """The asker asked the `old` questions before and asks the `new` ones now."""
        before, after = set(old), set(new)
        with self._lock:
            for question in before - after:
                self._remove(question, asker)
            for question in after - before:
                self._add(question, asker)

    def of(self, change: Change) -> set[Reader]:
        """The readers whose answer the change may alter."""
        found: set[Reader] = set()
        with self._lock:
            for question in questions_about(change):
                held = self._askers.get(question)
                if isinstance(held, dict):
                    found.update(held)
                elif held is not None:
                    found.add(held[0])
        return found

    def pieces(self, reader: Reader, changes: Iterable[Change]) -> frozenset[Piece]:
        """The pieces of one reader that asked about something that changed."""
        found: set[Piece] = set()
        with self._lock:
            for change in changes:
                for question in questions_about(change):
                    held = self._askers.get(question)
                    if isinstance(held, dict):
                        found.update(held.get(reader, ()))
                    elif held is not None and held[0] == reader:
                        found.add(held[1])
        return frozenset(found)

    def _add(self, question: Question, asker: Asker) -> None:
        held = self._askers.get(question)
        if held is None:
            self._askers[question] = asker
        elif isinstance(held, dict):
            held.setdefault(asker[0], {})[asker[1]] = None
        elif held != asker:
            table: dict[Reader, dict[Piece, None]] = {held[0]: {held[1]: None}}
            table.setdefault(asker[0], {})[asker[1]] = None
            self._askers[question] = table

    def _remove(self, question: Question, asker: Asker) -> None:
        held = self._askers.get(question)
        if isinstance(held, dict):
            pieces = held.get(asker[0], {})
            pieces.pop(asker[1], None)
            if not pieces:
                held.pop(asker[0], None)
            if not held:
                del self._askers[question]
        elif held == asker:
            del self._askers[question]


def questions_about(change: Change) -> Iterator[Question]:
    """The questions whose answer a change may have altered, each once."""
    if change.reference is not None:
        yield (REFERENCE, "", change.reference)
        return
    either = [obj for obj in (change.old, change.new) if obj is not None]
    yield (ALL, change.resource, None)
    yield from {(OBJECT, change.resource, obj.identity) for obj in either}
    for index in _INDEXES_OF.get(change.resource, ()):
        yield from {(INDEX, index.name, value) for obj in either for value in index.values(obj)}


_INDEXES_OF: dict[str, tuple[Index, ...]] = {
    resource: tuple(index for index in INDEXES if index.resource == resource)
    for resource in {index.resource for index in INDEXES}
}
