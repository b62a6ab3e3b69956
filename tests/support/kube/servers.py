"""Kubernetes API servers for tests: the embedded one and a real control plane, behind one small REST client.

A test folder that wants them imports the fixtures into its conftest.py. `control_plane` is one real control plane a
test process (three seconds, shared); `cluster_namespace` gives each file a namespace of its own on it, which is faster
than a control plane each; `own_control_plane` is for a file that changes the cluster as a whole. Without the programs
and without Go, everything that needs them is skipped at one place, so pytest's summary has one line that counts them.
"""

import itertools
import json
import os
import ssl
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import urllib3
import yaml
from support.skips import Missing, skip_without

from ako_lab.control_plane.binaries import DEFAULT_LINE, BinaryCache, release_of
from ako_lab.control_plane.cluster import ControlPlane
from ako_lab.control_plane.tools import ToolCache
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_runtime.errors import UserError

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

KUBECTL = "kubectl-1.34"


class Reply:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:400]!r}>"


class Rest:
    """A REST client from a kubeconfig that knows nothing about kinds; `user` replaces the credentials in it."""

    def __init__(self, kubeconfig: Path, *, user: dict[str, str] | None = None) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        user = document["users"][0]["user"] if user is None else user
        self.url = cluster["server"]
        self.kubeconfig = kubeconfig
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        options: dict[str, Any] = {"retries": False, "maxsize": 20, "timeout": urllib3.Timeout(connect=60, read=180)}
        if "certificate-authority-data" in cluster:
            context = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
            if "client-certificate-data" in user:
                certificate, key = kubeconfig.with_suffix(".crt"), kubeconfig.with_suffix(".key")
                certificate.write_bytes(b64decode(user["client-certificate-data"]))
                key.write_bytes(b64decode(user["client-key-data"]))
                context.load_cert_chain(certificate, key)
            options["ssl_context"] = context
        self._pool = urllib3.PoolManager(**options)

    def close(self) -> None:
        self._pool.clear()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {**self._headers, "Content-Type": content_type, "Accept": accept, **(headers or {})}
        address = f"{self.url}{path}?{urlencode(query)}" if query else self.url + path
        reply = self._pool.request(method, address, body=data, headers=sent)
        return Reply(reply.status, reply.headers, reply.data)

    def get(self, path: str, **query: Any) -> Reply:
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Any, **query: Any) -> Reply:
        return self.request("POST", path, body, query=query)

    def put(self, path: str, body: Any, **query: Any) -> Reply:
        return self.request("PUT", path, body, query=query)

    def patch(self, path: str, body: Any, content_type: str = MERGE, **query: Any) -> Reply:
        return self.request("PATCH", path, body, query=query, content_type=content_type)

    def delete(self, path: str, body: Any = None, **query: Any) -> Reply:
        return self.request("DELETE", path, body, query=query)

    @contextmanager
    def watch(self, path: str, accept: str = JSON, **query: Any) -> Iterator[Iterator[dict[str, Any]]]:
        """The events of a watch; the server is asked to end it after a while, so no test can hang."""
        asked = {"watch": "true", "timeoutSeconds": 120, **query}
        reply = self._pool.request(
            "GET",
            f"{self.url}{path}?{urlencode(asked)}",
            headers={**self._headers, "Accept": accept},
            preload_content=False,
        )
        if reply.status != 200:
            pytest.fail(f"watch answered {reply.status}: {reply.data!r}")
        try:
            yield _events(reply)
        finally:
            reply.close()


def _events(reply: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
    rest = b""
    for chunk in reply.stream(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line)


class Server:
    """One server under the contract: which, how to reach it, and a namespace that this file has for itself."""

    def __init__(self, *, name: str, rest: Rest, namespace: str, lab: KubeLab | None) -> None:
        self.name, self.rest, self.namespace, self.lab = name, rest, namespace, lab
        self.kubeconfig = rest.kubeconfig

    def path(self, plural: str, name: str = "", *, api: str = "/api/v1", namespace: str | None = None) -> str:
        place = f"{api}/namespaces/{namespace or self.namespace}/{plural}"
        return f"{place}/{name}" if name else place

    def kubectl(self, *arguments: str, stdin: str | None = None, program: str = "") -> subprocess.CompletedProcess[str]:
        command = [
            program or str(tool_or_skip(KUBECTL)),
            "--kubeconfig",
            str(self.kubeconfig),
            "-n",
            self.namespace,
            *arguments,
        ]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False)


