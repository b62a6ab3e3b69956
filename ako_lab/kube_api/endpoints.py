"""EndpointSlices of Services with selectors, from Pods: what kube-controller-manager does on a real cluster.

One slice an address family and hundred endpoints, named after the Service, owned by it and labelled
`kubernetes.io/service-name`. A Pod is an endpoint when it has an address of the family; its Ready condition decides
`ready` and `serving`. Named target ports are looked up in the Pod. Only what a Service's readers see of a Pod (labels,
addresses, readiness, node, deletion) makes the slices be computed again. The old `Endpoints` kind is not filled.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ako_lab.kube_api.documents import JsonObject
from ako_lab.kube_api.selectors import selects

if TYPE_CHECKING:
    from ako_lab.kube_api.api import Api

_SLICE_SIZE = 100
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_CONTROLLER = "endpointslice-controller.k8s.io"
_SERVICE_NAME = "kubernetes.io/service-name"


class ServiceEndpoints:
    """Keeps the slices of every Service with a selector up to date, inside the write that made them stale."""

    def __init__(self, api: "Api") -> None:
        self._api = api

    def follow(self, storage: str, old: JsonObject | None, new: JsonObject | None) -> None:
        """React to a written Service or Pod."""
        present = new or old
        if present is None:
            return
        namespace = present["metadata"]["namespace"]
        if storage == "services.":
            if new is not None:
                self._write(new)
            return
        if old and new and _facts(old) == _facts(new):
            return
        labels = [document["metadata"].get("labels") or {} for document in (old, new) if document]
        for stored in self._api.store.collection("services.").items(namespace):
            selector = stored.document["spec"].get("selector") or {}
            if any(selects(selector, each) for each in labels):
                self._write(stored.document)

    def _write(self, service: JsonObject) -> None:
        """Make the slices of one Service what they must be."""
        spec, namespace = service["spec"], service["metadata"]["namespace"]
        wanted: dict[str, JsonObject] = {}
        if spec.get("selector") and spec["type"] != "ExternalName":
            pods = [
                stored.document
                for stored in self._api.store.collection("pods.").items(namespace)
                if selects(spec["selector"], stored.document["metadata"].get("labels") or {})
            ]
            wanted = {item["metadata"]["name"]: item for item in slices(service, pods)}
        present = self._owned(service)
        for name in present - wanted.keys():
            self._api.delete(self._api.target("endpointslices", namespace=namespace, name=name))
        for name, document in wanted.items():
            target = self._api.target("endpointslices", namespace=namespace, name=name)
            if name in present:
                self._api.change(target, lambda old, new=document: _renewed(old, new))  # type: ignore[misc]
            else:
                self._api.create(target, document)

    def _owned(self, service: JsonObject) -> set[str]:
        metadata = service["metadata"]
        return {
            stored.document["metadata"]["name"]
            for stored in self._api.store.collection("endpointslices.discovery.k8s.io").items(metadata["namespace"])
            if (stored.document["metadata"].get("labels") or {}).get(_MANAGED_BY) == _CONTROLLER
            and any(
                owner.get("uid") == metadata["uid"]
                for owner in stored.document["metadata"].get("ownerReferences") or ()
            )
        }


def _renewed(old: JsonObject, new: JsonObject) -> JsonObject:
    return {**new, "metadata": {**old["metadata"], "labels": new["metadata"]["labels"]}}


def slices(service: JsonObject, pods: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """The EndpointSlices that a Service should have for these Pods."""
    metadata, spec = service["metadata"], service["spec"]
    found = list(pods)
    for family in spec.get("ipFamilies") or ["IPv4"]:
        pairs = [(pod, address) for pod in found if (address := _address(pod, family))]
        ready = [(pod, address) for pod, address in pairs if pod.get("status", {}).get("phase") not in _FINISHED]
        for start in range(0, max(len(ready), 1), _SLICE_SIZE):
            part = ready[start : start + _SLICE_SIZE]
            yield {
                "metadata": {
                    "name": f"{metadata['name']}-{family.lower()}-{start // _SLICE_SIZE}",
                    "namespace": metadata["namespace"],
                    "labels": {
                        **(metadata.get("labels") or {}),
                        _MANAGED_BY: _CONTROLLER,
                        _SERVICE_NAME: metadata["name"],
                    },
                    "ownerReferences": [
                        {
                            "apiVersion": "v1",
                            "kind": "Service",
                            "name": metadata["name"],
                            "uid": metadata["uid"],
                            "controller": True,
                            "blockOwnerDeletion": True,
                        }
                    ],
                },
                "addressType": family,
                "endpoints": [
                    _endpoint(pod, address, always=bool(spec.get("publishNotReadyAddresses"))) for pod, address in part
                ],
                "ports": _ports(spec, [pod for pod, _ in part]),
            }


_FINISHED = frozenset({"Failed", "Succeeded"})


def _address(pod: JsonObject, family: str) -> str | None:
    status = pod.get("status", {})
    addresses = [item.get("ip", "") for item in status.get("podIPs") or ()] or [status.get("podIP") or ""]
    return next((text for text in addresses if text and (":" in text) == (family == "IPv6")), None)


def _ready(pod: JsonObject) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _endpoint(pod: JsonObject, address: str, *, always: bool) -> JsonObject:
    metadata, terminating = pod["metadata"], "deletionTimestamp" in pod["metadata"]
    ready = _ready(pod)
    endpoint: JsonObject = {
        "addresses": [address],
        "conditions": {"ready": always or (ready and not terminating), "serving": ready, "terminating": terminating},
        "targetRef": {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }
    node = pod.get("spec", {}).get("nodeName")
    return {**endpoint, "nodeName": node} if node else endpoint


def _ports(spec: JsonObject, pods: list[JsonObject]) -> list[JsonObject]:
    ports: list[JsonObject] = []
    for port in spec.get("ports") or ():
        number = _target_number(port, pods)
        if number is not None:
            entry = {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
            ports.append(entry | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {}))
    return ports


def _target_number(port: JsonObject, pods: list[JsonObject]) -> int | None:
    target: Any = port.get("targetPort", port.get("port"))
    if not isinstance(target, str):
        return int(target)
    if target.isdigit():
        return int(target)
    for pod in pods:
        for container in pod.get("spec", {}).get("containers") or ():
            for item in container.get("ports") or ():
                if item.get("name") == target and item.get("protocol", "TCP") == port.get("protocol", "TCP"):
                    return int(item["containerPort"])
    return None


def _facts(pod: JsonObject) -> tuple[object, ...]:
    metadata, status = pod["metadata"], pod.get("status", {})
    place = (pod.get("spec", {}).get("nodeName"), "deletionTimestamp" in metadata, status.get("phase"))
    return metadata.get("labels"), status.get("podIP"), status.get("podIPs"), _ready(pod), *place
