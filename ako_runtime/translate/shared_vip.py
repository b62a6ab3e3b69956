"""Services that share one virtual service by annotation: the same value, the same namespace.

Members are taken oldest first (equal ages: by namespace and name). The oldest decides about the AviInfraSetting, the
L4Rule and the families; the oldest that asks for an address decides about that. A member that wants something else, or
a port that an older one has, is refused alone and told why; the others are not touched by it. A value that is wrong in
itself is left out and told, so that a typing error takes no port away.

A Service joins the group of another namespace with `ako.vmware.com/shared-vip-namespace`, if that Namespace allows it
with `ako.vmware.com/shared-vip-allowed-from` (names separated by commas, or `*`).
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, Outcome, ServiceStatus, StackKey
from ako_runtime.resources.ako import L4RuleSpec
from ako_runtime.resources.core import Service
from ako_runtime.resources.index import SERVICES_OF_SHARED_VIP, rule_of
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.addresses import NOT_IN_NETWORK, address_problem, l4_rule_ref, placers
from ako_runtime.translate.backends import kept_members, members_for, mode_problem, tells_antrea
from ako_runtime.translate.claims import name_choice
from ako_runtime.translate.families import FamilyChoice, dual_stack_remarks, family_choice
from ako_runtime.translate.front import front_of
from ako_runtime.translate.infra import InfraChoice, infra_choice
from ako_runtime.translate.l4 import L4Context, L4Request, Listener, PoolRequest, SourceRanges
from ako_runtime.translate.l4rule import RuleChoice, backend_for, misfit, rule_choice
from ako_runtime.translate.shape import l4_stack
from ako_runtime.translate.tenancy import TenantChoice, tenant_for
from ako_runtime.translate.unknown_annotations import unknown_annotations
from ako_runtime.translate.verdict import (
    choice_problems,
    first_refusal,
    ignored_remarks,
    length_problem,
    name_conflict,
    namer_of,
    policy_conflict,
    refusal,
    remark,
    rule_misfit,
    unknown_kinds,
)
from ako_runtime.translate.wish import Wish, fqdns_for, service_ref, wish_of


class Member(Struct, frozen=True, kw_only=True):
    """A Service of the group, what it asks for, and why it is refused or works only partly."""

    service: Service
    wish: Wish
    refused: Diagnostic | None = None
    remarks: tuple[Diagnostic, ...] = ()


class Placing(Struct, frozen=True, kw_only=True):
    """Where the group lives."""

    tenant: TenantChoice
    infra: InfraChoice
    rule: RuleChoice
    families: FamilyChoice

    @property
    def needs(self) -> frozenset[Ref]:
        """What must be looked up first."""
        needs = self.tenant.needs | self.infra.needs | self.families.needs
        # In a tenant that does not exist nothing can be looked up.
        return needs if self.tenant.problem else needs | self.rule.needs


def shared_vip_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """What the group of `key` should have."""
    settings = context.settings
    unknown = unknown_kinds(snapshot, settings)
    if unknown:
        return Outcome(key=key, held=unknown)
    services = [
        service
        for service in only(snapshot.found(SERVICES_OF_SHARED_VIP, (key.namespace, key.name)), Service)
        if front_of(service, snapshot, settings) == key
    ]
    if not services:
        return Outcome(key=key)
    services.sort(key=lambda one: one.metadata.age_key)
    name = namer_of(context).l4(key.namespace, key.name)
    choice = name_choice(key, snapshot, settings, virtualservice=name)
    if choice.rival is not None:
        rival = choice.rival
        return _all_refused(key, tuple(name_conflict(service_ref(one), rival) for one in services))
    members = members_of(services, key, snapshot, context)
    served = [one for one in members if one.refused is None]
    if not served:
        return _all_refused(key, tuple(one.refused for one in members if one.refused is not None))
    placing = _placing(served[0], key, snapshot, context)
    needs = choice.needs | placing.needs
    if needs:
        return Outcome(key=key, needs=needs)
    return _outcome(members, placing, key=key, snapshot=snapshot, context=context)


def members_of(services: list[Service], key: StackKey, snapshot: Snapshot, context: L4Context) -> tuple[Member, ...]:
    """Every Service with its verdict; `services` are in order of age."""
    served: list[Member] = []
    found: list[Member] = []
    for service in services:
        wish = wish_of(service)
        refused = _refusal(service, wish, served, key=key, snapshot=snapshot, context=context)
        remarks = tuple(msgspec.structs.replace(one, partial=True) for one in wish.problems)
        ignored = ignored_remarks(service, wish, "in a shared VIP")
        unknown = unknown_annotations(service_ref(service), service.metadata.annotations)
        member = Member(service=service, wish=wish, refused=refused, remarks=(*remarks, *ignored, *unknown))
        found.append(member)
        if refused is None:
            served.append(member)
    return tuple(found)


def _refusal(
    service: Service, wish: Wish, served: list[Member], *, key: StackKey, snapshot: Snapshot, context: L4Context
) -> Diagnostic | None:
    """Why the Service cannot be in the group beside those that are."""
    about = service_ref(service)
    if service.namespace != key.namespace and not _is_allowed(service.namespace, key.namespace, snapshot):
        return refusal(
            about,
            "SharedVipNotAllowed",
            f"namespace {key.namespace} does not let namespace {service.namespace} share its VIPs; "
            f"add it to the annotation {notes.SHARED_VIP_FROM} of namespace {key.namespace}",
            field=notes.SHARED_VIP_NAMESPACE,
        )
    mode = mode_problem(service, context.settings)
    if mode:
        return refusal(about, "UnsupportedMode", mode, field="spec.type")
    fatal = fatal_problem(wish)
    if fatal is not None:
        return fatal
    names = (pool_name(service, key, context, protocol=port.protocol, port=port.port) for port in service.spec.ports)
    too_long = length_problem(about, names)
    if too_long:
        return too_long[0]
    return _conflict(service, wish, served) if served else None


def fatal_problem(wish: Wish) -> Diagnostic | None:
    """What cannot be left out: a port that nobody carries, and ranges without which everybody could connect."""
    return next(
        (
            one
            for one in wish.problems
            if one.reason == "UnsupportedProtocol" or one.field == "spec.loadBalancerSourceRanges"
        ),
        None,
    )


def _conflict(service: Service, wish: Wish, served: list[Member]) -> Diagnostic | None:
    """What older members have already decided otherwise."""
    about, leader = service_ref(service), served[0]
    wanted = [
        ("InfraConflict", notes.INFRA, wish.infra, leader.wish.infra),
        ("L4RuleConflict", notes.L4_RULE, _text(rule_of(service)), _text(rule_of(leader.service))),
        ("FamilyConflict", notes.VIP_FAMILY, wish.vip_family, leader.wish.vip_family),
    ]
    for reason, field, mine, theirs in wanted:
        if mine != theirs:
            return refusal(
                about,
                reason,
                f"{field} is '{mine}', but '{theirs}' of Service {_name(leader)}, the oldest of this shared VIP, "
                "counts; write the same or use another VIP",
                field=field,
            )
    return _address_conflict(service, wish, served) or _port_conflict(service, wish, served)


def _address_conflict(service: Service, wish: Wish, served: list[Member]) -> Diagnostic | None:
    first = next((one for one in served if one.wish.addresses), None)
    if first is None or not wish.addresses or set(wish.addresses) == set(first.wish.addresses):
        return None
    return refusal(
        service_ref(service),
        "AddressConflict",
        f"it asks for {', '.join(wish.addresses)}, but this shared VIP has {', '.join(first.wish.addresses)} "
        f"because of Service {_name(first)}, which is older; write the same or use another VIP",
        field=notes.PREFERRED_IP,
    )


def _port_conflict(service: Service, wish: Wish, served: list[Member]) -> Diagnostic | None:
    mine = {(port.port, port.protocol) for port in service.spec.ports}
    for other in served:
        theirs = {(port.port, port.protocol) for port in other.service.spec.ports}
        both = sorted(mine & theirs)
        if both:
            port, protocol = both[0]
            return refusal(
                service_ref(service),
                "PortConflict",
                f"port {port}/{protocol} of this shared VIP belongs to Service {_name(other)}, which is older; "
                "use another port or another VIP",
                field="spec.ports",
            )
        same = sorted({port for port, _ in mine} & {port for port, _ in theirs})
        if same and wish.source_ranges != other.wish.source_ranges:
            return refusal(
                service_ref(service),
                "SourceRangesConflict",
                f"port {same[0]} of this shared VIP has the source ranges of Service {_name(other)}, which is older, "
                "for every protocol; write the same ranges or use another port",
                field="spec.loadBalancerSourceRanges",
            )
    return None


def _placing(leader: Member, key: StackKey, snapshot: Snapshot, context: L4Context) -> Placing:
    tenant = tenant_for(key.namespace, snapshot, context.settings)
    infra = infra_choice(
        snapshot, context.settings, named=leader.wish.infra, namespace=key.namespace, tenant=tenant.name
    )
    return Placing(
        tenant=tenant,
        infra=infra,
        rule=rule_choice(leader.service, snapshot, context, tenant=tenant.name),
        families=family_choice(leader.service, leader.wish, infra.placement, snapshot),
    )


def _outcome(
    members: tuple[Member, ...], placing: Placing, *, key: StackKey, snapshot: Snapshot, context: L4Context
) -> Outcome:
    served = [one for one in members if one.refused is None]
    name = namer_of(context).l4(key.namespace, key.name)
    refused = _group_refusal(served, placing)
    if refused is not None:
        problems = tuple(msgspec.structs.replace(refused, object=service_ref(one.service)) for one in served) + tuple(
            one.refused for one in members if one.refused is not None
        )
        pools = (
            (pool_name(one.service, key, context, protocol=port.protocol, port=port.port), one.service, port)
            for one in served
            for port in one.service.spec.ports
        )
        return Outcome(
            key=key,
            statuses=tuple(ServiceStatus(about=one.object, problem=one) for one in problems),
            diagnostics=problems,
            keeps_last_good=True,
            members=kept_members(pools, snapshot=snapshot, context=context),
            roots=(Ref("virtualservice", name, tenant=placing.tenant.name),),
        )
    rule = _rule(placing.rule.rule)
    listeners: list[Listener] = []
    statuses: list[ServiceStatus] = []
    diagnostics: list[Diagnostic] = []
    for member in members:
        own = member_listeners(member, key, rule=rule, snapshot=snapshot, context=context)
        remarks = (*member.remarks, *own[1], *_placing_remarks(member, placing))
        listeners += own[0]
        diagnostics += [member.refused] if member.refused is not None else remarks
        statuses.append(_status(member, name, remarks, placing=placing, context=context))
    request = L4Request(
        name=name,
        tenant=placing.tenant.name,
        placement=placing.infra.placement,
        listeners=tuple(sorted(listeners, key=lambda one: (one.protocol, one.port))),
        fqdns=tuple(dict.fromkeys(fqdn for one in served for fqdn in _fqdns(one, context))),
        addresses=_addresses(served, rule),
        vs_markers=(("Namespace", (key.namespace,)), ("GatewayName", (key.name,))),
        rule=rule,
        vip_family=placing.families.asked,
        source_ranges=tuple(
            ranges
            for one in served
            for ranges in source_ranges_of(one.service, one.wish, ports=(port.port for port in one.service.spec.ports))
        ),
    )
    return Outcome(
        key=key,
        stack=l4_stack(request, context),
        statuses=tuple(statuses),
        diagnostics=tuple(diagnostics),
        placed_by=placers(placing.infra, *l4_rule_ref(rule_of(served[0].service))),
    )


def _group_refusal(served: list[Member], placing: Placing) -> Diagnostic | None:
    """Why the group as a whole must stay as it is."""
    leader = served[0]
    about = service_ref(leader.service)
    problems = list(choice_problems(about, placing.infra, placing.rule))
    if placing.tenant.problem:
        problems.append(refusal(about, "TenantNotFound", placing.tenant.problem, field="metadata.namespace"))
    problems += placing.families.problems
    rule = _rule(placing.rule.rule)
    text = address_problem(_addresses(served, rule), placing.infra.placement)
    if text:
        by_rule = rule is not None and bool(rule.load_balancer_ip)
        problems.append(refusal(about, NOT_IN_NETWORK, text, field=notes.L4_RULE if by_rule else notes.PREFERRED_IP))
    if rule is not None:
        ports = frozenset((port.port, port.protocol) for one in served for port in one.service.spec.ports)
        text = misfit(rule, ports)
        if text:
            problems.append(rule_misfit(about, text))
        if rule.network_security_policy_ref and any(one.wish.source_ranges for one in served):
            problems.append(policy_conflict(about))
    return first_refusal(problems)


def _addresses(served: list[Member], rule: L4RuleSpec | None) -> tuple[str, ...]:
    """What is asked for: by the rule, else by the oldest member that asks."""
    if rule is not None and rule.load_balancer_ip:
        return (rule.load_balancer_ip,)
    return next((one.wish.addresses for one in served if one.wish.addresses), ())


def _rule(rule: L4RuleSpec | None) -> L4RuleSpec | None:
    """The rule as far as it applies to a shared VIP: nobody ends TLS for a whole group."""
    if rule is None or not any(one.enable_ssl for one in rule.listener_properties):
        return rule
    return msgspec.structs.replace(rule, listener_properties=())


def _placing_remarks(member: Member, placing: Placing) -> tuple[Diagnostic, ...]:
    about = service_ref(member.service)
    found = [one for one in choice_problems(about, placing.infra, placing.rule) if one.partial]
    found += dual_stack_remarks(member.service, placing.families.given)
    if placing.rule.rule is not None and placing.rule.rule is not _rule(placing.rule.rule):
        found.append(
            remark(about, "TlsIgnored", "enableSsl of its L4Rule does not apply to a shared VIP", field=notes.L4_RULE)
        )
    if placing.rule.rule is not None and placing.rule.rule.revoke_vip_route:
        found.append(
            remark(
                about,
                "RevokeVipRouteIgnored",
                "revokeVipRoute of its L4Rule does not apply to a shared VIP",
                field=notes.L4_RULE,
            )
        )
    return tuple(found)


def member_listeners(
    member: Member, key: StackKey, *, rule: L4RuleSpec | None, snapshot: Snapshot, context: L4Context
) -> tuple[tuple[Listener, ...], tuple[Diagnostic, ...]]:
    """Listeners of one member, and remarks about pools that stay empty."""
    if member.refused is not None:
        return (), ()
    service, found, remarks = member.service, [], []
    for port in service.spec.ports:
        members = members_for(service, port, snapshot=snapshot, context=context)
        if members.problem:
            remarks.append(remark(service_ref(service), members.reason, members.problem, field=members.field))
        pool = PoolRequest(
            name=pool_name(service, key, context, protocol=port.protocol, port=port.port),
            protocol=port.protocol,
            reached=members.reached,
            servers=members.servers,
            markers=pool_markers(service, key, protocol=port.protocol, port=port.port),
            hostnames=_fqdns(member, context),
            services=(f"{service.namespace}/{service.name}",),
            backend=backend_for(rule, port=port.port, protocol=port.protocol),
            algorithm=member.wish.algorithm,
            persistence=member.wish.persistence,
        )
        name = f"{port.protocol}-{port.port}"
        found.append(Listener(port=port.port, protocol=port.protocol, name=name, pool=pool))
    return tuple(found), tuple(dict.fromkeys(remarks))


def pool_name(service: Service, key: StackKey, context: L4Context, *, protocol: str, port: int) -> str:
    """Name of the pool behind a port of a group."""
    return namer_of(context).grouped_pool(key.namespace, service.name, key.name, protocol=protocol, port=port)


def pool_markers(
    service: Service, key: StackKey, *, protocol: str, port: int
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Markers of the pool behind a port of a group; the namespace is that of the group, as in the name of the pool."""
    return (
        ("Namespace", (key.namespace,)),
        ("ServiceName", (service.name,)),
        ("Port", (str(port),)),
        ("Protocol", (protocol,)),
        ("GatewayName", (key.name,)),
    )