@contextmanager
def embedded_server(folder: Path, config: KubeConfig | None = None) -> Iterator[Server]:
    with KubeLab(config) as lab:
        rest = Rest(lab.write_kubeconfig(folder / "kubeconfig"))
        try:
            namespace = f"t-{uuid4().hex[:8]}"
            lab.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            yield Server(name="embedded", rest=rest, namespace=namespace, lab=lab)
        finally:
            rest.close()


@contextmanager
def real_server(cluster: ControlPlane) -> Iterator[Server]:
    """A namespace of its own on a running control plane."""
    rest, namespace = Rest(cluster.kubeconfig), f"t-{uuid4().hex[:8]}"
    try:
        reply = rest.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        assert reply.status == 201, reply
        for plural, name in (("configmaps", "kube-root-ca.crt"), ("serviceaccounts", "default")):
            path = f"/api/v1/namespaces/{namespace}/{plural}"
            with rest.watch(path, fieldSelector=f"metadata.name={name}") as events:
                next(events)
        yield Server(name="real", rest=rest, namespace=namespace, lab=None)
        rest.delete(f"/api/v1/namespaces/{namespace}")
    finally:
        rest.close()


def binaries_or_skip() -> Path:
    """The programs of the Kubernetes line in AKO_KUBERNETES, built if need be; skips without them and without Go."""
    cache = BinaryCache(release=release_of(os.environ.get("AKO_KUBERNETES", DEFAULT_LINE)))
    reason = cache.why_not()
    if reason is not None:
        skip_without(Missing.CONTROL_PLANE, reason)
    return cache.ensure()


def tool_or_skip(name: str) -> Path:
    """The path of a pinned helm or kubectl, fetched if need be; skips where it cannot be had."""
    try:
        return ToolCache().ensure(name)
    except UserError as error:
        skip_without(Missing.TOOLS, f"no {name}: {error}")


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory) -> Iterator[ControlPlane]:
    binaries = binaries_or_skip()
    with ControlPlane(folder=tmp_path_factory.mktemp("control-plane"), binaries=binaries) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_control_plane(tmp_path_factory) -> Iterator[ControlPlane]:
    binaries = binaries_or_skip()
    with ControlPlane(folder=tmp_path_factory.mktemp("control-plane"), binaries=binaries) as cluster:
        yield cluster


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.cluster)])
def fresh_server(request, tmp_path) -> Iterator[Server]:
    """Each server in turn, for one test alone: for what changes the cluster as a whole."""
    if request.param == "embedded":
        with embedded_server(tmp_path) as found:
            yield found
    else:
        binaries = binaries_or_skip()
        with ControlPlane(folder=tmp_path, binaries=binaries) as cluster, real_server(cluster) as found:
            yield found


@pytest.fixture(scope="module")
def cluster_namespace(control_plane) -> Iterator[Server]:
    with real_server(control_plane) as server:
        yield server


@pytest.fixture(scope="module", params=["embedded", pytest.param("real", marks=pytest.mark.cluster)])
def server(request, tmp_path_factory) -> Iterator[Server]:
    """Each server in turn, with a namespace for this file."""
    if request.param == "embedded":
        with embedded_server(tmp_path_factory.mktemp("embedded")) as found:
            yield found
    else:
        with real_server(request.getfixturevalue("control_plane")) as found:
            yield found


def wait_until(condition, seconds: float = 60.0) -> None:
    """Wait for a fact that nothing announces: asked again and again, with a deadline."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not so within {seconds} s")
        pause.wait(0.02)


def is_established(definition: dict[str, Any]) -> bool:
    """Whether the API server serves the kind of this CustomResourceDefinition."""
    conditions = definition.get("status", {}).get("conditions") or ()
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)


def remove_definitions(rest: Rest, names: Iterable[str]) -> None:
    """Delete CustomResourceDefinitions and wait until they are gone.

    A real API server can forget one that is being deleted. A first try that meets storage which is not ready leaves a
    note in the status, and the second, which does not know that note yet, ends in a conflict without being tried again;
    a change of the note alone wakes nobody until the next resync, minutes later (apiextensions-apiserver,
    crd_finalizer.go, seen in 1.34). Any other change wakes it, so an annotation is touched while we wait.
    """
    paths = [f"{DEFINITIONS}/{name}" for name in names]
    for path in paths:
        rest.delete(path)
    asked = itertools.count(1)
    for path in paths:

        def is_gone(path: str = path) -> bool:
            turn = next(asked)
            if turn % 100 == 0:  # once in two seconds; each change may itself be what a try conflicts with
                rest.patch(path, {"metadata": {"annotations": {"tests/reminded": str(turn)}}})
            return rest.get(path).status == 404

        wait_until(is_gone)
