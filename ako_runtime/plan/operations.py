"""From wish and reality to ordered operations.

`plan_for` takes the desired stack of one key and the observed objects that this key owns (or has the right to adopt)
and answers the operations that turn one into the other: creates and updates forward along the references, then
deletes backward, so that nothing is removed while something points to it. An operation lists the operations it waits
for; operations that do not depend on each other may run side by side. Equal in meaning gives nothing.

An update is a read-modify-write: managed fields are ours, every other field goes back as it was read, list elements
with a key (`Vip.vip_id`) keep what the controller put into them.
"""

import json
from collections.abc import Mapping
from typing import Literal

from msgspec import UNSET, Struct

from ako_runtime.model.avi import AviObject, AviStruct
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack, links
from ako_runtime.model.wire import KINDS, builtins, plain
from ako_runtime.plan.compare import differences

Verb = Literal["create", "update", "delete"]

_CREATION_RANK = {kind: rank for rank, kind in enumerate(KINDS)}

# Kinds on which the controller checks `_last_modified` (412).
GUARDED = frozenset({"vsvip", "vrfcontext", "serviceenginegroup"})


class Operation(Struct, frozen=True, kw_only=True):
    """One request; `wish` is None for a delete, `fields` says what differs for an update."""

    verb: Verb
    ref: Ref
    uuid: str = ""
    wish: AviObject | None = None
    held: Observed | None = None
    fields: tuple[str, ...] = ()
    waits_for: frozenset[Ref] = frozenset()

    @property
    def body(self) -> Mapping[str, object]:
        """The request body of a create or update."""
        if self.wish is None:
            return {}
        mine = builtins(self.wish)
        if self.held is None:
            return mine
        return merged(mine, self.held, guarded=self.ref.kind in GUARDED)


def plan_for(stack: Stack, observed: Mapping[Ref, Observed], *, surplus: frozenset[Ref]) -> tuple[Operation, ...]:
    """Operations in a valid order; `observed` covers every ref of the stack and of `surplus` that exists."""
    forward: list[Operation] = []
    for ref in sorted(stack.objects, key=_rank):
        wish, held = stack.objects[ref], observed.get(ref)
        if held is None:
            forward.append(Operation(verb="create", ref=ref, wish=wish, waits_for=stack.dependencies(ref)))
            continue
        fields = differences(wish, held.content) if held.content is not None else ("*",)
        if fields:
            waits = stack.dependencies(ref)
            forward.append(
                Operation(verb="update", ref=ref, uuid=held.uuid, wish=wish, held=held, fields=fields, waits_for=waits)
            )
    written = frozenset(operation.ref for operation in forward)
    forward = [_waiting_only_for(operation, written) for operation in forward]
    return (*forward, *_deletes(surplus, observed, after=written))


def _deletes(surplus: frozenset[Ref], observed: Mapping[Ref, Observed], *, after: frozenset[Ref]) -> list[Operation]:
    """Deletes in reverse order; each waits for all writes and for the deletes of what refers to it."""
    present = [ref for ref in sorted(surplus, key=_rank, reverse=True) if ref in observed]
    referrers: dict[Ref, set[Ref]] = {}
    for ref in present:
        content = observed[ref].content
        for link in links(content) if content is not None else ():
            referrers.setdefault(link.within(ref.tenant), set()).add(ref)
    return [
        Operation(
            verb="delete",
            ref=ref,
            uuid=observed[ref].uuid,
            held=observed[ref],
            waits_for=after | (referrers.get(ref, set()) & surplus),
        )
        for ref in present
    ]


def _waiting_only_for(operation: Operation, written: frozenset[Ref]) -> Operation:
    return Operation(
        verb=operation.verb,
        ref=operation.ref,
        uuid=operation.uuid,
        wish=operation.wish,
        held=operation.held,
        fields=operation.fields,
        waits_for=operation.waits_for & written,
    )


def _rank(ref: Ref) -> tuple[int, Ref]:
    return (_CREATION_RANK[ref.kind], ref)


def merged(mine: Mapping[str, object], held: Observed, *, guarded: bool) -> Mapping[str, object]:
    """The body of an update: our fields over what is there."""
    foreign: dict[str, object] = json.loads(held.foreign)
    body = foreign | dict(mine)
    if held.content is not None:
        for name in type(held.content).__struct_fields__:
            if name in body:
                body[name] = _with_kept_elements(body[name], getattr(held.content, name))
    if guarded and held.last_modified:
        body["_last_modified"] = held.last_modified
    return body


def _with_kept_elements(mine: object, held: object) -> object:
    """A list of ours in which elements with a merge key keep the managed fields that only the controller filled in."""
    if not isinstance(mine, list) or not isinstance(held, tuple):
        return mine
    known = {
        getattr(element, element.merge_key): element
        for element in held
        if isinstance(element, AviStruct) and element.merge_key
    }
    if not known:
        return mine
    return [_with_kept_fields(element, known) for element in mine]


def _with_kept_fields(element: object, known: Mapping[object, AviStruct]) -> object:
    if not isinstance(element, dict):
        return element
    sample = next(iter(known.values()))
    held = known.get(element.get(sample.merge_key))
    if held is None:
        return element
    kept = {
        name: plain(getattr(held, name))
        for name in held.__struct_fields__
        if name not in element and getattr(held, name) is not UNSET
    }
    return kept | element