def source_ranges_of(service: Service, wish: Wish, *, ports: Iterable[int]) -> tuple[SourceRanges, ...]:
    """Source ranges of those ports of one Service that lead to it."""
    ports = tuple(sorted(set(ports)))
    if not wish.source_ranges or not ports:
        return ()
    return (SourceRanges(name=f"{service.namespace}-{service.name}", networks=wish.source_ranges, ports=ports),)


def _status(
    member: Member, name: str, remarks: tuple[Diagnostic, ...], *, placing: Placing, context: L4Context
) -> ServiceStatus:
    about = service_ref(member.service)
    if member.refused is not None:
        return ServiceStatus(about=about, problem=member.refused, withdrawn=True)
    return ServiceStatus(
        about=about,
        vsvip=Ref("vsvip", name, tenant=placing.tenant.name),
        virtualservice=Ref("virtualservice", name, tenant=placing.tenant.name),
        hostnames=_fqdns(member, context),
        families=member.service.spec.ip_families,
        problem=remarks[0] if remarks else None,
        node_port_local=tells_antrea(context.settings),
    )


def _all_refused(key: StackKey, problems: tuple[Diagnostic, ...]) -> Outcome:
    return Outcome(
        key=key,
        statuses=tuple(ServiceStatus(about=one.object, problem=one, withdrawn=True) for one in problems),
        diagnostics=problems,
    )


def _fqdns(member: Member, context: L4Context) -> tuple[str, ...]:
    return fqdns_for(member.service, member.wish, context.settings, domains=context.environment.dns_domains)


def _is_allowed(guest: str, host: str, snapshot: Snapshot) -> bool:
    namespace = snapshot.namespace(host)
    text = namespace.metadata.annotations.get(notes.SHARED_VIP_FROM, "") if namespace is not None else ""
    allowed = notes.names(text)
    return "*" in allowed or guest in allowed


def _text(identity: tuple[str, str] | None) -> str:
    return "/".join(identity) if identity is not None else ""


def _name(member: Member) -> str:
    return f"{member.service.namespace}/{member.service.name}"
