"""Whether a HostRule, HTTPRule or L7Rule is accepted (ako-behaviour 4.2, 4.3, 4.6).

A rule is judged by itself, against the other rules (of two for the same host the older one counts), against the
Ingresses (an alias must be free) and against the controller. A rule that is rejected is not applied at all: its status
and that of the Ingress say what is wrong.
"""

import ipaddress
import re
from collections.abc import Iterator

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.ako import RuleLimits
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST
from ako_runtime.resources.index_rules import HOST_RULES_OF_ALIAS, HOST_RULES_OF_HOST, PATTERNS
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.rules import (
    HostAnalytics,
    HostRule,
    HTTPRule,
    L7Rule,
    L7RuleSpec,
    PathRule,
    VirtualHost,
)
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate.annotations import is_hostname
from ako_runtime.translate.infra import ACCEPTED, Admission
from ako_runtime.translate.ingress.certificates import authorities_problem, pair_of_secret
from ako_runtime.translate.ingress.ownership import is_ours
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.references import references_admission
from ako_runtime.translate.tenancy import is_of_tenant

SHARED = "Shared-"
EXACT, WILDCARD, CONTAINS = "Exact", "Wildcard", "Contains"
THROTTLES = {"LOW": 50, "MEDIUM": 30, "HIGH": 10, "DISABLED": 0}
_HASH = "LB_ALGORITHM_CONSISTENT_HASH"
_ALGORITHMS = (
    _HASH,
    *(
        f"LB_ALGORITHM_{name}"
        for name in (
            "CORE_AFFINITY",
            "FASTEST_RESPONSE",
            "FEWEST_SERVERS",
            "LEAST_CONNECTIONS",
            "LEAST_LOAD",
            "ROUND_ROBIN",
        )
    ),
)
_HASHES = tuple(
    f"{_HASH}_{name}"
    for name in ("CALLID", "CUSTOM_HEADER", "CUSTOM_STRING", "SOURCE_IP_ADDRESS", "SOURCE_IP_ADDRESS_AND_PORT", "URI")
)
_CUSTOM_HEADER = f"{_HASH}_CUSTOM_HEADER"
_COUNTS, _CACHE_SIZES = (0, 65535), (1024, 16383)
_TYPES = {"applicationprofile": frozenset({"APPLICATION_PROFILE_TYPE_HTTP"})}
_AT = "spec.virtualhost"


# Each star of a pattern multiplies the ways in which it may fit.
_MOST_STARS = 2
_PART_OF_HOST = re.compile(r"[A-Za-z0-9._*-]+")


def host_rule_admission(
    rule: HostRule, snapshot: Snapshot, context: L4Context, *, tenant: str, secrets: bool = True
) -> Admission:
    """Whether the HostRule can be used; without a look at what its Secrets hold if `secrets` is false."""
    host = rule.spec.virtualhost
    for found in (
        _host_problem(host),
        _older_problem(rule, snapshot, context, tenant=tenant),
        _listener_problem(host),
        _alias_problem(rule, snapshot, context),
        _global_problem(rule, snapshot, context),
        _value_problem(host),
        _secret_problem(rule, snapshot, context, contents=secrets),
    ):
        if found is not None:
            return found
    named = _l7_rule_admission(rule, snapshot, context, tenant=tenant)
    if named is not ACCEPTED:
        return named
    return references_admission(_host_references(host), snapshot, context, tenant=tenant, types=_TYPES)


