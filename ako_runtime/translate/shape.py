"""The shape of every L4 virtual service: VsVip, Pools, L4PolicySet, VirtualService, and what guards them.

Fields and values equal those of the official AKO 2.2.1 (observed a1 to a8, a13, a14); what it does not know
(source ranges, client address persistence) is added only where a Service asks for it.

Profiles: TCP alone or mixed goes through the TCP profile of the licence; UDP alone and SCTP alone have their own, and
UDP beside SCTP is UDP. Each UDP and SCTP port of a mixed virtual service names its own profile (ako-behaviour 5.1). The
definition of L4Rule of the official AKO fills `networkProfileRef` with the TCP proxy on every rule; that value is
therefore no wish, and UDP stays UDP.
"""

import msgspec
from msgspec import UNSET, UnsetType

from ako_runtime.model import avi
from ako_runtime.model.avi import AviObject
from ako_runtime.model.environment import Environment
from ako_runtime.model.names import MAX_NAME_LENGTH
from ako_runtime.model.ownership import markers_for
from ako_runtime.model.refs import NO_REF, Ref
from ako_runtime.model.stack import Stack
from ako_runtime.settings import NodeNetwork, VipNetwork
from ako_runtime.translate.checksums import l4_pool_sum, l4_service_sum, vsvip_sum
from ako_runtime.translate.l4 import L4Context, L4Request, Listener, PoolRequest, ServiceMetadata, address_of, prefix_of
from ako_runtime.translate.placement import Placement, takes_node_networks
from ako_runtime.translate.shape_rule import is_ssl, pool_properties, virtualservice_properties

UDP_PROFILE = "System-UDP-Fast-Path"
SCTP_PROFILE = "System-SCTP-Proxy"
CONSISTENT_HASH = "LB_ALGORITHM_CONSISTENT_HASH"
SOURCE_HASH = "LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS"
"""What an annotation that asks for a hash gets; an L4Rule can name another one."""
_SINGLE_PROFILE = {"UDP": UDP_PROFILE, "SCTP": SCTP_PROFILE}


def l4_stack(request: L4Request, context: L4Context) -> Stack:
    """The objects that serve the request."""
    pools = {listener.pool.name: listener.pool for listener in request.listeners if listener.pool}
    objects: list[AviObject] = [vsvip_for(request, context)]
    objects += [persistence_for(pool, request, context) for pool in pools.values() if has_own_persistence(pool)]
    objects += [pool_for(pool, request, context) for pool in pools.values()]
    if not is_ssl(request):
        objects.append(policy_for(request, context))
    if request.source_ranges:
        objects.append(source_policy_for(request, context))
    objects.append(virtualservice_for(request, context))
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
        vsvip_cloud_config_cksum=vsvip_sum(request, context),
        dns_info=tuple(avi.DnsInfo(fqdn=fqdn) for fqdn in request.fqdns) or UNSET,
        east_west_placement=False,
        bgp_peer_labels=place.bgp_peer_labels or UNSET,
        vip=_vips(request, context.environment),
    )


def persistence_for(pool: PoolRequest, request: L4Request, context: L4Context) -> avi.ApplicationPersistenceProfile:
    """What keeps a client at its server, for one pool."""
    return avi.ApplicationPersistenceProfile(
        name=pool.name,
        tenant_ref=_tenant(request),
        markers=markers_for(context.ownership),
        persistence_type="PERSISTENCE_TYPE_CLIENT_IP_ADDRESS",
        ip_persistence_profile=avi.IpPersistence(ip_persistent_timeout=pool.persistence),
    )


def has_own_persistence(pool: PoolRequest) -> bool:
    """Whether the pool needs a profile of its own: the Service asks for one, and no L4Rule names another."""
    named = pool.backend.application_persistence_profile_ref if pool.backend is not None else ""
    return bool(pool.persistence) and not named


def pool_for(pool: PoolRequest, request: L4Request, context: L4Context) -> avi.Pool:
    """One pool of layer 4."""
    plain = plain_pool(pool, request, context)
    own = msgspec.structs.replace(plain, cloud_config_cksum=l4_pool_sum(pool, request, context))
    return own if pool.backend is None else pool_properties(own, pool.backend)


