"""What the official AKO would build of layer 4, for the checksums that our objects carry.

Only what it knows counts: of a pool what an L4Rule says, not what an annotation of ours adds to it; of a virtual
service the port names and target ports of the Service, which are nowhere in its body.
"""

import msgspec
from msgspec import UNSET, UnsetType

from ako_runtime.model.avi import AnalyticsPolicy
from ako_runtime.model.checksum import counted_by
from ako_runtime.model.checksums import (
    PoolModel,
    PoolNetwork,
    VsVipModel,
    VsVipNetwork,
    alphabetical,
    compact,
    pool_checksum,
    reference,
    vsvip_checksum,
)
from ako_runtime.model.checksums_vs import ListenerModel, VirtualServiceModel, virtual_service_checksum
from ako_runtime.model.environment import Environment
from ako_runtime.model.wire import plain
from ako_runtime.resources.ako import BackendProperties, L4RuleSpec, RuleLimits
from ako_runtime.translate.l4 import L4Context, L4Request, PoolRequest
from ako_runtime.translate.placement import Placement, takes_node_networks
from ako_runtime.translate.shape_rule import (
    DEFAULT_APPLICATION_PROFILE,
    SSL_APPLICATION_PROFILE,
    is_ssl,
)

MIXED_PROFILE = "Mixed-Network-Profile-Internal"
_PROFILES = {"UDP": "System-UDP-Fast-Path", "SCTP": "System-SCTP-Proxy"}


@counted_by(vsvip_checksum)
def vsvip_sum(request: L4Request, context: L4Context) -> VsVipModel:
    """The checksum of a VsVip."""
    place = request.placement
    return VsVipModel(
        cluster=context.settings.cluster_name,
        fqdns=request.fqdns,
        address=request.addresses[0] if request.addresses else "",
        networks=tuple(
            VsVipNetwork(
                name="" if one.network_uuid else one.network_name,
                uuid=one.network_uuid,
                cidr=one.cidr,
                v6cidr=one.v6cidr,
            )
            for one in place.vip_networks
        ),
        public_ip=place.public_ip,
        bgp_peer_labels=place.bgp_peer_labels,
        tier1=place.tier1,
    )


def pool_model(
    pool: PoolRequest, place: Placement, context: L4Context, *, protocol: str = "", priority_label: str = ""
) -> PoolModel:
    """A pool without what rules say; its protocol counts in layer 4 alone."""
    reached = pool.reached
    return PoolModel(
        protocol=protocol,
        priority_label=priority_label,
        cluster=context.settings.cluster_name,
        port=reached.number,
        port_name=reached.name,
        by_node=reached.by_node,
        by_pod=reached.by_pod,
        markers=pool.markers,
        servers=pool.servers,
        networks=pool_networks(place, context.environment),
        services=pool.services,
        hostnames=pool.hostnames,
        tier1=place.tier1,
    )


@counted_by(pool_checksum)
def l4_pool_sum(pool: PoolRequest, request: L4Request, context: L4Context) -> PoolModel:
    """The checksum of a pool of layer 4."""
    model = pool_model(pool, request.placement, context, protocol=pool.protocol)
    return model if pool.backend is None else _with_backend(model, pool.backend)


def _with_backend(model: PoolModel, backend: BackendProperties) -> PoolModel:
    return msgspec.structs.replace(
        model,
        algorithm=backend.lb_algorithm,
        hash=backend.lb_algorithm_hash,
        header=backend.lb_algorithm_consistent_hash_hdr,
        ssl_profile=reference("sslprofile", backend.ssl_profile_ref),
        pki_profile=reference("pkiprofile", backend.pki_profile_ref),
        certificate=reference("sslkeyandcertificate", backend.ssl_key_and_certificate_ref),
        persistence=reference("applicationpersistenceprofile", backend.application_persistence_profile_ref),
        monitors=tuple(reference("healthmonitor", name) for name in backend.health_monitor_refs),
        enabled=backend.enabled,
        min_servers_up=backend.min_servers_up,
        metrics=None if backend.analytics_policy is None else backend.analytics_policy.enable_realtime_metrics,
    )


