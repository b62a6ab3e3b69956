"""What a real API server fills into objects of built-in kinds, as far as our readers depend on it.

Each function takes a document that it may change (a fresh copy, made for the write) and fills in what is missing.
Only the defaults that a controller, a sample or `kubectl` notices are here: Service and its ports, EndpointSlice,
Pod, Deployment, Ingress paths need none, Secret's `stringData`, Namespace. What needs state (cluster addresses, node
ports) is in `addresses`.
"""

import base64
from collections.abc import Callable, Mapping

from ako_lab.kube_api.errors import JsonObject


def filled(document: JsonObject, plural: str) -> None:
    """Fill in the defaults of one built-in kind, in place."""
    fill = _FILLS.get(plural)
    if fill:
        fill(document)


def _namespace(document: JsonObject) -> None:
    metadata = document["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
    document.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    document.setdefault("status", {}).setdefault("phase", "Active")


def _secret(document: JsonObject) -> None:
    document.setdefault("type", "Opaque")
    plain = document.pop("stringData", None)
    if plain:
        coded = {name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()}
        document["data"] = {**(document.get("data") or {}), **coded}


def _service(document: JsonObject) -> None:
    spec = document.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if spec["type"] != "ExternalName":
            port.setdefault("targetPort", port.get("port"))
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] in {"LoadBalancer", "NodePort"}:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    document.setdefault("status", {}).setdefault("loadBalancer", {})


def _endpoint_slice(document: JsonObject) -> None:
    for port in document.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def _pod(document: JsonObject) -> None:
    _pod_spec(document.setdefault("spec", {}))
    document.setdefault("status", {}).setdefault("phase", "Pending")


def _pod_spec(spec: JsonObject) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _workload(document: JsonObject) -> None:
    spec = document.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    _pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))


def _network_policy(document: JsonObject) -> None:
    spec = document.setdefault("spec", {})
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])


_FILLS: Mapping[str, Callable[[JsonObject], None]] = {
    "namespaces": _namespace,
    "secrets": _secret,
    "services": _service,
    "endpointslices": _endpoint_slice,
    "pods": _pod,
    "deployments": _workload,
    "replicasets": _workload,
    "statefulsets": _workload,
    "networkpolicies": _network_policy,
}
