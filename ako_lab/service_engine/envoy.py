"""The model in Envoy's words: listeners and clusters as resources of its API (v3)."""

import ipaddress
from collections.abc import Iterable, Mapping

from ako_lab.service_engine.envoy_http import NOBODY, TYPE, connection_manager, hash_policy, shares_of
from ako_lab.service_engine.model import (
    Chain,
    Check,
    KeyPair,
    Listener,
    Model,
    Server,
    Sources,
    Target,
    Tls,
    Upstream,
)
from ako_lab.service_engine.objects import Json

Resource = dict[str, Json]
_NETWORK = f"{TYPE}envoy.extensions.filters.network"
_ALGORITHMS = {"round-robin": "ROUND_ROBIN", "least": "LEAST_REQUEST", "random": "RANDOM", "hash": "RING_HASH"}
_ALL_OF_A_POOL = 2520
"""Divisible by all numbers of servers up to ten: the weights of two pools stay exact."""


def listeners_of(model: Model) -> list[Resource]:
    """The listeners."""
    upstreams = {one.name: one for one in model.upstreams}
    return [_listener(one, upstreams) for one in model.listeners]


def clusters_of(model: Model) -> list[Resource]:
    """The clusters: one a pool, and one for each listener of UDP, where Envoy cannot share between clusters."""
    upstreams = {one.name: one for one in model.upstreams}
    found = [_cluster(one) for one in model.upstreams]
    for listener in model.listeners:
        if listener.protocol == "UDP":
            for number, chain in enumerate(listener.chains):
                found.append(_merged(f"{listener.name}-{number}", chain.target or Target(), upstreams))
    return found


