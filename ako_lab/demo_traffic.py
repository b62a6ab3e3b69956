"""The demo's requests: a Service Engine, Pods that answer, and the proof that they do.

The example registers its members by EndpointSlices; an echo server stands at each of their addresses. Beside the
example come two Pods behind an Ingress with TLS, of which one is killed while requests run. Everything that is sent
goes through the data plane that the simulated controller's objects make; whoever asks sees addresses and ports as
Kubernetes shows them.
"""

import base64
import datetime as dt
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from ako_lab import demo_facts as facts
from ako_lab.avi_controller import AviLab
from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.demo_kubernetes import Kubernetes
from ako_lab.demo_runtime import StepFailed
from ako_lab.manifests import Document
from ako_lab.pods.asking import NoAnswer, Stream, ask_http, ask_udp
from ako_lab.pods.node import ProcessNodes
from ako_lab.service_engine import Namespace, ServiceEngine, why_not
from ako_runtime.errors import UserError

HOST: Final = "portal.lab.example.com"
_NAMESPACE: Final = "packet-core"
_PODS: Final = ("portal-1", "portal-2")
_ASKED: Final = 8


def missing() -> str | None:
    """Why no traffic can be had here; None if it can."""
    reason = why_not()
    if reason is not None:
        return reason
    try:
        with Namespace():
            return None
    except UserError as error:
        return str(error)


