"""Addresses that somebody asks for, held against the VIP networks; and who says where a virtual service stands.

The controller takes an address that lies in no subnet of the network, and refuses it from the second request on. So it
is refused here, in one sentence that names the network and its subnets.
"""

from ipaddress import ip_address, ip_network

from ako_runtime.model.stack import RUNTIME, ObjectRef
from ako_runtime.settings import VipNetwork
from ako_runtime.translate.infra import InfraChoice
from ako_runtime.translate.placement import Placement

NOT_IN_NETWORK = "AddressNotInNetwork"


def address_problem(addresses: tuple[str, ...], place: Placement) -> str:
    """Why one of the addresses cannot be had; empty if all can, or if the configuration names no subnets."""
    if not place.vip_networks or not all(_subnets(one) for one in place.vip_networks):
        return ""
    for text in addresses:
        address = ip_address(text)
        if not any(address in ip_network(cidr, strict=False) for one in place.vip_networks for cidr in _subnets(one)):
            networks = " and ".join(
                f"'{one.network_name or one.network_uuid}' ({', '.join(_subnets(one))})" for one in place.vip_networks
            )
            what = "VIP network" if len(place.vip_networks) == 1 else "VIP networks"
            return f"the address {text} lies in no subnet of the {what} {networks}; ask for one that does, or for none"
    return ""


def placers(infra: InfraChoice, *rules: ObjectRef) -> tuple[ObjectRef, ...]:
    """What says where a virtual service stands: rules, the AviInfraSetting, else the configuration."""
    found = ObjectRef(resource="aviinfrasettings", namespace="", name=infra.name) if infra.name else RUNTIME
    return (*rules, found)


def l4_rule_ref(named: tuple[str, str] | None) -> tuple[ObjectRef, ...]:
    """An L4Rule as an object."""
    return (ObjectRef(resource="l4rules", namespace=named[0], name=named[1]),) if named is not None else ()


def _subnets(network: VipNetwork) -> tuple[str, ...]:
    return tuple(cidr for cidr in (network.cidr, network.v6cidr) if cidr)
