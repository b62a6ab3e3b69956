"""Fake nodes: plain Node objects kept Ready, and Pods that are scheduled, ready and gone, without a kubelet.

A control plane without nodes is enough for most of what a load balancer's controller does, except that Pods never
become endpoints. `FakeNodes` plays scheduler and kubelet for any API server, embedded or real: it makes the Nodes,
renews their leases, gives a Pod a node, an address of that node's range and a Ready condition, and finishes the
graceful deletion of Pods. Nothing runs in these Pods. A readiness gate is left to whoever owns it: the Pod is Ready
once every gate's condition is True. A Pod for which no node has room waits until another one goes.

One watch on Pods feeds as many queues as there are writers, so that ten thousand Pods become ready at the speed of the
server. All events of one Pod go to the same writer: it is never placed twice, and its last event is tended last.
"""

import contextlib
import ipaddress
import json
import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ako_lab.control_plane.places import PODS_PER_NODE, Place, Places
from ako_runtime.errors import RetryLater, UserError
from ako_runtime.kube.connection import KubeStream, connect

_HEARTBEAT_SECONDS = 15.0
_PAUSE_SECONDS = 0.2
_WATCH_SECONDS = 600
_STRATEGIC = "application/strategic-merge-patch+json"
_MERGE = "application/merge-patch+json"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
# Another try is of no use: the object is gone, or somebody changed it and the watch will tell.
_SETTLED = frozenset({404, 409})
_TOLD = frozenset({"ADDED", "MODIFIED", "DELETED"})
_FINISHED = frozenset({"Failed", "Succeeded"})

Json = dict[str, Any]


