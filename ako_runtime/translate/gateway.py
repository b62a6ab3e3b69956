"""Gateway of networking.x-k8s.io/v1alpha1: one virtual service, many Services that attach by labels.

Every listener is a port of the virtual service, with or without a Service behind it. Services of type ClusterIP,
NodePort and LoadBalancer attach; a LoadBalancer Service with the labels gets no virtual service of its own. Host names
are those of the listeners, else those of the Services. A wrong listener does not take the others down; a Gateway of
which nothing is usable stays as it is.
"""

from ako_runtime.model.intents import GatewayStatus, ListenerVerdict
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef, Outcome, ServiceStatus, StackKey, StatusIntent
from ako_runtime.resources.core import Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayClass
from ako_runtime.resources.index import SERVICES_OF_GATEWAY
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.backends import members_for, mode_problem
from ako_runtime.translate.front import LOAD_BALANCER_CLASS, front_of, is_served_namespace, older_claim
from ako_runtime.translate.infra import InfraChoice, infra_choice
from ako_runtime.translate.l4 import L4Context, L4Request, Listener, PoolRequest
from ako_runtime.translate.l4rule import RuleChoice, backend_for, rule_choice
from ako_runtime.translate.listeners import Attachment, Bindings, bindings_of, usable_listeners
from ako_runtime.translate.shape import l4_stack
from ako_runtime.translate.shared_vip import fatal_problem, pool_markers, pool_name, source_ranges_of
from ako_runtime.translate.tenancy import TenantChoice, tenant_for
from ako_runtime.translate.verdict import (
    choice_problems,
    first_refusal,
    length_problem,
    name_conflict,
    namer_of,
    refusal,
    remark,
    unknown_kinds,
)
from ako_runtime.translate.wish import fqdns_for, service_ref, wish_of

Remarks = dict[tuple[str, str], Diagnostic]
"""The first thing to say of a Service, by namespace and name."""


def gateway_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """What the Gateway of `key` should have."""
    settings = context.settings
    if not settings.services_api:
        return Outcome(key=key)
    unknown = unknown_kinds(snapshot, settings)
    if unknown:
        return Outcome(key=key, held=unknown)
    about = ObjectRef(resource="gateways", namespace=key.namespace, name=key.name)
    gateway = snapshot.object(about)
    services = tuple(
        sorted(
            (
                one
                for one in only(snapshot.found(SERVICES_OF_GATEWAY, (key.namespace, key.name)), Service)
                if front_of(one, snapshot, settings) == key
            ),
            key=lambda one: one.metadata.age_key,
        )
    )
    if not isinstance(gateway, Gateway) or gateway.metadata.deletion_timestamp is not None:
        own = (GatewayStatus(about=about),) if isinstance(gateway, Gateway) else ()
        text = f"Gateway {key.namespace}/{key.name}, which its labels name, does not exist; create it"
        return _without(key, own, services, reason="GatewayNotFound", message=text)
    if not is_served_namespace(key.namespace, snapshot, settings):
        return Outcome(key=key)
    held = snapshot.object(ObjectRef(resource="gatewayclasses", namespace="", name=gateway.spec.gateway_class_name))
    if isinstance(held, GatewayClass) and held.spec.controller != LOAD_BALANCER_CLASS:
        # Somebody else serves Gateways of this class; their status is not ours to write.
        return Outcome(key=key)
    claim = older_claim(key, snapshot, settings)
    if claim is not None:
        problem = name_conflict(about, claim)
        own = (GatewayStatus(about=about, problem=problem),)
        return _without(key, own, services, reason=problem.reason, message=f"its Gateway is refused: {problem.message}")
    return _decided(gateway, held if isinstance(held, GatewayClass) else None, services, snapshot, context)


def _without(
    key: StackKey, own: tuple[StatusIntent, ...], services: tuple[Service, ...], *, reason: str, message: str
) -> Outcome:
    """No virtual service, and the reason for every Service that wants it."""
    problems = tuple(
        refusal(service_ref(one), reason, message, field="metadata.labels[ako.vmware.com/gateway-name]")
        for one in services
    )
    statuses = tuple(ServiceStatus(about=one.object, problem=one, withdrawn=True) for one in problems)
    diagnostics = tuple(one.problem for one in own if one.problem is not None)
    return Outcome(key=key, statuses=(*own, *statuses), diagnostics=(*diagnostics, *problems))


