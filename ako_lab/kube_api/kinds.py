"""The table of built-in kinds; what `kubectl get` shows of them is in `printers`.

`generation` marks the kinds whose generation a real server counts; `fields` lists the field selectors that it accepts
beyond `metadata.name` and `metadata.namespace`; `blind_update` is False where a PUT must carry a resourceVersion.
"""

from ako_lab.kube_api.catalog import Resource, Scale

_REGARDING = tuple(f"involvedObject.{name}" for name in ("apiVersion", "fieldPath", "kind", "name", "namespace", "uid"))


def _core(plural: str, kind: str, **more: object) -> Resource:
    return Resource(group="", version="v1", plural=plural, kind=kind, **more)  # type: ignore[arg-type]


def _apps(plural: str, kind: str, short: str, *, scale: bool = True) -> Resource:
    return Resource(
        group="apps",
        version="v1",
        plural=plural,
        kind=kind,
        short=(short,),
        categories=("all",),
        status=True,
        generation=True,
        scale=Scale(selector=".spec.selector") if scale else None,
    )


def _networking(plural: str, kind: str, **more: object) -> Resource:
    return Resource(group="networking.k8s.io", version="v1", plural=plural, kind=kind, generation=True, **more)  # type: ignore[arg-type]


def _rbac(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource(group="rbac.authorization.k8s.io", version="v1", plural=plural, kind=kind, namespaced=namespaced)


def _admission(plural: str, kind: str) -> Resource:
    return Resource(
        group="admissionregistration.k8s.io",
        version="v1",
        plural=plural,
        kind=kind,
        namespaced=False,
        categories=("api-extensions",),
        generation=True,
        status=kind == "ValidatingAdmissionPolicy",
    )


BUILT_IN: tuple[Resource, ...] = (
    _core("namespaces", "Namespace", namespaced=False, short=("ns",), status=True, fields=("status.phase",)),
    _core("nodes", "Node", namespaced=False, short=("no",), status=True, fields=("spec.unschedulable",)),
    _core(
        "pods",
        "Pod",
        short=("po",),
        categories=("all",),
        status=True,
        generation=True,
        fields=("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "status.phase", "status.podIP"),
    ),
    _core(
        "services", "Service", short=("svc",), categories=("all",), status=True, fields=("spec.clusterIP", "spec.type")
    ),
    _core("configmaps", "ConfigMap", short=("cm",)),
    _core("secrets", "Secret", fields=("type",)),
    _core("serviceaccounts", "ServiceAccount", short=("sa",)),
    _core("endpoints", "Endpoints", short=("ep",)),
    _core("events", "Event", short=("ev",), fields=(*_REGARDING, "reason", "reportingComponent", "source", "type")),
    Resource(
        group="events.k8s.io",
        version="v1",
        plural="events",
        kind="Event",
        short=("ev",),
        fields=(*(name.replace("involvedObject", "regarding") for name in _REGARDING), "reason", "type"),
    ),
    _apps("deployments", "Deployment", "deploy"),
    _apps("replicasets", "ReplicaSet", "rs"),
    _apps("statefulsets", "StatefulSet", "sts"),
    _apps("daemonsets", "DaemonSet", "ds", scale=False),
    _networking("ingresses", "Ingress", short=("ing",), status=True),
    _networking("ingressclasses", "IngressClass", namespaced=False),
    _networking("networkpolicies", "NetworkPolicy", short=("netpol",)),
    Resource(group="discovery.k8s.io", version="v1", plural="endpointslices", kind="EndpointSlice", generation=True),
    Resource(group="coordination.k8s.io", version="v1", plural="leases", kind="Lease", blind_update=False),
    Resource(
        group="policy",
        version="v1",
        plural="poddisruptionbudgets",
        kind="PodDisruptionBudget",
        short=("pdb",),
        status=True,
        generation=True,
    ),
    _rbac("roles", "Role", namespaced=True),
    _rbac("rolebindings", "RoleBinding", namespaced=True),
    _rbac("clusterroles", "ClusterRole", namespaced=False),
    _rbac("clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Resource(
        group="apiextensions.k8s.io",
        version="v1",
        plural="customresourcedefinitions",
        kind="CustomResourceDefinition",
        namespaced=False,
        short=("crd", "crds"),
        categories=("api-extensions",),
        status=True,
        generation=True,
    ),
    _admission("validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
    _admission("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
)
