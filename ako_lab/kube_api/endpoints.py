"""EndpointSlices of Services with selectors, from Pods: what kube-controller-manager does on a real cluster.

Slices of at most a hundred endpoints, one address family each, named after the Service, owned by it and labelled
`kubernetes.io/service-name`. A Pod is an endpoint when it has an address of the family; its Ready condition decides
`ready` and `serving`. Named target ports are looked up in the Pod. A written Service gets all its slices anew; a
written Pod changes the one slice that it is in or comes to, however many there are. Only what a Service's readers see
of a Pod (labels, addresses, readiness, node, deletion) counts. The old `Endpoints` kind is not filled.
"""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Protocol

from ako_lab.kube_api.errors import JsonObject
from ako_lab.kube_api.selectors import selects
from ako_lab.kube_api.store import Store, Stored
from ako_lab.kube_api.writes import Target

_SLICE_SIZE = 100
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_CONTROLLER = "endpointslice-controller.k8s.io"
_SERVICE_NAME = "kubernetes.io/service-name"


class Writer(Protocol):
    """What this controller needs of the API: its store, and the writes that any client may do."""

    @property
    def store(self) -> Store:
        """The objects that are there."""
        ...

    def target(self, kind: str, *, name: str = "", namespace: str = "") -> Target:
        """Where an object is or is to be."""
        ...

    def create(self, target: Target, body: JsonObject) -> Stored:
        """Make an object."""
        ...

    def change(self, target: Target, change: Callable[[JsonObject], JsonObject]) -> Stored:
        """Replace an object by what `change` makes of it."""
        ...

    def delete(self, target: Target) -> tuple[Stored, bool]:
        """Delete an object."""
        ...