def _decided(
    gateway: Gateway,
    held: GatewayClass | None,
    services: tuple[Service, ...],
    snapshot: Snapshot,
    context: L4Context,
) -> Outcome:
    about = ObjectRef(resource="gateways", namespace=gateway.namespace, name=gateway.name)
    key = StackKey(kind="gateway", namespace=gateway.namespace, name=gateway.name)
    tenant = tenant_for(gateway.namespace, snapshot, context.settings)
    infra = infra_choice(
        snapshot, context.settings, named=_parameters(held), namespace=gateway.namespace, tenant=tenant.name
    )
    needs = tenant.needs | infra.needs
    if needs:
        return Outcome(key=key, needs=needs)
    unfit = {one.identity: problem for one in services if (problem := _unfitness(one, context)) is not None}
    fitting = tuple(one for one in services if one.identity not in unfit)
    bindings = bindings_of(usable_listeners(gateway), fitting)
    addresses = _addresses(gateway)
    problems = _problems(gateway, held, bindings, context, placing=(tenant, infra))
    if isinstance(addresses, notes.Problem):
        problems = (*problems, refusal(about, "InvalidAddress", addresses.message, field=addresses.field))
    refused = first_refusal(problems)
    if refused is not None:
        return Outcome(
            key=key,
            statuses=(GatewayStatus(about=about, problem=refused, listeners=bindings.verdicts),),
            diagnostics=problems,
            keeps_last_good=True,
            roots=(Ref("virtualservice", namer_of(context).l4(key.namespace, key.name), tenant=tenant.name),),
        )
    rules = {
        attachment.service.identity: rule_choice(attachment.service, snapshot, context, tenant=tenant.name)
        for attachment in bindings.attached.values()
    }
    needs = frozenset(ref for rule in rules.values() for ref in rule.needs)
    if needs:
        return Outcome(key=key, needs=needs)
    said: Remarks = unfit | dict(bindings.problems)
    request = _request(
        gateway,
        key,
        bindings,
        snapshot,
        context,
        said=said,
        rules=rules,
        placing=(tenant, infra),
        addresses=() if isinstance(addresses, notes.Problem) else addresses,
    )
    return _served(about, request, bindings, services, context, said=said, problems=problems)


def _unfitness(service: Service, context: L4Context) -> Diagnostic | None:
    """Why the Service cannot be behind any listener."""
    mode = mode_problem(service, context.settings)
    if mode:
        return refusal(service_ref(service), "UnsupportedMode", mode, field="spec.type")
    return fatal_problem(wish_of(service))


def _served(
    about: ObjectRef,
    request: L4Request,
    bindings: Bindings,
    services: tuple[Service, ...],
    context: L4Context,
    *,
    said: Remarks,
    problems: tuple[Diagnostic, ...],
) -> Outcome:
    vsvip = Ref("vsvip", request.name, tenant=request.tenant)
    virtualservice = Ref("virtualservice", request.name, tenant=request.tenant)
    own = GatewayStatus(
        about=about,
        vsvip=vsvip,
        virtualservice=virtualservice,
        listeners=bindings.verdicts,
        problem=problems[0] if problems else None,
    )
    names = {
        text: listener.pool.hostnames
        for listener in request.listeners
        if listener.pool
        for text in listener.pool.services
    }
    statuses: list[StatusIntent] = [own]
    local = context.settings.service_type == "NodePortLocal" and context.settings.auto_annotate_service
    for service in services:
        problem = said.get(service.identity)
        text = f"{service.namespace}/{service.name}"
        if text not in names:
            statuses.append(ServiceStatus(about=service_ref(service), problem=problem, withdrawn=True))
            continue
        statuses.append(
            ServiceStatus(
                about=service_ref(service),
                vsvip=vsvip,
                virtualservice=virtualservice,
                hostnames=names[text],
                families=service.spec.ip_families,
                problem=problem,
                node_port_local=local,
            )
        )
    key = StackKey(kind="gateway", namespace=about.namespace, name=about.name)
    diagnostics = (*problems, *_listener_remarks(about, bindings.verdicts), *said.values())
    return Outcome(key=key, stack=l4_stack(request, context), statuses=tuple(statuses), diagnostics=diagnostics)


def _problems(
    gateway: Gateway,
    held: GatewayClass | None,
    bindings: Bindings,
    context: L4Context,
    *,
    placing: tuple[TenantChoice, InfraChoice],
) -> tuple[Diagnostic, ...]:
    about = ObjectRef(resource="gateways", namespace=gateway.namespace, name=gateway.name)
    tenant, infra = placing
    found = []
    if held is None:
        text = f"GatewayClass '{gateway.spec.gateway_class_name}' does not exist; create it or name another"
        found.append(refusal(about, "InvalidGatewayClass", text, field="spec.gatewayClassName"))
    elif held.spec.parameters_ref is not None and not _parameters(held):
        text = f"parametersRef of GatewayClass '{held.name}' must name an AviInfraSetting of group ako.vmware.com"
        found.append(refusal(about, "InvalidParameters", text, field="spec.gatewayClassName"))
    if tenant.problem:
        found.append(refusal(about, "TenantNotFound", tenant.problem, field="metadata.namespace"))
    found += choice_problems(about, infra, RuleChoice())
    if not any(verdict.ready for verdict in bindings.verdicts):
        text = "; ".join(verdict.message for verdict in bindings.verdicts) or "it has no listeners"
        reason = next((one.reason for one in bindings.verdicts if one.reason), "NoListener")
        found.append(refusal(about, reason, f"no listener is usable: {text}", field="spec.listeners"))
    key = StackKey(kind="gateway", namespace=gateway.namespace, name=gateway.name)
    found += length_problem(
        about,
        (
            pool_name(one.service, key, context, protocol=one.port.protocol, port=one.port.port)
            for one in bindings.attached.values()
        ),
    )
    return tuple(found)


