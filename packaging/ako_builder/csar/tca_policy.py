"""Policies for TCA's isolation mode Restricted: what a chart needs beyond its own namespace, as TCA's API takes it.

Under Restricted, Helm runs with the rights of a namespace only. A chart with cluster-wide objects is installed if a
finalized policy says which rights it may have, and a grant ties the policy to VIM and package. Who installs may grant
nobody more than he has himself, so the policy holds the rights that the chart's ClusterRoles give, too, and those of
its Roles that reach beyond what Kubernetes' own `admin` of a namespace has (`namespace_admin.py`). The form of a
policy (name, description, type, content) is that of the vendor's API reference (grade A); that a pod security policy
is written as the labels of a namespace is a guess (grade D), and the file says so.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from ako_builder.csar.chart_objects import ChartObjects, Rule, rule_text
from ako_builder.csar.namespace_admin import beyond_admin
from ako_builder.csar.pod_security import pod_security_level
from ako_builder.yaml_text import yaml_text

_MANAGE = ("delete", "get", "patch", "update")
# API group and resource of the kinds without a namespace.
_RESOURCES = {
    "APIService": ("apiregistration.k8s.io", "apiservices"),
    "ClusterRole": ("rbac.authorization.k8s.io", "clusterroles"),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io", "clusterrolebindings"),
    "CustomResourceDefinition": ("apiextensions.k8s.io", "customresourcedefinitions"),
    "GatewayClass": ("gateway.networking.k8s.io", "gatewayclasses"),
    "IngressClass": ("networking.k8s.io", "ingressclasses"),
    "MutatingWebhookConfiguration": ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    "Namespace": ("", "namespaces"),
    "PersistentVolume": ("", "persistentvolumes"),
    "PriorityClass": ("scheduling.k8s.io", "priorityclasses"),
    "RuntimeClass": ("node.k8s.io", "runtimeclasses"),
    "StorageClass": ("storage.k8s.io", "storageclasses"),
    "ValidatingAdmissionPolicy": ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    "ValidatingAdmissionPolicyBinding": ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    "ValidatingWebhookConfiguration": ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
}


class GrantTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What a grant has to name: the package, as its descriptor says."""

    provider: str
    product: str
    descriptor_id: str
    software_version: str
    descriptor_version: str


def rbac_policy(objects: ChartObjects, *, name: str, more: Iterable[Rule] = ()) -> str:
    """policy-rbac.yaml: the rights to install the chart, and those that it hands on."""
    rules: list[dict[str, Any]] = []
    for kind, names in objects.cluster_scoped.items():
        group, resource = _RESOURCES[kind]
        place: dict[str, Any] = {"apiGroups": [group], "resources": [resource]}
        # The name of what is created is not known to the authorizer, so it cannot be limited.
        rules.append({**place, "verbs": ["create"]})
        rules.append({**place, "resourceNames": list(names), "verbs": list(_MANAGE)})
    rules += [_tree(rule) for rule in sorted(_handed(objects) | set(more))]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{name}-restricted"},
        "rules": rules,
    }
    return _policy(
        name=f"{name}-rbac",
        description=f"Rights that the chart of {name} needs outside of its namespace, and those that it hands on",
        kind="KUBERNETES_RBAC",
        content=yaml_text(role),
    )


def _handed(objects: ChartObjects) -> set[Rule]:
    """Rights that who installs must have, because the chart's roles give them to others."""
    handed: set[Rule] = set()
    for role, found in objects.rights.items():
        for rule in found:
            handed.update((rule,) if role.startswith("ClusterRole/") else beyond_admin(rule))
    return handed


def _of_roles(objects: ChartObjects) -> list[str]:
    """What the chart's Roles give, and what of it the policy holds."""
    return [
        f"- {role}: {rule_text(rule)} ({_held(rule, beyond_admin(rule))})"
        for role, found in objects.rights.items()
        if role.startswith("Role/")
        for rule in found
    ]


def _held(rule: Rule, beyond: tuple[Rule, ...]) -> str:
    if not beyond:
        return "as the admin of a namespace"
    if beyond == (rule,):
        return "in the policy"
    return f"in the policy: {'; '.join(rule_text(item) for item in beyond)}"


def psa_policy(objects: ChartObjects, *, name: str) -> str:
    """policy-psa.yaml: the level of pod security that the chart's pods keep to."""
    level = pod_security_level(objects)
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")}
    head = "# The form of 'content' for this type is a guess: compare it with a policy that your TCA made.\n"
    return head + _policy(
        name=f"{name}-psa",
        description=f"Pod security level of {name}: {level}",
        kind="KUBERNETES_PSA",
        content=yaml_text({"metadata": {"labels": labels}}),
    )


def grant_text(target: GrantTarget, objects: ChartObjects, *, origin: str) -> str:
    """grant.md: what to create in which order, and what the grant must name."""
    reasons = [f"- {where}: {what} ({level} forbids it)" for level, where, what in objects.privileges]
    cluster = [f"- {kind}: {', '.join(names)}" for kind, names in objects.cluster_scoped.items()]
    return "\n".join(
        [
            f"# Grant for {target.product} under isolation mode Restricted",
            "",
            f"Read from the chart, {origin}. Values of a site may change it: render with them and compare.",
            "",
            "1. Create both policies (policy-rbac.yaml, policy-psa.yaml): each is a draft, which runs out.",
            "2. Finalize them.",
            "3. Create a grant that links the policies with the VIM and this filter:",
            "",
            "| filter | value |",
            "| --- | --- |",
            f"| provider | `{target.provider}` |",
            f"| product | `{target.product}` |",
            f"| descriptor id | `{target.descriptor_id}` |",
            f"| software version | `{target.software_version}` (leave it out to grant later versions, too) |",
            f"| descriptor version | `{target.descriptor_version}` |",
            "| LCM operation | instantiate, upgrade, terminate |",
            "",
            "## Objects without a namespace",
            "",
            *(cluster or ["none"]),
            "",
            "## What Roles give in a namespace",
            "",
            "Who installs must have it, or the API server refuses the Role. The policy holds what Kubernetes' own",
            "`admin` of a namespace has not, for the whole cluster: leave out what your TCA gives in the namespace",
            "anyway. A Role in another namespace needs there what it gives.",
            "",
            *(_of_roles(objects) or ["none"]),
            "",
            "## What pods ask for",
            "",
            *(reasons or ["nothing that the level restricted forbids"]),
            "",
        ]
    )


def _tree(rule: Rule) -> dict[str, Any]:
    if rule.urls:
        return {"nonResourceURLs": list(rule.urls), "verbs": list(rule.verbs)}
    tree: dict[str, Any] = {"apiGroups": list(rule.groups), "resources": list(rule.resources)}
    if rule.names:
        tree["resourceNames"] = list(rule.names)
    return {**tree, "verbs": list(rule.verbs)}


def _policy(*, name: str, description: str, kind: str, content: str) -> str:
    head = yaml_text({"name": name, "description": description, "type": kind})
    return f"{head}content: |\n" + "".join(f"  {line}\n" for line in content.splitlines())
