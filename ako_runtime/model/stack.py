"""What translation produces: a stack of desired objects, what to tell the user, and what was wrong.

A `StackKey` names one unit of work: everything on the controller that must change together and is owned by nobody
else. A `Stack` maps references to desired objects; references between objects of one stack are its dependency edges.
An `Outcome` is the complete answer for one key: its stack, the status that Kubernetes objects should show once the
stack is applied, and diagnostics about bad input. Addresses are not known at translation: a status intent says from
which VsVip they come.

`Outcome.held` tells that something needed to decide is unknown (a list failed): nothing may be changed or deleted.
"""

import functools
from collections.abc import Mapping
from typing import get_args

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from ako_runtime.model.avi import AviObject, Server
from ako_runtime.model.refs import Ref
from ako_runtime.model.texts import LIMIT, shortened


class StackKey(Struct, frozen=True, kw_only=True, order=True):
    """Kind of stack (`service`, `shared-vip`, `gateway`, ...) and the object or group it stands for."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


class ObjectRef(Struct, frozen=True, kw_only=True, order=True):
    """A Kubernetes object: plural resource name, namespace ("" for cluster scope), name."""

    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.resource}/{self.namespace}/{self.name}" if self.namespace else f"{self.resource}/{self.name}"


RUNTIME = ObjectRef(resource="runtime", namespace="", name="ako")
"""Stands for ourselves, where nobody's object is to blame."""


class Diagnostic(Struct, frozen=True, kw_only=True):
    """Something wrong in a Kubernetes object: which object and field, and what to do about it."""

    object: ObjectRef
    field: str
    reason: str
    message: str
    # False: the object is refused altogether; True: it works, without the part that is wrong.
    partial: bool = False

    def __post_init__(self) -> None:
        """Whatever is quoted in it, the message fits into conditions, annotations and Events."""
        if len(self.message) > LIMIT:
            force_setattr(self, "message", shortened(self.message))


class StatusIntent(Struct, frozen=True, kw_only=True):
    """What one Kubernetes object should show; each kind of status is a subclass with a patch function of its own."""

    about: ObjectRef
    # Why the object is refused or not (yet) served; shown as a condition and told by an Event.
    problem: Diagnostic | None = None

    @property
    def sources(self) -> tuple[Ref, ...]:
        """Objects on the controller from which the status takes addresses and uuids."""
        return ()

    def cleared(self) -> "StatusIntent":
        """The status of an object that has nothing on the controller."""
        return type(self)(about=self.about)


class ServiceStatus(StatusIntent, frozen=True, kw_only=True):
    """Status of one Service of type LoadBalancer.

    `vsvip` None means that the Service has no load balancer (any more): our entries are removed.
    """

    vsvip: Ref | None = None
    virtualservice: Ref | None = None
    hostnames: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    # Refused and not served, not even as before: whatever addresses it shows are withdrawn.
    withdrawn: bool = False
    # Whether Antrea must be told by an annotation to open node ports for the pods; None: that is not ours to say.
    node_port_local: bool | None = None
    # Somebody else may serve it (another instance): nothing is touched unless this pass took away what was ours.
    elsewhere: bool = False

    def cleared(self) -> "ServiceStatus":
        """Without a load balancer, and without what was told to Antrea for it."""
        told = False if self.node_port_local else None
        return ServiceStatus(about=self.about, node_port_local=told, elsewhere=self.elsewhere)

    @property
    def sources(self) -> tuple[Ref, ...]:
        """VsVip and virtual service."""
        return tuple(ref for ref in (self.vsvip, self.virtualservice) if ref is not None)


class Edited(Struct, frozen=True, kw_only=True):
    """What an edit means for the object as it was found: the new document, None where it is right already."""

    ref: Ref
    before: Mapping[str, object] = {}
    after: Mapping[str, object] | None = None
    # What stands against our part although it is there.
    problems: tuple[Diagnostic, ...] = ()


class SharedEdit(Struct, frozen=True, kw_only=True):
    """A change to an object that is not ours alone (a VRF's routes, a Service Engine group's labels).

    The object is read, `edited` merges our part into it, and it is written back guarded by `_last_modified`.
    """

    ref: Ref

    def edited(self, document: Mapping[str, object]) -> Mapping[str, object] | None:
        """The document with our part as it should be, or None if it is so already."""
        raise NotImplementedError(f"{type(self).__name__} does not edit {document.get('name')}")

    def withdrawn(self, document: Mapping[str, object]) -> Mapping[str, object] | None:
        """The document without our part, or None if there is none of ours in it."""
        raise NotImplementedError(f"{type(self).__name__} does not withdraw from {document.get('name')}")

    def problems(self, document: Mapping[str, object]) -> tuple[Diagnostic, ...]:  # noqa: ARG002 - most have none
        """What in the document stands against our part although it is there."""
        return ()

    def on(self, document: Mapping[str, object]) -> Edited:
        """What the edit means for this document."""
        return Edited(ref=self.ref, before=document, after=self.edited(document), problems=self.problems(document))