def _request(
    gateway: Gateway,
    key: StackKey,
    bindings: Bindings,
    snapshot: Snapshot,
    context: L4Context,
    *,
    said: Remarks,
    rules: dict[tuple[str, str], RuleChoice],
    placing: tuple[TenantChoice, InfraChoice],
    addresses: tuple[str, ...],
) -> L4Request:
    tenant, infra = placing
    listeners = []
    for verdict in bindings.verdicts:
        if verdict.ready:
            attachment = bindings.attached.get((verdict.protocol, verdict.port))
            pool = None
            if attachment is not None:
                rule = rules[attachment.service.identity]
                pool = _pool(attachment, verdict, key, snapshot, context, rule=rule)
                _say(said, attachment, rule, snapshot, context)
            listeners.append(Listener(port=verdict.port, protocol=verdict.protocol, pool=pool))
    named = tuple(_hostname(verdict) for verdict in bindings.verdicts if verdict.ready and _hostname(verdict))
    made = tuple(name for listener in listeners if listener.pool for name in listener.pool.hostnames)
    attached = {one.service.identity: one.service for one in bindings.attached.values()}
    return L4Request(
        name=namer_of(context).l4(gateway.namespace, gateway.name),
        tenant=tenant.name,
        placement=infra.placement,
        listeners=tuple(listeners),
        fqdns=tuple(dict.fromkeys((*named, *made))),
        addresses=addresses,
        gateway=f"{gateway.namespace}/{gateway.name}",
        vs_markers=(("Namespace", (gateway.namespace,)), ("GatewayName", (gateway.name,))),
        source_ranges=tuple(
            ranges for _, service in sorted(attached.items()) for ranges in source_ranges_of(service, wish_of(service))
        ),
    )


def _pool(
    attachment: Attachment,
    verdict: ListenerVerdict,
    key: StackKey,
    snapshot: Snapshot,
    context: L4Context,
    *,
    rule: RuleChoice,
) -> PoolRequest:
    service, port = attachment.service, attachment.port
    wish = wish_of(service)
    named = _hostname(verdict)
    made = fqdns_for(service, wish, context.settings, domains=context.environment.dns_domains)
    return PoolRequest(
        name=pool_name(service, key, context, protocol=port.protocol, port=port.port),
        protocol=port.protocol,
        servers=members_for(service, port, snapshot=snapshot, context=context, gateway=True).servers,
        markers=pool_markers(service, key, protocol=port.protocol, port=port.port),
        hostnames=(named,) if named else made,
        services=(f"{service.namespace}/{service.name}",),
        backend=backend_for(rule.rule, port=port.port, protocol=port.protocol),
        persistence=wish.persistence,
    )


def _say(said: Remarks, attachment: Attachment, rule: RuleChoice, snapshot: Snapshot, context: L4Context) -> None:
    """Note what does not work for the attached Service, unless something was noted before."""
    service = attachment.service
    about = service_ref(service)
    wish = wish_of(service)
    members = members_for(service, attachment.port, snapshot=snapshot, context=context, gateway=True)
    for reason, message, field in (
        *((one.reason, one.message, one.field) for one in wish.problems),
        ("NoNodePort", members.problem, "spec.ports"),
        ("L4RuleRejected", rule.rejected, notes.L4_RULE),
        ("L4RuleNotFound", rule.missing, notes.L4_RULE),
    ):
        if message:
            said.setdefault(service.identity, remark(about, reason, message, field=field))


def _listener_remarks(about: ObjectRef, verdicts: tuple[ListenerVerdict, ...]) -> tuple[Diagnostic, ...]:
    return tuple(
        remark(about, verdict.reason, verdict.message, field="spec.listeners") for verdict in verdicts if verdict.reason
    )


def _parameters(held: GatewayClass | None) -> str:
    """Name of the AviInfraSetting of the class."""
    reference = held.spec.parameters_ref if held is not None else None
    if reference is None or (reference.group, reference.kind) != ("ako.vmware.com", "AviInfraSetting"):
        return ""
    return reference.name


def _addresses(gateway: Gateway) -> tuple[str, ...] | notes.Problem:
    wanted = gateway.spec.addresses
    if not wanted:
        return ()
    for at, address in enumerate(wanted):
        if address.type != "IPAddress":
            return notes.Problem(
                field=f"spec.addresses[{at}]", message=f"spec.addresses[{at}] is of type {address.type}; use IPAddress"
            )
    return notes.addresses(",".join(address.value for address in wanted), field="spec.addresses")


def _hostname(verdict: ListenerVerdict) -> str:
    return "" if verdict.reason == "InvalidHostname" else verdict.hostname.lower().rstrip(".")