class DemoTraffic:
    """The data plane of the demo, and who answers behind it."""

    def __init__(
        self, *, avi: AviLab, kubeconfig: Path, folder: Path, members: Sequence[Document], deadline: float
    ) -> None:
        """`members`: the slices, at whose addresses servers are to stand."""
        self._avi = avi
        self._members = members
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._deadline = deadline
        self._stack = ExitStack()
        self.sent = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._place = stack.enter_context(Namespace())
            # Before the Service Engine looks: it looks again after the ten seconds of the product's monitors.
            self._serve()
            self.engine = stack.enter_context(
                ServiceEngine(self._avi.url, self._avi.username, self._avi.password, place=self._place)
            )
            stack.enter_context(ProcessNodes(kubeconfig=self._kubeconfig, place=self._place, folder=self._folder))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def entering(self) -> str:
        """What to put before a command so that it runs where the addresses are."""
        return self._place.entering

    def _serve(self) -> None:
        """A server at every address of the slices."""
        slices = self._members
        addresses = {address for item in slices for one in item["endpoints"] for address in one["addresses"]}
        ports = {(port["protocol"], str(port["port"])) for item in slices for port in item["ports"]}
        arguments = [word for address in sorted(addresses) for word in ("--address", address)]
        for protocol, port in sorted(ports):
            arguments += ["--udp" if protocol == "UDP" else "--http", port]
        log = self._folder / "echo.log"
        command = [sys.executable, "-m", "ako_lab.pods.echo", *arguments]
        program = self._place.start(command, log=log)
        self._until(lambda: "serves" in log.read_text() or program.poll() is not None, "the echo servers")
        if program.poll() is not None:
            raise StepFailed(f"the echo servers ended: {log.read_text()[-300:]}")

    def ask_all(self, services: Sequence[facts.Served]) -> list[dict[str, str]]:
        """Requests to every port of every address; a row for each, raising `StepFailed` where nobody answers."""
        rows = []
        for item in services:
            members = {member.rpartition(":")[0].strip("[]") for member in item.members}
            for port in item.ports:
                number, _, protocol = port.partition("/")
                answered = [
                    self._ask(address, int(number), protocol) for address in item.addresses for _ in range(_ASKED)
                ]
                strangers = set(answered) - members
                if strangers:
                    raise StepFailed(f"{item.service} port {port} is answered by {strangers}, who is no member")
                rows.append(
                    {
                        "service": item.service,
                        "address": " ".join(item.addresses),
                        "port": port,
                        "requests": str(len(answered)),
                        "answered by": " ".join(sorted(set(answered))),
                    }
                )
        return rows

    def until_answered_by(self, item: facts.Served, member: str) -> float:
        """Seconds until a member answers."""
        number, _, protocol = item.ports[0].partition("/")
        began = time.perf_counter()
        self._until(
            lambda: self._ask(item.addresses[0], int(number), protocol) == member,
            f"{member} answers for {item.service}",
        )
        return time.perf_counter() - began

    def _ask(self, address: str, port: int, protocol: str) -> str:
        """Who answers; asked again until somebody does, for the data plane is told a moment after the controller."""
        end = time.monotonic() + self._deadline
        while True:
            self.sent += 1
            try:
                if protocol == "UDP":
                    return ask_udp(self._place, address, port)
                return ask_http(self._place, address, port)
            except NoAnswer as problem:
                if time.monotonic() > end:
                    raise StepFailed(f"nobody answers: {problem}; alerts: {self._avi.alerts}") from problem
                time.sleep(0.02)

    def portal(self) -> tuple[Document, ...]:
        """Two Pods, their Service, a certificate, and an Ingress with TLS.

        The host has a virtual service of its own: the address of a shared one would outlive it.
        """
        place = {"namespace": _NAMESPACE}
        certificate, key = self_made_certificate(HOST, now=dt.datetime.now(tz=dt.UTC))
        secret = {
            name: base64.b64encode(text.encode()).decode()
            for name, text in (("tls.crt", certificate), ("tls.key", key))
        }
        backend = {"service": {"name": "portal", "port": {"number": 80}}}
        rule = {"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        return (
            {
                "apiVersion": "ako.vmware.com/v1beta1",
                "kind": "AviInfraSetting",
                "metadata": {"name": "portal"},
                "spec": {"l7Settings": {"shardSize": "DEDICATED"}},
            },
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "IngressClass",
                "metadata": {"name": "portal"},
                "spec": {
                    "controller": "ako.vmware.com/avi-lb",
                    "parameters": {"apiGroup": "ako.vmware.com", "kind": "AviInfraSetting", "name": "portal"},
                },
            },
            *(_pod(name) for name in _PODS),
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "portal", **place},
                "spec": {"selector": {"app": "portal"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
            },
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls",
                "metadata": {"name": "portal", **place},
                "data": secret,
            },
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {"name": "portal", **place},
                "spec": {
                    "ingressClassName": "portal",
                    "tls": [{"hosts": [HOST], "secretName": "portal"}],
                    "rules": [rule],
                },
            },
        )

    def kill_one(self, kube: Kubernetes, documents: Sequence[Document]) -> str:
        """Bring the Ingress up, kill one Pod while requests run; what was counted. Raises `StepFailed` for one lost."""
        for document in documents:
            kube.apply(document)
        address = self._address_of_host()
        appeared = time.perf_counter()
        self._until(lambda: _answers(self._place, address), f"an answer of https://{HOST}/")
        fresh = time.perf_counter() - appeared
        victim = next(item for item in documents if item["kind"] == "Pod")
        left = frozenset(_PODS) - {victim["metadata"]["name"]}
        with Stream(self._place, address, 443, host=HOST, tls=True) as stream:
            if not stream.until_only(frozenset(_PODS), self._deadline):
                raise StepFailed(f"not both Pods answer: {dict(stream.answers)}, {stream.failures[:2]}")
            kube.delete(victim)
            if not stream.until_only(left, self._deadline):
                raise StepFailed(f"{victim['metadata']['name']} goes on answering: {dict(stream.answers)}")
        self.sent += stream.answers.total() + len(stream.failures)
        if stream.failures:
            raise StepFailed(f"{len(stream.failures)} requests failed, the first: {stream.failures[0]}")
        counted = ", ".join(f"{name} {count}" for name, count in sorted(stream.answers.items()))
        return (
            f"https://{HOST} at {address} answered {fresh * 1000:.0f} ms after its address was there; "
            f"{stream.answers.total()} requests while {victim['metadata']['name']} was killed, 0 failed ({counted})"
        )

    def _address_of_host(self) -> str:
        found: list[str] = []

        def look() -> bool:
            named = (
                vip for vip in self._avi.objects("vsvip") if HOST in (one["fqdn"] for one in vip.get("dns_info", ()))
            )
            found.extend(vip["vip"][0]["ip_address"]["addr"] for vip in named)
            return bool(found)

        self._until(look, f"an address for {HOST}")
        return found[0]

    def _until(self, fact: Any, what: str) -> None:  # noqa: ANN401 - any fact
        end = time.monotonic() + self._deadline
        while not fact():
            if time.monotonic() > end:
                raise StepFailed(f"{what}: not so within {self._deadline:.0f} s; alerts: {self._avi.alerts}")
            time.sleep(0.01)


def _answers(place: Namespace, address: str) -> bool:
    try:
        return bool(ask_http(place, address, 443, host=HOST, tls=True))
    except NoAnswer:
        return False


def _pod(name: str) -> Document:
    container = {
        "name": "echo",
        "image": "ako-lab/echo",
        "args": ["--http", "8080", "--grace", "1"],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": _NAMESPACE, "labels": {"app": "portal"}},
        "spec": {"containers": [container]},
    }
