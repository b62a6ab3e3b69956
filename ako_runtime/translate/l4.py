"""The shape of every L4 virtual service: VsVip, Pools, L4PolicySet, VirtualService.

A front end (a Service, a shared VIP, a Gateway) says in an `L4Request` what it wants: names, listeners with their
pools, addresses, placement. This module turns a request into a stack and knows nothing of where it came from. Fields
and values equal those of the official AKO 2.2.1 (observed a1, a2); ports of the virtual service are in numerical
order, policy rules in the order of the listeners.

Profiles: TCP alone or mixed goes through the TCP profile of the licence, other protocols of a mixed service override
it per port; UDP alone and SCTP alone have their own (ako-behaviour 5.1).
"""

import ipaddress

import msgspec
from msgspec import UNSET, Struct

from ako_runtime.model import avi
from ako_runtime.model.avi import AviObject
from ako_runtime.model.environment import Environment
from ako_runtime.model.ownership import Ownership, markers_for
from ako_runtime.model.refs import NO_REF, Ref
from ako_runtime.model.stack import Stack
from ako_runtime.settings import NodeNetwork, Settings, VipNetwork
from ako_runtime.translate.placement import Placement

UDP_PROFILE = "System-UDP-Fast-Path"
SCTP_PROFILE = "System-SCTP-Proxy"
_SINGLE_PROFILE = {"UDP": UDP_PROFILE, "SCTP": SCTP_PROFILE}


class PoolRequest(Struct, frozen=True, kw_only=True):
    """A pool behind one or several listeners."""

    name: str
    protocol: str
    servers: tuple[avi.Server, ...] = ()
    markers: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Listener(Struct, frozen=True, kw_only=True):
    """A port and protocol; without a pool the port is open and goes nowhere."""

    port: int
    protocol: str
    pool: PoolRequest | None = None


class L4Request(Struct, frozen=True, kw_only=True):
    """What a front end wants of one virtual service."""

    name: str
    tenant: str
    placement: Placement
    listeners: tuple[Listener, ...]
    fqdns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    vs_markers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    traffic_enabled: bool = True
    application_profile: str = "System-L4-Application"


class CrdStatus(Struct, frozen=True, kw_only=True):
    """Custom resource attached to a virtual service."""

    type: str = ""
    value: str = ""
    status: str = ""


class ServiceMetadata(Struct, frozen=True, kw_only=True):
    """The JSON text that the official AKO keeps on virtual services and pools; field order is part of it."""

    namespace_ingress_name: tuple[str, ...] | None = None
    ingress_name: str = ""
    namespace: str = ""
    hostnames: tuple[str, ...] | None = None
    namespace_svc_name: tuple[str, ...] | None = None
    crd_status: CrdStatus = CrdStatus()
    pool_ratio: int = 0
    passthrough_parent_ref: str = ""
    passthrough_child_ref: str = ""
    gateway: str = ""
    httproute: str = ""
    httproute_rule_name: str = ""
    insecureedgetermallow: bool = False
    is_mci_ingress: bool = False
    fqdn_reuse_policy: str = ""
    host_namespace_ingress_name: tuple[str, ...] | None = None

    @property
    def text(self) -> str:
        """As it goes into `service_metadata`."""
        return msgspec.json.encode(self).decode()


class L4Context(Struct, frozen=True, kw_only=True):
    """What every shaper needs besides the request."""

    settings: Settings
    environment: Environment
    ownership: Ownership


def l4_stack(request: L4Request, context: L4Context) -> Stack:
    """The objects that serve the request."""
    pools = {listener.pool.name: listener.pool for listener in request.listeners if listener.pool}
    objects: list[AviObject] = [vsvip_for(request, context)]
    objects += [pool_for(pool, request, context) for pool in pools.values()]
    objects += [policy_for(request, context), virtualservice_for(request, context)]
    return Stack(objects={Ref(obj.kind, obj.name, tenant=request.tenant): obj for obj in objects})


def vsvip_for(request: L4Request, context: L4Context) -> avi.VsVip:
    """The address; asks for particular ones where the user does, and lets the controller allocate otherwise."""
    place = request.placement
    return avi.VsVip(
        name=request.name,
        tenant_ref=_tenant(request),
        cloud_ref=_cloud(context),
        vrf_context_ref=_vrf(place),
        tier1_lr=place.tier1 or UNSET,
        markers=markers_for(context.ownership),
        dns_info=tuple(avi.DnsInfo(fqdn=fqdn) for fqdn in request.fqdns) or UNSET,
        east_west_placement=False,
        bgp_peer_labels=place.bgp_peer_labels or UNSET,
        vip=_vips(request),
    )


def pool_for(pool: PoolRequest, request: L4Request, context: L4Context) -> avi.Pool:
    """One pool."""
    place = request.placement
    return avi.Pool(
        name=pool.name,
        tenant_ref=_tenant(request),
        cloud_ref=_cloud(context),
        vrf_ref=_vrf(place),
        tier1_lr=place.tier1 or UNSET,
        created_by=context.ownership.created_by,
        markers=markers_for(context.ownership, pool.markers),
        servers=pool.servers,
        health_monitor_refs=(Ref("healthmonitor", f"System-{pool.protocol}"),),
        graceful_disable_timeout=1,
        sni_enabled=False,
        service_metadata=_POOL_METADATA,
        placement_networks=tuple(_placement_networks(place.node_networks)) or UNSET,
    )


