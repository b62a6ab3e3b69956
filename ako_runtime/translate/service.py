"""A Service of type LoadBalancer that asks for a load balancer of its own.

A wrong value refuses the change, not the service: what the controller has stays as it is, and the Service gets a
condition and an Event that say what was expected. Custom resources that it names are looked at in the same pass.

The official naming maps `a/b-c` and `a-b/c` to one virtual service. One has the name
(`ako_runtime.translate.claims`); the other is refused with a status, instead of both fighting for it.
"""

import msgspec

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, Outcome, ServiceStatus, StackKey
from ako_runtime.resources.core import Service, ServicePort
from ako_runtime.resources.index import gateway_of, rule_of
from ako_runtime.resources.index_l7 import INGRESSES_OF_SERVICE
from ako_runtime.resources.meta import OWN_DOMAIN
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.addresses import NOT_IN_NETWORK, address_problem, l4_rule_ref, placers
from ako_runtime.translate.backends import kept_members, members_for, mode_problem, tells_antrea
from ako_runtime.translate.claims import name_choice
from ako_runtime.translate.families import FamilyChoice, family_choice
from ako_runtime.translate.front import LOAD_BALANCER_CLASS, front_of, is_served_namespace
from ako_runtime.translate.infra import Admission, InfraChoice, infra_choice
from ako_runtime.translate.l4 import L4Context, L4Request, Listener, PoolRequest, SourceRanges
from ako_runtime.translate.l4rule import RuleChoice, backend_for, misfit, rule_choice, wants_ssl
from ako_runtime.translate.references import annotated_profile_admission
from ako_runtime.translate.shape import l4_stack
from ako_runtime.translate.tenancy import TenantChoice, tenant_for
from ako_runtime.translate.unknown_annotations import unknown_annotations
from ako_runtime.translate.verdict import (
    choice_problems,
    first_refusal,
    length_problem,
    name_conflict,
    namer_of,
    policy_conflict,
    refusal,
    refused_service,
    remark,
    rule_misfit,
    unknown_kinds,
)
from ako_runtime.translate.wish import Wish, fqdns_for, service_ref, wish_of


def service_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """What the Service of `key` should have."""
    unknown = unknown_kinds(snapshot, context.settings)
    if unknown:
        return Outcome(key=key, held=unknown)
    service = snapshot.service(key.namespace, key.name)
    if service is None:
        return Outcome(key=key)
    about = service_ref(service)
    front = front_of(service, snapshot, context.settings)
    if front is None:
        status = _unserved(service, snapshot, context.settings)
        return Outcome(key=key, statuses=(status,), diagnostics=_class_problem(service, snapshot, context.settings))
    if front != key:
        # Another key serves it and speaks for it.
        return Outcome(key=key)
    name = namer_of(context).l4(key.namespace, key.name)
    choice = name_choice(key, snapshot, context.settings, virtualservice=name)
    if choice.rival is not None:
        problem = name_conflict(about, choice.rival)
        status = ServiceStatus(about=about, problem=problem, withdrawn=True)
        return Outcome(key=key, statuses=(status,), diagnostics=(problem,))
    return Outcome(key=key, needs=choice.needs) if choice.needs else _decided(service, key, snapshot, context)


def _unserved(service: Service, snapshot: Snapshot, settings: Settings) -> ServiceStatus:
    """The status of a Service that is not (or no longer) ours."""
    internal = service.spec.type != "LoadBalancer"
    # Behind an Ingress Antrea is told about it; the Ingress speaks for it.
    behind = "ingresses" not in snapshot.complete or bool(snapshot.found(INGRESSES_OF_SERVICE, service.identity))
    joins = gateway_of(service) is not None and not settings.services_api
    return ServiceStatus(
        about=service_ref(service),
        node_port_local=False if internal and not behind and tells_antrea(settings) else None,
        elsewhere=settings.layer7_only or joins or not is_served_namespace(service.namespace, snapshot, settings),
    )


def _class_problem(service: Service, snapshot: Snapshot, settings: Settings) -> tuple[Diagnostic, ...]:
    """A class with our domain in it that is not the one that we serve: nobody has it."""
    name = service.spec.load_balancer_class or ""
    if name == LOAD_BALANCER_CLASS or not name.startswith(OWN_DOMAIN) or service.spec.type != "LoadBalancer":
        return ()
    if not is_served_namespace(service.namespace, snapshot, settings):
        return ()
    text = f"nobody serves loadBalancerClass '{name}'; did you mean '{LOAD_BALANCER_CLASS}'? The class of a Service "
    text += "cannot be changed: make the Service anew"
    return (remark(service_ref(service), "ClassNotFound", text, field="spec.loadBalancerClass"),)