def pool_networks(place: Placement, environment: Environment) -> tuple[PoolNetwork, ...] | None:
    """Where the servers are; None on clouds that do not ask."""
    if not takes_node_networks(place, environment):
        return None
    known = dict(place.node_network_uuids)
    return tuple(
        PoolNetwork(
            key=one.network_uuid or one.network_name,
            uuid=one.network_uuid or known.get(one.network_name, ""),
            cidrs=one.cidrs,
        )
        for one in place.node_networks
    )


@counted_by(virtual_service_checksum)
def l4_service_sum(request: L4Request, context: L4Context) -> VirtualServiceModel:
    """The checksum of a virtual service of layer 4."""
    rule, place, ssl = request.rule, request.placement, is_ssl(request)
    names = [f"VSVIP{request.name}"] if ssl else [f"L4Policy{request.name}", f"VSVIP{request.name}"]
    if request.dedicated:
        names += [f"Pool{listener.pool.name}" for listener in request.listeners if listener.pool]
    if rule is not None and ssl:
        certificates = (reference("sslkeyandcertificate", name) for name in rule.ssl_key_and_certificate_refs)
        names += [f"SslKeyAndCertificate{one}" for one in certificates]
    return VirtualServiceModel(
        cluster=context.settings.cluster_name,
        names=tuple(names),
        application_profile=request.application_profile,
        se_group=place.se_group,
        network_profile=_network_profile(request, context.environment),
        listeners=tuple(
            ListenerModel(port=one.port, protocol=one.protocol, name=one.name, target_port=one.target_port)
            for one in request.listeners
        ),
        named=(*_named(rule, ssl=ssl), compact(sorted(request.fqdns)) if request.fqdns else ""),
        traffic_enabled=request.traffic_enabled,
        markers=request.vs_markers,
        rhi=place.enable_rhi,
        analytics_policy=_analytics(rule),
        fields=_fields(rule),
    )


def _network_profile(request: L4Request, environment: Environment) -> str:
    protocols = {listener.protocol for listener in request.listeners}
    if len(protocols) > 1:
        return MIXED_PROFILE
    return _PROFILES.get(next(iter(protocols), "TCP"), environment.tcp_profile)


def _named(rule: L4RuleSpec | None, *, ssl: bool) -> tuple[str, ...]:
    if rule is None:
        return ()
    profile = rule.application_profile_ref
    if ssl and profile == DEFAULT_APPLICATION_PROFILE:
        profile = SSL_APPLICATION_PROFILE
    scripts = [reference("vsdatascriptset", name) for name in rule.vs_datascript_refs]
    return (
        reference("applicationprofile", profile),
        reference("analyticsprofile", rule.analytics_profile_ref),
        reference("sslprofile", rule.ssl_profile_ref) if ssl else "",
        compact(scripts) if scripts else "",
    )


def _analytics(rule: L4RuleSpec | None) -> str:
    logs = rule.analytics_policy.full_client_logs if rule is not None and rule.analytics_policy is not None else None
    if logs is None:
        return ""
    return alphabetical(
        {"full_client_logs": {"enabled": logs.enabled, "duration": logs.duration, "throttle": logs.throttle}}
    )


def analytics_text(policy: AnalyticsPolicy | UnsetType) -> str:
    """What is logged of a virtual service, as JSON; empty if nothing."""
    return "" if policy is UNSET else alphabetical(plain(policy))


def _fields(rule: L4RuleSpec | None) -> tuple[str, ...]:
    if rule is None:
        return ()
    ports = [
        {"enableSsl": one.enable_ssl, "port": one.port, "protocol": one.protocol} for one in rule.listener_properties
    ]
    found = (
        rule.load_balancer_ip,
        reference("networkprofile", rule.network_profile_ref),
        reference("networksecuritypolicy", rule.network_security_policy_ref),
        limits_text(rule.performance_limits),
        reference("securitypolicy", rule.security_policy_ref),
        compact(ports) if ports else "",
    )
    return tuple(one for one in found if one)


def limits_text(limits: RuleLimits | None) -> str:
    """Bounds as a custom resource writes them."""
    if limits is None:
        return ""
    found = {"maxConcurrentConnections": limits.max_concurrent_connections, "maxThroughput": limits.max_throughput}
    return compact({name: value for name, value in found.items() if value is not None})