class Withdrawal(SharedEdit, frozen=True, kw_only=True):
    """Takes back what another edit put in (`deleteConfig`)."""

    edit: SharedEdit

    def edited(self, document: Mapping[str, object]) -> Mapping[str, object] | None:
        """The document without the part of the other edit."""
        return self.edit.withdrawn(document)


class Stack(Struct, frozen=True, kw_only=True):
    """Desired objects of one key by identity (kind, tenant, name)."""

    objects: Mapping[Ref, AviObject] = {}

    def dependencies(self, ref: Ref) -> frozenset[Ref]:
        """Objects of this stack that `ref` refers to."""
        return frozenset(
            target for link in links(self.objects[ref]) if (target := link.within(ref.tenant)) in self.objects
        )


EMPTY_STACK = Stack()


class Delta(Struct, frozen=True, kw_only=True, eq=False):
    """How an outcome differs from an earlier one of its key: for stacks of thousands of objects of which one changed.

    Outcomes are told apart by tokens (any object, by identity). `since` is that of the earlier outcome, None if there
    is nothing to compare with; `token` is the own one. `statuses` are those that may have to be written anew.
    """

    token: object
    since: object = None
    changed: frozenset[Ref] = frozenset()
    gone: frozenset[Ref] = frozenset()
    statuses: tuple[StatusIntent, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Delta)

    def __hash__(self) -> int:
        return hash(Delta)


class Outcome(Struct, frozen=True, kw_only=True):
    """The complete answer for one key."""

    key: StackKey
    stack: Stack = EMPTY_STACK
    statuses: tuple[StatusIntent, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    # Keep what the controller has for this key: the input is wrong. `roots` are the objects from which the rest hangs.
    keeps_last_good: bool = False
    # What follows even then, by name of the pool: pods come and go, whatever is wrong with an annotation.
    members: Mapping[str, tuple[Server, ...]] = {}
    # VsVips that are not wanted but stay where they are there, for their address, with these names in DNS.
    idle: Mapping[Ref, tuple[str, ...]] = {}
    # Something needed to decide is unknown, and this says what: nothing may change, the key comes back.
    held: str = ""
    roots: tuple[Ref, ...] = ()
    # Named objects of the controller that must be looked up before this key can be decided; implies nothing is changed.
    needs: frozenset[Ref] = frozenset()
    edits: tuple[SharedEdit, ...] = ()
    # Rules and settings, beside the objects with a status, that say where the virtual services of the key stand.
    placed_by: tuple[ObjectRef, ...] = ()
    # Says nothing that the rest does not say; only faster.
    delta: Delta | None = None

    def emptied(self) -> "Outcome":
        """The same key with nothing on the controller: objects, our part of shared ones, what statuses say of them."""
        return Outcome(
            key=self.key,
            statuses=tuple(intent.cleared() for intent in self.statuses),
            edits=tuple(Withdrawal(ref=edit.ref, edit=edit) for edit in self.edits),
        )


def links(value: object) -> list[Ref]:
    """Every reference inside a model object."""
    found: list[Ref] = []
    _gather(value, found)
    return found


def _gather(value: object, found: list[Ref]) -> None:
    # Asked for every object of every plan: a list that is filled costs a third of generators inside generators.
    if isinstance(value, Ref):
        found.append(value)
    elif isinstance(value, tuple):
        for item in value:
            _gather(item, found)
    elif isinstance(value, Struct):
        for name in _linking_fields(type(value)):
            _gather(getattr(value, name), found)


@functools.cache
def _linking_fields(kind: type[Struct]) -> tuple[str, ...]:
    """Fields of a message that can hold a reference, at any depth: servers, ports and markers need not be walked."""
    return tuple(field.name for field in msgspec.structs.fields(kind) if _can_link(field.type))


def _can_link(annotation: object) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return bool(_linking_fields(annotation))
    return annotation is Ref or any(map(_can_link, get_args(annotation)))