def _decided(service: Service, key: StackKey, snapshot: Snapshot, context: L4Context) -> Outcome:
    wish, settings = wish_of(service), context.settings
    tenant = tenant_for(service.namespace, snapshot, settings)
    infra = infra_choice(snapshot, settings, named=wish.infra, namespace=service.namespace, tenant=tenant.name)
    rule = rule_choice(service, snapshot, context, tenant=tenant.name)
    families = family_choice(service, wish, infra.placement, snapshot)
    profile = annotated_profile_admission(wish.application_profile, snapshot, context, tenant=tenant.name)
    needs = tenant.needs | infra.needs | families.needs
    if not tenant.problem:
        # In a tenant that does not exist nothing can be looked up.
        needs |= rule.needs | profile.needs
    if needs:
        return Outcome(key=key, needs=needs)
    problems = (
        *_problems(service, wish, context, tenant=tenant, infra=infra, rule=rule),
        *families.problems,
        *_profile_problem(service, profile),
        *length_problem(service_ref(service), (_pool_name(service, port, context) for port in service.spec.ports)),
    )
    refused = first_refusal(problems)
    if refused is not None:
        name = namer_of(context).l4(service.namespace, service.name)
        pools = ((_pool_name(service, port, context), service, port) for port in service.spec.ports)
        members = kept_members(pools, snapshot=snapshot, context=context)
        outcome = refused_service(key, refused, root=Ref("virtualservice", name, tenant=tenant.name), members=members)
        others = (one for one in problems if one.object != refused.object)
        return msgspec.structs.replace(outcome, diagnostics=(*outcome.diagnostics, *others))
    about = service_ref(service)
    request, empty = _request(service, wish, snapshot, context, placing=(tenant, infra, rule), families=families)
    remarks = (*problems, *empty, *unknown_annotations(about, service.metadata.annotations))
    status = ServiceStatus(
        about=about,
        vsvip=Ref("vsvip", request.name, tenant=request.tenant),
        virtualservice=Ref("virtualservice", request.name, tenant=request.tenant),
        hostnames=request.fqdns,
        families=service.spec.ip_families,
        problem=remarks[0] if remarks else None,
        node_port_local=tells_antrea(settings),
    )
    return Outcome(
        key=key,
        stack=l4_stack(request, context),
        statuses=(status,),
        diagnostics=remarks,
        placed_by=placers(infra, *l4_rule_ref(rule_of(service))),
    )


def _profile_problem(service: Service, profile: Admission) -> tuple[Diagnostic, ...]:
    if not profile.problem:
        return ()
    return (refusal(service_ref(service), "InvalidValue", profile.problem, field=profile.field),)


def _problems(
    service: Service, wish: Wish, context: L4Context, *, tenant: TenantChoice, infra: InfraChoice, rule: RuleChoice
) -> tuple[Diagnostic, ...]:
    """What is wrong with the values, refusals and remarks."""
    about = service_ref(service)
    found = list(wish.problems)
    if tenant.problem:
        found.append(refusal(about, "TenantNotFound", tenant.problem, field="metadata.namespace"))
    mode = mode_problem(service, context.settings)
    if mode:
        found.append(refusal(about, "UnsupportedMode", mode, field="spec.type"))
    found += choice_problems(about, infra, rule)
    asked = wish.addresses or ((rule.rule.load_balancer_ip,) if rule.rule and rule.rule.load_balancer_ip else ())
    text = address_problem(asked, infra.placement)
    if text:
        own = "spec.loadBalancerIP" if service.spec.load_balancer_ip else notes.PREFERRED_IP
        found.append(refusal(about, NOT_IN_NETWORK, text, field=own if wish.addresses else notes.L4_RULE))
        blamed = () if wish.addresses else l4_rule_ref(rule_of(service))
        found += (refusal(one, NOT_IN_NETWORK, text, field="spec.loadBalancerIP") for one in blamed)
    if rule.rule is not None:
        text = misfit(rule.rule, frozenset((port.port, port.protocol) for port in service.spec.ports))
        if text:
            found.append(rule_misfit(about, text))
        if rule.rule.network_security_policy_ref and wish.source_ranges:
            found.append(policy_conflict(about))
    return tuple(found)


def _request(
    service: Service,
    wish: Wish,
    snapshot: Snapshot,
    context: L4Context,
    *,
    placing: tuple[TenantChoice, InfraChoice, RuleChoice],
    families: FamilyChoice,
) -> tuple[L4Request, tuple[Diagnostic, ...]]:
    """What to ask for, and remarks about pools that stay empty."""
    tenant, infra, choice = placing
    rule = choice.rule
    owner = (("Namespace", (service.namespace,)), ("ServiceName", (service.name,)))
    ssl = rule is not None and wants_ssl(rule)
    listeners, remarks = [], []
    for port in service.spec.ports:
        members = members_for(service, port, snapshot=snapshot, context=context)
        if members.problem:
            remarks.append(remark(service_ref(service), members.reason, members.problem, field=members.field))
        pool = PoolRequest(
            name=_pool_name(service, port, context),
            protocol=port.protocol,
            reached=members.reached,
            servers=members.servers,
            markers=(*owner, ("Port", (str(port.port),))),
            backend=backend_for(rule, port=port.port, protocol=port.protocol),
            algorithm=wish.algorithm,
            persistence=wish.persistence,
        )
        target = port.port if port.target_port is None else port.target_port
        listeners.append(
            Listener(port=port.port, protocol=port.protocol, pool=pool, ssl=ssl, name=port.name, target_port=target)
        )
    by_rule = (rule.load_balancer_ip,) if rule is not None and rule.load_balancer_ip else ()
    request = L4Request(
        name=namer_of(context).l4(service.namespace, service.name),
        tenant=tenant.name,
        placement=infra.placement,
        listeners=tuple(listeners),
        fqdns=fqdns_for(service, wish, context.settings, domains=context.environment.dns_domains),
        addresses=wish.addresses or by_rule,
        services=(f"{service.namespace}/{service.name}",),
        vs_markers=owner,
        traffic_enabled=not wish.disable_traffic,
        application_profile=wish.application_profile or "System-L4-Application",
        rule=rule,
        vip_family=families.asked,
        source_ranges=((SourceRanges(name=service.name, networks=wish.source_ranges),) if wish.source_ranges else ()),
        dedicated=True,
    )
    return request, tuple(dict.fromkeys(remarks))


def _pool_name(service: Service, port: ServicePort, context: L4Context) -> str:
    return namer_of(context).l4_pool(service.namespace, service.name, protocol=port.protocol, port=port.port)
