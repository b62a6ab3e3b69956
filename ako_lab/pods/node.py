"""Nodes on which Pods are processes: what the fake nodes do, and behind every Pod a program that answers.

`ProcessNodes` takes Pods as `FakeNodes` does, with the same interface, and starts for each container the program that a
table names for its image; container images are not run. A Pod is Ready when its readiness probes say so, is started
again when it ends, gets SIGTERM when it is deleted and its grace period to end. What it writes is its log.

A program is told who it is: `{name}`, `{address}` and `{namespace}` in the table's words are replaced, the container's
`args` follow, its `env` is its environment.
"""

import contextlib
import http.client
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ako_lab.control_plane.nodes import FakeNodes, Json
from ako_lab.control_plane.places import Place as NodePlace
from ako_lab.service_engine.place import Place, Program

ECHO: Final = (sys.executable, "-m", "ako_lab.pods.echo", "--name", "{name}", "--address", "{address}")
PROGRAMS: Final[Mapping[str, Sequence[str]]] = {"ako-lab/echo": ECHO}
_TICK: Final = 0.05
_MOST_LOG: Final = 1 << 20
_GRACE_SECONDS: Final = 30


class _Container:
    """One container of a Pod, as a process."""

    def __init__(self, program: Program, log: Path, probe: Json | None) -> None:
        self.program = program
        self.log = log
        self.probe = probe
        self.restarts = 0
        self.looked = 0.0
        self.failed = 0
        self.ready = False


class _Pod:
    """A Pod that runs, and how it was last seen."""

    def __init__(self, document: Json, address: str) -> None:
        self.document = document
        self.address = address
        self.containers: dict[str, _Container] = {}
        self.ready = False
        self.problem = ""
        self.leaves_at: float | None = None


