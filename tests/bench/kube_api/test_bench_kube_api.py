"""How the embedded API scales: ratios within one run, printed; nothing asserts a time.

The assertions are about counts (every watcher saw every object) so that a number is never printed for work that was not
done. Run with `pytest -m bench -s tests/bench/kube_api`.
"""

import gc
import json
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from support.kube.servers import Rest, binaries_or_skip, real_server, wait_until

from ako_lab.control_plane.cluster import ControlPlane
from ako_lab.control_plane.nodes import FakeNodes
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_runtime.kube.connection import connect
from ako_runtime.kube.kinds import WatchedKind
from ako_runtime.kube.reflector import Reflector
from ako_runtime.resources.meta import Resource

pytestmark = pytest.mark.bench

OBJECTS, WATCHERS, INGRESSES, NODES, PODS = 20_000, 10, 5_000, 200, 10_000
INGRESS_PATH = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
SLICE_PATH = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
POD_PATH = "/api/v1/namespaces/default/pods"
SERVICE_PATH = "/api/v1/namespaces/default/services"


def ingress(number):
    backend = {"service": {"name": f"web-{number}", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    annotations = {f"example.com/note-{n}": "x" * 60 for n in range(10)}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": f"ing-{number:05}", "annotations": annotations},
        "spec": {"rules": [{"host": f"h{number}.example.com", "http": {"paths": [path]}}]},
    }


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def say(text):
    sys.stderr.write(f"\n  {text}")


def create(rest, numbers, threads=4):
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        statuses = list(pool.map(lambda number: rest.post(INGRESS_PATH, ingress(number)).status, numbers))
    assert set(statuses) == {201}
    return len(statuses) / (time.perf_counter() - began)


def test_start(tmp_path):
    began = time.perf_counter()
    with KubeLab() as lab:
        rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
        assert rest.get("/version").status == 200
        say(f"embedded API: from constructor to first answer {1000 * (time.perf_counter() - began):.0f} ms")
        rest.close()


def test_creates_do_not_slow_down(tmp_path):
    with KubeLab() as lab:
        rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
        counts = [0] * WATCHERS
        done = threading.Event()

        def follow(at):
            with rest.watch("/apis/networking.k8s.io/v1/ingresses", timeoutSeconds=600) as events:
                for _ in events:
                    counts[at] += 1
                    if min(counts) >= OBJECTS:
                        done.set()
                    if counts[at] >= OBJECTS:
                        return

        watchers = [threading.Thread(target=follow, args=(at,), daemon=True) for at in range(WATCHERS)]
        for thread in watchers:
            thread.start()
        lab.wait_for(lambda found: found.open_watches() == WATCHERS)
        step = OBJECTS // 10
        rates = [create(rest, range(start, start + step)) for start in range(0, OBJECTS, step)]
        assert done.wait(300), counts
        say(f"{OBJECTS} creates over HTTP with {WATCHERS} watchers in this process: first tenth {rates[0]:.0f}/s, ")
        say(f"last tenth {rates[-1]:.0f}/s, ratio {rates[-1] / rates[0]:.2f}; peak {memory()} MB")
        for label in ("first list", "second list"):
            began = time.perf_counter()
            body = rest.get("/apis/networking.k8s.io/v1/ingresses").body
            say(f"{label} of {OBJECTS}: {time.perf_counter() - began:.2f} s, {len(body) / 1e6:.0f} MB")
        assert len(json.loads(body)["items"]) == OBJECTS
        rest.close()


def test_writes_without_http():
    with KubeLab() as lab:
        rates = []
        for start in range(0, OBJECTS, OBJECTS // 4):
            began = time.perf_counter()
            for number in range(start, start + OBJECTS // 4):
                lab.apply(ingress(number))
            rates.append(OBJECTS / 4 / (time.perf_counter() - began))
        assert len(lab.objects("ingresses")) == OBJECTS
        say(f"{OBJECTS} objects through the helper: {rates[0]:.0f}/s at first, {rates[-1]:.0f}/s at last")


class Sink:
    def __init__(self):
        self.names, self.listed, self._changed = set(), False, threading.Condition()

    def put(self, _resource, obj):
        with self._changed:
            self.names.add(obj.identity)
            self._changed.notify_all()

    def remove(self, _resource, identity):
        with self._changed:
            self.names.discard(identity)
            self._changed.notify_all()

    def replace(self, _resource, objects, **_kept):
        with self._changed:
            self.names, self.listed = set(objects), True
            self._changed.notify_all()

    def until(self, condition):
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), 600)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    host: str = ""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    rules: tuple[Rule, ...] = ()


class Ingress(Resource, frozen=True, kw_only=True):
    spec: Spec = Spec()


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.cluster)])
def empty(request, tmp_path):
    """Each server in turn, with nothing in it."""
    if request.param == "embedded":
        # As long a history as etcd keeps for five minutes.
        with KubeLab(KubeConfig(retained_events=100_000)) as lab:
            rest = Rest(lab.write_kubeconfig(tmp_path / "kubeconfig"))
            yield request.param, rest
            rest.close()
    else:
        with ControlPlane(folder=tmp_path, binaries=binaries_or_skip()) as cluster, real_server(cluster) as server:
            yield request.param, server.rest


