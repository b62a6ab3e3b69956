"""Gateway of networking.x-k8s.io/v1alpha1: one virtual service, many Services that attach by labels.

Every listener is a port of the virtual service, with or without a Service behind it. Services of type ClusterIP,
NodePort and LoadBalancer attach; a LoadBalancer Service with the labels gets no virtual service of its own. Host names
are those of the listeners, else those of the Services. A wrong listener does not take the others down; a Gateway of
which nothing is usable stays as it is.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from ako_runtime.model.intents import GatewayStatus, ListenerVerdict
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef, Outcome, ServiceStatus, StackKey, StatusIntent
from ako_runtime.resources.core import Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayClass
from ako_runtime.resources.index import SERVICES_OF_GATEWAY
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.addresses import NOT_IN_NETWORK, address_problem, placers
from ako_runtime.translate.backends import kept_members, members_for, mode_problem, tells_antrea
from ako_runtime.translate.claims import name_choice
from ako_runtime.translate.families import FamilyChoice, address_choice, dual_stack_remarks
from ako_runtime.translate.front import LOAD_BALANCER_CLASS, front_of, is_served_namespace
from ako_runtime.translate.infra import InfraChoice, infra_choice, namespace_infra
from ako_runtime.translate.l4 import L4Context, L4Request, Listener, PoolRequest
from ako_runtime.translate.l4rule import RuleChoice, backend_for, rule_choice
from ako_runtime.translate.listeners import Attachment, Bindings, bindings_of, usable_listeners
from ako_runtime.translate.shape import l4_stack
from ako_runtime.translate.shape_rule import is_about_more_than_pools
from ako_runtime.translate.shared_vip import fatal_problem, pool_markers, pool_name, source_ranges_of
from ako_runtime.translate.tenancy import TenantChoice, tenant_for
from ako_runtime.translate.unknown_annotations import unknown_annotations
from ako_runtime.translate.verdict import (
    choice_problems,
    first_refusal,
    ignored_remarks,
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


class Scene(Struct, frozen=True, kw_only=True):
    """A Gateway that is ours, with what surrounds it."""

    key: StackKey
    gateway: Gateway
    gateway_class: GatewayClass | None
    services: tuple[Service, ...]
    snapshot: Snapshot
    context: L4Context

    @property
    def about(self) -> ObjectRef:
        """The Gateway as an object."""
        return ObjectRef(resource="gateways", namespace=self.key.namespace, name=self.key.name)


class Decision(Struct, frozen=True, kw_only=True):
    """Where the virtual service lives and who is behind its listeners."""

    tenant: TenantChoice
    infra: InfraChoice
    bindings: Bindings
    families: FamilyChoice
    addresses: tuple[str, ...] = ()
    rules: Mapping[tuple[str, str], RuleChoice] = {}


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
    attached = only(snapshot.found(SERVICES_OF_GATEWAY, (key.namespace, key.name)), Service)
    services = tuple(
        sorted(
            (one for one in attached if front_of(one, snapshot, settings) == key),
            key=lambda one: one.metadata.age_key,
        )
    )
    if not isinstance(gateway, Gateway) or gateway.metadata.deletion_timestamp is not None:
        own = (GatewayStatus(about=about),) if isinstance(gateway, Gateway) else ()
        text = f"Gateway {key.namespace}/{key.name}, which its labels name, does not exist; create it"
        return _without(key, own, services, reason="GatewayNotFound", message=text)
    held = snapshot.object(ObjectRef(resource="gatewayclasses", namespace="", name=gateway.spec.gateway_class_name))
    gateway_class = held if isinstance(held, GatewayClass) else None
    if not is_served_namespace(key.namespace, snapshot, settings) or _is_foreign(gateway_class):
        # Somebody else serves it; its status is not ours to write.
        return Outcome(key=key)
    name = namer_of(context).l4(key.namespace, key.name)
    choice = name_choice(key, snapshot, settings, virtualservice=name)
    if choice.rival is not None:
        problem = name_conflict(about, choice.rival)
        own = (GatewayStatus(about=about, problem=problem),)
        return _without(key, own, services, reason=problem.reason, message=f"its Gateway is refused: {problem.message}")
    scene = Scene(
        key=key,
        gateway=gateway,
        gateway_class=gateway_class,
        services=services,
        snapshot=snapshot,
        context=context,
    )
    return Outcome(key=key, needs=choice.needs) if choice.needs else _decided(scene)


def _is_foreign(gateway_class: GatewayClass | None) -> bool:
    return gateway_class is not None and gateway_class.spec.controller != LOAD_BALANCER_CLASS


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


def _decided(scene: Scene) -> Outcome:
    snapshot, settings, namespace = scene.snapshot, scene.context.settings, scene.key.namespace
    tenant = tenant_for(namespace, snapshot, settings)
    named = _parameters(scene.gateway_class)
    infra = infra_choice(snapshot, settings, named=named, namespace=namespace, tenant=tenant.name)
    addresses = _addresses(scene.gateway)
    asked = () if isinstance(addresses, notes.Problem) else addresses
    families = address_choice(asked, infra.placement, snapshot)
    needs = tenant.needs | infra.needs | families.needs
    if needs:
        return Outcome(key=scene.key, needs=needs)
    unfit = {one.identity: problem for one in scene.services if (problem := _unfitness(one, scene.context)) is not None}
    fitting = tuple(one for one in scene.services if one.identity not in unfit)
    bindings = bindings_of(usable_listeners(scene.gateway), fitting)
    decision = Decision(
        tenant=tenant,
        infra=infra,
        bindings=bindings,
        families=families,
        addresses=asked,
        rules={
            one.service.identity: rule_choice(one.service, snapshot, scene.context, tenant=tenant.name)
            for one in bindings.attached.values()
        },
    )
    problems = _problems(scene, decision)
    if isinstance(addresses, notes.Problem):
        problems = (*problems, refusal(scene.about, "InvalidAddress", addresses.message, field=addresses.field))
    refused = first_refusal(problems)
    if refused is not None:
        return _kept(scene, decision, refused, problems)
    needs = frozenset(ref for rule in decision.rules.values() for ref in rule.needs)
    if needs:
        return Outcome(key=scene.key, needs=needs)
    said = unfit | dict(bindings.problems)
    request = _request(scene, decision, said)
    return _served(scene, decision, request, said=said, problems=problems)


def _kept(scene: Scene, decision: Decision, refused: Diagnostic, problems: tuple[Diagnostic, ...]) -> Outcome:
    """The Gateway stays as it is, the pods behind it apart."""
    bindings = decision.bindings
    pools = (
        (
            pool_name(one.service, scene.key, scene.context, protocol=one.port.protocol, port=one.port.port),
            one.service,
            one.port,
        )
        for one in bindings.attached.values()
    )
    name = namer_of(scene.context).l4(scene.key.namespace, scene.key.name)
    return Outcome(
        key=scene.key,
        statuses=(GatewayStatus(about=scene.about, problem=refused, listeners=bindings.verdicts),),
        diagnostics=problems,
        keeps_last_good=True,
        members=kept_members(pools, snapshot=scene.snapshot, context=scene.context, gateway=True),
        roots=(Ref("virtualservice", name, tenant=decision.tenant.name),),
    )


def _unfitness(service: Service, context: L4Context) -> Diagnostic | None:
    """Why the Service cannot be behind any listener."""
    mode = mode_problem(service, context.settings)
    if mode:
        return refusal(service_ref(service), "UnsupportedMode", mode, field="spec.type")
    return fatal_problem(wish_of(service))


def _served(
    scene: Scene, decision: Decision, request: L4Request, *, said: Remarks, problems: tuple[Diagnostic, ...]
) -> Outcome:
    verdicts = decision.bindings.verdicts
    vsvip = Ref("vsvip", request.name, tenant=request.tenant)
    virtualservice = Ref("virtualservice", request.name, tenant=request.tenant)
    own = GatewayStatus(
        about=scene.about,
        vsvip=vsvip,
        virtualservice=virtualservice,
        listeners=verdicts,
        problem=problems[0] if problems else None,
    )
    pools = [listener.pool for listener in request.listeners if listener.pool]
    names = {text: pool.hostnames for pool in pools for text in pool.services}
    statuses: list[StatusIntent] = [own]
    for service in scene.services:
        about, problem = service_ref(service), said.get(service.identity)
        text = f"{service.namespace}/{service.name}"
        if text not in names:
            statuses.append(ServiceStatus(about=about, problem=problem, withdrawn=True))
            continue
        statuses.append(
            ServiceStatus(
                about=about,
                vsvip=vsvip,
                virtualservice=virtualservice,
                hostnames=names[text],
                families=service.spec.ip_families,
                problem=problem,
                node_port_local=tells_antrea(scene.context.settings),
            )
        )
    diagnostics = (*problems, *_listener_remarks(scene.about, verdicts), *said.values())
    stack = l4_stack(request, scene.context)
    return Outcome(
        key=scene.key,
        stack=stack,
        statuses=tuple(statuses),
        diagnostics=diagnostics,
        placed_by=placers(decision.infra),
    )


def _problems(scene: Scene, decision: Decision) -> tuple[Diagnostic, ...]:
    about, held, verdicts = scene.about, scene.gateway_class, decision.bindings.verdicts
    found = []
    if held is None:
        text = f"GatewayClass '{scene.gateway.spec.gateway_class_name}' does not exist; create it or name another"
        found.append(refusal(about, "InvalidGatewayClass", text, field="spec.gatewayClassName"))
    elif held.spec.parameters_ref is not None and not _parameters(held):
        text = f"parametersRef of GatewayClass '{held.name}' must name an AviInfraSetting of group ako.vmware.com"
        found.append(refusal(about, "InvalidParameters", text, field="spec.gatewayClassName"))
    if decision.tenant.problem:
        found.append(refusal(about, "TenantNotFound", decision.tenant.problem, field="metadata.namespace"))
    found += choice_problems(about, decision.infra, RuleChoice())
    outside = address_problem(decision.addresses, decision.infra.placement)
    if outside:
        found.append(refusal(about, NOT_IN_NETWORK, outside, field="spec.addresses"))
    if not any(verdict.ready for verdict in verdicts):
        text = "; ".join(verdict.message for verdict in verdicts) or "it has no listeners"
        reason = next((one.reason for one in verdicts if one.reason), "NoListener")
        found.append(refusal(about, reason, f"no listener is usable: {text}", field="spec.listeners"))
    names = (
        pool_name(one.service, scene.key, scene.context, protocol=one.port.protocol, port=one.port.port)
        for one in decision.bindings.attached.values()
    )
    found += length_problem(about, names)
    return tuple(found)


def _request(scene: Scene, decision: Decision, said: Remarks) -> L4Request:
    """What to ask for; notes in `said` what does not work for single Services."""
    bindings, gateway = decision.bindings, scene.gateway
    usable = [verdict for verdict in bindings.verdicts if verdict.ready]
    listeners = []
    for verdict in usable:
        attachment = bindings.attached.get((verdict.protocol, verdict.port))
        pool = None
        if attachment is not None:
            rule = decision.rules[attachment.service.identity]
            pool = _pool(scene, attachment, verdict, rule=rule)
            _say(scene, attachment, said, rule=rule)
            for one in dual_stack_remarks(attachment.service, decision.families.given):
                said.setdefault(attachment.service.identity, one)
        listeners.append(Listener(port=verdict.port, protocol=verdict.protocol, pool=pool))
    named = [name for verdict in usable if (name := _hostname(verdict))]
    made = [name for listener in listeners if listener.pool for name in listener.pool.hostnames]
    attached = {one.service.identity: one.service for one in bindings.attached.values()}
    ports = {
        identity: [one.port.port for one in bindings.attached.values() if one.service.identity == identity]
        for identity in attached
    }
    return L4Request(
        name=namer_of(scene.context).l4(gateway.namespace, gateway.name),
        tenant=decision.tenant.name,
        placement=decision.infra.placement,
        listeners=tuple(listeners),
        fqdns=tuple(dict.fromkeys((*named, *made))),
        addresses=decision.addresses,
        vip_family=decision.families.asked,
        gateway=f"{gateway.namespace}/{gateway.name}",
        vs_markers=(("Namespace", (gateway.namespace,)), ("GatewayName", (gateway.name,))),
        source_ranges=tuple(
            ranges
            for identity, service in sorted(attached.items())
            for ranges in source_ranges_of(service, wish_of(service), ports=ports[identity])
        ),
    )


def _pool(scene: Scene, attachment: Attachment, verdict: ListenerVerdict, *, rule: RuleChoice) -> PoolRequest:
    service, port, context = attachment.service, attachment.port, scene.context
    wish = wish_of(service)
    named = _hostname(verdict)
    made = fqdns_for(service, wish, context.settings, domains=context.environment.dns_domains)
    members = members_for(service, port, snapshot=scene.snapshot, context=context, gateway=True)
    # The official AKO looks for the name by the number alone, and the last one stays.
    last = [one.name for one in service.spec.ports if one.port == port.port][-1]
    return PoolRequest(
        name=pool_name(service, scene.key, context, protocol=port.protocol, port=port.port),
        protocol=port.protocol,
        reached=msgspec.structs.replace(members.reached, name=last),
        servers=members.servers,
        markers=pool_markers(service, scene.key, protocol=port.protocol, port=port.port),
        hostnames=(named,) if named else made,
        services=(f"{service.namespace}/{service.name}",),
        backend=backend_for(rule.rule, port=port.port, protocol=port.protocol),
        algorithm=wish.algorithm,
        persistence=wish.persistence,
    )


def _say(scene: Scene, attachment: Attachment, said: Remarks, *, rule: RuleChoice) -> None:
    """Note what does not work for the attached Service, unless something was noted before."""
    service = attachment.service
    members = members_for(service, attachment.port, snapshot=scene.snapshot, context=scene.context, gateway=True)
    wish = wish_of(service)
    for reason, message, field in (
        *((one.reason, one.message, one.field) for one in wish.problems),
        *((one.reason, one.message, one.field) for one in _ignored(scene, service, rule)),
        (members.reason, members.problem, members.field),
        ("L4RuleRejected", rule.rejected, notes.L4_RULE),
        ("L4RuleNotFound", rule.missing, notes.L4_RULE),
        *((one.reason, one.message, one.field) for one in _unknown(service)),
    ):
        if message:
            said.setdefault(service.identity, remark(service_ref(service), reason, message, field=field))


def _unknown(service: Service) -> Iterator[Diagnostic]:
    return unknown_annotations(service_ref(service), service.metadata.annotations)


def _ignored(scene: Scene, service: Service, rule: RuleChoice) -> Iterator[Diagnostic]:
    """What only the Gateway can say for all that are behind it."""
    wish = wish_of(service)
    yield from ignored_remarks(service, wish, "behind a Gateway")
    asked = _addresses(scene.gateway)
    infra = _parameters(scene.gateway_class) or namespace_infra(scene.key.namespace, scene.snapshot)
    for field, differs, where in (
        (
            notes.PREFERRED_IP,
            not set(wish.addresses) <= set(asked if isinstance(asked, tuple) else ()),
            "its addresses",
        ),
        (notes.INFRA, bool(wish.infra) and wish.infra != infra, "its class or namespace"),
        (notes.VIP_FAMILY, bool(wish.vip_family), "its addresses and network"),
    ):
        if differs:
            text = f"{field} does not apply behind a Gateway, where {where} decide; remove it or change the Gateway"
            yield remark(service_ref(service), "AnnotationIgnored", text, field=field)
    if rule.rule is not None and is_about_more_than_pools(rule.rule):
        text = "of its L4Rule only backendProperties apply behind a Gateway"
        yield remark(service_ref(service), "L4RuleIgnored", text, field=notes.L4_RULE)


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
