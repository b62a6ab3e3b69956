"""The custom resources themselves: AviInfraSetting and the rules get their verdict in `status`.

An accepted AviInfraSetting that names a Service Engine group also gives that group the label by which the cluster's
static routes find it, if the group has no label yet (the controller allows one); a label of somebody else is left alone
and told.
"""

from collections.abc import Mapping

from ako_runtime.model.environment import Reference
from ako_runtime.model.intents import CustomResourceStatus
from ako_runtime.model.ownership import CLUSTER_MARKER
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef, Outcome, SharedEdit, StackKey
from ako_runtime.resources.ako import L4Rule
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.modes import syncs_routes
from ako_runtime.resources.rules import HostRule, HTTPRule, L7Rule
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.resources.sso import SSORule
from ako_runtime.translate.front import is_served_namespace
from ako_runtime.translate.infra import ACCEPTED, Admission, admission_of, infra_named
from ako_runtime.translate.ingress.rule_admission import host_rule_admission, http_rule_admission, l7_rule_admission
from ako_runtime.translate.ingress.seats import missing_kinds
from ako_runtime.translate.ingress.sso_admission import sso_rule_admission
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.l4rule import rule_admission
from ako_runtime.translate.tenancy import tenant_for
from ako_runtime.translate.verdict import refusal, remark, unknown_kinds


class EngineGroupLabel(SharedEdit, frozen=True, kw_only=True):
    """Our label on a Service Engine group, so that its engines get the routes to our pods."""

    cluster: str

    def edited(self, document: Mapping[str, object]) -> Mapping[str, object] | None:
        """The group with our label; None if it has a label, ours or not."""
        if document.get("labels"):
            return None
        return {**document, "labels": [{"key": CLUSTER_MARKER, "value": self.cluster}]}

    def withdrawn(self, document: Mapping[str, object]) -> Mapping[str, object] | None:
        """The group without our label; None if it does not have it."""
        labels = document.get("labels")
        mine = {"key": CLUSTER_MARKER, "value": self.cluster}
        if not isinstance(labels, list) or mine not in labels:
            return None
        return {**document, "labels": [label for label in labels if label != mine]}


def infra_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """Verdict about an AviInfraSetting, and the label of its Service Engine group."""
    settings = context.settings
    unknown = unknown_kinds(snapshot, settings)
    if unknown:
        return Outcome(key=key, held=unknown)
    infra = infra_named(key.name, snapshot)
    if infra is None:
        return Outcome(key=key)
    about = ObjectRef(resource="aviinfrasettings", namespace="", name=key.name)
    admission = admission_of(infra, snapshot, settings)
    outcome = _verdict(key, about, admission)
    if admission.problem or infra.spec.se_group is None or not syncs_routes(settings):
        return outcome
    group = Ref("serviceenginegroup", infra.spec.se_group.name)
    edits = (EngineGroupLabel(ref=group, cluster=settings.cluster_name),)
    if admission.needs:
        # The label is what has to be taken back if everything is deleted meanwhile.
        return Outcome(key=key, needs=admission.needs, edits=edits)
    found = snapshot.reference(group)
    theirs = label_conflict(found, settings.cluster_name) if found is not None else ""
    notes: tuple[Diagnostic, ...] = ()
    if theirs:
        notes = (remark(about, "EngineGroupLabelled", foreign_label(group.name, theirs), field="spec.seGroup.name"),)
    return Outcome(key=key, statuses=outcome.statuses, diagnostics=notes, edits=edits)


def label_conflict(group: Reference, cluster: str) -> str:
    """What a Service Engine group is labelled with, if not for our cluster; it can have only one label."""
    labels = dict(group.labels)
    if not labels or labels.get(CLUSTER_MARKER) == cluster:
        return ""
    if CLUSTER_MARKER in labels:
        return f"for cluster '{labels[CLUSTER_MARKER]}'"
    return "with " + ", ".join(f"'{key}: {value}'" for key, value in sorted(labels.items()))


def foreign_label(group: str, label: str) -> str:
    """What it means that the group has another label than ours."""
    return (
        f"Service Engine group '{group}' is labelled {label}, so its engines get no routes to "
        "the pods of this cluster; use a group of its own, or members that need no routes"
    )


def rule_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """Verdict about a rule; the kind of the key is the kind of the rule."""
    settings = context.settings
    about = ObjectRef(resource=f"{key.kind}s", namespace=key.namespace, name=key.name)
    rule = snapshot.object(about)
    unknown = unknown_kinds(snapshot, settings) or (
        "" if isinstance(rule, L4Rule) else missing_kinds(snapshot, settings)
    )
    if unknown:
        return Outcome(key=key, held=unknown)
    if rule is None or not is_served_namespace(key.namespace, snapshot, settings):
        return Outcome(key=key)
    tenant = tenant_for(key.namespace, snapshot, settings)
    if tenant.needs:
        return Outcome(key=key, needs=tenant.needs)
    if tenant.problem:
        return _verdict(key, about, Admission(problem=tenant.problem, field="metadata.namespace"))
    return _verdict(key, about, _judged(rule, snapshot, context, tenant=tenant.name))


def _judged(rule: Resource, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    if isinstance(rule, L4Rule):
        return rule_admission(rule, snapshot, context, tenant=tenant)
    if isinstance(rule, HostRule):
        return host_rule_admission(rule, snapshot, context, tenant=tenant)
    if isinstance(rule, HTTPRule):
        return http_rule_admission(rule, snapshot, context, tenant=tenant)
    if isinstance(rule, SSORule):
        return sso_rule_admission(rule, snapshot, context, tenant=tenant)
    return l7_rule_admission(rule, snapshot, context, tenant=tenant) if isinstance(rule, L7Rule) else ACCEPTED


def _verdict(key: StackKey, about: ObjectRef, admission: Admission) -> Outcome:
    if admission.needs:
        return Outcome(key=key, needs=admission.needs)
    if not admission.problem:
        return Outcome(key=key, statuses=(CustomResourceStatus(about=about),))
    problem = refusal(about, "Rejected", admission.problem, field=admission.field)
    return Outcome(key=key, statuses=(CustomResourceStatus(about=about, problem=problem),), diagnostics=(problem,))