def policy_for(request: L4Request, context: L4Context) -> avi.L4PolicySet:
    """Which port goes to which pool; listeners without a pool have no rule."""
    bound = [(listener, listener.pool) for listener in request.listeners if listener.pool]
    rules = tuple(
        avi.L4Rule(
            name=Ref("pool", pool.name).wire,
            index=index,
            match=avi.L4Match(
                port=avi.PortMatch(match_criteria="IS_IN", ports=(listener.port,)),
                protocol=avi.ProtocolMatch(match_criteria="IS_IN", protocol=f"PROTOCOL_{listener.protocol}"),
            ),
            action=avi.L4Action(
                select_pool=avi.SelectPool(action_type="L4_RULE_ACTION_SELECT_POOL", pool_ref=Ref("pool", pool.name))
            ),
        )
        for index, (listener, pool) in enumerate(bound)
    )
    protocols = ",".join(sorted({listener.protocol for listener in request.listeners}))
    return avi.L4PolicySet(
        name=request.name,
        tenant_ref=_tenant(request),
        created_by=context.ownership.created_by,
        markers=markers_for(context.ownership, (*request.vs_markers, ("Protocol", (protocols,)))),
        l4_connection_policy=avi.L4ConnectionPolicy(rules=rules),
    )


def virtualservice_for(request: L4Request, context: L4Context) -> avi.VirtualService:
    """The listener for traffic."""
    place = request.placement
    base = network_profile(frozenset(listener.protocol for listener in request.listeners), context.environment)
    metadata = ServiceMetadata(hostnames=request.fqdns or None, namespace_svc_name=request.services or None)
    return avi.VirtualService(
        name=request.name,
        tenant_ref=_tenant(request),
        cloud_ref=_cloud(context),
        vrf_context_ref=_vrf(place),
        tier1_lr=place.tier1 or UNSET,
        created_by=context.ownership.created_by,
        markers=markers_for(context.ownership, request.vs_markers),
        se_group_ref=Ref("serviceenginegroup", place.se_group),
        vsvip_ref=Ref("vsvip", request.name),
        application_profile_ref=Ref("applicationprofile", request.application_profile),
        network_profile_ref=Ref("networkprofile", base),
        error_page_profile_ref=NO_REF,
        enable_rhi=True if place.enable_rhi else UNSET,
        traffic_enabled=request.traffic_enabled,
        remove_listening_port_on_vs_down=True,
        l4_policies=(avi.L4PolicyLink(index=0, l4_policy_set_ref=Ref("l4policyset", request.name)),),
        service_metadata=metadata.text,
        services=tuple(
            _service_port(listener, base) for listener in sorted(request.listeners, key=lambda one: one.port)
        ),
    )


def network_profile(protocols: frozenset[str], environment: Environment) -> str:
    """The network profile that the virtual service as a whole gets."""
    if len(protocols) == 1:
        (protocol,) = protocols
        return _SINGLE_PROFILE.get(protocol, environment.tcp_profile)
    return environment.tcp_profile if "TCP" in protocols else UDP_PROFILE


def address_of(text: str) -> avi.IpAddr:
    """An address with its family; the text must be an address."""
    return avi.IpAddr(addr=text, type="V6" if ipaddress.ip_address(text).version == 6 else "V4")


def prefix_of(cidr: str) -> avi.IpPrefix:
    """A network in CIDR notation; host bits are kept as written, as the official AKO does."""
    address, _, mask = cidr.partition("/")
    return avi.IpPrefix(ip_addr=address_of(address), mask=int(mask))


def _vips(request: L4Request) -> tuple[avi.Vip, ...]:
    wanted = [address_of(text) for text in request.addresses]
    v4 = next((address for address in wanted if address.type == "V4"), UNSET)
    v6 = next((address for address in wanted if address.type == "V6"), UNSET)
    networks = request.placement.vip_networks or (None,)
    return tuple(
        avi.Vip(
            vip_id=str(index),
            auto_allocate_ip=True,
            auto_allocate_ip_type=_allocation(network),
            auto_allocate_floating_ip=True if request.placement.public_ip else UNSET,
            ipam_network_subnet=_subnet(network),
            ip_address=v4,
            ip6_address=v6,
        )
        for index, network in enumerate(networks)
    )


def _allocation(network: VipNetwork | None) -> str | msgspec.UnsetType:
    if network is None or not network.v6cidr:
        return UNSET
    return "V4_V6" if network.cidr else "V6_ONLY"


def _subnet(network: VipNetwork | None) -> avi.IpamNetworkSubnet | msgspec.UnsetType:
    if network is None:
        return UNSET
    return avi.IpamNetworkSubnet(
        network_ref=Ref("network", network.network_name or network.network_uuid),
        subnet=prefix_of(network.cidr) if network.cidr else UNSET,
        subnet6=prefix_of(network.v6cidr) if network.v6cidr else UNSET,
    )


def _placement_networks(networks: tuple[NodeNetwork, ...]) -> list[avi.PlacementNetwork]:
    return [
        avi.PlacementNetwork(
            network_ref=Ref("network", network.network_name or network.network_uuid), subnet=prefix_of(cidr)
        )
        for network in networks
        for cidr in network.cidrs
    ]


def _service_port(listener: Listener, base: str) -> avi.ServicePort:
    own = _SINGLE_PROFILE.get(listener.protocol)
    return avi.ServicePort(
        port=listener.port,
        port_range_end=listener.port,
        enable_ssl=False,
        enable_http2=False,
        override_network_profile_ref=Ref("networkprofile", own) if own and own != base else UNSET,
    )


def _tenant(request: L4Request) -> Ref:
    return Ref("tenant", request.tenant)


def _cloud(context: L4Context) -> Ref:
    return Ref("cloud", context.settings.cloud_name)


def _vrf(place: Placement) -> Ref | msgspec.UnsetType:
    return Ref("vrfcontext", place.vrf) if place.vrf else UNSET


_POOL_METADATA = ServiceMetadata().text
