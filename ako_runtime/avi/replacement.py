"""Puts a new object in the place of one that cannot be changed: of a VsVip, or of a child that gets another parent.

Nothing that others refer to is deleted in order to be made again (ADR 107). The new object is made *beside* the old
one, under a name of its own (`aside`), takes over what refers to the old one, and gets the name when that is gone. In
order of means, each tried only if the controller refuses the one before:

1. The virtual services on a VsVip are led to the new VsVip: one PUT of `vsvip_ref` each.
2. A new virtual service is made on the new VsVip beside each old one, with the same policies, pools and certificates,
   and the children of the old one are led to it: one PUT of `vh_parent_vs_ref` each.
3. What was begun is taken back, and the address stays (`AddressKept`): the plan goes on without the change.

The address is held by the new VsVip from the first request on, so one that cannot be had costs nothing. Every step is
told to the inventory, so whatever a failure or the end of the process leaves is known to the next pass: an object under
the name beside that lacks the proper one gets it, any other is in the way and goes.
"""

from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec import UNSET, Struct

from ako_runtime.avi.client import AviClient
from ako_runtime.errors import AkoError, Refused, Stale
from ako_runtime.model.avi import AviObject, VirtualService, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref, aside
from ako_runtime.model.replacement import must_be_replaced

Record = Callable[[Ref, Observed | None], None]
"""Told of each object as soon as it is so, or gone (None)."""


def lead_over(client: AviClient, operation: Operation, *, record: Record) -> Observed | None:
    """Carry out an update of a child whose parent changes: in place, else by a child beside it.

    Which of them a controller takes no document says. It is asked; if it refuses just the parent (with the one of
    before it takes the rest), another child is made below the new parent before the old one goes.
    """
    ref, wish, held = operation.ref, operation.wish, operation.held
    content = held.content if held is not None else None
    if not isinstance(wish, VirtualService) or not isinstance(content, VirtualService):
        raise TypeError(f"{ref} is no virtual service")
    try:
        return client.apply(operation)
    except Refused as refusal:
        stays = msgspec.structs.replace(wish, vh_parent_vs_ref=content.vh_parent_vs_ref)
        try:
            client.apply(msgspec.structs.replace(operation, wish=stays))
        except AkoError:
            raise refusal from None
    place = aside(ref)
    _clear(client, place, record)
    made = client.create(place, msgspec.structs.replace(wish, name=place.name))
    record(place, made)
    client.delete(ref, operation.uuid)
    record(ref, None)
    return _renamed(client, ref, wish, made, record=record)


class _Front(Struct, frozen=True, kw_only=True):
    """A virtual service, the one that was made beside it on the new VsVip, and the children that were led to that."""

    old: Observed
    new: Observed
    children: tuple[Observed, ...] = ()


def replace(client: AviClient, operation: Operation, *, record: Record) -> Observed:
    """Carry out a `replace` of a VsVip; the new object under the name of the old one."""
    ref, wish = operation.ref, operation.wish
    if not isinstance(wish, VsVip):
        raise TypeError(f"{ref} is no VsVip")
    new = _reserved(client, ref, wish, record=record)
    fronts: list[_Front] = []
    try:
        led = _led_in_place(client, operation.users, new.ref, record=record)
        if led is None:
            fronts = _led_beside(client, operation, new.ref, record=record)
    except Refused as refusal:
        _clear(client, new.ref, record)
        raise _kept(ref, str(refusal)) from refusal
    for front in fronts:
        client.delete(front.old.ref, front.old.uuid)
        record(front.old.ref, None)
    try:
        client.delete(ref, operation.uuid)
    except Stale as stale:
        if stale.reason != "StillReferenced" or led is None:
            raise
        _led_back(client, operation.users, led, record=record)
        _clear(client, new.ref, record)
        raise _kept(ref, str(stale)) from stale
    record(ref, None)
    made = _renamed(client, ref, wish, new, record=record)
    for user in led or ():
        record(user.ref, _with(user, vsvip_ref=Ref("vsvip", ref.name)))
    for front in fronts:
        own = front.old.ref
        _renamed(client, own, _content(front.old), front.new, record=record)
        for child in front.children:
            record(child.ref, _with(child, vh_parent_vs_ref=Ref("virtualservice", own.name)))
    return made


def _kept(ref: Ref, why: str) -> Refused:
    return Refused(
        f"the address of {ref.name} stays as it is, as the controller takes neither another VsVip for what stands on "
        f"it nor its children on another virtual service; name the address and network that it has, or use another "
        f"AviInfraSetting for what needs the new ones ({why})",
        reason="AddressKept",
    )


