"""What the Kubernetes objects that a chart makes say: workloads, images, rights, definitions, what pods ask for.

Pure: from documents to facts, whether Helm rendered them, a file holds them, or they were read from templates as far as
templates can be read. A document that is no object, or only half of one, says nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ako_builder.csar.tosca import items, mapping

Document = Mapping[str, Any]
# Controllers of pods, in the order in which a descriptor names them.
CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
_PODS = {*CONTROLLERS, "Pod", "ReplicaSet", "ReplicationController"}
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_HOOK = "helm.sh/hook"
_ROLES = ("Role", "ClusterRole")
# Kinds without a namespace: only a cluster's owner may create them.
CLUSTER_KINDS = {
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
}
_BASELINE_CAPABILITIES = {
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
}


class PodOwner(msgspec.Struct, frozen=True, kw_only=True):
    """An object that runs pods: its kind and name, how many, with which images; whether it is a hook of Helm."""

    kind: str
    name: str
    replicas: int
    images: tuple[str, ...]
    hook: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One rule of a Role or ClusterRole."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


class ChartObjects(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the objects of a chart say."""

    owners: tuple[PodOwner, ...]
    images: tuple[str, ...]
    # Rules by `KIND/NAME` of the role.
    rights: dict[str, tuple[Rule, ...]]
    # Versions and a digest of the schema, by the name of the definition.
    definitions: dict[str, str]
    # Names by kind, of objects without a namespace.
    cluster_scoped: dict[str, tuple[str, ...]]
    # What pods ask for that a level of pod security forbids: (level, where, what).
    privileges: tuple[tuple[str, str, str], ...]


def chart_objects(documents: Iterable[Any]) -> ChartObjects:
    """Read the objects; order and doubles do not matter."""
    objects = [item for document in documents for item in _flattened(document)]
    owners = [owner for item in objects if (owner := _owner(item)) is not None]
    cluster: dict[str, list[str]] = {}
    for item in objects:
        if item["kind"] in CLUSTER_KINDS:
            cluster.setdefault(item["kind"], []).append(_name(item))
    return ChartObjects(
        owners=tuple(sorted(owners, key=lambda owner: (_rank(owner.kind), owner.name))),
        images=tuple(dict.fromkeys(image for owner in owners for image in owner.images)),
        rights={
            f"{item['kind']}/{_name(item)}": tuple(sorted(map(_rule, map(mapping, items(item.get("rules"))))))
            for item in objects
            if item["kind"] in _ROLES
        },
        definitions={_name(item): _definition(item) for item in objects if item["kind"] == "CustomResourceDefinition"},
        cluster_scoped={kind: tuple(sorted(names)) for kind, names in sorted(cluster.items())},
        privileges=tuple(dict.fromkeys(found for item in objects for found in _privileges(item))),
    )


def _flattened(document: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - whatever a YAML document is
    """The object, or those of a list of objects."""
    tree = mapping(document)
    if not isinstance(tree.get("kind"), str):
        return
    if tree["kind"] == "List":
        for item in items(tree.get("items")):
            yield from _flattened(item)
        return
    yield tree


def _name(item: Document) -> str:
    return str(mapping(item.get("metadata")).get("name", ""))


def _rank(kind: str) -> int:
    return CONTROLLERS.index(kind) if kind in CONTROLLERS else len(CONTROLLERS)


def _owner(item: Document) -> PodOwner | None:
    pod = _pod(item)
    if pod is None:
        return None
    images = [container.get("image") for _, container in _containers(pod)]
    spec = mapping(item.get("spec"))
    stated = spec.get("parallelism" if item["kind"] == "Job" else "replicas", 1)
    replicas = stated if isinstance(stated, int) and not isinstance(stated, bool) and stated >= 0 else 1
    hook = mapping(mapping(item.get("metadata")).get("annotations")).get(_HOOK, "")
    return PodOwner(
        kind=item["kind"],
        name=_name(item),
        replicas=replicas,
        images=tuple(dict.fromkeys(image for image in images if isinstance(image, str) and image)),
        hook=str(hook),
    )


def _pod(item: Document) -> dict[str, Any] | None:
    """The specification of the pods that an object runs."""
    if item["kind"] not in _PODS:
        return None
    spec = mapping(item.get("spec"))
    if item["kind"] == "Pod":
        return spec
    if item["kind"] == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    return mapping(mapping(spec.get("template")).get("spec"))


def _containers(pod: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in _CONTAINERS:
        for container in items(pod.get(key)):
            tree = mapping(container)
            yield str(tree.get("name", "")), tree


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - a part of a document
    return tuple(sorted(str(item) for item in items(value)))


def _rule(tree: Document) -> Rule:
    return Rule(
        groups=_texts(tree.get("apiGroups")),
        resources=_texts(tree.get("resources")),
        verbs=_texts(tree.get("verbs")),
        names=_texts(tree.get("resourceNames")),
        urls=_texts(tree.get("nonResourceURLs")),
    )


def _definition(item: Document) -> str:
    spec = mapping(item.get("spec"))
    versions = [str(mapping(version).get("name")) for version in items(spec.get("versions"))]
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()
    return f"{', '.join(versions) or '?'} sha256:{digest[:12]}"


def rule_text(rule: Rule) -> str:
    """A rule as one line: resources with their groups, and the verbs."""
    groups = ",".join(group or '""' for group in rule.groups)
    names = f" named {','.join(rule.names)}" if rule.names else ""
    what = ",".join(rule.urls) if rule.urls else f"{','.join(rule.resources)} of {groups}"
    return f"{what}{names}: {','.join(rule.verbs)}"


# -- pod security ----------------------------------------------------------------------------------------------------


def _privileges(item: Document) -> Iterator[tuple[str, str, str]]:
    """What the levels baseline and restricted of the Pod Security Standards forbid."""
    pod = _pod(item)
    if pod is None:
        return
    where = f"{item['kind']}/{_name(item)}"
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key) is True:
            yield "baseline", where, key
    for volume in items(pod.get("volumes")):
        if "hostPath" in mapping(volume):
            yield "baseline", where, f"hostPath {mapping(mapping(volume)['hostPath']).get('path', '')}".strip()
    above = mapping(pod.get("securityContext"))
    for name, container in _containers(pod):
        for level, what in _container_privileges(container, above=above):
            yield level, f"{where} {name}".strip(), what


def _container_privileges(container: Document, *, above: Document) -> Iterator[tuple[str, str]]:
    context = mapping(container.get("securityContext"))
    capabilities = mapping(context.get("capabilities"))
    if context.get("privileged") is True:
        yield "baseline", "privileged"
    for port in items(container.get("ports")):
        if mapping(port).get("hostPort"):
            yield "baseline", f"hostPort {mapping(port)['hostPort']}"
    added = set(_texts(capabilities.get("add")))
    for name in sorted(added - _BASELINE_CAPABILITIES):
        yield "baseline", f"capability {name}"
    for name in sorted(added & _BASELINE_CAPABILITIES - {"NET_BIND_SERVICE"}):
        yield "restricted", f"capability {name}"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "restricted", "allowPrivilegeEscalation is not false"
    if "ALL" not in _texts(capabilities.get("drop")):
        yield "restricted", "capabilities are not dropped"
    if context.get("runAsNonRoot", above.get("runAsNonRoot")) is not True:
        yield "restricted", "runAsNonRoot is not true"
    profile = mapping(context.get("seccompProfile") or above.get("seccompProfile")).get("type")
    if profile not in {"RuntimeDefault", "Localhost"}:
        yield "restricted", "no seccompProfile"
