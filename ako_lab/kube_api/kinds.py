"""The table of built-in kinds, with the columns that `kubectl get` shows of them.

`generation` marks the kinds whose generation a real server counts; `fields` lists the field selectors that it accepts
beyond `metadata.name` and `metadata.namespace`; `blind_update` is False where a PUT must carry a resourceVersion.
"""

from ako_lab.kube_api.catalog import Column, Resource, Scale


def _columns(**paths: str) -> tuple[Column, ...]:
    """Columns from `Heading_with_underscores=path`; an underscore stands for a hyphen."""
    return tuple(
        Column(name=name.replace("_", "-"), path=path.rstrip("#"), type="integer" if path.endswith("#") else "string")
        for name, path in paths.items()
    )


_AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date")
_REGARDING = tuple(f"involvedObject.{name}" for name in ("apiVersion", "fieldPath", "kind", "name", "namespace", "uid"))


def _core(plural: str, kind: str, **more: object) -> Resource:
    return Resource(group="", version="v1", plural=plural, kind=kind, **more)  # type: ignore[arg-type]


def _apps(plural: str, kind: str, short: str, *, scale: bool = True, columns: tuple[Column, ...] = ()) -> Resource:
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
        columns=(*columns, _AGE),
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
        warning="admission policies are stored, but this embedded API does not evaluate them",
    )


BUILT_IN: tuple[Resource, ...] = (
    _core(
        "namespaces",
        "Namespace",
        namespaced=False,
        short=("ns",),
        status=True,
        fields=("status.phase",),
        columns=(*_columns(Status=".status.phase"), _AGE),
    ),
    _core(
        "nodes",
        "Node",
        namespaced=False,
        short=("no",),
        status=True,
        fields=("spec.unschedulable",),
        columns=(
            *_columns(Status="@node-status"),
            _AGE,
            *_columns(Version=".status.nodeInfo.kubeletVersion"),
        ),
    ),
    _core(
        "pods",
        "Pod",
        short=("po",),
        categories=("all",),
        status=True,
        generation=True,
        fields=("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "status.phase", "status.podIP"),
        columns=(
            *_columns(Ready="@pod-ready", Status=".status.phase"),
            _AGE,
            Column(name="IP", path=".status.podIP", priority=1),
            Column(name="Node", path=".spec.nodeName", priority=1),
        ),
    ),
    _core(
        "services",
        "Service",
        short=("svc",),
        categories=("all",),
        status=True,
        fields=("spec.clusterIP", "spec.type"),
        columns=(
            *_columns(
                Type=".spec.type",
                Cluster_IP=".spec.clusterIP",
                External_IP="@external",
            ),
            Column(name="Port(s)", path="@ports"),
            _AGE,
        ),
    ),
    _core("configmaps", "ConfigMap", short=("cm",)),
    _core("secrets", "Secret", fields=("type",), columns=(*_columns(Type=".type"), _AGE)),
    _core("serviceaccounts", "ServiceAccount", short=("sa",)),
    _core("endpoints", "Endpoints", short=("ep",)),
    _core(
        "events",
        "Event",
        short=("ev",),
        fields=(*_REGARDING, "reason", "reportingComponent", "source", "type"),
        columns=(
            Column(name="Last Seen", path=".lastTimestamp", type="date"),
            *_columns(Type=".type", Reason=".reason", Object=".involvedObject.name", Message=".message"),
        ),
    ),
    Resource(
        group="events.k8s.io",
        version="v1",
        plural="events",
        kind="Event",
        short=("ev",),
        fields=(*(name.replace("involvedObject", "regarding") for name in _REGARDING), "reason", "type"),
        columns=_columns(Type=".type", Reason=".reason", Object=".regarding.name", Note=".note"),
    ),
    _apps(
        "deployments",
        "Deployment",
        "deploy",
        columns=_columns(
            Ready="@replicas",
            Up_To_Date=".status.updatedReplicas#",
            Available=".status.availableReplicas#",
        ),
    ),
    _apps("replicasets", "ReplicaSet", "rs", columns=_columns(Desired=".spec.replicas#", Ready="@replicas")),
    _apps("statefulsets", "StatefulSet", "sts", columns=_columns(Ready="@replicas")),
    _apps("daemonsets", "DaemonSet", "ds", scale=False, columns=_columns(Ready=".status.numberReady#")),
    _networking(
        "ingresses",
        "Ingress",
        short=("ing",),
        status=True,
        columns=(
            *_columns(
                Class=".spec.ingressClassName",
                Hosts=".spec.rules[*].host",
                Address=".status.loadBalancer.ingress[*].ip",
            ),
            _AGE,
        ),
    ),
    _networking(
        "ingressclasses", "IngressClass", namespaced=False, columns=(*_columns(Controller=".spec.controller"), _AGE)
    ),
    _networking("networkpolicies", "NetworkPolicy", short=("netpol",)),
    Resource(
        group="discovery.k8s.io",
        version="v1",
        plural="endpointslices",
        kind="EndpointSlice",
        generation=True,
        columns=(
            *_columns(AddressType=".addressType", Ports=".ports[*].port", Endpoints=".endpoints[*].addresses[*]"),
            _AGE,
        ),
    ),
    Resource(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        kind="Lease",
        blind_update=False,
        columns=(*_columns(Holder=".spec.holderIdentity"), _AGE),
    ),
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
        columns=(Column(name="Created At", path=".metadata.creationTimestamp"),),
    ),
    _admission("validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
    _admission("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
)