def _listener(listener: Listener, upstreams: Mapping[str, Upstream]) -> Resource:
    address: Resource = {"address": listener.address, "port_value": listener.port}
    found: Resource = {
        "@type": f"{TYPE}envoy.config.listener.v3.Listener",
        "name": listener.name,
        "ignore_global_conn_limit": True,
        "freebind": True,
    }
    if listener.protocol == "UDP":
        return {**found, **_udp(listener, address)}
    chains = [_chain(f"{listener.name}-{at}", chain, listener, upstreams) for at, chain in enumerate(listener.chains)]
    if any(chain.server_names or chain.tls for chain in listener.chains):
        inspector = {"@type": f"{TYPE}envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}
        found["listener_filters"] = [{"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector}]
    return {**found, "address": {"socket_address": address}, "filter_chains": chains}


def _chain(name: str, chain: Chain, listener: Listener, upstreams: Mapping[str, Upstream]) -> Resource:
    filters: list[Resource] = [*_refusals(listener.sources)]
    if chain.connections:
        limit = {
            "@type": f"{_NETWORK}.connection_limit.v3.ConnectionLimit",
            "stat_prefix": "limit",
            "max_connections": chain.connections,
        }
        filters.append({"name": "envoy.filters.network.connection_limit", "typed_config": limit})
    if chain.target is not None:
        proxy: Resource = {
            "@type": f"{_NETWORK}.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "tcp",
            "max_connect_attempts": 3,
            **shares_of(chain.target),
        }
        if any("connection_properties" in one for one in hash_policy(chain.target, upstreams)):
            proxy["hash_policy"] = [{"source_ip": {}}]
        filters.append({"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy})
    else:
        filters.append(connection_manager(name, chain, upstreams))
    found: Resource = {"name": name, "filters": filters}
    match: Resource = {}
    if chain.server_names:
        match["server_names"] = list(chain.server_names)
    allowed = allowed_prefixes(listener.sources)
    if allowed is not None:
        match["direct_source_prefix_ranges"] = [_range(one) for one in allowed]
    if match:
        found["filter_chain_match"] = match
    if chain.tls is not None:
        found["transport_socket"] = _downstream(chain.tls)
    return found


def allowed_prefixes(sources: Iterable[Sources]) -> list[str] | None:
    """The prefixes that every list of allowed clients holds; None without such a list."""
    found: list[ipaddress.IPv4Network | ipaddress.IPv6Network] | None = None
    for one in sources:
        if not one.only:
            continue
        networks = [ipaddress.ip_network(prefix, strict=False) for prefix in one.prefixes]
        found = networks if found is None else [both for a in found for b in networks if (both := _overlap(a, b))]
    return None if found is None else [str(one) for one in found] or ["255.255.255.255/32"]


def _overlap(
    one: ipaddress.IPv4Network | ipaddress.IPv6Network, other: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if one.version != other.version or not one.overlaps(other):
        return None
    return one if one.prefixlen >= other.prefixlen else other


def _refusals(sources: Iterable[Sources]) -> Iterable[Resource]:
    refused = [prefix for one in sources if not one.only for prefix in one.prefixes]
    if refused:
        principals = [{"direct_remote_ip": _range(prefix)} for prefix in refused]
        rules = {"action": "DENY", "policies": {"refused": {"permissions": [{"any": True}], "principals": principals}}}
        config = {"@type": f"{_NETWORK}.rbac.v3.RBAC", "stat_prefix": "sources", "rules": rules}
        yield {"name": "envoy.filters.network.rbac", "typed_config": config}


def _range(prefix: str) -> Resource:
    network = ipaddress.ip_network(prefix, strict=False)
    return {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}


def _udp(listener: Listener, address: Resource) -> Resource:
    route = {
        "name": "route",
        "typed_config": {
            "@type": f"{TYPE}envoy.extensions.filters.udp.udp_proxy.v3.Route",
            "cluster": f"{listener.name}-0",
        },
    }
    allowed = allowed_prefixes(listener.sources)
    refused = [prefix for one in listener.sources if not one.only for prefix in one.prefixes]
    proxy = {
        "@type": f"{TYPE}envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
        "stat_prefix": "udp",
        "idle_timeout": "60s",
        "hash_policies": [{"source_ip": True}],
        "matcher": _by_source(route, allowed, refused),
    }
    return {
        "address": {"socket_address": {**address, "protocol": "UDP"}},
        "udp_listener_config": {"downstream_socket_config": {"max_rx_datagram_size": 9000}},
        "listener_filters": [{"name": "envoy.filters.udp_listener.udp_proxy", "typed_config": proxy}],
    }


def _by_source(route: Resource, allowed: list[str] | None, refused: list[str]) -> Resource:
    if allowed is None and not refused:
        return {"on_no_match": {"action": route}}
    nowhere = {
        "name": "route",
        "typed_config": {"@type": f"{TYPE}envoy.extensions.filters.udp.udp_proxy.v3.Route", "cluster": NOBODY},
    }
    ranges = [{"ranges": [_range(one) for one in refused], "on_match": {"action": nowhere}}] if refused else []
    if allowed is not None:
        ranges.append({"ranges": [_range(one) for one in allowed], "on_match": {"action": route}})
    tree = {
        "input": {
            "name": "source",
            "typed_config": {
                "@type": f"{TYPE}envoy.extensions.matching.common_inputs.network.v3.SourceIPInput",
            },
        },
        "custom_match": {
            "name": "ip",
            "typed_config": {"@type": f"{TYPE}xds.type.matcher.v3.IPMatcher", "range_matchers": ranges},
        },
    }
    rest = nowhere if allowed is not None else route
    return {"matcher_tree": tree, "on_no_match": {"action": rest}}


def _pair(pair: KeyPair) -> Resource:
    found: Resource = {
        "certificate_chain": {"inline_string": pair.certificate},
        "private_key": {"inline_string": pair.key},
    }
    return {**found, "password": {"inline_string": pair.passphrase}} if pair.passphrase else found


def _downstream(tls: Tls) -> Resource:
    common: Resource = {
        "tls_certificates": [_pair(pair) for pair in tls.pairs],
        "tls_params": {
            "tls_minimum_protocol_version": tls.oldest,
            "tls_maximum_protocol_version": tls.newest,
        },
        "alpn_protocols": ["h2", "http/1.1"] if tls.http2 else ["http/1.1"],
    }
    context: Resource = {
        "@type": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": common,
    }
    if tls.clients:
        context["require_client_certificate"] = tls.clients == "require"
        if tls.authorities:
            validation: Resource = {"trusted_ca": {"inline_string": tls.authorities}}
            if tls.clients == "request":
                validation["trust_chain_verification"] = "ACCEPT_UNTRUSTED"
            common["validation_context"] = validation
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _cluster(upstream: Upstream) -> Resource:
    found: Resource = {
        "@type": f"{TYPE}envoy.config.cluster.v3.Cluster",
        "name": upstream.name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "lb_policy": _ALGORITHMS[upstream.balance.algorithm],
        # Servers that are down get nothing, even if all of them are.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "load_assignment": _endpoints(
            upstream.name, [(server, server.weight) for server in upstream.servers], _monitored_port(upstream)
        ),
    }
    checks = [_check(check) for check in upstream.checks if check.kind != "UDP"]
    if checks:
        found["health_checks"] = checks
        found["ignore_health_on_host_removal"] = True
    if upstream.connections:
        most = {"max_connections": upstream.connections * max(1, len(upstream.servers))}
        found["circuit_breakers"] = {
            "thresholds": [most],
            "per_host_thresholds": [{"max_connections": upstream.connections}],
        }
    if upstream.http2:
        options = f"{TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        explicit: Resource = {"explicit_http_config": {"http2_protocol_options": {}}}
        found["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": options, **explicit}
        }
    if upstream.tls is not None:
        found["transport_socket"] = _upstream_socket(upstream)
    return found


def _upstream_socket(upstream: Upstream) -> Resource:
    tls = upstream.tls
    common: Resource = {"alpn_protocols": ["h2"] if upstream.http2 else []}
    if tls is not None and tls.authorities:
        validation: Resource = {"trusted_ca": {"inline_string": tls.authorities}}
        if tls.names:
            validation["match_typed_subject_alt_names"] = [
                {"san_type": "DNS", "matcher": {"exact": name}} for name in tls.names
            ]
        common["validation_context"] = validation
    if tls is not None and tls.own is not None:
        common["tls_certificates"] = [_pair(tls.own)]
    context: Resource = {
        "@type": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": common,
    }
    if tls is not None and tls.server_name:
        context["sni"] = tls.server_name
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _check(check: Check) -> Resource:
    found: Resource = {
        "timeout": f"{check.timeout:g}s",
        "interval": f"{check.interval:g}s",
        # Without this, a cluster that has no traffic yet is looked at once a minute.
        "no_traffic_interval": f"{check.interval:g}s",
        "healthy_threshold": check.good,
        "unhealthy_threshold": check.bad,
        "reuse_connection": False,
    }
    if check.kind == "TCP":
        return {**found, "tcp_health_check": {}}
    http: Resource = {
        "path": check.path,
        "method": check.method if check.method in ("GET", "HEAD", "OPTIONS", "POST") else "GET",
        "expected_statuses": [{"start": first, "end": end} for first, end in check.codes],
    }
    if check.host:
        http["host"] = check.host
    return {**found, "http_health_check": http}


def _monitored_port(upstream: Upstream) -> int:
    """The port that monitors ask instead of the server's own; 0: the server's own. Envoy knows one for each server."""
    return next((check.port for check in upstream.checks if check.port), 0)


def _endpoints(name: str, servers: Iterable[tuple[Server, int]], monitored: int = 0) -> Resource:
    members = []
    for server, weight in servers:
        place = {"socket_address": {"address": server.address, "port_value": server.port}}
        endpoint: Resource = {"address": place}
        if monitored:
            endpoint["health_check_config"] = {"port_value": monitored}
        member: Resource = {"endpoint": endpoint, "load_balancing_weight": max(1, weight)}
        if server.drains:
            member["health_status"] = "DRAINING"
        members.append(member)
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": members}]}


def _merged(name: str, target: Target, upstreams: Mapping[str, Upstream]) -> Resource:
    servers: list[tuple[Server, int]] = []
    for share in target.shares:
        found = [server for server in upstreams[share.upstream].servers if not server.drains]
        servers += [(server, max(1, share.weight * _ALL_OF_A_POOL // max(1, len(found)))) for server in found]
    hashed = any(upstreams[share.upstream].balance.algorithm == "hash" for share in target.shares)
    return {
        "@type": f"{TYPE}envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "lb_policy": "RING_HASH" if hashed else "ROUND_ROBIN",
        "load_assignment": _endpoints(name, servers),
    }