class ProcessNodes(FakeNodes):
    """Nodes of which the Pods run at a place; `programs` names a command by image."""

    def __init__(
        self,
        *,
        kubeconfig: Path,
        place: Place,
        folder: Path,
        programs: Mapping[str, Sequence[str]] = PROGRAMS,
        pod_cidr: str = "10.244.0.0/14",
    ) -> None:
        super().__init__(kubeconfig=kubeconfig, count=1, writers=4, pod_cidr=pod_cidr)
        self._place = place
        self._folder = folder
        self._programs = dict(programs)
        self._pods: dict[str, _Pod] = {}
        self._guard = threading.Lock()
        self._watcher = threading.Thread(target=self._look, name="process-nodes-look", daemon=True)

    def start(self) -> None:
        """Make the nodes and take care of Pods."""
        super().start()
        self._watcher.start()

    def stop(self) -> None:
        """Stop, and end what runs."""
        super().stop()
        self._watcher.join(10)
        with self._guard:
            for pod in self._pods.values():
                self._send(pod, signal.SIGKILL)

    def log(self, namespace: str, name: str) -> str:
        """What the containers of a Pod wrote, the end of it."""
        with self._guard:
            logs = [
                container.log
                for pod in self._pods.values()
                if (pod.document["metadata"]["namespace"], pod.document["metadata"]["name"]) == (namespace, name)
                for container in pod.containers.values()
            ]
        return "".join(log.read_text(errors="replace")[-_MOST_LOG:] for log in logs)

    def runs(self, pod: Json, place: NodePlace) -> bool:
        """Start what the Pod consists of, and say whether it is ready."""
        uid = pod["metadata"]["uid"]
        with self._guard:
            known = self._pods.get(uid)
            if known is None:
                known = self._pods[uid] = _Pod(pod, place.address)
                self._start_containers(known)
            known.document = pod
            return known.ready

    def leaves(self, pod: Json) -> bool:
        """Ask a Pod to end; whether it has."""
        with self._guard:
            known = self._pods.get(pod["metadata"]["uid"])
            if known is None:
                return True
            known.document = pod
            self._ask_to_end(known, pod["metadata"].get("deletionGracePeriodSeconds", _GRACE_SECONDS))
            return all(container.program.poll() is not None for container in known.containers.values())

    def gone(self, uid: str) -> None:
        """A Pod is not there any more; a server without kubelet forgets it at once, its processes end gracefully."""
        with self._guard:
            known = self._pods.get(uid)
            if known is not None:
                spec = known.document.get("spec", {})
                self._ask_to_end(known, spec.get("terminationGracePeriodSeconds", _GRACE_SECONDS))

    def _ask_to_end(self, pod: _Pod, grace: float) -> None:
        if pod.leaves_at is None:
            pod.leaves_at = time.monotonic() + grace
            self._send(pod, signal.SIGTERM)

    def _send(self, pod: _Pod, number: int) -> None:
        for container in pod.containers.values():
            with contextlib.suppress(OSError):
                container.program.signal(number)

    def _start_containers(self, pod: _Pod) -> None:
        for container in pod.document["spec"].get("containers") or ():
            command = self._programs.get(container.get("image", "").partition(":")[0])
            if command is None:
                pod.problem = f"no program stands for the image {container.get('image')}"
                continue
            metadata = pod.document["metadata"]
            log = self._folder / f"{metadata['namespace']}_{metadata['name']}_{container['name']}.log"
            pod.containers[container["name"]] = _Container(
                self._started(pod, container, log), log, container.get("readinessProbe")
            )

    def _started(self, pod: _Pod, container: Json, log: Path) -> Program:
        metadata = pod.document["metadata"]
        words = {"name": metadata["name"], "namespace": metadata["namespace"], "address": pod.address}
        command = [part.format(**words) for part in self._programs[container["image"].partition(":")[0]]]
        environment = {one["name"]: str(one["value"]) for one in container.get("env") or () if "value" in one}
        arguments = [*command, *(str(one) for one in container.get("args") or ())]
        return self._place.start(arguments, log=log, environment=environment)

    def _look(self) -> None:
        while not self._stop.wait(_TICK):
            with self._guard:
                pods = list(self._pods.items())
            for uid, pod in pods:
                with contextlib.suppress(OSError, KeyError):
                    self._look_at(uid, pod)

    def _look_at(self, uid: str, pod: _Pod) -> None:
        if pod.leaves_at is not None:
            self._see_off(uid, pod)
            return
        for name, container in pod.containers.items():
            if container.program.poll() is not None:
                self._start_again(pod, name, container)
            elif time.monotonic() - container.looked >= (_period(container) if container.ready else 0):
                container.looked = time.monotonic()
                well = self._is_ready(pod.address, container.probe)
                container.failed = 0 if well else container.failed + 1
                container.ready = well or (container.ready and container.failed < _threshold(container))
        ready = bool(pod.containers) and not pod.problem and all(one.ready for one in pod.containers.values())
        if ready != pod.ready:
            pod.ready = ready
            self._enqueue({"type": "MODIFIED", "object": pod.document})

    def _see_off(self, uid: str, pod: _Pod) -> None:
        if all(container.program.poll() is not None for container in pod.containers.values()):
            with self._guard:
                self._pods.pop(uid, None)
            if "deletionTimestamp" in pod.document["metadata"]:
                self._enqueue({"type": "MODIFIED", "object": pod.document})
        elif pod.leaves_at is not None and time.monotonic() > pod.leaves_at:
            self._send(pod, signal.SIGKILL)

    def _start_again(self, pod: _Pod, name: str, container: _Container) -> None:
        """A container that ended runs again; one that ends at once does so once a tick."""
        described = next(one for one in pod.document["spec"]["containers"] if one["name"] == name)
        container.ready = False
        container.restarts += 1
        container.program = self._started(pod, described, container.log)

    def _is_ready(self, address: str, probe: Json | None) -> bool:
        """What a probe says; without one a container that runs is ready."""
        if not probe:
            return True
        http_get: Any = probe.get("httpGet")
        port = (http_get or probe.get("tcpSocket") or {}).get("port")
        if not isinstance(port, int):
            return True
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with self._place.socket(family, socket.SOCK_STREAM) as connection:
                connection.settimeout(float(probe.get("timeoutSeconds", 1)))
                connection.connect((address, port))
                if not http_get:
                    return True
                client = http.client.HTTPConnection(address, port)
                client.sock = connection
                client.request("GET", http_get.get("path", "/"))
                return 200 <= client.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False


def _threshold(container: _Container) -> int:
    return int((container.probe or {}).get("failureThreshold", 3))


def _period(container: _Container) -> float:
    return float((container.probe or {}).get("periodSeconds", 10))
