"""The node that the control plane of the tests lacks: it runs Pods of one namespace by runc, as a kubelet would.

A kubelet needs a kernel, a container runtime and half a dozen settings that continuous integration does not have
(`docs/explanation/kubernetes-lab.md`). What the chart's Pod can see of one is little, and that is done here, in the
same order: the Pod is bound to the node; its projected volume gets a token of its ServiceAccount that is bound to the
Pod, the authority and the namespace; the container starts with what the Pod says and with the API server's address in
its environment; the startup probe is asked, then the readiness probe, and the Pod becomes Ready in its status; a Pod
that is being deleted gets SIGTERM and its grace, and then goes. A container that ends by itself is not started again:
its Pod has failed or succeeded.

Everything between the Pod's object and the process is real: admission, the StatefulSet's controller, the token, RBAC,
the container. Not shown are a kubelet's own mind about the object, its image pulls and a network of the Pod's own.
"""

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from support.image.container_image import Image
from support.image.pod_containers import Container, container_of
from support.kube.servers import Rest

HEARTBEAT = 5.0
PAUSE = 0.1


class LoneNode:
    """A node for one namespace; containers and what they wrote are known by the UID of their Pod."""

    def __init__(self, *, rest: Rest, namespace: str, image: Image, folder: Path, hosts: str = "") -> None:
        self._rest, self._namespace, self._image, self._folder = rest, namespace, image, folder
        self._hosts = folder / "hosts"
        self._hosts.write_text(f"127.0.0.1 localhost {hosts}\n")
        self._hosts.chmod(0o644)
        self.name = f"node-{uuid4().hex[:8]}"
        self.running: dict[str, Container] = {}
        self.logs: dict[str, str] = {}
        self._ends: dict[str, tuple[str, int]] = {}
        self._volumes = PodVolumes(rest=rest, namespace=namespace)
        self._said: dict[str, Any] = {}
        self._beats = 0.0

    def exit_codes(self, pod: str) -> list[int]:
        """How the containers of Pods of this name ended, in order."""
        return [code for name, code in list(self._ends.values()) if name == pod]

    @contextmanager
    def at_work(self) -> Iterator["LoneNode"]:
        """Be there and look after Pods, in a thread of its own; what goes wrong there is raised at the end."""
        assert self._rest.post("/api/v1/nodes", {"metadata": {"name": self.name}}).status == 201
        stop, wrong = threading.Event(), []

        def work() -> None:
            try:
                while not stop.is_set():
                    self._beat()
                    self.look_after_pods()
                    stop.wait(PAUSE)
            except Exception as error:
                wrong.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()
            for uid, container in self.running.items():
                container.remove()
                self.logs[uid] = container.log
            self._rest.delete(f"/api/v1/nodes/{self.name}")
            if wrong:
                raise wrong[0]

    def look_after_pods(self) -> None:
        """One round over the Pods of the namespace."""
        pods = self._rest.get(f"/api/v1/namespaces/{self._namespace}/pods").json["items"]
        # A Pod that has failed or succeeded may be deleted without asking its node.
        for uid in self.running.keys() - {pod["metadata"]["uid"] for pod in pods}:
            self.running.pop(uid).remove()
        for pod in pods:
            uid = pod["metadata"]["uid"]
            if pod["spec"].get("nodeName", self.name) != self.name:
                continue
            if "deletionTimestamp" in pod["metadata"]:
                self._end(pod)
            elif "nodeName" not in pod["spec"]:
                self._bind(pod)
            elif pod["status"]["phase"] == "Pending" and uid not in self.running:
                self._start(pod)
            elif uid in self.running:
                self._report(pod)

    def _bind(self, pod: Mapping[str, Any]) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
        body = {"metadata": {"name": pod["metadata"]["name"]}, "target": target}
        # A Pod that is gone by now, or is going, is no business of ours.
        assert self._rest.post(f"{self._path(pod)}/binding", body).status in {201, 404, 409}

    def _start(self, pod: Mapping[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        folder = self._folder / uid
        server = urlsplit(self._rest.url)
        self.running[uid] = container_of(
            pod,
            image=self._image,
            folder=folder,
            volumes={"/etc/hosts": self._hosts, **self._volumes.written(pod, folder=folder)},
            environ={"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)},
        )

    def _end(self, pod: Mapping[str, Any]) -> None:
        container = self.running.pop(pod["metadata"]["uid"], None)
        if container is not None:
            container.stop()
            self._note_end(pod, container)
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        assert self._rest.delete(self._path(pod), body).status in {200, 404, 409}

    def _note_end(self, pod: Mapping[str, Any], container: Container) -> None:
        if container.exit_code is not None:
            uid = pod["metadata"]["uid"]
            self._ends.setdefault(uid, (pod["metadata"]["name"], container.exit_code))
            self.logs[uid] = container.log

    def _report(self, pod: Mapping[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        status = self._status(pod, self.running[uid])
        self._note_end(pod, self.running[uid])
        if self._said.get(uid) != status:
            self._said[uid] = status
            assert self._rest.patch(f"{self._path(pod)}/status", {"status": status}).status in {200, 404}

    def _status(self, pod: Mapping[str, Any], container: Container) -> dict[str, Any]:
        (spec,) = pod["spec"]["containers"]
        code = container.exit_code
        ready = code is None and (_is_ready(pod) or self._passes(spec, "startupProbe")) and self._passes(
            spec, "readinessProbe"
        )  # fmt: skip
        phase = "Running" if code is None else "Failed" if code else "Succeeded"
        ends = {"exitCode": code, "containerID": f"runc://{pod['metadata']['uid']}"}
        return {
            "phase": phase,
            "conditions": [
                {"type": kind, "status": str(ready if kind in READINESS else True)}
                for kind in ("PodScheduled", "Initialized", *READINESS)
            ],
            "containerStatuses": [
                {
                    "name": spec["name"],
                    "image": spec["image"],
                    "imageID": "",
                    "restartCount": 0,
                    "ready": ready,
                    "started": ready,
                    "state": {"running": {}} if code is None else {"terminated": ends},
                }
            ],
        }

    @staticmethod
    def _passes(spec: Mapping[str, Any], probe: str) -> bool:
        """Ask the probe as a kubelet would; a container without one is ready when it runs."""
        if probe not in spec:
            return True
        asked = spec[probe]["httpGet"]
        port = next(port["containerPort"] for port in spec["ports"] if port["name"] == asked["port"])
        timeout = spec[probe].get("timeoutSeconds", 1)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{asked['path']}", timeout=timeout) as answer:
                return 200 <= answer.status < 400
        except (urllib.error.URLError, OSError):
            return False

    def _beat(self) -> None:
        """Say that the node is well, before its controller believes the opposite."""
        now = datetime.now(tz=UTC)
        if now.timestamp() - self._beats > HEARTBEAT:
            self._beats = now.timestamp()
            ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
            self._rest.patch(f"/api/v1/nodes/{self.name}/status", {"status": {"conditions": [ready]}})

    def _path(self, pod: Mapping[str, Any]) -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods/{pod['metadata']['name']}"


READINESS = ("ContainersReady", "Ready")


def _is_ready(pod: Mapping[str, Any]) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))


class PodVolumes:
    """The volumes that a kubelet fills: those projected from the API server."""

    def __init__(self, *, rest: Rest, namespace: str) -> None:
        self._rest, self._namespace = rest, namespace

    def written(self, pod: Mapping[str, Any], *, folder: Path) -> dict[str, Path]:
        """The projected volumes of a Pod as folders, readable by the Pod's group only."""
        found = {}
        for volume in pod["spec"].get("volumes", ()):
            if "projected" in volume:
                place = folder / "volumes" / volume["name"]
                place.mkdir(parents=True)
                for source in volume["projected"]["sources"]:
                    for name, text in self._files(source, pod=pod).items():
                        (place / name).write_text(text)
                        (place / name).chmod(0o440)
                        os.chown(place / name, 0, pod["spec"]["securityContext"]["fsGroup"])
                found[volume["name"]] = place
        return found

    def _files(self, source: Mapping[str, Any], *, pod: Mapping[str, Any]) -> dict[str, str]:
        if "serviceAccountToken" in source:
            return {source["serviceAccountToken"]["path"]: self._token(pod)}
        if "configMap" in source:
            path = f"/api/v1/namespaces/{self._namespace}/configmaps/{source['configMap']['name']}"
            data = self._rest.get(path).json["data"]
            return {item["path"]: data[item["key"]] for item in source["configMap"]["items"]}
        fields = {"metadata.namespace": self._namespace, "metadata.name": pod["metadata"]["name"]}
        return {item["path"]: fields[item["fieldRef"]["fieldPath"]] for item in source["downwardAPI"]["items"]}

    def _token(self, pod: Mapping[str, Any]) -> str:
        bound = {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        account = pod["spec"]["serviceAccountName"]
        reply = self._rest.post(
            f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": bound}},
        )
        assert reply.status == 201, reply
        return reply.json["status"]["token"]
