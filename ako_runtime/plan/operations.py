"""From wish and reality to ordered operations.

`plan_for` takes the desired stack of one key and the observed objects that this key owns (or has the right to adopt)
and answers the operations that turn one into the other: creates and updates forward along the references, then deletes
backward, so that nothing is removed while something points to it. Only a move to another tenant deletes first. A VsVip
that cannot be changed is replaced (`replacement`) before anything else happens. A new child goes before what its
parent says of it, although it refers to the parent: the redirect to TLS, the name in DNS. An operation lists the
operations it waits for, and which of those only come before; operations that do not depend on each other may run side
by side. Equal in meaning gives nothing.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET

from ako_runtime.model.avi import AviObject, VirtualService, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref, aside
from ako_runtime.model.replacement import must_be_replaced, with_known_ids
from ako_runtime.model.stack import Stack, links
from ako_runtime.model.wire import KINDS
from ako_runtime.plan.compare import differences
from ako_runtime.plan.kept import PLACEMENT

_CREATION_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


Agreed = dict[Ref, tuple[AviObject, AviObject]]
"""Wishes and the contents that were found to mean the same: of the very same two objects nobody needs to ask again."""


def plan_for(
    stack: Stack,
    observed: Mapping[Ref, Observed],
    *,
    surplus: frozenset[Ref],
    agreed: Agreed | None = None,
    among: frozenset[Ref] | None = None,
) -> tuple[Operation, ...]:
    """Operations in a valid order; `observed` covers every ref of the stack and of `surplus` that exists.

    Only objects that were never compared cost more than a look-up: a stack may have thousands. With `among` nothing
    else of the stack is looked at, and `observed` need not cover it: the rest is known to be as it should.
    """
    forward: list[Operation] = []
    wishes = stack.objects if among is None else {ref: stack.objects[ref] for ref in among}
    wishes = _with_known_ids(wishes, observed)
    replaced = _replaced(wishes, observed)
    beside = {ref: place for ref in wishes if ref not in observed and (place := aside(ref)) in observed}
    fields_of = _differing(wishes, observed, {} if agreed is None else agreed)
    open_ends = fields_of.keys() | replaced.keys()
    by_name = {(ref.kind, ref.tenant, ref.name): ref for ref in open_ends}
    for ref in sorted(open_ends, key=_rank):
        wish, held = wishes.get(ref, stack.objects[ref]), observed.get(ref)
        waits = _awaited_by(wish, ref.tenant, by_name)
        if held is not None and ref in replaced:
            forward.append(_replacement(wish, held, users=replaced[ref], observed=observed, waits_for=waits))
        elif ref in beside:
            # What was under way when the process ended: it takes the place of this one.
            forward.append(_renaming(ref, wish, observed[beside[ref]], waits_for=waits))
        elif held is None:
            forward.append(Operation(verb="create", ref=ref, wish=wish, waits_for=waits))
        else:
            fields = fields_of[ref]
            forward.append(
                Operation(verb="update", ref=ref, uuid=held.uuid, wish=wish, held=held, fields=fields, waits_for=waits)
            )
    written = frozenset(open_ends)
    forward = _root_first(_children_first(forward, stack))
    surplus -= {
        *beside.values(),
        *(aside(ref) for one in forward if one.verb == "replace" for ref in _replaced_by(one)),
    }
    if _moves(forward, surplus, observed):
        deletes = _deletes(surplus, observed, after=frozenset())
        gone = frozenset(operation.ref for operation in deletes)
        return (*deletes, *(msgspec.structs.replace(one, waits_for=one.waits_for | gone) for one in forward))
    return (*forward, *_deletes(surplus, observed, after=written))


def _with_known_ids(wishes: Mapping[Ref, AviObject], observed: Mapping[Ref, Observed]) -> Mapping[Ref, AviObject]:
    """The wishes, with VIPs under the identifiers that they have on the controller."""
    held = {ref: one.content for ref in wishes if ref.kind == VsVip.kind and (one := observed.get(ref)) is not None}
    renamed = {ref: with_known_ids(wishes[ref], content) for ref, content in held.items()}
    return wishes if all(renamed[ref] is wishes[ref] for ref in renamed) else {**wishes, **renamed}


def _differing(
    wishes: Mapping[Ref, AviObject], observed: Mapping[Ref, Observed], agreed: Agreed
) -> dict[Ref, tuple[str, ...]]:
    """What must be written, with the fields that differ; none for what is not there."""
    found: dict[Ref, tuple[str, ...]] = {}
    for ref, wish in wishes.items():
        held = observed.get(ref)
        content = held.content if held is not None else None
        if held is None or content is None:
            found[ref] = () if held is None else ("*",)
            continue
        known = agreed.get(ref)
        if known is not None and known[0] is wish and known[1] is content:
            continue
        fields = differences(wish, content)
        if fields:
            found[ref] = fields
            agreed.pop(ref, None)
        else:
            agreed[ref] = (wish, content)
    return found


def _replaced(wishes: Mapping[Ref, AviObject], observed: Mapping[Ref, Observed]) -> Mapping[Ref, tuple[Observed, ...]]:
    """Objects that cannot be changed into what is wanted, and what refers to them."""
    return {
        ref: tuple(
            one
            for one in observed.values()
            if isinstance(one.content, VirtualService)
            and not {ref, aside(ref)}.isdisjoint(link.within(one.ref.tenant) for link in links(one.content))
        )
        for ref, wish in wishes.items()
        if (held := observed.get(ref)) is not None and must_be_replaced(wish, held.content)
    }


def _replacement(
    wish: AviObject,
    held: Observed,
    *,
    users: tuple[Observed, ...],
    observed: Mapping[Ref, Observed],
    waits_for: frozenset[Ref],
) -> Operation:
    parents = {place for user in users for place in (user.ref, aside(user.ref))}
    return Operation(
        verb="replace",
        ref=held.ref,
        uuid=held.uuid,
        wish=wish,
        held=held,
        fields=differences(wish, held.content) if held.content is not None else ("*",),
        waits_for=waits_for,
        users=users,
        children=tuple(one for one in observed.values() if _parent_in(one.content, one.ref.tenant) in parents),
    )


def _renaming(ref: Ref, wish: AviObject, held: Observed, *, waits_for: frozenset[Ref]) -> Operation:
    return Operation(
        verb="update", ref=ref, uuid=held.uuid, wish=wish, held=held, fields=("name",), waits_for=waits_for
    )


def _replaced_by(operation: Operation) -> frozenset[Ref]:
    """What a replacement may have beside it while it is under way."""
    return frozenset({operation.ref, *(user.ref for user in operation.users)})


def _root_first(forward: list[Operation]) -> list[Operation]:
    """Let everything wait for a VsVip that goes elsewhere: if that is refused, the others stay where they are."""
    roots = frozenset(one.ref for one in forward if _goes_elsewhere(one))
    if not roots:
        return forward
    # A VsVip refers to nothing that is made here; its names may come before the children that they lead to.
    free = frozenset[Ref]()
    leading = [msgspec.structs.replace(one, waits_for=free, follows=free) for one in forward if one.ref in roots]
    others = [one for one in forward if one.ref not in roots]
    return [*leading, *(msgspec.structs.replace(one, waits_for=one.waits_for | roots) for one in others)]


def _goes_elsewhere(operation: Operation) -> bool:
    if operation.verb == "replace" or operation.ref.kind != "vsvip" or operation.verb != "update":
        return operation.verb == "replace"
    return any(getattr(operation.wish, name) is not UNSET for name in PLACEMENT["vsvip"].intersection(operation.fields))


def _moves(forward: Iterable[Operation], surplus: frozenset[Ref], observed: Mapping[Ref, Observed]) -> bool:
    """Whether an object goes to another tenant: its address and host name must be free before it is made there."""
    made = {(operation.ref.kind, operation.ref.name) for operation in forward if operation.verb == "create"}
    return any((ref.kind, ref.name) in made for ref in surplus if ref in observed)


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
            follows=after,
        )
        for ref in present
    ]


def _awaited_by(wish: AviObject, tenant: str, written: Mapping[tuple[str, str, str], Ref]) -> frozenset[Ref]:
    """Of what is written, what the object refers to: a pool group may refer to thousands of which one is new."""
    names = ((link.kind, tenant, link.name) for link in links(wish))
    return frozenset(written[name] for name in names if name in written)


def _children_first(forward: list[Operation], stack: Stack) -> list[Operation]:
    """Let a parent that is there change after its new children: it would lead clients to what is not there yet."""
    made = {one.ref for one in forward if one.verb != "update"}
    found = {one.ref: _parent_of(one) for one in forward if one.verb == "create"}
    parents = {ref: one for ref, one in found.items() if one is not None and one in stack.objects and one not in made}
    if not parents:
        return forward
    waits = {one.ref: one.waits_for - {parents.get(one.ref)} for one in forward}
    shown = {ref for parent in set(parents.values()) for ref in _shown_by(parent, stack)} - _needed(parents, waits)
    early: list[Operation] = []
    late: dict[Ref, Operation] = {}
    for one in forward:
        follows = one.verb == "update" and one.ref in shown
        own = waits[one.ref] | (parents.keys() if follows else frozenset())
        moved = msgspec.structs.replace(one, waits_for=own, follows=frozenset(parents) if follows else frozenset())
        if follows or own & late.keys():
            late[one.ref] = moved
        else:
            early.append(moved)
    return [*early, *late.values()]


def _needed(refs: Iterable[Ref], waits: Mapping[Ref, frozenset[Ref]]) -> set[Ref]:
    """These, and everything that they wait for."""
    found: set[Ref] = set()
    open_ends = [*refs]
    while open_ends:
        ref = open_ends.pop()
        if ref not in found:
            found.add(ref)
            open_ends += waits[ref]
    return found


def _parent_of(operation: Operation) -> Ref | None:
    return _parent_in(operation.wish, operation.ref.tenant)


def _parent_in(content: AviObject | None, tenant: str) -> Ref | None:
    parent = content.vh_parent_vs_ref if isinstance(content, VirtualService) else UNSET
    return parent.within(tenant) if isinstance(parent, Ref) else None


def _shown_by(parent: Ref, stack: Stack) -> frozenset[Ref]:
    """A parent with what clients see of it: names, policy sets, the script and the group that it chooses from."""
    near = stack.dependencies(parent)
    scripts = (stack.dependencies(ref) for ref in near if ref.kind == "vsdatascriptset")
    return frozenset({parent}).union(near, *scripts)


def _rank(ref: Ref) -> tuple[int, Ref]:
    return (_CREATION_RANK[ref.kind], ref)