def http_rule_admission(rule: HTTPRule, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    """Whether the HTTPRule can be used."""
    if not rule.spec.fqdn:
        return Admission(field="spec.fqdn", problem="spec.fqdn is empty; write the host of an Ingress")
    if not _is_host(rule.spec.fqdn):
        text = f"spec.fqdn is '{rule.spec.fqdn}', which is no host name; write the host of an Ingress"
        return Admission(field="spec.fqdn", problem=text)
    for at, path in enumerate(rule.spec.paths):
        field, text = _path_problem(path)
        if text:
            where = f"spec.paths[{at}].{field}"
            return Admission(field=where, problem=f"{where}: {text}")
    found = [pair for at, path in enumerate(rule.spec.paths) for pair in _path_references(path, f"spec.paths[{at}]")]
    return references_admission(found, snapshot, context, tenant=tenant, types=_TYPES)


def l7_rule_admission(rule: L7Rule, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    """Whether the L7Rule can be used."""
    spec = rule.spec
    text = _throttle_problem(spec.analytics_policy)
    if text:
        return Admission(field="spec.analyticsPolicy", problem=f"spec.analyticsPolicy: {text}")
    limits = spec.performance_limits or RuleLimits()
    for field, value, (lowest, highest) in (
        ("minPoolsUp", spec.min_pools_up, _COUNTS),
        ("performanceLimits.maxConcurrentConnections", limits.max_concurrent_connections, _COUNTS),
        ("performanceLimits.maxThroughput", limits.max_throughput, _COUNTS),
        ("sslSessCacheAvgSize", spec.ssl_sess_cache_avg_size, _CACHE_SIZES),
    ):
        if value is not None and not lowest <= value <= highest:
            text = f"spec.{field} is {value}; write a number from {lowest} to {highest}"
            return Admission(field=f"spec.{field}", problem=text)
    return references_admission(_l7_references(spec), snapshot, context, tenant=tenant, types=_TYPES)


def l7_rule_of(rule: HostRule, snapshot: Snapshot) -> L7Rule | None:
    """The L7Rule that a HostRule names, if it exists."""
    about = ObjectRef(resource="l7rules", namespace=rule.namespace, name=rule.spec.virtualhost.l7_rule)
    found = snapshot.object(about)
    return found if isinstance(found, L7Rule) else None


def _host_problem(host: VirtualHost) -> Admission | None:
    field = f"{_AT}.fqdn"
    if not host.fqdn:
        return Admission(field=field, problem=f"{field} is empty; write a host name")
    if host.fqdn_type not in (EXACT, WILDCARD, CONTAINS):
        text = f"{_AT}.fqdnType is '{host.fqdn_type}'; write Exact, Wildcard or Contains"
        return Admission(field=f"{_AT}.fqdnType", problem=text)
    text = _name_problem(host)
    if text:
        return Admission(field=field, problem=f"{field} is '{host.fqdn}'{text}")
    if host.tls is not None and host.tls.termination not in ("", "edge"):
        text = f"{_AT}.tls.termination is '{host.tls.termination}'; write edge"
        return Admission(field=f"{_AT}.tls.termination", problem=text)
    if SHARED in host.fqdn and (host.use_regex or host.application_root_path):
        text = "useRegex and applicationRootPath are for hosts, not for a shared virtual service"
        return Admission(field=field, problem=f"{field}: {text}")
    return None


def _name_problem(host: VirtualHost) -> str:
    if host.fqdn_type == WILDCARD:
        good = host.fqdn.startswith("*.") and is_hostname(host.fqdn[2:])
        return "" if good else "; with fqdnType Wildcard write *.domain"
    if host.fqdn_type == CONTAINS:
        return "" if _PART_OF_HOST.fullmatch(host.fqdn) else ", which is no part of a host name; write one such as shop"
    return "" if _is_host(host.fqdn) else ", which is no host name; write one such as shop.example.com"


def _is_host(text: str) -> bool:
    """Whether an Ingress may have such a host, or a shared virtual service such a name; in any case of letters."""
    shared = SHARED in text and _PART_OF_HOST.fullmatch(text) is not None
    return shared or is_hostname(text.lower().removeprefix("*."))


def _older_problem(rule: HostRule, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission | None:
    host = rule.spec.virtualhost
    value = ("", host.fqdn) if host.fqdn_type == EXACT else PATTERNS
    for other in only(snapshot.found(HOST_RULES_OF_HOST, value), HostRule):
        theirs = other.spec.virtualhost
        same = (theirs.fqdn, theirs.fqdn_type) == (host.fqdn, host.fqdn_type)
        older = other.metadata.age_key < rule.metadata.age_key
        if same and older and is_of_tenant(other.namespace, snapshot, context.settings, tenant=tenant):
            text = f"{_AT}.fqdn '{host.fqdn}' already has HostRule {other.namespace}/{other.name}, which is older"
            return Admission(field=f"{_AT}.fqdn", problem=f"{text}; change that one or remove it")
    return None


def _listener_problem(host: VirtualHost) -> Admission | None:
    field = f"{_AT}.tcpSettings"
    listeners, address = host.tcp_settings.listeners, host.tcp_settings.load_balancer_ip
    ports = [one.port for one in listeners]
    if any(not 0 < port <= 65535 for port in ports) or len(set(ports)) != len(ports):
        return Admission(field=field, problem=f"{field}.listeners: write ports from 1 to 65535, each once")
    if listeners and not any(one.enable_ssl for one in listeners):
        return Admission(field=field, problem=f"{field}.listeners has no port with enableSSL; at least one is needed")
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            text = f"{field}.loadBalancerIP is '{address}'; write an IPv4 or IPv6 address"
            return Admission(field=f"{field}.loadBalancerIP", problem=text)
    return None


def _alias_problem(rule: HostRule, snapshot: Snapshot, context: L4Context) -> Admission | None:
    host, field = rule.spec.virtualhost, f"{_AT}.aliases"
    if not host.aliases:
        return None
    text = ""
    if host.fqdn_type != EXACT:
        text = "aliases need fqdnType Exact"
    elif len(set(host.aliases)) != len(host.aliases) or host.fqdn in host.aliases:
        text = "write each name once, and not the host itself"
    elif host.gslb.fqdn in host.aliases:
        text = f"'{host.gslb.fqdn}' is the GSLB name"
    elif wrong := [alias for alias in host.aliases if not is_hostname(alias)]:
        text = f"'{wrong[0]}' is no DNS name"
    else:
        text = next(filter(None, (_alias_taken(alias, rule, snapshot, context) for alias in host.aliases)), "")
    return Admission(field=field, problem=f"{field}: {text}") if text else None


def _global_problem(rule: HostRule, snapshot: Snapshot, context: L4Context) -> Admission | None:
    """What is wrong with the name of all clusters: like an alias it can lead to one virtual service only."""
    host, field = rule.spec.virtualhost, f"{_AT}.gslb.fqdn"
    name = host.gslb.fqdn
    if not name:
        return None
    text = ""
    if name == host.fqdn:
        text = f"it equals {_AT}.fqdn; they must differ"
    elif not is_hostname(name):
        text = f"'{name}' is no DNS name"
    else:
        text = _alias_taken(name, rule, snapshot, context)
    return Admission(field=field, problem=f"{field}: {text}") if text else None


def _alias_taken(alias: str, rule: HostRule, snapshot: Snapshot, context: L4Context) -> str:
    for ingress in only(snapshot.found(INGRESSES_OF_HOST, ("", alias)), Ingress):
        if is_ours(ingress, snapshot, context.settings):
            return f"'{alias}' is a host of Ingress {ingress.namespace}/{ingress.name}"
    for other in only(snapshot.found(HOST_RULES_OF_ALIAS, ("", alias)), HostRule):
        if other.metadata.age_key < rule.metadata.age_key:
            return f"'{alias}' is a further name in HostRule {other.namespace}/{other.name}, which is older"
    return ""


def further_names(host: str, snapshot: Snapshot, context: L4Context, *, tenant: str) -> tuple[str, ...]:
    """Names that a HostRule gives to a host, sorted; whether the rule can be applied otherwise does not matter here.

    Who asks is a login that somebody wants under one of these names: it must not go because a profile is missing.
    """
    exact = only(snapshot.found(HOST_RULES_OF_HOST, ("", host)), HostRule)
    ours = (rule for rule in exact if is_of_tenant(rule.namespace, snapshot, context.settings, tenant=tenant))
    rule = min(ours, key=lambda one: one.metadata.age_key, default=None)
    if rule is None:
        return ()
    names = {*rule.spec.virtualhost.aliases, rule.spec.virtualhost.gslb.fqdn} - {"", host}
    return tuple(sorted(name for name in names if not _alias_taken(name, rule, snapshot, context)))


def _value_problem(host: VirtualHost) -> Admission | None:
    if len(host.icap_profile) > 1:
        return Admission(field=f"{_AT}.icapProfile", problem=f"{_AT}.icapProfile: at most one profile is possible")
    text = _throttle_problem(host.analytics_policy)
    if text:
        return Admission(field=f"{_AT}.analyticsPolicy", problem=f"{_AT}.analyticsPolicy: {text}")
    path = host.application_root_path
    if path and not path.startswith("/"):
        field = f"{_AT}.applicationRootPath"
        return Admission(field=field, problem=f"{field} is '{path}'; write a path that begins with /")
    return None


def _throttle_problem(policy: HostAnalytics | None) -> str:
    logs = policy.full_client_logs if policy is not None else None
    if logs is not None and logs.duration < 0:
        return f"fullClientLogs.duration is {logs.duration}; write minutes, 0 for ever"
    if logs is None or logs.throttle in THROTTLES:
        return ""
    return f"fullClientLogs.throttle is '{logs.throttle}'; write one of {', '.join(THROTTLES)}"


def _secret_problem(rule: HostRule, snapshot: Snapshot, context: L4Context, *, contents: bool) -> Admission | None:
    tls = rule.spec.virtualhost.tls
    held = tls.ssl_key_certificate if tls is not None else None
    found = (("", held), (".alternateCertificate", held.alternate_certificate)) if held is not None else ()
    for suffix, one in found:
        if one is None:
            continue
        field = f"{_AT}.tls.sslKeyCertificate{suffix}"
        if not one.name or one.type not in ("ref", "secret"):
            return Admission(field=field, problem=f"{field}: write a name, and ref or secret as type")
        if one.type == "secret":
            about = ObjectRef(resource="secrets", namespace=rule.namespace, name=one.name)
            pair = pair_of_secret(about, snapshot, context.settings)
            if pair.problem and (contents or not pair.broken):
                return Admission(field=field, problem=f"{field}: {pair.problem}")
    return None


def _l7_rule_admission(rule: HostRule, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    name, field = rule.spec.virtualhost.l7_rule, f"{_AT}.l7Rule"
    if not name:
        return ACCEPTED
    found = l7_rule_of(rule, snapshot)
    if found is None:
        return Admission(field=field, problem=f"{field}: L7Rule '{name}' does not exist in namespace {rule.namespace}")
    admission = l7_rule_admission(found, snapshot, context, tenant=tenant)
    if admission.problem:
        return Admission(field=field, problem=f"{field}: L7Rule '{name}' is rejected: {admission.problem}")
    return admission


def _host_references(host: VirtualHost) -> Iterator[tuple[str, Ref]]:
    held = host.tls.ssl_key_certificate if host.tls is not None else None
    certificates = (held, held.alternate_certificate) if held is not None else ()
    for field, kind, names in (
        ("wafPolicy", "wafpolicy", (host.waf_policy,)),
        ("applicationProfile", "applicationprofile", (host.application_profile,)),
        ("analyticsProfile", "analyticsprofile", (host.analytics_profile,)),
        ("errorPageProfile", "errorpageprofile", (host.error_page_profile,)),
        ("icapProfile", "icapprofile", host.icap_profile),
        ("datascripts", "vsdatascriptset", host.datascripts),
        ("httpPolicy.policySets", "httppolicyset", host.http_policy.policy_sets),
        ("networkSecurityPolicy", "networksecuritypolicy", (host.network_security_policy,)),
        ("tls.sslProfile", "sslprofile", (host.tls.ssl_profile if host.tls is not None else "",)),
        (
            "tls.sslKeyCertificate",
            "sslkeyandcertificate",
            tuple(one.name for one in certificates if one is not None and one.type == "ref"),
        ),
    ):
        yield from ((f"{_AT}.{field}", Ref(kind, name)) for name in names if name)


def _l7_references(spec: L7RuleSpec) -> Iterator[tuple[str, Ref]]:
    for field, kind, names in (
        ("botPolicyRef", "botdetectionpolicy", (spec.bot_policy_ref,)),
        ("securityPolicyRef", "securitypolicy", (spec.security_policy_ref,)),
        ("trafficCloneProfileRef", "trafficcloneprofile", (spec.traffic_clone_profile_ref,)),
        ("analyticsProfile", "analyticsprofile", (spec.analytics_profile.name,)),
        ("applicationProfile", "applicationprofile", (spec.application_profile.name,)),
        ("wafPolicy", "wafpolicy", (spec.waf_policy.name,)),
        ("icapProfile", "icapprofile", (spec.icap_profile.name,)),
        ("errorPageProfile", "errorpageprofile", (spec.error_page_profile.name,)),
        ("httpPolicy.policySets", "httppolicyset", spec.http_policy.policy_sets),
    ):
        yield from ((f"spec.{field}", Ref(kind, name)) for name in names if name)


def _path_problem(path: PathRule) -> tuple[str, str]:
    target = path.target
    text = "" if target.startswith("/") else f"'{target}' is no path; begin it with /"
    if target.count("*") > _MOST_STARS:
        text = f"'{target}' has more than {_MOST_STARS} stars; write a simpler pattern"
    found = ("target", text)
    return next((one for one in (found, _choice_problem(path), _tls_problem(path)) if one[1]), ("", ""))


def _choice_problem(path: PathRule) -> tuple[str, str]:
    policy, field = path.load_balancer_policy, "loadBalancerPolicy"
    for name, value, known in (("algorithm", policy.algorithm, _ALGORITHMS), ("hash", policy.hash, _HASHES)):
        if value and value not in known:
            return f"{field}.{name}", f"it is '{value}'; write one of {', '.join(known)}"
    if bool(policy.hash) != (policy.algorithm == _HASH):
        return field, f"hash goes with algorithm {_HASH}, and only with it"
    if bool(policy.host_header) != (policy.hash == _CUSTOM_HEADER):
        return field, f"hostHeader goes with hash {_CUSTOM_HEADER}, and only with it"
    return "", ""


def _tls_problem(path: PathRule) -> tuple[str, str]:
    tls = path.tls
    if tls is None:
        return "", ""
    if tls.type != "reencrypt":
        return "tls.type", f"'{tls.type}' is not possible; write reencrypt"
    if tls.pki_profile and tls.destination_ca:
        return "tls", "pkiProfile and destinationCA exclude each other; use one of them"
    return "tls.destinationCA", authorities_problem(tls.destination_ca) if tls.destination_ca else ""


def _path_references(path: PathRule, field: str) -> Iterator[tuple[str, Ref]]:
    tls = path.tls
    for name, kind, values in (
        ("healthMonitors", "healthmonitor", path.health_monitors),
        ("applicationPersistence", "applicationpersistenceprofile", (path.application_persistence,)),
        ("tls.sslProfile", "sslprofile", (tls.ssl_profile if tls is not None else "",)),
        ("tls.pkiProfile", "pkiprofile", (tls.pki_profile if tls is not None else "",)),
    ):
        yield from ((f"{field}.{name}", Ref(kind, value)) for value in values if value)
