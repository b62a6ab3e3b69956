"""Puts a new object in the place of one that cannot be changed: of a VsVip, or of a child that gets another parent.

A VsVip: reserve, clear away, make anew.

The address is reserved by a VsVip of another name, without host names (a name may be registered once). If that is
refused, nothing has changed. Once it is held, the virtual services on the old VsVip and the VsVip itself are deleted,
and the reservation gets the name and the host names: at no moment is the address free for somebody else. The virtual
services follow as creations of the plan. A reservation that a crash leaves behind has our marks and no owner, and goes
with the orphans.

A child: no document says that a controller refuses another parent, none that it takes it. So it is asked; if it refuses
just that (with the parent of before it takes the rest), the child is deleted and made anew.
"""

from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec import UNSET

from ako_runtime.avi.client import AviClient
from ako_runtime.errors import AkoError, Refused
from ako_runtime.model.avi import VirtualService, VsVip
from ako_runtime.model.names import MAX_NAME_LENGTH
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref

SUFFIX = "--next"


def lead_over(client: AviClient, operation: Operation, *, on_gone: Callable[[Ref], None]) -> Observed | None:
    """Carry out an update of a child whose parent changes; `on_gone` is told if it must be deleted for that."""
    ref, wish, held = operation.ref, operation.wish, operation.held.content if operation.held is not None else None
    if not isinstance(wish, VirtualService) or not isinstance(held, VirtualService):
        raise TypeError(f"{ref} is no virtual service")
    try:
        return client.apply(operation)
    except Refused as refusal:
        stays = msgspec.structs.replace(wish, vh_parent_vs_ref=held.vh_parent_vs_ref)
        try:
            client.apply(msgspec.structs.replace(operation, wish=stays))
        except AkoError:
            raise refusal from None
    client.delete(ref, operation.uuid)
    on_gone(ref)
    return client.create(ref, wish)


def replace(client: AviClient, operation: Operation, *, on_gone: Callable[[Ref], None]) -> Observed:
    """Carry out a `replace`; the new object. `on_gone` is told of each object as soon as it no longer exists."""
    ref, wish = operation.ref, operation.wish
    if not isinstance(wish, VsVip):
        raise TypeError(f"{ref} is no VsVip")
    place = Ref(ref.kind, ref.name[: MAX_NAME_LENGTH - len(SUFFIX)] + SUFFIX, tenant=ref.tenant)
    left_behind = client.read(place)
    if left_behind is not None:
        client.delete(place, left_behind[0].uuid)
    reservation, held = client.create(place, msgspec.structs.replace(wish, name=place.name, dns_info=UNSET)), True
    try:
        for user in operation.users:
            client.delete(user.ref, user.uuid)
            on_gone(user.ref)
        client.delete(ref, operation.uuid)
        on_gone(ref)
        made = client.apply(
            Operation(verb="update", ref=ref, uuid=reservation.uuid, wish=wish, held=reservation, fields=("name",))
        )
        held = False
    finally:
        if held:
            with suppress(AkoError):
                client.delete(place, reservation.uuid)
    if made is None:
        raise TypeError(f"an update of {ref} answered no object")
    return made
