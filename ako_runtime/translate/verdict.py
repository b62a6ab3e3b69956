"""From what is wrong to what is said and done about it; the same for every front end.

A *refusal* leaves the object as it is (or without anything, if it never was served); a *remark* names a part that does
not work while the rest does. The first of them is the problem that the status shows, all go into the diagnostics.
"""

from collections.abc import Iterable, Mapping

from ako_runtime.model.avi import Server
from ako_runtime.model.names import MAX_NAME_LENGTH, Namer
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef, Outcome, ServiceStatus, StackKey
from ako_runtime.resources.core import Service
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.claims import Claim
from ako_runtime.translate.infra import InfraChoice
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.l4rule import RuleChoice
from ako_runtime.translate.wish import Wish, service_ref

_CLAIM_KINDS = {"service": "Service", "shared-vip": "the shared VIP", "gateway": "Gateway"}


def namer_of(context: L4Context) -> Namer:
    """Names as this cluster makes them."""
    return Namer(cluster=context.settings.cluster_name, hashed=context.settings.enable_evh)


def unknown_kinds(snapshot: Snapshot, settings: Settings) -> str:
    """Kinds that must be listed before anything of layer 4 is decided, and are not; empty if all are."""
    needed = ["services", "endpointslices", "namespaces", "aviinfrasettings", "l4rules"]
    if settings.services_api:
        needed += ["gatewayclasses", "gateways"]
    if settings.service_type == "NodePort":
        needed.append("nodes")
    if settings.service_type == "NodePortLocal":
        needed.append("pods")
    if settings.crd_operator_enabled:
        needed.append("healthmonitors")
    missing = [resource for resource in needed if resource not in snapshot.complete]
    return f"not listed yet: {', '.join(missing)}" if missing else ""


def refusal(about: ObjectRef, reason: str, message: str, *, field: str = "") -> Diagnostic:
    """The object is refused."""
    return Diagnostic(object=about, field=field, reason=reason, message=message)


def remark(about: ObjectRef, reason: str, message: str, *, field: str = "") -> Diagnostic:
    """The object works, without a part of it."""
    return Diagnostic(object=about, field=field, reason=reason, message=message, partial=True)


def name_conflict(about: ObjectRef, claim: Claim) -> Diagnostic:
    """Somebody else has the name on the controller, who is served there already or is older."""
    why = "which it serves already" if claim.serves else "which is older"
    return refusal(
        about,
        "NameConflict",
        f"its virtual service would have the same name as that of {_CLAIM_KINDS[claim.key.kind]} "
        f"{claim.key.namespace}/{claim.key.name}, {why}; rename one of them",
        field="metadata.name",
    )


def length_problem(about: ObjectRef, names: Iterable[str]) -> tuple[Diagnostic, ...]:
    """A name that the controller would refuse."""
    longest = max((len(name) for name in names), default=0)
    if longest <= MAX_NAME_LENGTH:
        return ()
    return (
        refusal(
            about,
            "NameTooLong",
            f"an Avi object would have a name of {longest} characters, at most {MAX_NAME_LENGTH} are possible; "
            "shorten the name of the object, its namespace or the cluster",
            field="metadata.name",
        ),
    )


def choice_problems(about: ObjectRef, infra: InfraChoice, rule: RuleChoice) -> tuple[Diagnostic, ...]:
    """What is wrong with the AviInfraSetting and the L4Rule that a workload names."""
    found = []
    if infra.rejected:
        found.append(refusal(about, "InfraSettingRejected", infra.rejected, field=notes.INFRA))
    if rule.rejected:
        found.append(refusal(about, "L4RuleRejected", rule.rejected, field=notes.L4_RULE))
    if infra.unknown:
        found.append(refusal(about, "NetworkNotFound", infra.unknown, field="vipNetworkList"))
    if infra.missing:
        found.append(remark(about, "InfraSettingNotFound", infra.missing, field=notes.INFRA))
    if rule.missing:
        found.append(remark(about, "L4RuleNotFound", rule.missing, field=notes.L4_RULE))
    return tuple(found)


def rule_misfit(about: ObjectRef, reason: str) -> Diagnostic:
    """The L4Rule cannot be attached to the ports."""
    return refusal(about, "L4RuleDoesNotFit", f"its L4Rule cannot be attached: {reason}", field=notes.L4_RULE)


def policy_conflict(about: ObjectRef) -> Diagnostic:
    """Source ranges and a policy of the L4Rule, of which a virtual service can have one."""
    return refusal(
        about,
        "SourceRangesConflict",
        "spec.loadBalancerSourceRanges and networkSecurityPolicyRef of its L4Rule exclude each other; use one of them",
        field="spec.loadBalancerSourceRanges",
    )


def ignored_remarks(service: Service, wish: Wish, where: str) -> tuple[Diagnostic, ...]:
    """What the Service asks for that cannot be said of one virtual service for many."""
    found = (
        (notes.APPLICATION_PROFILE, bool(wish.application_profile)),
        (notes.DISABLE_TRAFFIC, wish.disable_traffic),
    )
    return tuple(
        remark(service_ref(service), "AnnotationIgnored", f"{key} does not apply {where}; remove it", field=key)
        for key, asked in found
        if asked
    )


def first_refusal(problems: Iterable[Diagnostic]) -> Diagnostic | None:
    """The first that refuses the whole object."""
    return next((one for one in problems if not one.partial), None)


def refused_service(
    key: StackKey, problem: Diagnostic, *, root: Ref, members: Mapping[str, tuple[Server, ...]]
) -> Outcome:
    """The outcome of a Service that stays as it is, its pods apart."""
    return Outcome(
        key=key,
        statuses=(ServiceStatus(about=problem.object, problem=problem),),
        diagnostics=(problem,),
        keeps_last_good=True,
        members=members,
        roots=(root,),
    )
