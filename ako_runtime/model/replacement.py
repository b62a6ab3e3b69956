"""Which objects cannot become what is wanted, so that another one has to take their place.

The controller keeps an address for the life of a VsVip: naming another one is refused ("please recreate the VIP"), and
so is a subnet in which the present address does not lie. What is refused is known beforehand, and the plan says
`replace` instead of `update`: a new VsVip is made beside the old one, so an address that cannot be had costs nothing,
and what stands on the old one is led over (`ako_runtime.avi.replacement` says by which means).
"""

import itertools
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

import msgspec
from msgspec import UNSET, UnsetType

from ako_runtime.model.avi import AviObject, IpAddr, IpPrefix, Vip, VsVip


def must_be_replaced(wanted: AviObject, held: AviObject | None) -> bool:
    """Whether the controller would refuse to change `held` into `wanted`."""
    if not isinstance(wanted, VsVip) or not isinstance(held, VsVip):
        return False
    present = {vip.vip_id: vip for vip in held.vip}
    return any(vip.vip_id in present and _leaves_its_address(vip, present[vip.vip_id]) for vip in wanted.vip)


def with_known_ids(wanted: AviObject, held: AviObject | None) -> AviObject:
    """The wish with the `vip_id`s that the controller knows, in their order, where it was counted otherwise before.

    A `vip_id` means nothing but which VIP is which, and the controller refuses to exchange one. Where somebody else
    counted from another number (earlier releases of ours did on AWS and Azure), the VIPs keep theirs with their
    addresses; further ones get numbers that are free.
    """
    if not isinstance(wanted, VsVip) or not isinstance(held, VsVip):
        return wanted
    known, wished = [vip.vip_id for vip in held.vip], [vip.vip_id for vip in wanted.vip]
    if set(known) <= set(wished) or set(wished) <= set(known):
        return wanted
    free = (name for name in map(str, itertools.count(1)) if name not in known)
    names = itertools.chain(known, free)
    vips = (msgspec.structs.replace(vip, vip_id=name) for vip, name in zip(wanted.vip, names, strict=False))
    return msgspec.structs.replace(wanted, vip=tuple(vips))


def _leaves_its_address(wanted: Vip, held: Vip) -> bool:
    return any(
        now is not UNSET
        and now is not None
        and (_is_another(asked, now) or (asked is UNSET and _is_outside(subnets, now)))
        for asked, now, subnets in _families(wanted, held)
    )


def _families(wanted: Vip, held: Vip) -> Iterable[tuple[IpAddr | UnsetType, IpAddr | UnsetType, IpPrefix | UnsetType]]:
    place = wanted.ipam_network_subnet
    yield wanted.ip_address, held.ip_address, UNSET if place is UNSET else place.subnet
    yield wanted.ip6_address, held.ip6_address, UNSET if place is UNSET else place.subnet6


def _is_another(asked: IpAddr | UnsetType, now: IpAddr) -> bool:
    return asked is not UNSET and ip_address(asked.addr) != ip_address(now.addr)


def _is_outside(subnet: IpPrefix | UnsetType, now: IpAddr) -> bool:
    if subnet is UNSET:
        return False
    return ip_address(now.addr) not in ip_network(f"{subnet.ip_addr.addr}/{subnet.mask}", strict=False)
