"""What rules change in the objects of a host; the same for every mode.

A mode shapes its virtual service as if there were no rule; these functions lay the rule over it. A HostRule wins over
the L7Rule that it names. On a child of a shared virtual service some fields do not exist (ports, address, network
security policy, some of the L7Rule): they take effect on dedicated and shared virtual services only.

The official AKO counts the policy sets of a rule from five beyond the end of its own ones, and calls the rule of a host
in EVH mode INACTIVE (on a parent it is ACTIVE); both are kept, so that its objects are taken over without a write
(observed a15).
"""

import msgspec
from msgspec import UNSET, UnsetType

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.names import name_in_set
from ako_runtime.model.refs import Ref
from ako_runtime.resources.rules import HostAnalytics, L7RuleSpec, VirtualHost
from ako_runtime.translate.ingress.rule_admission import THROTTLES
from ako_runtime.translate.ingress.rule_choice import Chosen, ChosenPath
from ako_runtime.translate.l4 import CrdStatus

TCP_PROXY = "System-TCP-Proxy"
PLAIN_PROFILE, SECURE_PROFILE = "System-HTTP", "System-Secure-HTTP"
NO_CHOICE = Chosen(namespace="", name="", host=VirtualHost())
FIRST_POLICY = 11
_POLICY_GAP = 5
_NO_CRD = CrdStatus()


def crd_status(chosen: Chosen | None, *, enhanced: bool) -> CrdStatus:
    """How the metadata of a virtual service names its HostRule; `enhanced` is true for that of a host in EVH mode."""
    if chosen is None:
        return _NO_CRD
    return CrdStatus(type="HostRule", value=chosen.text, status="INACTIVE" if enhanced else "ACTIVE")


def path_crd_status(chosen: ChosenPath | None) -> CrdStatus:
    """How the metadata of a pool names its HTTPRule."""
    return _NO_CRD if chosen is None else CrdStatus(type="HTTPRule", value=chosen.text, status="ACTIVE")


def ruled(service: avi.VirtualService, chosen: Chosen | None, *, child: bool) -> avi.VirtualService:
    """The virtual service of a host, or a shared one, with its rule."""
    if chosen is None:
        return service
    host, l7 = chosen.host, chosen.l7
    changed = msgspec.structs.replace(
        _with_l7(service, l7, child=child),
        enabled=UNSET if host.enable_virtual_host is None else host.enable_virtual_host,
        application_profile_ref=_first(
            "applicationprofile",
            host.application_profile,
            l7.application_profile.name,
            held=service.application_profile_ref,
        ),
        analytics_profile_ref=_first("analyticsprofile", host.analytics_profile, l7.analytics_profile.name),
        error_page_profile_ref=_first(
            "errorpageprofile", host.error_page_profile, l7.error_page_profile.name, held=service.error_page_profile_ref
        ),
        waf_policy_ref=_first("wafpolicy", host.waf_policy, l7.waf_policy.name),
        icap_request_profile_refs=_named("icapprofile", host.icap_profile or _some(l7.icap_profile.name)),
        analytics_policy=_analytics(host.analytics_policy or l7.analytics_policy),
        http_policies=_policies(service.http_policies, host, l7),
        vs_datascripts=_scripts(host) or service.vs_datascripts,
    )
    if child:
        return changed
    return msgspec.structs.replace(
        changed,
        network_security_policy_ref=_first("networksecuritypolicy", host.network_security_policy),
        ssl_profile_ref=ssl_profile(chosen),
    )


def ssl_profile(chosen: Chosen | None) -> Ref | UnsetType:
    """The TLS profile that the rule names."""
    tls = chosen.host.tls if chosen is not None else None
    return Ref("sslprofile", tls.ssl_profile) if tls is not None and tls.ssl_profile else UNSET


def listeners(chosen: Chosen | None) -> dict[int, bool]:
    """Ports of a shared or dedicated virtual service, and whether they speak TLS: 80 and 443, or those of the rule."""
    wanted = chosen.host.tcp_settings.listeners if chosen is not None else ()
    return {one.port: one.enable_ssl for one in wanted} or {80: False, 443: True}


