"""Fake nodes: plain Node objects kept Ready, and Pods that are scheduled, ready and gone, without a kubelet.

A control plane without nodes is enough for most of what a load balancer's controller does, except that Pods never
become endpoints. `FakeNodes` plays scheduler and kubelet for any API server, embedded or real: it makes the Nodes,
renews their leases and heartbeats, gives a Pod a node, an address of that node's range and a Ready condition, and
finishes the graceful deletion of Pods. Nothing runs in these Pods. A readiness gate is left to whoever owns it: the Pod
is Ready once every gate's condition is True.

One watch on Pods feeds a queue; a few threads write, so that ten thousand Pods become ready at the speed of the server.
"""

import contextlib
import ipaddress
import json
import queue
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import kubernetes.client
import kubernetes.config
import urllib3

_HEARTBEAT_SECONDS = 15.0
_STRATEGIC = "application/strategic-merge-patch+json"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

Json = dict[str, Any]


class FakeNodes:
    """Nodes `fake-0` to `fake-N`, and the life of the Pods on them."""

    def __init__(self, *, kubeconfig: Path, count: int, writers: int = 8, pod_cidr: str = "10.244.0.0/14") -> None:
        self._names = [f"fake-{number}" for number in range(count)]
        subnets = ipaddress.IPv4Network(pod_cidr).subnets(new_prefix=24)
        self._subnets = dict(zip(self._names, subnets, strict=False))
        if len(self._subnets) < count:
            raise ValueError(f"{pod_cidr} has no room for {count} nodes of a /24 each")
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.connection_pool_maxsize = writers + 4
        self._client = kubernetes.client.ApiClient(configuration)
        self._stop = threading.Event()
        self._work: queue.Queue[Json | None] = queue.Queue()
        self._next_node = 0
        self._taken = dict.fromkeys(self._names, 0)
        self._lock = threading.Lock()
        self._stream: urllib3.BaseHTTPResponse | None = None
        self._threads = [threading.Thread(target=self._watch, name="fake-kubelet-watch", daemon=True)]
        self._threads += [
            threading.Thread(target=self._write, name=f"fake-kubelet-{n}", daemon=True) for n in range(writers)
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
        """Make the nodes, then take care of Pods."""
        for name in self._names:
            self._make_node(name)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; nodes and Pods stay as they are."""
        self._stop.set()
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(OSError, AttributeError):
                stream.shutdown()
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(10)
        self._client.close()  # type: ignore[no-untyped-call]

    def _make_node(self, name: str) -> None:
        node = {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "type": "fake"}}}
        subnet = str(self._subnets[name])
        self._request("POST", "/api/v1/nodes", {**node, "spec": {"podCIDR": subnet, "podCIDRs": [subnet]}})
        number = self._names.index(name)
        address = str(ipaddress.ip_address("172.20.0.1") + number)
        status = {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [_condition("Ready")],
            "capacity": {"cpu": "64", "memory": "256Gi", "pods": "250"},
            "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "250"},
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
                body = {"spec": _lease(name)}
                self._request("PATCH", f"{_LEASES}/{name}", body, content_type="application/merge-patch+json")

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                for event in self._events():
                    if event.get("type") in {"ADDED", "MODIFIED"}:
                        self._work.put(event["object"])
                    if event.get("type") == "ERROR":
                        break
            except (urllib3.exceptions.HTTPError, OSError, ValueError):
                self._stop.wait(0.2)

    def _events(self) -> Iterator[Json]:
        response = self._open("GET", "/api/v1/pods", query=[("watch", "true"), ("timeoutSeconds", "600")])
        self._stream = response
        rest = b""
        try:
            for chunk in response.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        finally:
            self._stream = None
            response.close()

    def _write(self) -> None:
        while not self._stop.is_set():
            pod = self._work.get()
            if pod is not None:
                with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
                    self._tend(pod)

    def _tend(self, pod: Json) -> None:
        """The next step in the life of one Pod."""
        metadata, node = pod["metadata"], pod.get("spec", {}).get("nodeName")
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if "deletionTimestamp" in metadata:
            if node in self._taken:
                options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
                self._request("DELETE", path, options)
            return
        if node is None:
            node = self._bound(path, metadata)
        if node in self._taken and (not pod.get("status", {}).get("podIP") or _gates_opened(pod)):
            address = pod.get("status", {}).get("podIP") or self._address(node)
            status = _running(pod, address)
            self._request("PATCH", f"{path}/status", {"status": status}, content_type=_STRATEGIC)

    def _bound(self, path: str, metadata: Json) -> str:
        """The node that a Pod is given."""
        with self._lock:
            name = self._names[self._next_node % len(self._names)]
            self._next_node += 1
        target = {"apiVersion": "v1", "kind": "Node", "name": name}
        body = {"metadata": {"name": metadata["name"], "namespace": metadata["namespace"]}, "target": target}
        if self._request("POST", f"{path}/binding", body) == 405:
            # The embedded API has no binding subresource; it lets anybody set the node.
            patch = {"spec": {"nodeName": name}}
            self._request("PATCH", path, patch, content_type="application/merge-patch+json")
        return name

    def _address(self, node: str) -> str:
        with self._lock:
            self._taken[node] = self._taken[node] % 250 + 1
            return str(self._subnets[node][self._taken[node]])

    def _request(self, method: str, path: str, body: Json, content_type: str = "application/json") -> int:
        response = self._open(method, path, body=body, content_type=content_type)
        response.drain_conn()
        response.release_conn()
        return int(response.status)

    def _open(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: list[tuple[str, str]] | None = None,
        content_type: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": content_type, "Accept": "application/json", "User-Agent": "fake-kubelet"}
        configuration = self._client.configuration
        token: Callable[[str], str | None] = configuration.get_api_key_with_prefix
        if authorization := token("authorization"):
            headers["Authorization"] = authorization
        address = configuration.host + path
        if query:
            address += "?" + "&".join(f"{name}={value}" for name, value in query)
        pool: urllib3.PoolManager = self._client.rest_client.pool_manager
        data = None if body is None else json.dumps(body).encode()
        return pool.request(method, address, body=data, headers=headers, preload_content=False, retries=False)


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


def _gates_opened(pod: Json) -> bool:
    """Whether the Ready condition no longer says what the gates say."""
    return (_conditions(pod).get("Ready") == "True") is not _gates(pod)


def _running(pod: Json, address: str) -> Json:
    ready = "True" if _gates(pod) else "False"
    containers = pod["spec"].get("containers") or ()
    kinds = (("PodScheduled", "True"), ("Initialized", "True"), ("ContainersReady", "True"), ("Ready", ready))
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": pod.get("status", {}).get("startTime") or _now(),
        "conditions": [_condition(kind, status) for kind, status in kinds],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "imageID": "fake",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": _now()}},
            }
            for container in containers
        ],
    }