def plain_pool(pool: PoolRequest, request: L4Request, context: L4Context) -> avi.Pool:
    """One pool without its rule and its checksum, which layer 4 and layer 7 have of their own."""
    place = request.placement
    metadata = ServiceMetadata(hostnames=pool.hostnames or None, namespace_svc_name=pool.services or None)
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
        service_metadata=metadata.text,
        placement_networks=tuple(_placement_networks(place, context.environment)) or UNSET,
        lb_algorithm=pool.algorithm or UNSET,
        lb_algorithm_hash=SOURCE_HASH if pool.algorithm == CONSISTENT_HASH else UNSET,
        application_persistence_profile_ref=(
            Ref("applicationpersistenceprofile", pool.name) if has_own_persistence(pool) else UNSET
        ),
    )


def policy_for(request: L4Request, context: L4Context) -> avi.L4PolicySet:
    """Which port goes to which pool; listeners without a pool have no rule."""
    bound = [(listener, listener.pool) for listener in request.listeners if listener.pool]
    rules = tuple(
        avi.L4Rule(
            # Not compared; the controller takes no longer one.
            name=Ref("pool", pool.name).wire[:MAX_NAME_LENGTH],
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
    markers = request.vs_markers
    if request.dedicated:
        markers = (*markers, ("Protocol", (",".join(sorted({listener.protocol for listener in request.listeners})),)))
    return avi.L4PolicySet(
        name=request.name,
        tenant_ref=_tenant(request),
        created_by=context.ownership.created_by,
        markers=markers_for(context.ownership, markers),
        l4_connection_policy=avi.L4ConnectionPolicy(rules=rules),
    )


def source_policy_for(request: L4Request, context: L4Context) -> avi.NetworkSecurityPolicy:
    """Refuses clients from outside the source ranges, one rule a Service."""
    return avi.NetworkSecurityPolicy(
        name=request.name,
        tenant_ref=_tenant(request),
        created_by=context.ownership.created_by,
        markers=markers_for(context.ownership, request.vs_markers),
        rules=tuple(
            avi.NetworkSecurityRule(
                name=f"source-ranges-{ranges.name}",
                index=index,
                enable=True,
                action="NETWORK_SECURITY_POLICY_ACTION_TYPE_DENY",
                match=avi.NetworkSecurityMatch(
                    client_ip=avi.ClientMatch(
                        match_criteria="IS_NOT_IN", prefixes=tuple(prefix_of(network) for network in ranges.networks)
                    ),
                    vs_port=avi.PortMatch(match_criteria="IS_IN", ports=ranges.ports) if ranges.ports else UNSET,
                ),
            )
            for index, ranges in enumerate(request.source_ranges, start=1)
        ),
    )


def virtualservice_for(request: L4Request, context: L4Context) -> avi.VirtualService:
    """The listener for traffic."""
    place = request.placement
    base = network_profile(frozenset(listener.protocol for listener in request.listeners), context.environment)
    metadata = ServiceMetadata(
        hostnames=request.fqdns or None, namespace_svc_name=request.services or None, gateway=request.gateway
    )
    plain = avi.VirtualService(
        name=request.name,
        tenant_ref=_tenant(request),
        cloud_ref=_cloud(context),
        vrf_context_ref=_vrf(place),
        created_by=context.ownership.created_by,
        markers=markers_for(context.ownership, request.vs_markers),
        se_group_ref=Ref("serviceenginegroup", place.se_group),
        vsvip_ref=Ref("vsvip", request.name),
        application_profile_ref=Ref("applicationprofile", request.application_profile),
        network_profile_ref=Ref("networkprofile", base),
        network_security_policy_ref=(Ref("networksecuritypolicy", request.name) if request.source_ranges else UNSET),
        error_page_profile_ref=NO_REF,
        enable_rhi=True if place.enable_rhi else UNSET,
        traffic_enabled=UNSET if request.traffic_enabled is None else request.traffic_enabled,
        remove_listening_port_on_vs_down=True,
        l4_policies=(avi.L4PolicyLink(index=0, l4_policy_set_ref=Ref("l4policyset", request.name)),),
        service_metadata=metadata.text,
        cloud_config_cksum=l4_service_sum(request, context),
        services=_service_ports(request),
    )
    return plain if request.rule is None else virtualservice_properties(plain, request)


def network_profile(protocols: frozenset[str], environment: Environment) -> str:
    """The network profile that the virtual service as a whole gets."""
    if len(protocols) == 1:
        (protocol,) = protocols
        return _SINGLE_PROFILE.get(protocol, environment.tcp_profile)
    return environment.tcp_profile if "TCP" in protocols or not protocols else UDP_PROFILE


def _vips(request: L4Request, environment: Environment) -> tuple[avi.Vip, ...]:
    wanted = [address_of(text) for text in request.addresses]
    v4 = next((address for address in wanted if address.type == "V4"), UNSET)
    v6 = next((address for address in wanted if address.type == "V6"), UNSET)
    place = request.placement
    networks = place.vip_networks or (None,)
    # Where a provider's subnets are named, the official AKO counts from 1 (observed: it refuses to change a `vip_id`).
    first = 1 if environment.names_subnets and place.vip_networks else 0
    # NSX-T without a tier-1 router: the VIP must be told where Service Engines reach it.
    on_vlan = environment.cloud_type == "CLOUD_NSXT" and not place.tier1
    return tuple(
        avi.Vip(
            vip_id=str(number),
            auto_allocate_ip=True,
            auto_allocate_ip_type=_allocation(network, request.vip_family),
            auto_allocate_floating_ip=True if place.public_ip else UNSET,
            ipam_network_subnet=UNSET if environment.names_subnets else _subnet(network, request.vip_family),
            subnet_uuid=_provider_subnet(network) if environment.names_subnets else UNSET,
            ip_address=v4,
            ip6_address=v6,
            placement_networks=_vip_placement(network) if on_vlan and network is not None else UNSET,
        )
        for number, network in enumerate(networks, start=first)
    )


def _allocation(network: VipNetwork | None, family: str) -> str | UnsetType:
    if network is None or family == "V4":
        return UNSET
    if not (network.cidr or network.v6cidr):
        # Asked for by somebody who has looked what the controller's network can give.
        return {"V6": "V6_ONLY", "V4_V6": "V4_V6"}.get(family, UNSET)
    if not network.v6cidr:
        return UNSET
    if family == "V6":
        return "V6_ONLY"
    return "V4_V6" if network.cidr else "V6_ONLY"


def _subnet(network: VipNetwork | None, family: str) -> avi.IpamNetworkSubnet | UnsetType:
    if network is None:
        return UNSET
    return avi.IpamNetworkSubnet(
        network_ref=_network(network),
        subnet=prefix_of(network.cidr) if network.cidr and family != "V6" else UNSET,
        subnet6=prefix_of(network.v6cidr) if network.v6cidr and family != "V4" else UNSET,
    )


def _provider_subnet(network: VipNetwork | None) -> str | UnsetType:
    """The subnet as AWS and Azure know it."""
    return UNSET if network is None else network.network_name or network.network_uuid


def _vip_placement(network: VipNetwork) -> tuple[avi.PlacementNetwork, ...]:
    return tuple(
        avi.PlacementNetwork(network_ref=_network(network), subnet=prefix_of(cidr))
        for cidr in (network.cidr, network.v6cidr)
        if cidr
    )


def _placement_networks(place: Placement, environment: Environment) -> list[avi.PlacementNetwork]:
    if not takes_node_networks(place, environment):
        return []
    return [
        avi.PlacementNetwork(network_ref=_network(network), subnet=prefix_of(cidr))
        for network in place.node_networks
        for cidr in network.cidrs
    ]


def _network(network: VipNetwork | NodeNetwork) -> Ref:
    return Ref("network", network.network_name or network.network_uuid)


def _service_ports(request: L4Request) -> tuple[avi.ServicePort, ...]:
    mixed = len({listener.protocol for listener in request.listeners}) > 1
    # As texts, as the official AKO does; a Gateway names none, and its listeners stay in their order.
    listeners = sorted(request.listeners, key=lambda one: one.name)
    return tuple(_service_port(listener, mixed=mixed) for listener in listeners)


def _service_port(listener: Listener, *, mixed: bool) -> avi.ServicePort:
    own = _SINGLE_PROFILE.get(listener.protocol)
    return avi.ServicePort(
        port=listener.port,
        port_range_end=listener.port,
        enable_ssl=listener.ssl,
        enable_http2=False,
        override_network_profile_ref=Ref("networkprofile", own) if mixed and own else UNSET,
    )


def _tenant(request: L4Request) -> Ref:
    return Ref("tenant", request.tenant)


def _cloud(context: L4Context) -> Ref:
    return Ref("cloud", context.settings.cloud_name)


def _vrf(place: Placement) -> Ref | UnsetType:
    return Ref("vrfcontext", place.vrf) if place.vrf else UNSET
