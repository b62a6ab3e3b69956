"""What an L4Rule changes in the shape of a virtual service and its pools.

With SSL on the listener there is no policy set: the only pool is the default pool of the virtual service, and an
application profile that was left at its default becomes the SSL one (ako-behaviour 4.4, 5.1).
"""

import msgspec
from msgspec import UNSET, UnsetType

from ako_runtime.model import avi
from ako_runtime.model.refs import Ref
from ako_runtime.resources.ako import BackendProperties, L4RuleSpec
from ako_runtime.translate.l4 import L4Request

# Values that the official definition fills in: not a wish of the user.
DEFAULT_NETWORK_PROFILE = "System-TCP-Proxy"
DEFAULT_APPLICATION_PROFILE = "System-L4-Application"
DEFAULT_ANALYTICS_PROFILE = "System-Analytics-Profile"
DEFAULT_ALGORITHM = "LB_ALGORITHM_LEAST_CONNECTIONS"
SSL_APPLICATION_PROFILE = "System-SSL-Application"


_DEFAULTS = {
    "network_profile_ref": DEFAULT_NETWORK_PROFILE,
    "application_profile_ref": DEFAULT_APPLICATION_PROFILE,
    "analytics_profile_ref": DEFAULT_ANALYTICS_PROFILE,
}


def is_about_more_than_pools(rule: L4RuleSpec) -> bool:
    """Whether the rule says something about the virtual service that is no default of its definition."""
    unsaid = {name: "" for name, default in _DEFAULTS.items() if getattr(rule, name) == default}
    return msgspec.structs.replace(rule, backend_properties=(), **unsaid) != L4RuleSpec()


def is_ssl(request: L4Request) -> bool:
    """Whether the virtual service ends TLS."""
    return any(listener.ssl for listener in request.listeners)


def pool_properties(pool: avi.Pool, backend: BackendProperties) -> avi.Pool:
    """The pool with the properties of its port."""
    monitors = tuple(Ref("healthmonitor", name) for name in backend.health_monitor_refs)
    return msgspec.structs.replace(
        pool,
        enabled=backend.enabled,
        lb_algorithm=_algorithm(backend, pool),
        lb_algorithm_hash=backend.lb_algorithm_hash or (pool.lb_algorithm_hash if _gives_way(backend) else UNSET),
        lb_algorithm_consistent_hash_hdr=backend.lb_algorithm_consistent_hash_hdr or UNSET,
        health_monitor_refs=monitors or pool.health_monitor_refs,
        application_persistence_profile_ref=(
            _named("applicationpersistenceprofile", backend.application_persistence_profile_ref)
            or pool.application_persistence_profile_ref
        ),
        pki_profile_ref=_named("pkiprofile", backend.pki_profile_ref) or UNSET,
        ssl_profile_ref=_named("sslprofile", backend.ssl_profile_ref) or UNSET,
        ssl_key_and_certificate_ref=_named("sslkeyandcertificate", backend.ssl_key_and_certificate_ref) or UNSET,
        min_servers_up=UNSET if backend.min_servers_up is None else backend.min_servers_up,
        analytics_policy=(
            avi.PoolAnalyticsPolicy(enable_realtime_metrics=backend.analytics_policy.enable_realtime_metrics)
            if backend.analytics_policy is not None
            else UNSET
        ),
    )


def _algorithm(backend: BackendProperties, pool: avi.Pool) -> str | UnsetType:
    """The rule's algorithm; the default that the definition fills in gives way to an annotation."""
    if pool.lb_algorithm is not UNSET and _gives_way(backend):
        return pool.lb_algorithm
    return backend.lb_algorithm or UNSET


def _gives_way(backend: BackendProperties) -> bool:
    return backend.lb_algorithm in {"", DEFAULT_ALGORITHM}


def virtualservice_properties(virtualservice: avi.VirtualService, request: L4Request) -> avi.VirtualService:
    """The virtual service with what the rule says."""
    rule = request.rule
    if rule is None:
        return virtualservice
    ssl = is_ssl(request)
    pools = [listener.pool for listener in request.listeners if listener.pool]
    return msgspec.structs.replace(
        virtualservice,
        application_profile_ref=Ref("applicationprofile", application_profile(rule, request, ssl=ssl)),
        network_profile_ref=(
            Ref("networkprofile", rule.network_profile_ref)
            if rule.network_profile_ref not in {"", DEFAULT_NETWORK_PROFILE}
            else virtualservice.network_profile_ref
        ),
        analytics_profile_ref=_named("analyticsprofile", rule.analytics_profile_ref) or UNSET,
        analytics_policy=_analytics(rule),
        network_security_policy_ref=(
            _named("networksecuritypolicy", rule.network_security_policy_ref)
            or virtualservice.network_security_policy_ref
        ),
        security_policy_ref=_named("securitypolicy", rule.security_policy_ref) or UNSET,
        ssl_profile_ref=(_named("sslprofile", rule.ssl_profile_ref) or UNSET) if ssl else UNSET,
        ssl_key_and_certificate_refs=(
            tuple(Ref("sslkeyandcertificate", name) for name in rule.ssl_key_and_certificate_refs) or UNSET
            if ssl
            else UNSET
        ),
        performance_limits=_limits(rule),
        vs_datascripts=tuple(
            avi.DataScriptLink(index=index, vs_datascript_set_ref=Ref("vsdatascriptset", name))
            for index, name in enumerate(rule.vs_datascript_refs)
        )
        or UNSET,
        revoke_vip_route=rule.revoke_vip_route if request.dedicated else UNSET,
        l4_policies=UNSET if ssl else virtualservice.l4_policies,
        pool_ref=Ref("pool", pools[0].name) if ssl and pools else UNSET,
    )


def application_profile(rule: L4RuleSpec, request: L4Request, *, ssl: bool) -> str:
    """The rule's application profile, else the annotation's, else the default; with SSL never the plain default."""
    asked = rule.application_profile_ref
    if asked in {"", DEFAULT_APPLICATION_PROFILE}:
        asked = request.application_profile
    return SSL_APPLICATION_PROFILE if ssl and asked == DEFAULT_APPLICATION_PROFILE else asked


def _analytics(rule: L4RuleSpec) -> avi.AnalyticsPolicy | UnsetType:
    logs = rule.analytics_policy.full_client_logs if rule.analytics_policy is not None else None
    if logs is None:
        return UNSET
    return avi.AnalyticsPolicy(
        full_client_logs=avi.FullClientLogs(enabled=logs.enabled, duration=logs.duration, throttle=logs.throttle)
    )


def _limits(rule: L4RuleSpec) -> avi.PerformanceLimits | UnsetType:
    limits = rule.performance_limits
    if limits is None:
        return UNSET
    return avi.PerformanceLimits(
        max_concurrent_connections=(
            UNSET if limits.max_concurrent_connections is None else limits.max_concurrent_connections
        ),
        max_throughput=UNSET if limits.max_throughput is None else limits.max_throughput,
    )


def _named(kind: str, name: str) -> Ref | None:
    return Ref(kind, name) if name else None
