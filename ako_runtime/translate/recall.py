"""What translation remembers from pass to pass, so that a change costs what it touches and not what is beside it.

A shared virtual service has thousands of hosts, and one of them changes. Each piece of its translation (the site of an
Ingress, a host, the objects of a host) is computed through a *witness*: a snapshot that notes everything that is asked
of it. As long as all of that is answered with the very same objects, the piece is the same, and is taken as it was.
Snapshots are persistent maps: what did not change is the same object, so asking again is a look-up and a comparison
of identity. Nothing is declared to depend on anything, hence nothing can be forgotten.

A *page* belongs to a key. What a pass does not ask for again is forgotten with it. Translation without memory (a page
that is thrown away) gives the same answers, only slower.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from msgspec import Struct

from ako_runtime.model.environment import Reference
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef, StackKey
from ako_runtime.resources.core import Namespace, Service
from ako_runtime.resources.index import Identity, Index
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.snapshot import Snapshot

T = TypeVar("T")
_ALL, _INDEX, _OBJECT, _REFERENCE = range(4)
Question = tuple[int, str, object]
NOTHING = Snapshot()
"""For pieces that come from their inputs alone."""


class Witness(Snapshot, frozen=True, kw_only=True):
    """A snapshot that notes what it is asked and what it answers; `environment` and `complete` belong to the page."""

    answers: dict[Question, object]

    def of(self, resource: str) -> Mapping[Identity, Resource]:
        """All objects of a kind."""
        self.answers[_ALL, resource, None] = self.objects.get(resource)
        return Snapshot.of(self, resource)

    def found(self, index: Index, value: Identity) -> tuple[Resource, ...]:
        """Objects in an index."""
        question = (_INDEX, index.name, value)
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
        self.answers[_REFERENCE, "", ref] = found
        return found

    def _single(self, resource: str, identity: Identity) -> Resource | None:
        held = self.objects.get(resource)
        found = held.get(identity) if held is not None else None
        self.answers[_OBJECT, resource, identity] = found
        return found


class _Piece(Struct, frozen=True, kw_only=True):
    """A remembered value with all that it came from."""

    value: object
    inputs: tuple[object, ...]
    answers: dict[Question, object]


class Page:
    """The pieces of one key: those of the last pass, and those of this one."""

    def __init__(self, held: Mapping[Hashable, _Piece], shared: Mapping[str, object]) -> None:
        self._held = held
        self._shared = shared
        self.pieces: dict[Hashable, _Piece] = {}
        self.shared: dict[str, object] = {}

    def piece(self, name: Hashable, snapshot: Snapshot, make: Callable[[Snapshot], T], *inputs: object) -> T:
        """The value of `make`, which may look at nothing but the snapshot that it is given and the inputs."""
        held = self._held.get(name)
        if held is None or not _is_same(held, snapshot, inputs):
            answers: dict[Question, object] = {}
            witness = Witness(
                objects=snapshot.objects,
                indexes=snapshot.indexes,
                complete=snapshot.complete,
                environment=snapshot.environment,
                references=snapshot.references,
                answers=answers,
            )
            held = _Piece(value=make(witness), inputs=inputs, answers=answers)
        self.pieces[name] = held
        return held.value  # type: ignore[return-value]

    def same(self, name: str, value: T) -> T:
        """The value of the last pass if it is equal to this one, so that it can be told by its identity."""
        held = self._shared.get(name)
        found = held if held == value else value
        self.shared[name] = found
        return found


class Recall:
    """The pages of all keys."""

    def __init__(self) -> None:
        self._pages: dict[StackKey, tuple[tuple[object, ...], Mapping[Hashable, _Piece], Mapping[str, object]]] = {}

    @property
    def keys(self) -> frozenset[StackKey]:
        """Keys with something remembered."""
        return frozenset(self._pages)

    def page(self, key: StackKey, *scope: object) -> Page:
        """A page for a pass; what was remembered under another scope (settings, environment) does not count."""
        held = self._pages.get(key)
        if held is None or held[0] != scope:
            return Page({}, {})
        return Page(held[1], held[2])

    def keep(self, key: StackKey, page: Page, *scope: object) -> None:
        """Remember the page of a pass that came to its end; an empty one is forgotten."""
        if page.pieces:
            self._pages[key] = (scope, page.pieces, page.shared)
        else:
            self._pages.pop(key, None)


def _is_same(held: _Piece, snapshot: Snapshot, inputs: tuple[object, ...]) -> bool:
    if len(inputs) != len(held.inputs) or any(a is not b for a, b in zip(inputs, held.inputs, strict=True)):
        return False
    return all(_answer(snapshot, question) is answer for question, answer in held.answers.items())


def _answer(snapshot: Snapshot, question: Question) -> object:
    kind, place, key = question
    if kind == _REFERENCE:
        return snapshot.references.get(key)  # type: ignore[call-overload]
    held = (snapshot.indexes if kind == _INDEX else snapshot.objects).get(place)
    return held if kind == _ALL or held is None else held.get(key)  # type: ignore[call-overload]
