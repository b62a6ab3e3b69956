"""Equality in meaning between what we want and what the controller has.

Two values are equal in meaning when they would make the controller behave the same: references by kind and name, a
field that is not sent equal to its default, an empty list equal to none, what has no order in any order (`sets`). Only
managed fields are looked at. An address that we did not ask for is the controller's choice and never a difference. Of
checksums only that there is none counts (ADR 111).
"""

from msgspec import UNSET, Struct

from ako_runtime.model.avi import IpamNetworkSubnet, L4Rule, Pool, Server, ServicePort, Vip, VirtualService, VsVip
from ako_runtime.model.avi_struct import AviStruct
from ako_runtime.model.checksum import CHECKSUMS
from ako_runtime.model.refs import NO_REF, Ref
from ako_runtime.plan.sets import UNORDERED, in_order, same_metadata

# What the controller fills in by itself unless we ask for it.
_CONTROLLERS_CHOICE: dict[type[AviStruct], frozenset[str]] = {
    Vip: frozenset(
        {
            "ip_address",
            "ip6_address",
            "floating_ip",
            "floating_ip6",
            "placement_networks",
            "ipam_network_subnet",
            "subnet_uuid",
        }
    ),
    # A network without subnets: the controller notes the one that it took the address from.
    IpamNetworkSubnet: frozenset({"subnet", "subnet6"}),
    Server: frozenset({"server_node", "external_uuid"}),
    # The port itself.
    ServicePort: frozenset({"port_range_end"}),
    # Behind a tier-1 router of NSX-T nobody names a VRF: the controller takes the one that stands for the router.
    Pool: frozenset({"vrf_ref"}),
    VsVip: frozenset({"vrf_context_ref"}),
    VirtualService: frozenset({"vrf_context_ref"}),
}
# Of rules of which each has ports of its own, neither the order nor the name says anything.
_WITHOUT_MEANING: dict[type[AviStruct], frozenset[str]] = {L4Rule: frozenset({"index", "name"})}


def is_equal(wanted: object, held: object) -> bool:
    """Whether `held` already means what `wanted` asks for."""
    if isinstance(wanted, AviStruct) and isinstance(held, AviStruct):
        return type(wanted) is type(held) and not differences(wanted, held)
    if isinstance(wanted, Ref) and isinstance(held, Ref):
        return wanted.kind == held.kind and wanted.name == held.name
    if isinstance(wanted, tuple) and isinstance(held, tuple):
        return len(wanted) == len(held) and all(map(is_equal, wanted, held))
    return wanted == held


def differences(wanted: AviStruct, held: AviStruct) -> tuple[str, ...]:
    """Names of the fields that differ in meaning."""
    kind = type(wanted)
    choice = _CONTROLLERS_CHOICE.get(kind, frozenset())
    skipped = kind.write_only | _WITHOUT_MEANING.get(kind, frozenset())
    unordered = UNORDERED.get(kind, frozenset())
    found = []
    for name in wanted.__struct_fields__:
        mine, theirs = getattr(wanted, name), getattr(held, name)
        if name in CHECKSUMS:
            # Whatever number it has: without one the official AKO would not see the object.
            found += [name] if theirs is UNSET and mine is not UNSET else []
            continue
        if name in skipped or (mine is UNSET and name in kind.kept):
            continue
        if mine is theirs or mine == theirs or (mine is UNSET and name in choice):
            continue
        left, right = _assumed(kind, name, mine), _assumed(kind, name, theirs)
        if name in unordered:
            left, right = in_order(left), in_order(right)
        if not is_equal(left, right) and not (name == "service_metadata" and same_metadata(left, right)):
            found.append(name)
    return tuple(found)


def _assumed(kind: type[AviStruct], name: str, value: object) -> object:
    """The value that the controller acts on: its default for what is not sent, nothing for what is empty."""
    if value is UNSET:
        value = kind.defaults.get(name)
    if isinstance(value, (tuple, str)) and not value:
        return None
    if isinstance(value, Ref) and value == NO_REF:
        return None
    if isinstance(value, Struct) and isinstance(value, AviStruct) and _is_blank(value):
        return None
    return value


def _is_blank(value: AviStruct) -> bool:
    return all(_assumed(type(value), name, getattr(value, name)) is None for name in value.__struct_fields__)