def without_effect(chosen: Chosen, *, enhanced: bool, secure: bool, host: str) -> str:
    """What the rule says that a host on a shared virtual service does not have; empty if nothing."""
    if not (enhanced or secure):
        return _without_child(chosen, host)
    return _without_parent(chosen)


def _without_child(chosen: Chosen, host: str) -> str:
    """In SNI mode an insecure host has no virtual service of its own: its rule can give it further names alone."""
    held = chosen.host
    named = VirtualHost(fqdn=held.fqdn, fqdn_type=held.fqdn_type, aliases=held.aliases, gslb=held.gslb)
    if held == named:
        return ""
    what = " beyond its aliases and gslb.fqdn" if held.aliases or held.gslb.fqdn else ""
    return f"HostRule {chosen.text} has no effect on insecure host '{host}' in SNI mode{what}; use TLS or EVH mode"


def _without_parent(chosen: Chosen) -> str:
    host, l7 = chosen.host, chosen.l7
    said = (
        ("tcpSettings", bool(host.tcp_settings.listeners or host.tcp_settings.load_balancer_ip)),
        ("networkSecurityPolicy", bool(host.network_security_policy)),
        ("hostNameXlate", bool(l7.host_name_xlate)),
        ("performanceLimits", l7.performance_limits is not None),
        ("securityPolicyRef", bool(l7.security_policy_ref)),
    )
    named = ", ".join(name for name, is_set in said if is_set)
    if not named:
        return ""
    return f"HostRule {chosen.text}: a child of a shared virtual service has no {named}; use shard size DEDICATED"


def ruled_pool(pool: avi.Pool, chosen: ChosenPath | None, *, own_authorities: str) -> avi.Pool:
    """The pool with what an HTTPRule says about its path; `own_authorities` names the PKI profile made for it."""
    if chosen is None:
        return pool
    path, tls = chosen.path, chosen.path.tls
    authorities: Ref | UnsetType = UNSET
    if tls is not None:
        authorities = (
            Ref("pkiprofile", own_authorities) if tls.destination_ca else _first("pkiprofile", tls.pki_profile)
        )
    policy = path.load_balancer_policy
    return msgspec.structs.replace(
        pool,
        lb_algorithm=policy.algorithm or UNSET,
        lb_algorithm_hash=policy.hash or UNSET,
        lb_algorithm_consistent_hash_hdr=policy.host_header or UNSET,
        health_monitor_refs=tuple(Ref("healthmonitor", name) for name in path.health_monitors)
        or pool.health_monitor_refs,
        application_persistence_profile_ref=_first(
            "applicationpersistenceprofile",
            path.application_persistence,
            held=pool.application_persistence_profile_ref,
        ),
        enable_http2=True if path.enable_http2 else pool.enable_http2,
        sni_enabled=True if tls is not None else pool.sni_enabled,
        ssl_profile_ref=UNSET if tls is None else Ref("sslprofile", tls.ssl_profile or "System-Standard"),
        pki_profile_ref=authorities,
    )


def authorities(chosen: ChosenPath | None) -> str:
    """The PEM of the authorities that the pods' certificates must come from; empty if none is given."""
    tls = chosen.path.tls if chosen is not None else None
    return tls.destination_ca if tls is not None else ""


def root_redirect(
    name: str, chosen: Chosen | None, ports: tuple[avi.ServicePort, ...]
) -> tuple[avi_l7.RequestRule, ...]:
    """The rules that send `/` to another path, if one is wanted: one a port, so that clients stay at theirs."""
    path = chosen.host.application_root_path if chosen is not None else ""
    if not path:
        return ()
    target = avi_l7.UriParam(
        type="URI_PARAM_TYPE_TOKENIZED",
        tokens=(avi_l7.UriToken(type="URI_TOKEN_TYPE_STRING", str_value=path.removeprefix("/")),),
    )
    root = avi.PathMatch(match_case="SENSITIVE", match_criteria="EQUALS", match_str=("/",))
    return tuple(
        avi_l7.RequestRule(
            name=name_in_set(name, at),
            index=at,
            enable=True,
            match=avi_l7.RequestMatch(path=root, vs_port=avi.PortMatch(match_criteria="IS_IN", ports=(one.port,))),
            redirect_action=avi_l7.RedirectAction(
                protocol="HTTPS" if one.enable_ssl is True else "HTTP",
                port=one.port,
                status_code="HTTP_REDIRECT_STATUS_CODE_302",
                path=target,
            ),
        )
        for at, one in enumerate(ports)
    )