def test_many_pods_on_many_nodes(empty):
    name, rest = empty
    labels = {"app": "many"}
    spec = {"containers": [{"name": "c", "image": "registry.local/c:1"}]}
    service = {"metadata": {"name": "many"}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
    began = time.perf_counter()
    with FakeNodes(kubeconfig=rest.kubeconfig, count=NODES):
        say(f"{name}: {NODES} nodes Ready after {time.perf_counter() - began:.1f} s; ")
        began = time.perf_counter()
        ready: dict[str, str] = {}
        with rest.watch(POD_PATH, timeoutSeconds=1200) as events, ThreadPoolExecutor(4) as pool:
            for number in range(PODS):
                pool.submit(rest.post, POD_PATH, {"metadata": {"name": f"p{number}", "labels": labels}, "spec": spec})
            for event in events:
                pod = event["object"]
                conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions") or ()}
                if conditions.get("Ready") == "True":
                    ready[pod["metadata"]["name"]] = pod["status"]["podIP"]
                if len(ready) == PODS:
                    break
        seconds = time.perf_counter() - began
        assert len(set(ready.values())) == PODS
        nodes = rest.get("/api/v1/nodes").json["items"]
        assert len(nodes) == NODES
        say(f"{PODS} Pods created and Ready on them after {seconds:.0f} s, {PODS / seconds:.0f}/s")
        began = time.perf_counter()
        assert rest.post(SERVICE_PATH, service).status == 201
        wait_until(lambda: endpoints(rest) == set(ready.values()), seconds=600)
        say(f"endpoints of one Service after {time.perf_counter() - began:.1f} s; peak {memory()} MB")


def endpoints(rest):
    """Addresses in the EndpointSlices of the Service `many`."""
    found = rest.get(SLICE_PATH, labelSelector="kubernetes.io/service-name=many").json["items"]
    return {address for item in found for endpoint in item["endpoints"] or () for address in endpoint["addresses"]}


def test_reflector_lists_and_watches(empty):
    name, rest = empty
    rate = create(rest, range(INGRESSES))
    kind = WatchedKind(group="networking.k8s.io", version="v1", resource="ingresses", kind="Ingress", model=Ingress)
    gc.collect()
    connection, sink = connect(kubeconfig=str(rest.kubeconfig)), Sink()
    reflector = Reflector(connection=connection, kind=kind, store=sink)
    began = time.perf_counter()
    reflector.start()
    sink.until(lambda found: found.listed)
    listed = time.perf_counter() - began
    assert len(sink.names) == INGRESSES
    latencies = []
    for number in range(INGRESSES, INGRESSES + 200):
        began = time.perf_counter()
        assert rest.post(INGRESS_PATH, ingress(number)).status == 201
        sink.until(lambda found, number=number: ("default", f"ing-{number:05}") in found.names)
        latencies.append(1000 * (time.perf_counter() - began))
    latencies.sort()
    say(f"{name}: {INGRESSES} creates {rate:.0f}/s; reflector listed them in {listed:.2f} s; ")
    say(f"create to reflector p50 {latencies[100]:.1f} ms, p99 {latencies[198]:.1f} ms")
    reflector.stop()
    reflector.join(10)
    connection.close()
