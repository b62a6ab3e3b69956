"""Address families of a VIP: what the Service asks for, as far as the networks can give it.

The API server fills `ipFamilies` and `SingleStack` in, so neither of them says that a second address is unwanted; the
official AKO gives every Service what the subnets of the VIP network in the configuration say, and so do we. Beyond it:

- `PreferDualStack` and `RequireDualStack` ask for both families, a static IPv6 address or `ipFamilies: [IPv6]` for the
  second one, where the configuration names a network without subnets; the subnets that the controller has decide
  whether it is asked for.
- `RequireDualStack` that cannot be met is told; the Service works with the one address, as under the official AKO.
- The annotation `ako.vmware.com/vip-ip-family` is a demand: what the network cannot give refuses the Service.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic
from ako_runtime.resources.core import Service
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import VipNetwork
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.l4 import address_of
from ako_runtime.translate.members import FAMILIES
from ako_runtime.translate.placement import Placement
from ako_runtime.translate.verdict import refusal, remark
from ako_runtime.translate.wish import Wish, service_ref

BOTH = frozenset({"V4", "V6"})
_NAMES = {"V4": "IPv4", "V6": "IPv6"}
_DUAL = frozenset({"PreferDualStack", "RequireDualStack"})


class FamilyChoice(Struct, frozen=True, kw_only=True):
    """Families to ask for (empty: as the network says), those that the VIP will have, and what is wrong."""

    asked: str = ""
    given: frozenset[str] = frozenset({"V4"})
    problems: tuple[Diagnostic, ...] = ()
    needs: frozenset[Ref] = frozenset()


def family_choice(service: Service, wish: Wish, place: Placement, snapshot: Snapshot) -> FamilyChoice:
    """Families of the VIP of a Service that decides about it."""
    said = said_by_subnets(place)
    if said:
        given = said & frozenset(wish.vip_family.split("_")) if wish.vip_family else said
        return FamilyChoice(asked=wish.vip_family, given=given, problems=_problems(service, wish, said))
    choice = _unsaid_choice(_wanted(service, wish), place, snapshot)
    if choice.needs:
        return choice
    return msgspec.structs.replace(choice, problems=_problems(service, wish, choice.given))


def address_choice(addresses: tuple[str, ...], place: Placement, snapshot: Snapshot) -> FamilyChoice:
    """Families of a VIP about which no Service decides: those of the addresses that are asked for, if any are."""
    said = said_by_subnets(place)
    if said:
        return FamilyChoice(given=said)
    return _unsaid_choice(frozenset(address_of(text).type for text in addresses), place, snapshot)


def _unsaid_choice(wanted: frozenset[str], place: Placement, snapshot: Snapshot) -> FamilyChoice:
    """What can be had of `wanted` from networks whose subnets only the controller knows."""
    if "V6" not in wanted:
        # What the controller allocates unless it is told otherwise.
        return FamilyChoice()
    networks = tuple(Ref("network", one.network_name) for one in place.vip_networks if one.network_name)
    needs = frozenset(ref for ref in networks if snapshot.reference(ref) is None)
    if needs and snapshot.environment.supports_ipv6:
        return FamilyChoice(needs=needs)
    given = (wanted & _able(networks, snapshot)) or frozenset({"V4"})
    return FamilyChoice(asked="" if given == {"V4"} else "_".join(sorted(given)), given=given)


def dual_stack_remarks(service: Service, given: frozenset[str]) -> tuple[Diagnostic, ...]:
    """Told to a Service that requires both families and gets one, because of the network or because others decide."""
    if service.spec.ip_family_policy != "RequireDualStack" or given >= BOTH:
        return ()
    only = " and ".join(_NAMES[family] for family in sorted(given))
    return (
        remark(
            service_ref(service),
            "SingleStackNetwork",
            f"spec.ipFamilyPolicy is RequireDualStack, but the VIP network has only an {only} subnet; "
            f"the address is {only}",
            field="spec.ipFamilyPolicy",
        ),
    )


def said_by_subnets(place: Placement) -> frozenset[str]:
    """Families of the subnets that the configuration names; empty if it names none."""
    return frozenset(_subnet_families(place.vip_networks))


def _subnet_families(networks: Iterable[VipNetwork]) -> Iterable[str]:
    for network in networks:
        if network.cidr:
            yield "V4"
        if network.v6cidr:
            yield "V6"


def _wanted(service: Service, wish: Wish) -> frozenset[str]:
    if wish.vip_family:
        return frozenset(wish.vip_family.split("_"))
    if service.spec.ip_family_policy in _DUAL:
        return BOTH
    if wish.addresses:
        return frozenset(address_of(text).type for text in wish.addresses)
    return frozenset(FAMILIES[one] for one in service.spec.ip_families if one in FAMILIES) or frozenset({"V4"})


def _able(networks: tuple[Ref, ...], snapshot: Snapshot) -> frozenset[str]:
    """Families that the controller has subnets for in every one of the networks."""
    if not snapshot.environment.supports_ipv6 or not networks:
        return frozenset()
    known = [found.families if found is not None else () for found in map(snapshot.reference, networks)]
    return frozenset.intersection(*map(frozenset, known))


def _problems(service: Service, wish: Wish, offered: frozenset[str]) -> tuple[Diagnostic, ...]:
    lacking = sorted(set(wish.vip_family.split("_")) - offered - {""})
    if lacking:
        return (
            refusal(
                service_ref(service),
                "FamilyNotAvailable",
                f"{notes.VIP_FAMILY} asks for {wish.vip_family}, but the VIP network has no {' and '.join(lacking)} "
                "subnet; choose another network or family",
                field=notes.VIP_FAMILY,
            ),
        )
    return dual_stack_remarks(service, offered)