class ServiceEndpoints:
    """Keeps the slices of every Service with a selector up to date, inside the write that made them stale."""

    def __init__(self, api: Writer) -> None:
        self._api = api

    def follow(self, storage: str, old: JsonObject | None, new: JsonObject | None) -> None:
        """React to a written Service or Pod."""
        present = new or old
        if present is None:
            return
        if storage == "services.":
            if new is not None:
                self._write_all(new)
            return
        if old and new and _facts(old) == _facts(new):
            return
        labels = [document["metadata"].get("labels") or {} for document in (old, new) if document]
        for stored in self._api.store.collection("services.").items(present["metadata"]["namespace"]):
            service = stored.document
            if _has_slices(service) and any(selects(service["spec"]["selector"], each) for each in labels):
                self._move(service, old, new)

    def _write_all(self, service: JsonObject) -> None:
        """Make the slices of one Service what they must be."""
        wanted: dict[str, JsonObject] = {}
        if _has_slices(service):
            pods = [stored.document for stored in self._api.store.collection("pods.").items(_namespace(service))]
            for family in _families(service):
                found = [item for pod in pods if (item := _endpoint(service, pod, family))]
                for start in range(0, max(len(found), 1), _SLICE_SIZE):
                    one = self._slice(service, family, start // _SLICE_SIZE, found[start : start + _SLICE_SIZE])
                    wanted[one["metadata"]["name"]] = one
        for name in self._owned(service).keys() - wanted.keys():
            self._delete(service, name)
        for one in wanted.values():
            self._write(one)

    def _move(self, service: JsonObject, old: JsonObject | None, new: JsonObject | None) -> None:
        """Put one Pod into the slices of one Service, change it there, or take it out."""
        owned = self._owned(service)
        for family in _families(service):
            was, wanted = (_endpoint(service, pod, family) if pod else None for pod in (old, new))
            slices = [item for item in owned.values() if item["addressType"] == family]
            place = next((item for item in slices if was and _pod_name(was) in map(_pod_name, item["endpoints"])), None)
            if place is None and wanted is not None:
                place = next((item for item in slices if len(item["endpoints"]) < _SLICE_SIZE), None)
                numbers = (at for at in count() if _slice_name(service, family, at) not in owned)
                place = place or self._slice(service, family, next(numbers), [])
            if place is None:
                continue
            others = [item for item in place["endpoints"] if was is None or _pod_name(item) != _pod_name(was)]
            endpoints = sorted([*others, *([wanted] if wanted else [])], key=_pod_name)
            if endpoints or len(slices) == 1:
                self._write({**place, "endpoints": endpoints, "ports": self._ports(service, endpoints)})
            else:
                self._delete(service, place["metadata"]["name"])

    def _slice(self, service: JsonObject, family: str, number: int, endpoints: list[JsonObject]) -> JsonObject:
        metadata = service["metadata"]
        owner = {"apiVersion": "v1", "kind": "Service", "name": metadata["name"], "uid": metadata["uid"]}
        labels = {**(metadata.get("labels") or {}), _MANAGED_BY: _CONTROLLER, _SERVICE_NAME: metadata["name"]}
        return {
            "metadata": {
                "name": _slice_name(service, family, number),
                "namespace": metadata["namespace"],
                "labels": labels,
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            },
            "addressType": family,
            "endpoints": endpoints,
            "ports": self._ports(service, endpoints),
        }

    def _ports(self, service: JsonObject, endpoints: Iterable[JsonObject]) -> list[JsonObject]:
        pods = self._api.store.collection("pods.")
        keys = ((_namespace(service), _pod_name(item)) for item in endpoints)
        return _ports(service["spec"], [stored.document for key in keys if (stored := pods.get(key))])

    def _write(self, one: JsonObject) -> None:
        metadata = one["metadata"]
        target = self._api.target("endpointslices", namespace=metadata["namespace"], name=metadata["name"])
        if self._api.store.collection(target.resource.storage).get((target.namespace, target.name)):
            kept = {**one, "metadata": {"name": metadata["name"], "labels": metadata["labels"]}}
            self._api.change(target, lambda old: {**kept, "metadata": {**old["metadata"], **kept["metadata"]}})
        else:
            self._api.create(target, one)

    def _delete(self, service: JsonObject, name: str) -> None:
        self._api.delete(self._api.target("endpointslices", namespace=_namespace(service), name=name))

    def _owned(self, service: JsonObject) -> dict[str, JsonObject]:
        """The slices that were made here for a Service, by name."""
        found = self._api.store.collection("endpointslices.discovery.k8s.io").items(_namespace(service))
        return {
            stored.document["metadata"]["name"]: stored.document
            for stored in found
            if (stored.document["metadata"].get("labels") or {}).get(_MANAGED_BY) == _CONTROLLER
            and any(
                owner.get("uid") == service["metadata"]["uid"]
                for owner in stored.document["metadata"].get("ownerReferences") or ()
            )
        }


def _namespace(service: JsonObject) -> str:
    return str(service["metadata"]["namespace"])


def _has_slices(service: JsonObject) -> bool:
    return bool(service["spec"].get("selector")) and service["spec"]["type"] != "ExternalName"


def _families(service: JsonObject) -> list[str]:
    return service["spec"].get("ipFamilies") or ["IPv4"]


def _slice_name(service: JsonObject, family: str, number: int) -> str:
    return f"{service['metadata']['name']}-{family.lower()}-{number}"


def _pod_name(endpoint: JsonObject) -> str:
    return str(endpoint["targetRef"]["name"])


_FINISHED = frozenset({"Failed", "Succeeded"})


def _address(pod: JsonObject, family: str) -> str | None:
    status = pod.get("status", {})
    addresses = [item.get("ip", "") for item in status.get("podIPs") or ()] or [status.get("podIP") or ""]
    return next((text for text in addresses if text and (":" in text) == (family == "IPv6")), None)


def _ready(pod: JsonObject) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _endpoint(service: JsonObject, pod: JsonObject, family: str) -> JsonObject | None:
    """What a Pod is in the slices of one family; None if it is none of the Service's endpoints."""
    metadata, spec, status = pod["metadata"], service["spec"], pod.get("status", {})
    address = _address(pod, family)
    if not address or status.get("phase") in _FINISHED or not selects(spec["selector"], metadata.get("labels") or {}):
        return None
    ready, terminating = _ready(pod), "deletionTimestamp" in metadata
    shown = bool(spec.get("publishNotReadyAddresses")) or (ready and not terminating)
    endpoint: JsonObject = {
        "addresses": [address],
        "conditions": {"ready": shown, "serving": ready, "terminating": terminating},
        "targetRef": {"kind": "Pod", **{name: metadata[name] for name in ("namespace", "name", "uid")}},
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
