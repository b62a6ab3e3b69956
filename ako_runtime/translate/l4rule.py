"""L4Rule: whether it is accepted, and whether it can be attached to a Service.

Admission looks at the rule and at what the controller has (every name that it mentions, each kind of object by itself).
Attachment looks at rule and Service together: listener properties must cover exactly the Service's ports, TLS needs a
single TCP port. A rule that does not exist (any more) or lives in another tenant means the defaults, with a word in the
status; one that is rejected, or does not fit, means that the Service stays as it is.
"""

import ipaddress
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from ako_runtime.model.environment import Environment
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.ako import BackendProperties, HealthMonitor, L4Rule, L4RuleSpec
from ako_runtime.resources.core import Service
from ako_runtime.resources.index import rule_of
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.annotations import ALGORITHM_PREFIX, ALGORITHMS
from ako_runtime.translate.infra import Admission
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.references import references_admission
from ako_runtime.translate.shape_rule import (
    DEFAULT_ANALYTICS_PROFILE,
    DEFAULT_APPLICATION_PROFILE,
    DEFAULT_NETWORK_PROFILE,
)
from ako_runtime.translate.tenancy import tenant_for

# What every controller has and the official definition fills in: not looked up.
_BUILT_IN = frozenset(
    {
        Ref("applicationprofile", DEFAULT_APPLICATION_PROFILE),
        Ref("networkprofile", DEFAULT_NETWORK_PROFILE),
        Ref("analyticsprofile", DEFAULT_ANALYTICS_PROFILE),
    }
)
_HASH = "LB_ALGORITHM_CONSISTENT_HASH"
_CUSTOM_HEADER = "LB_ALGORITHM_CONSISTENT_HASH_CUSTOM_HEADER"
_ALGORITHMS = frozenset(f"{ALGORITHM_PREFIX}{one}" for one in ALGORITHMS)
_HASHES = frozenset(
    f"{ALGORITHM_PREFIX}CONSISTENT_HASH_{what}"
    for what in ("CALLID", "CUSTOM_HEADER", "CUSTOM_STRING", "SOURCE_IP_ADDRESS", "SOURCE_IP_ADDRESS_AND_PORT", "URI")
)
_SSL_TYPE = "APPLICATION_PROFILE_TYPE_SSL"
_TCP_PROXY = "PROTOCOL_TYPE_TCP_PROXY"
PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})


class RuleChoice(Struct, frozen=True, kw_only=True):
    """The rule that applies to a Service, if any, and what is wrong with the one that it names."""

    rule: L4RuleSpec | None = None
    missing: str = ""
    rejected: str = ""
    needs: frozenset[Ref] = frozenset()


def rule_choice(service: Service, snapshot: Snapshot, context: L4Context, *, tenant: str) -> RuleChoice:
    """The L4Rule that the Service names."""
    named = rule_of(service)
    if named is None:
        return RuleChoice()
    text = f"{named[0]}/{named[1]}"
    rule = snapshot.object(ObjectRef(resource="l4rules", namespace=named[0], name=named[1]))
    if not isinstance(rule, L4Rule):
        return RuleChoice(missing=f"L4Rule '{text}' does not exist; the Service works without it")
    owner = tenant_for(rule.namespace, snapshot, context.settings)
    if owner.needs:
        return RuleChoice(needs=owner.needs)
    if owner.name != tenant:
        return RuleChoice(
            missing=f"L4Rule '{text}' belongs to tenant '{owner.name}' and the Service to '{tenant}'; "
            "the Service works without it"
        )
    admission = rule_admission(rule, snapshot, context, tenant=tenant)
    if admission.problem:
        return RuleChoice(rejected=f"L4Rule '{text}' is rejected: {admission.problem}")
    return RuleChoice(rule=None if admission.needs else with_monitors(rule, snapshot), needs=admission.needs)


def misfit(rule: L4RuleSpec, ports: frozenset[tuple[int, str]]) -> str:
    """Why the rule cannot be attached to these ports; empty if it can."""
    listeners = {(one.port, one.protocol) for one in rule.listener_properties}
    if listeners and listeners != ports:
        return f"its listenerProperties are for {_ports(listeners)}, but the ports are {_ports(ports)}"
    if wants_ssl(rule) and (len(ports) != 1 or next(iter(ports))[1] != "TCP"):
        return "it ends TLS, which needs a single TCP port"
    return ""


def wants_ssl(rule: L4RuleSpec) -> bool:
    """Whether any listener ends TLS."""
    return any(one.enable_ssl for one in rule.listener_properties)