def _with_l7(service: avi.VirtualService, l7: L7RuleSpec, *, child: bool) -> avi.VirtualService:
    limits = l7.performance_limits
    changed = msgspec.structs.replace(
        service,
        allow_invalid_client_cert=l7.allow_invalid_client_cert or UNSET,
        bot_policy_ref=_first("botdetectionpolicy", l7.bot_policy_ref),
        close_client_conn_on_config_update=l7.close_client_conn_on_config_update or UNSET,
        ign_pool_net_reach=l7.ign_pool_net_reach or service.ign_pool_net_reach,
        min_pools_up=service.min_pools_up if l7.min_pools_up is None else l7.min_pools_up,
        remove_listening_port_on_vs_down=l7.remove_listening_port_on_vs_down or UNSET,
        ssl_sess_cache_avg_size=UNSET
        if l7.ssl_sess_cache_avg_size == L7RuleSpec().ssl_sess_cache_avg_size
        else l7.ssl_sess_cache_avg_size,
        traffic_clone_profile_ref=_first("trafficcloneprofile", l7.traffic_clone_profile_ref),
    )
    if child:
        return changed
    return msgspec.structs.replace(
        changed,
        host_name_xlate=l7.host_name_xlate or UNSET,
        security_policy_ref=_first("securitypolicy", l7.security_policy_ref),
        performance_limits=UNSET
        if limits is None
        else avi.PerformanceLimits(
            max_concurrent_connections=UNSET
            if limits.max_concurrent_connections is None
            else limits.max_concurrent_connections,
            max_throughput=UNSET if limits.max_throughput is None else limits.max_throughput,
        ),
    )


def _policies(
    own: tuple[avi.HttpPolicyLink, ...] | UnsetType, host: VirtualHost, l7: L7RuleSpec
) -> tuple[avi.HttpPolicyLink, ...] | UnsetType:
    wanted = host.http_policy if host.http_policy.policy_sets else l7.http_policy
    kept = () if own is UNSET or (wanted.overwrite and wanted.policy_sets) else own
    first = FIRST_POLICY + len(kept) + _POLICY_GAP
    links = tuple(
        avi.HttpPolicyLink(index=first + at, http_policy_set_ref=Ref("httppolicyset", name))
        for at, name in enumerate(wanted.policy_sets)
    )
    return (*kept, *links) or own


def _scripts(host: VirtualHost) -> tuple[avi.DataScriptLink, ...]:
    return tuple(
        avi.DataScriptLink(index=at, vs_datascript_set_ref=Ref("vsdatascriptset", name))
        for at, name in enumerate(host.datascripts)
    )


def _analytics(policy: HostAnalytics | None) -> avi.AnalyticsPolicy | UnsetType:
    if policy is None:
        return UNSET
    logs = policy.full_client_logs
    return avi.AnalyticsPolicy(
        full_client_logs=UNSET
        if logs is None
        else avi.FullClientLogs(enabled=logs.enabled, duration=logs.duration, throttle=THROTTLES[logs.throttle]),
        all_headers=policy.log_all_headers,
    )


def _first(kind: str, *names: str, held: Ref | UnsetType = UNSET) -> Ref | UnsetType:
    return next((Ref(kind, name) for name in names if name), held)


def _named(kind: str, names: tuple[str, ...]) -> tuple[Ref, ...] | UnsetType:
    return tuple(Ref(kind, name) for name in names) or UNSET


def _some(name: str) -> tuple[str, ...]:
    return (name,) if name else ()
