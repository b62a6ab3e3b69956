"""A stack without a change that the controller refuses: placed where it is, everything else as it is wanted.

Where a virtual service stands (address, VIP network, VRF, tier-1 router, cloud, Service Engine group) is its
*placement*. A controller may refuse to change it on objects that others refer to. What is refused must not hold up the
rest of a stack, nor be asked again and again: the plan goes on with `placed_as_held`, and asks again when something
else is wanted, which `placement_of` tells. New objects are placed where the others are, as the controller takes no pool
of another VRF.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from ako_runtime.model.avi import AviObject, Pool, VirtualService, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack

PLACEMENT: Mapping[str, frozenset[str]] = {
    "vsvip": frozenset({"cloud_ref", "vrf_context_ref", "tier1_lr", "bgp_peer_labels", "vip"}),
    "virtualservice": frozenset(
        {"cloud_ref", "vrf_context_ref", "se_group_ref", "enable_rhi", "vsvip_ref", "type", "vh_type"}
    ),
    "pool": frozenset({"cloud_ref", "vrf_ref", "tier1_lr"}),
    "poolgroup": frozenset({"cloud_ref"}),
}
"""Fields that say where an object stands, by its kind."""


def placement_of(stack: Stack) -> frozenset[object]:
    """Where a stack wants to stand: equal as long as only hosts, members and the like come and go."""
    return frozenset(
        (ref.kind, ref.tenant, *(getattr(wish, name) for name in sorted(PLACEMENT[ref.kind])))
        for ref, wish in stack.objects.items()
        if ref.kind in PLACEMENT
    )


def placed_as_held(stack: Stack, observed: Mapping[Ref, Observed]) -> Stack:
    """The stack with every object where it is, and new ones where the VsVip is."""
    held = {ref: one.content for ref, one in observed.items() if one.content is not None}
    root = next((one for ref, one in held.items() if isinstance(one, VsVip) and ref in stack.objects), None)
    return Stack(objects={ref: _placed(wish, held.get(ref), root) for ref, wish in stack.objects.items()})


def _placed(wish: AviObject, held: AviObject | None, root: VsVip | None) -> AviObject:
    if type(held) is type(wish) and held is not None:
        fields = {name: getattr(held, name) for name in PLACEMENT.get(wish.kind, ())}
        return msgspec.structs.replace(wish, **fields) if fields else wish
    if root is None:
        return wish
    if isinstance(wish, Pool):
        vrf = root.vrf_context_ref if wish.vrf_ref is not UNSET or not root.tier1_lr else UNSET
        return msgspec.structs.replace(wish, vrf_ref=vrf, tier1_lr=root.tier1_lr)
    if isinstance(wish, VirtualService):
        vrf = root.vrf_context_ref if wish.vrf_context_ref is not UNSET or not root.tier1_lr else UNSET
        return msgspec.structs.replace(wish, vrf_context_ref=vrf)
    return wish