def backend_for(rule: L4RuleSpec | None, *, port: int, protocol: str) -> BackendProperties | None:
    """What the rule says about the pool of a port."""
    if rule is None:
        return None
    return next((one for one in rule.backend_properties if (one.port, one.protocol) == (port, protocol)), None)


def with_monitors(rule: L4Rule, snapshot: Snapshot) -> L4RuleSpec:
    """The rule's content with HealthMonitor resources replaced by the names of their objects on the controller."""
    return msgspec.structs.replace(
        rule.spec,
        backend_properties=tuple(
            one
            if one.health_monitor_refs or not one.health_monitor_crd_refs
            else msgspec.structs.replace(
                one,
                health_monitor_refs=tuple(
                    monitor.status.backend_object_name
                    for name in one.health_monitor_crd_refs
                    if (monitor := _monitor(rule.namespace, name, snapshot)) is not None
                ),
            )
            for one in rule.spec.backend_properties
        ),
    )


def rule_admission(rule: L4Rule, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    """Whether the rule can be used."""
    spec = rule.spec
    for found in (
        _address_problem(spec),
        _tls_problem(spec),
        _route_problem(spec, snapshot.environment),
        _twice_problem(spec),
        *(
            _backend_problem(one, at, rule=rule, snapshot=snapshot, context=context)
            for at, one in enumerate(spec.backend_properties)
        ),
    ):
        if found is not None:
            return found
    return _known(spec, snapshot, context, tenant=tenant)


def _address_problem(spec: L4RuleSpec) -> Admission | None:
    if spec.load_balancer_ip:
        try:
            ipaddress.ip_address(spec.load_balancer_ip)
        except ValueError:
            return Admission(
                field="spec.loadBalancerIP",
                problem=f"spec.loadBalancerIP is '{spec.load_balancer_ip}'; write an IPv4 or IPv6 address",
            )
    return None


def _tls_problem(spec: L4RuleSpec) -> Admission | None:
    if wants_ssl(spec):
        if any(one.enable_ssl and one.protocol != "TCP" for one in spec.listener_properties):
            return Admission(
                field="spec.listenerProperties", problem="spec.listenerProperties: enableSsl needs protocol TCP"
            )
        return None
    for field, value in (
        ("spec.sslProfileRef", spec.ssl_profile_ref),
        ("spec.sslKeyAndCertificateRefs", spec.ssl_key_and_certificate_refs),
    ):
        if value:
            return Admission(field=field, problem=f"{field} needs a listener with enableSsl in spec.listenerProperties")
    return None


def _route_problem(spec: L4RuleSpec, environment: Environment) -> Admission | None:
    if spec.revoke_vip_route and environment.cloud_type != "CLOUD_NSXT":
        return Admission(
            field="spec.revokeVipRoute",
            problem=f"spec.revokeVipRoute works on NSX-T clouds only; this cloud is of type {environment.cloud_type}",
        )
    return None


def _twice_problem(spec: L4RuleSpec) -> Admission | None:
    for field, ports in (
        ("spec.backendProperties", [(one.port, one.protocol) for one in spec.backend_properties]),
        ("spec.listenerProperties", [(one.port, one.protocol) for one in spec.listener_properties]),
    ):
        twice = next((port for port in ports if ports.count(port) > 1), None)
        if twice is not None:
            return Admission(field=field, problem=f"{field} has {twice[0]}/{twice[1]} twice; write each port once")
        wrong = next((port for port in ports if port[1] not in PROTOCOLS or not 0 < port[0] <= 65535), None)
        if wrong is not None:
            return Admission(
                field=field, problem=f"{field} has {wrong[0]}/{wrong[1]}; write a port and TCP, UDP or SCTP"
            )
    return None


def _backend_problem(
    one: BackendProperties, at: int, *, rule: L4Rule, snapshot: Snapshot, context: L4Context
) -> Admission | None:
    field = f"spec.backendProperties[{at}]"
    for name, value, known in (
        ("lbAlgorithm", one.lb_algorithm, _ALGORITHMS),
        ("lbAlgorithmHash", one.lb_algorithm_hash, _HASHES),
    ):
        if value and value not in known:
            return Admission(
                field=f"{field}.{name}",
                problem=f"{field}.{name} is '{value}'; write one of {', '.join(sorted(known))}",
            )
    if one.lb_algorithm_hash and one.lb_algorithm != _HASH:
        return Admission(field=f"{field}.lbAlgorithmHash", problem=f"{field}.lbAlgorithmHash needs lbAlgorithm {_HASH}")
    if one.lb_algorithm == _HASH and not one.lb_algorithm_hash:
        return Admission(field=f"{field}.lbAlgorithmHash", problem=f"{field}.lbAlgorithm {_HASH} needs lbAlgorithmHash")
    if bool(one.lb_algorithm_consistent_hash_hdr) != (one.lb_algorithm_hash == _CUSTOM_HEADER):
        return Admission(
            field=f"{field}.lbAlgorithmConsistentHashHdr",
            problem=f"{field}: lbAlgorithmConsistentHashHdr goes with lbAlgorithmHash {_CUSTOM_HEADER}, only with it",
        )
    if one.health_monitor_refs:
        return None
    return next(
        (
            Admission(field=f"{field}.healthMonitorCrdRefs", problem=f"{field}.healthMonitorCrdRefs: {text}")
            for name in one.health_monitor_crd_refs
            if (text := _monitor_problem(name, one, rule=rule, snapshot=snapshot, context=context))
        ),
        None,
    )


def _monitor_problem(
    name: str, backend: BackendProperties, *, rule: L4Rule, snapshot: Snapshot, context: L4Context
) -> str:
    if not name:
        return "a name is empty"
    if not context.settings.crd_operator_enabled:
        return "HealthMonitor resources are not served; enable the operator of these resources or use healthMonitorRefs"
    monitor = _monitor(rule.namespace, name, snapshot)
    if monitor is None:
        return f"HealthMonitor '{name}' does not exist in namespace {rule.namespace}"
    if not monitor.is_programmed or not monitor.status.backend_object_name:
        return f"HealthMonitor '{name}' is not on the controller yet"
    if monitor.spec.type != f"HEALTH_MONITOR_{backend.protocol}":
        return f"HealthMonitor '{name}' is of type {monitor.spec.type}, which does not fit {backend.protocol}"
    return ""


def _monitor(namespace: str, name: str, snapshot: Snapshot) -> HealthMonitor | None:
    found = snapshot.object(ObjectRef(resource="healthmonitors", namespace=namespace, name=name))
    return found if isinstance(found, HealthMonitor) else None


def _known(spec: L4RuleSpec, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    """Whether everything that the rule names is there, of the right type and not ours."""
    ssl = wants_ssl(spec)
    types = {
        "applicationprofile": frozenset({_SSL_TYPE if ssl else "APPLICATION_PROFILE_TYPE_L4"}),
        "networkprofile": frozenset({_TCP_PROXY}) if ssl else frozenset(),
    }
    found = ((field, ref) for field, ref in _references(spec) if ref not in _BUILT_IN)
    return references_admission(found, snapshot, context, tenant=tenant, types=types)


def _references(spec: L4RuleSpec) -> Iterator[tuple[str, Ref]]:
    """Field and object for every object on the controller that the rule names."""
    for field, kind, name in (
        ("spec.analyticsProfileRef", "analyticsprofile", spec.analytics_profile_ref),
        ("spec.applicationProfileRef", "applicationprofile", spec.application_profile_ref),
        ("spec.networkProfileRef", "networkprofile", spec.network_profile_ref),
        ("spec.networkSecurityPolicyRef", "networksecuritypolicy", spec.network_security_policy_ref),
        ("spec.securityPolicyRef", "securitypolicy", spec.security_policy_ref),
        ("spec.sslProfileRef", "sslprofile", spec.ssl_profile_ref),
        *(("spec.vsDatascriptRefs", "vsdatascriptset", name) for name in spec.vs_datascript_refs),
        *(
            ("spec.sslKeyAndCertificateRefs", "sslkeyandcertificate", name)
            for name in spec.ssl_key_and_certificate_refs
        ),
    ):
        if name:
            yield field, Ref(kind, name)
    for at, backend in enumerate(spec.backend_properties):
        yield from _backend_references(backend, f"spec.backendProperties[{at}]")


def _backend_references(backend: BackendProperties, field: str) -> Iterator[tuple[str, Ref]]:
    for name, kind, value in (
        (
            "applicationPersistenceProfileRef",
            "applicationpersistenceprofile",
            backend.application_persistence_profile_ref,
        ),
        ("pkiProfileRef", "pkiprofile", backend.pki_profile_ref),
        ("sslProfileRef", "sslprofile", backend.ssl_profile_ref),
        ("sslKeyAndCertificateRef", "sslkeyandcertificate", backend.ssl_key_and_certificate_ref),
        *(("healthMonitorRefs", "healthmonitor", one) for one in backend.health_monitor_refs),
    ):
        if value:
            yield f"{field}.{name}", Ref(kind, value)


def _ports(ports: set[tuple[int, str]] | frozenset[tuple[int, str]]) -> str:
    return ", ".join(f"{port}/{protocol}" for port, protocol in sorted(ports))