def _reserved(client: AviClient, ref: Ref, wish: VsVip, *, record: Record) -> Observed:
    """A VsVip beside the old one, without host names (a name is registered once): that of an earlier try if it fits."""
    place = aside(ref)
    found = client.read(place)
    if found is not None and not must_be_replaced(wish, found[0].content):
        record(place, found[0])
        return found[0]
    if found is not None:
        client.delete(place, found[0].uuid)
    made = client.create(place, msgspec.structs.replace(wish, name=place.name, dns_info=UNSET))
    record(place, made)
    return made


def _led_in_place(
    client: AviClient, users: tuple[Observed, ...], place: Ref, *, record: Record
) -> list[Observed] | None:
    """The virtual services, all on the new VsVip now; None if the controller refuses, and all stand where they did."""
    led: list[Observed] = []
    for user in users:
        try:
            stands = _content(user).vsvip_ref
            there = isinstance(stands, Ref) and stands.name == place.name
            led.append(user if there else _changed(client, user, record, vsvip_ref=Ref("vsvip", place.name)))
        except Refused:
            _led_back(client, users, led, record=record)
            return None
    return led


def _led_back(client: AviClient, users: tuple[Observed, ...], led: list[Observed], *, record: Record) -> None:
    for before, now in zip(users, led, strict=False):
        if before is not now:
            _changed(client, now, record, vsvip_ref=_content(before).vsvip_ref)


def _led_beside(client: AviClient, operation: Operation, vsvip: Ref, *, record: Record) -> list[_Front]:
    """New virtual services on the new VsVip, with the children of the old ones; if refused, all is as it was."""
    made: list[Observed] = []
    led: list[tuple[Observed, Observed]] = []
    fronts: list[_Front] = []
    try:
        for user in operation.users:
            if _on(user, operation.ref):
                new, fresh = _front_of(client, user, vsvip, record=record)
                made += [new] if fresh else []
                found: list[Observed] = []
                for child in operation.children:
                    if _parent_of(child) == user.ref:
                        moved = _changed(client, child, record, vh_parent_vs_ref=Ref("virtualservice", new.ref.name))
                        led.append((child, moved))
                        found.append(moved)
                    elif _parent_of(child) == new.ref:
                        found.append(child)
                fronts.append(_Front(old=user, new=new, children=tuple(found)))
    except Refused:
        for before, now in led:
            _changed(client, now, record, vh_parent_vs_ref=_content(before).vh_parent_vs_ref)
        for one in made:
            _clear(client, one.ref, record)
        raise
    return fronts


def _front_of(client: AviClient, user: Observed, vsvip: Ref, *, record: Record) -> tuple[Observed, bool]:
    """A virtual service like this one on the new VsVip, and whether it was made now rather than by an earlier try."""
    place = aside(user.ref)
    found = client.read(place)
    if found is not None and _on(found[0], vsvip):
        record(place, found[0])
        return found[0], False
    _clear(client, place, record)
    new = client.copy(place, user, vsvip_ref=Ref("vsvip", vsvip.name))
    record(place, new)
    return new, True


def _on(user: Observed, vsvip: Ref) -> bool:
    stands = _content(user).vsvip_ref
    return isinstance(stands, Ref) and stands.within(user.ref.tenant) == vsvip


def _parent_of(child: Observed) -> Ref | None:
    parent = _content(child).vh_parent_vs_ref
    return parent.within(child.ref.tenant) if isinstance(parent, Ref) else None


def _content(held: Observed) -> VirtualService:
    if not isinstance(held.content, VirtualService):
        raise Refused(f"{held.ref} cannot be read", reason="AddressKept")
    return held.content


def _with(held: Observed, **fields: object) -> Observed:
    return msgspec.structs.replace(held, content=msgspec.structs.replace(_content(held), **fields))


def _changed(client: AviClient, held: Observed, record: Record, **fields: object) -> Observed:
    """An object with some fields changed and all others as they are."""
    wish = msgspec.structs.replace(_content(held), **fields)
    operation = Operation(verb="update", ref=held.ref, uuid=held.uuid, wish=wish, held=held, fields=tuple(fields))
    made = _expected(client.apply(operation), held.ref)
    record(held.ref, made)
    return made


def _renamed(client: AviClient, ref: Ref, wish: AviObject, held: Observed, *, record: Record) -> Observed:
    operation = Operation(verb="update", ref=ref, uuid=held.uuid, wish=wish, held=held, fields=("name",))
    made = _expected(client.apply(operation), ref)
    record(held.ref, None)
    record(ref, made)
    return made


def _clear(client: AviClient, place: Ref, record: Record) -> None:
    """Take away what an earlier try has left."""
    with suppress(Refused, Stale):
        found = client.read(place)
        if found is not None:
            client.delete(place, found[0].uuid)
        record(place, None)


def _expected(made: Observed | None, ref: Ref) -> Observed:
    if made is None:
        raise TypeError(f"an update of {ref} answered no object")
    return made