class FakeNodes:
    """Nodes `fake-0` to `fake-N`, and the life of the Pods on them."""

    def __init__(self, *, kubeconfig: Path, count: int, writers: int = 8, pod_cidr: str = "10.244.0.0/14") -> None:
        self._names = [f"fake-{number}" for number in range(count)]
        subnets = ipaddress.IPv4Network(pod_cidr).subnets(new_prefix=24)
        self._subnets = dict(zip(self._names, subnets, strict=False))
        if len(self._subnets) < count:
            raise UserError(f"{pod_cidr} has no room for {count} nodes of a /24 each: take fewer nodes")
        self._connection = connect(kubeconfig=str(kubeconfig), agent="fake-kubelet")
        self._stop = threading.Event()
        self._places = Places(self._subnets)
        self._work: list[queue.SimpleQueue[Json | None]] = [queue.SimpleQueue() for _ in range(writers)]
        self._ready: dict[str, bool] = {}
        self._waiting: queue.SimpleQueue[Json] = queue.SimpleQueue()
        self._stream: KubeStream | None = None
        self._version = ""
        self._threads = [threading.Thread(target=self._watch, name="fake-kubelet-watch", daemon=True)]
        self._threads += [
            threading.Thread(target=self._write, args=(work,), name=f"fake-kubelet-{at}", daemon=True)
            for at, work in enumerate(self._work)
        ]
        self._threads.append(threading.Thread(target=self._beat, name="fake-kubelet-heart", daemon=True))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the nodes (those that are there are taken over), then take care of Pods; raises `UserError`."""
        try:
            for name in self._names:
                self._make_node(name)
        except RetryLater as error:
            raise UserError(str(error)) from error
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; nodes and Pods stay as they are."""
        self._stop.set()
        stream = self._stream
        if stream is not None:
            stream.close()
        for work in self._work:
            work.put(None)
        for thread in self._threads:
            thread.join(10)
        self._connection.close()

    def _make_node(self, name: str) -> None:
        node = {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "type": "fake"}}}
        subnet = str(self._subnets[name])
        answer = self._connection.request(
            "POST", "/api/v1/nodes", body={**node, "spec": {"podCIDR": subnet, "podCIDRs": [subnet]}}
        )
        if answer.status not in {201, 409}:
            raise UserError(
                f"{self._connection.host} makes no Node: {answer.message}; use an administrator's kubeconfig"
            )
        number = self._names.index(name)
        address = str(ipaddress.ip_address("172.20.0.1") + number)
        size = {"cpu": "64", "memory": "256Gi", "pods": str(PODS_PER_NODE)}
        status = {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [_condition("Ready")],
            "capacity": size,
            "allocatable": size,
            "nodeInfo": {"kubeletVersion": "fake", "operatingSystem": "linux", "architecture": "amd64"},
        }
        self._request("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, content_type=_STRATEGIC)
        # The taint that the node controller gives a new node goes when it is Ready; nobody here looks at it.
        self._request("POST", _LEASES, {"metadata": {"name": name}, "spec": _lease(name)})

    def _beat(self) -> None:
        while not self._stop.wait(_HEARTBEAT_SECONDS):
            for name in self._names:
                if self._stop.is_set():
                    return
                # A server that is away for a while finds the nodes as it left them.
                with contextlib.suppress(RetryLater):
                    self._request("PATCH", f"{_LEASES}/{name}", {"spec": _lease(name)}, content_type=_MERGE)

    def _watch(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(RetryLater, ValueError):
                if not self._version:
                    self._list()
                for event in self._events():
                    if event.get("type") not in _TOLD:
                        # The history is forgotten, or the server answers something else: begin anew.
                        self._version = ""
                        break
                    self._version = event["object"]["metadata"]["resourceVersion"]
                    self._enqueue(event)
            self._stop.wait(_PAUSE_SECONDS)

    def _list(self) -> None:
        """Learn every address that is taken before the first one is given."""
        answer = self._connection.request("GET", "/api/v1/pods")
        if answer.status != 200:
            raise RetryLater(answer.message)
        document = json.loads(answer.body)
        pods = {pod["metadata"]["uid"]: pod for pod in document["items"]}
        for uid in self._places.uids() - pods.keys():
            self._places.release(uid)
            self._ready.pop(uid, None)
        for uid, pod in pods.items():
            node, address = pod["spec"].get("nodeName"), pod.get("status", {}).get("podIP")
            if node in self._subnets and address:
                self._places.given(uid, node, address)
        for pod in pods.values():
            self._enqueue({"type": "ADDED", "object": pod})
        self._version = document["metadata"]["resourceVersion"]

    def _events(self) -> Iterator[Json]:
        parameters = {"watch": "true", "timeoutSeconds": str(_WATCH_SECONDS), "resourceVersion": self._version}
        self._stream = self._connection.stream("/api/v1/pods", params=parameters, silence=_WATCH_SECONDS + 60)
        yield from map(json.loads, self._stream.lines())

    def _enqueue(self, event: Json) -> None:
        uid = event["object"]["metadata"]["uid"]
        self._work[hash(uid) % len(self._work)].put(event)

    def _write(self, work: "queue.SimpleQueue[Json | None]") -> None:
        while not self._stop.is_set():
            event = work.get()
            if event is None:
                continue
            settled = False
            with contextlib.suppress(RetryLater):
                settled = self._forget(event) if event["type"] == "DELETED" else self._tend(event)
            if not settled:
                self._stop.wait(_PAUSE_SECONDS)
                work.put(event)

    def _forget(self, event: Json) -> bool:
        """Free the place of a Pod that is gone; those that wait for one try again."""
        uid = event["object"]["metadata"]["uid"]
        self._places.release(uid)
        self._ready.pop(uid, None)
        self.gone(uid)
        with contextlib.suppress(queue.Empty):
            while True:
                self._enqueue(self._waiting.get_nowait())
        return True

    def _tend(self, event: Json) -> bool:
        """The next step in the life of one Pod; False if it must be tried again."""
        pod = event["object"]
        metadata, node, status = pod["metadata"], pod.get("spec", {}).get("nodeName"), pod.get("status", {})
        uid, path = metadata["uid"], f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if (node is not None and node not in self._subnets) or status.get("phase") in _FINISHED:
            return True
        if "deletionTimestamp" in metadata:
            if not self.leaves(pod):
                return True
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
            return node is None or _settled(self._request("DELETE", path, options))
        place = self._places.given(uid, node, status.get("podIP"))
        if place is None:
            self._waiting.put(event)
            return True
        if node is None and not _settled(self._bind(path, metadata, place.node)):
            return False
        return self._told(pod, place, path)

    def _told(self, pod: Json, place: Place, path: str) -> bool:
        """Write the status of a Pod if it says something else by now; False if that must be tried again."""
        uid, status = pod["metadata"]["uid"], pod.get("status", {})
        said = self._ready.get(uid, _is_ready(pod) if status.get("podIP") else None)
        runs = self.runs(pod, place)
        ready = runs and _gates(pod)
        if said is ready:
            return True
        content = {"status": _running(pod, place, runs=runs)}
        code = self._request("PATCH", f"{path}/status", content, content_type=_STRATEGIC)
        if code < 400:
            self._ready[uid] = ready
        return _settled(code)

    def runs(self, pod: Json, place: Place) -> bool:
        """Whether what a Pod consists of is ready; nothing runs here, so it always is."""
        del pod, place
        return True

    def leaves(self, pod: Json) -> bool:
        """Whether a Pod that is to go has ended."""
        del pod
        return True

    def gone(self, uid: str) -> None:
        """A Pod is not there any more."""

    def _bind(self, path: str, metadata: Json, node: str) -> int:
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {"metadata": {"name": metadata["name"], "namespace": metadata["namespace"]}, "target": target}
        code = self._request("POST", f"{path}/binding", body)
        if code == 405:
            # The embedded API has no binding subresource; it lets anybody set the node.
            return self._request("PATCH", path, {"spec": {"nodeName": node}}, content_type=_MERGE)
        return code

    def _request(self, method: str, path: str, body: Json, content_type: str = "application/json") -> int:
        return self._connection.request(method, path, body=body, content_type=content_type).status


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(kind: str, status: str = "True") -> Json:
    return {"type": kind, "status": status, "lastTransitionTime": _now(), "reason": "FakeNodes"}


def _lease(name: str) -> Json:
    renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renewed}


def _conditions(pod: Json) -> dict[str, str]:
    return {item["type"]: item["status"] for item in pod.get("status", {}).get("conditions") or ()}


def _gates(pod: Json) -> bool:
    """Whether every readiness gate of a Pod is open."""
    found = _conditions(pod)
    gates = pod["spec"].get("readinessGates") or ()
    return all(found.get(gate["conditionType"]) == "True" for gate in gates)


def _is_ready(pod: Json) -> bool:
    return _conditions(pod).get("Ready") == "True"


def _settled(code: int) -> bool:
    return code < 400 or code in _SETTLED


def _running(pod: Json, place: Place, *, runs: bool) -> Json:
    ready = "True" if runs and _gates(pod) else "False"
    inside = "True" if runs else "False"
    containers = pod["spec"].get("containers") or ()
    kinds = (("PodScheduled", "True"), ("Initialized", "True"), ("ContainersReady", inside), ("Ready", ready))
    return {
        "phase": "Running",
        "podIP": place.address,
        "podIPs": [{"ip": place.address}],
        "startTime": pod.get("status", {}).get("startTime") or _now(),
        "conditions": [_condition(kind, status) for kind, status in kinds],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "imageID": "fake",
                "ready": runs,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": _now()}},
            }
            for container in containers
        ],
    }
