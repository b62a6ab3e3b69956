"""What translation remembers from pass to pass, so that a change costs what it touches and not what is beside it.

A shared virtual service has thousands of hosts, and one of them changes. Each piece of its translation (the site of an
Ingress, a host, the objects of a host) is computed through a *witness*: a snapshot that notes everything that is asked
of it. As long as all of that is answered with the very same objects, the piece is the same, and is taken as it was.
Snapshots are persistent maps: what did not change is the same object, so asking again is a look-up and a comparison
of identity. Nothing is declared to depend on anything, hence nothing can be forgotten.

A *page* belongs to a key. Asking every piece of a large key takes long although each is quick, so a snapshot also says
what changed since an earlier one (`ako_runtime.resources.journal`), and the page knows which pieces asked about what.
Where the changes are not known, every piece is asked. Translation without memory gives the same answers, only slower.

What several pages need to know of one thing (who serves a host: each shard with a host of the same Ingress asks) is
`shared` between them; whatever it came from counts as asked by the piece that uses it.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TypeVar

from msgspec import Struct

from ako_runtime.model.environment import Reference
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef, StackKey
from ako_runtime.resources.core import Namespace, Service
from ako_runtime.resources.index import Identity, Index
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST
from ako_runtime.resources.journal import Change
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.readers import ALL, INDEX, OBJECT, REFERENCE, WHOLE, Piece, Question, Reader, Readers

T = TypeVar("T")
PieceName = Piece
"""What a piece is, and of which host, Ingress, or the like."""

# So many things are shared for each host, and so many at least, before those that are gone are looked for.
_COUNTED, _ROOM, _LEAST = INGRESSES_OF_HOST.name, 4, 256

NOTHING = Snapshot()
"""For pieces that come from their inputs alone."""


class Witness(Snapshot, frozen=True, kw_only=True):
    """A snapshot that notes what it is asked and what it answers; `environment` and `complete` belong to the page."""

    answers: dict[Question, object]
    # What all pages share: read and filled.
    common: dict[PieceName, "_Piece"]

    def of(self, resource: str) -> Mapping[Identity, Resource]:
        """All objects of a kind."""
        self.answers[ALL, resource, None] = self.objects.get(resource)
        return Snapshot.of(self, resource)

    def found(self, index: Index, value: Identity) -> tuple[Resource, ...]:
        """Objects in an index."""
        question = (INDEX, index.name, value)
        self.answers[question] = _answer(self, question)
        return Snapshot.found(self, index, value)

    def object(self, about: ObjectRef) -> Resource | None:
        """Any watched object."""
        return self._single(about.resource, (about.namespace, about.name))

    def service(self, namespace: str, name: str) -> Service | None:
        """A Service."""
        found = self._single("services", (namespace, name))
        return found if isinstance(found, Service) else None

    def namespace(self, name: str) -> Namespace | None:
        """A Namespace."""
        found = self._single("namespaces", ("", name))
        return found if isinstance(found, Namespace) else None

    def reference(self, ref: Ref) -> Reference | None:
        """What is known of an object on the controller."""
        found = self.references.get(ref)
        self.answers[REFERENCE, "", ref] = found
        return found

    def _single(self, resource: str, identity: Identity) -> Resource | None:
        held = self.objects.get(resource)
        found = held.get(identity) if held is not None else None
        self.answers[OBJECT, resource, identity] = found
        return found


class _Piece(Struct, frozen=True, kw_only=True, gc=False):
    """A remembered value with all that it came from: inputs, and questions with their answers."""

    value: object
    inputs: tuple[object, ...]
    answers: tuple[tuple[Question, object], ...]


class Page:
    """The pieces of one key, and where the last pass ended.

    A page is in one of two states. *Reading*: nothing is known of what changed since the last pass, so each piece is
    asked whether its answers still hold, and those that the pass does not ask for are left behind. *Turning*: the
    changes since then are known (`changes`), so only the pieces that asked about something that changed are `touched`;
    the others hold without being looked at, for as long as nobody `forget`s them.
    """

    def __init__(self, key: StackKey, readers: Readers) -> None:
        self._key = key
        self._readers = readers
        self._common: dict[PieceName, _Piece] = {}
        self.pieces: dict[PieceName, _Piece] = {}
        self.shared: dict[PieceName, object] = {}
        # What the key made of its pieces, for a pass that changes some of them only; the kind of key knows what it is.
        self.whole: object = None
        self.changes: tuple[Change, ...] | None = None
        self.touched: frozenset[PieceName] = frozenset()
        self._held: Mapping[PieceName, _Piece] = {}
        self._held_shared: Mapping[PieceName, object] = {}
        self._mark: Change | None = None

    def use(self, common: dict[PieceName, _Piece]) -> None:
        """Share with other pages what pieces ask for by `shared`."""
        self._common = common

    def begin(self, snapshot: Snapshot) -> None:
        """A pass begins."""
        self.changes = snapshot.journal.since(self._mark) if self.whole is not None else None
        self._mark = snapshot.journal.last
        if self.changes is None:
            self.read()
            return
        self.touched = self._readers.pieces(self._key, self.changes)

    def read(self) -> None:
        """Ask each piece from here on, also those that nothing touched: the pass must see everything."""
        self.changes, self.whole = None, None
        self._held, self._held_shared = {**self._held, **self.pieces}, {**self._held_shared, **self.shared}
        self.pieces, self.shared = {}, {}

    def end(self) -> None:
        """The pass is over: what it did not ask for is forgotten."""
        for name in self._held.keys() - self.pieces.keys():
            self._register(name, self._held[name], ())
        self._held, self._held_shared, self.touched = {}, {}, frozenset()

    def piece(self, name: PieceName, snapshot: Snapshot, make: Callable[[Snapshot], T], *inputs: object) -> T:
        """The value of `make`, which may look at nothing but the snapshot that it is given and the inputs."""
        turning = self.changes is not None
        held = (self.pieces if turning else self._held).get(name)
        if (
            held is not None
            and _are_same(held.inputs, inputs)
            and ((name not in self.touched) if turning else _still_holds(held, snapshot))
        ):
            self.pieces[name] = held
            return held.value  # type: ignore[return-value]
        answers: dict[Question, object] = {}
        value: object = make(_witness(snapshot, answers, self._common))
        if held is not None and held.value == value:
            # What is made of it need not be made again.
            value = held.value
        self._register(name, held, answers)
        self.pieces[name] = _Piece(value=value, inputs=inputs, answers=tuple(answers.items()))
        return value  # type: ignore[return-value]

    def forget(self, name: PieceName) -> None:
        """The piece, or the shared value, is not wanted any more."""
        self.shared.pop(name, None)
        held = self.pieces.pop(name, None)
        if held is not None:
            self._register(name, held, ())

    def drop(self) -> None:
        """Nothing of the page is wanted any more."""
        for name, held in (*self._held.items(), *self.pieces.items()):
            self._register(name, held, ())
        self._held, self.pieces = {}, {}

    def same(self, name: PieceName, value: T) -> T:
        """The value of the last pass if it is equal to this one, so that it can be told by its identity."""
        held = (self.shared if self.changes is not None else self._held_shared).get(name)
        found = held if held == value else value
        self.shared[name] = found
        return found

    def value(self, name: PieceName) -> object:
        """What a piece was when it was last made; None if it never was."""
        held = self.pieces.get(name)
        return held.value if held is not None else None

    def _register(self, name: PieceName, held: "_Piece | None", questions: Iterable[Question]) -> None:
        """The piece asked other questions before (if it was there), and asks these now."""
        before = [question for question, _ in held.answers] if held is not None else []
        after = list(questions)
        if before != after:
            self._readers.replace((self._key, name), before, after)


class Recall:
    """The pages of all keys, and who asked what (`readers`)."""

    def __init__(self, lock: AbstractContextManager[object] | None = None) -> None:
        self.readers = Readers(lock)
        self._pages: dict[StackKey, tuple[tuple[object, ...], Page]] = {}
        # Of passes that have not come to their end.
        self._open: dict[StackKey, Page] = {}
        self._common: tuple[tuple[object, ...], dict[PieceName, _Piece]] = ((), {})
        # What each reader asked outside of pieces.
        self._asked: dict[Reader, tuple[Question, ...]] = {}

    @property
    def keys(self) -> frozenset[StackKey]:
        """Keys with something remembered."""
        return frozenset(self._pages)

    def recorded(self, reader: Reader, snapshot: Snapshot, make: Callable[[Snapshot], T]) -> T:
        """The value of `make`, which may look at nothing but the snapshot that it is given; what it asks is noted.

        A pass that computes what changed alone asks less than the one before it, whose questions count on.
        """
        answers: dict[Question, object] = {}
        value = make(_witness(snapshot, answers, self._common[1]))
        before = self._asked.get(reader, ())
        kept = self._pages.get(reader) if isinstance(reader, StackKey) else None
        asked = tuple(answers)
        if kept is not None and kept[1].changes is not None:
            asked = (*before, *(question for question in asked if question not in before))
        if asked != before:
            self.readers.replace((reader, WHOLE), before, asked)
            self._asked[reader] = asked
        return value

    def dismiss(self, reader: Reader) -> None:
        """The reader is gone: nothing concerns it any more."""
        self.readers.replace((reader, WHOLE), self._asked.pop(reader, ()), ())
        if isinstance(reader, StackKey):
            self.forget(reader)

    def retain(self, wanted: Callable[[Reader], bool]) -> None:
        """Dismiss the readers that are not wanted any more."""
        for reader in [reader for reader in self._asked if not wanted(reader)]:
            self.dismiss(reader)

    def page(self, key: StackKey, snapshot: Snapshot, *scope: object) -> Page:
        """The page for a pass, taken out: a pass that does not come to its end, and `keep`, leaves none.

        What was remembered under another scope (settings, environment) does not count.
        """
        if self._common[0] != scope or len(self._common[1]) > _ROOM * len(snapshot.indexes.get(_COUNTED, ())) + _LEAST:
            # Of another scope, or of hosts that are gone for the most part; pages go on with what they have.
            self._common = (scope, {})
        held = self._pages.pop(key, None)
        if held is not None and held[0] == scope:
            page = held[1]
        else:
            if held is not None:
                held[1].drop()
            page = Page(key, self.readers)
        left = self._open.get(key)
        if left is not None:
            left.drop()
        self._open[key] = page
        page.use(self._common[1])
        page.begin(snapshot)
        return page

    def forget(self, key: StackKey) -> None:
        """Nothing of the key is wanted any more."""
        held = self._pages.pop(key, None)
        if held is not None:
            held[1].drop()

    def keep(self, key: StackKey, page: Page, *scope: object) -> None:
        """Remember the page of a pass that came to its end; an empty one is forgotten."""
        page.end()
        self._open.pop(key, None)
        if page.pieces:
            self._pages[key] = (scope, page)


def shared(snapshot: Snapshot, name: PieceName, make: Callable[[Snapshot], T]) -> T:
    """The value of `make`, which may look at nothing but the snapshot; of other pages if they have it.

    It must be the same for every page of a scope.
    """
    if not isinstance(snapshot, Witness):
        return make(snapshot)
    held = snapshot.common.get(name)
    if held is None or not _still_holds(held, snapshot):
        answers: dict[Question, object] = {}
        value = make(_witness(snapshot, answers, snapshot.common))
        held = snapshot.common[name] = _Piece(value=value, inputs=(), answers=tuple(answers.items()))
    snapshot.answers.update(held.answers)
    return held.value  # type: ignore[return-value]


def _witness(snapshot: Snapshot, answers: dict[Question, object], common: dict[PieceName, _Piece]) -> Witness:
    return Witness(
        objects=snapshot.objects,
        indexes=snapshot.indexes,
        complete=snapshot.complete,
        environment=snapshot.environment,
        references=snapshot.references,
        journal=snapshot.journal,
        answers=answers,
        common=common,
    )


def unwatched(snapshot: Snapshot) -> Snapshot:
    """The same snapshot, which notes nothing: for look-ups that only find which pieces are to be asked."""
    return Snapshot(
        objects=snapshot.objects,
        indexes=snapshot.indexes,
        complete=snapshot.complete,
        environment=snapshot.environment,
        references=snapshot.references,
        journal=snapshot.journal,
    )


def _are_same(held: tuple[object, ...], inputs: tuple[object, ...]) -> bool:
    return len(inputs) == len(held) and all(a is b for a, b in zip(inputs, held, strict=True))


def _still_holds(held: _Piece, snapshot: Snapshot) -> bool:
    return all(_answer(snapshot, question) is answer for question, answer in held.answers)


def _answer(snapshot: Snapshot, question: Question) -> object:
    kind, place, key = question
    if kind == REFERENCE:
        return snapshot.references.get(key)  # type: ignore[call-overload]
    held = (snapshot.indexes if kind == INDEX else snapshot.objects).get(place)
    return held if kind == ALL or held is None else held.get(key)  # type: ignore[call-overload]
