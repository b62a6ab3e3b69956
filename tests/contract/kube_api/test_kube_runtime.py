"""The runtime's own clients of the API: reflectors, status writers, the Lease, Events."""

import functools
import threading

import pytest
from support.kube.differences import servers_with
from support.kube.servers import wait_until

from ako_runtime.errors import Stale
from ako_runtime.kube.candidacy import LeaseTimes
from ako_runtime.kube.connection import connect
from ako_runtime.kube.events import REPORTER, EventWriter
from ako_runtime.kube.kinds import WatchedKind, kind_named
from ako_runtime.kube.lease import LeaderElection, LeaseName
from ako_runtime.kube.reflector import Pauses, Reflector
from ako_runtime.kube.writer import StatusWriter, TokenBucket
from ako_runtime.model.patch import Patch
from ako_runtime.model.stack import ObjectRef


class Sink:
    """What a reflector has told, and a condition to wait on."""

    def __init__(self):
        self.objects, self.lists = {}, 0
        self._changed = threading.Condition()

    def put(self, _resource, obj):
        with self._changed:
            self.objects[obj.identity] = obj
            self._changed.notify_all()

    def remove(self, _resource, identity):
        with self._changed:
            self.objects.pop(identity, None)
            self._changed.notify_all()

    def replace(self, _resource, objects, **_kept):
        with self._changed:
            self.objects = dict(objects)
            self.lists += 1
            self._changed.notify_all()

    def until(self, condition, seconds=60):
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), seconds), (self.lists, list(self.objects)[:5])


@pytest.fixture
def connection(server):
    found = connect(kubeconfig=str(server.kubeconfig))
    yield found
    found.close()


@pytest.fixture
def reflected(server, connection):
    sink = Sink()
    kind = kind_named("services")
    assert isinstance(kind, WatchedKind)
    reflector = Reflector(connection=connection, kind=kind, store=sink, pauses=Pauses(backoff=(0.05, 0.2)))
    reflector.start()
    sink.until(lambda found: found.lists == 1)
    yield sink
    reflector.stop()
    reflector.join(10)


def service(name, **labels):
    return {"metadata": {"name": name, "labels": labels}, "spec": {"ports": [{"port": 80}]}}


def test_reflector_lists_and_follows(server, reflected):
    identity = (server.namespace, "followed")
    server.rest.post(server.path("services"), service("followed"))
    reflected.until(lambda found: identity in found.objects)
    server.rest.patch(server.path("services", "followed"), {"spec": {"ports": [{"port": 81}]}})
    reflected.until(
        lambda found: found.objects[identity].metadata.resource_version != "" and _port(found, identity) == 81
    )
    server.rest.delete(server.path("services", "followed"))
    reflected.until(lambda found: identity not in found.objects)
    assert reflected.lists == 1


def _port(found, identity):
    return found.objects[identity].spec.ports[0].port


@pytest.mark.parametrize("server", servers_with("watches-end-on-command"), indirect=True)
def test_reflector_survives_what_a_server_may_do(server, reflected):
    for ending in ("end", "drop", "gone"):
        wait_until(lambda: server.lab.open_watches() >= 1)
        assert server.lab.interrupt_watches(ending, resource="services") >= 1
        name = f"after-{ending}"
        server.rest.post(server.path("services"), service(name))
        reflected.until(lambda found, name=name: (server.namespace, name) in found.objects)
    assert reflected.lists == 2


def patch_of(server, name, ip):
    status = {"loadBalancer": {"ingress": [{"ip": ip}]}}
    about = ObjectRef(resource="services", namespace=server.namespace, name=name)
    return Patch(about=about, body={"status": status}, subresource="status")


def test_status_writer(server, connection):
    server.rest.post(
        server.path("services"), {**service("written"), "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    )
    written = []
    bucket = TokenBucket(rate=100, burst=10)
    writer = StatusWriter(connection=connection, bucket=bucket, on_write=lambda _, status: written.append(status))
    version = writer.write(patch_of(server, "written", "192.0.2.9"))
    found = server.rest.get(server.path("services", "written")).json
    assert version == found["metadata"]["resourceVersion"]
    assert found["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.9"
    assert writer.write(patch_of(server, "not-there", "192.0.2.9")) == ""
    assert written == [200, 404]


def test_status_writer_is_told_of_a_conflict(server, connection):
    server.rest.post(server.path("services"), service("raced"))
    writer = StatusWriter(connection=connection, bucket=TokenBucket(rate=100, burst=10), on_write=lambda *_: None)
    stale = patch_of(server, "raced", "192.0.2.9")
    body = {**stale.body, "metadata": {"resourceVersion": "1"}}
    with pytest.raises(Stale):
        writer.write(Patch(about=stale.about, body=body, subresource="status"))


def test_one_of_two_holds_the_lease_and_hands_it_over(server, connection):
    times = LeaseTimes(duration=120.0, renew_deadline=90.0, retry_period=0.1)
    gained = [threading.Event(), threading.Event()]
    replicas = [
        LeaderElection(
            connection=connection,
            lease=LeaseName(namespace=server.namespace, name="leader", identity=f"replica-{number}"),
            on_change=gained[number].set,
            times=times,
        )
        for number in range(2)
    ]
    path = server.path("leases", "leader", api="/apis/coordination.k8s.io/v1")
    try:
        replicas[0].start()
        assert gained[0].wait(60)
        replicas[1].start()
        assert server.rest.get(path).json["spec"]["holderIdentity"] == "replica-0"
        assert not gained[1].is_set()
    finally:
        replicas[0].stop()
        assert gained[1].wait(60)
        holder = server.rest.get(path).json["spec"]
        replicas[1].stop()
    assert holder["holderIdentity"] == "replica-1"
    assert holder["leaseTransitions"] >= 1


def events_about(server, name, reporter):
    """What `reporter` has written about an object: the API server and controllers write Events about it too."""
    found = server.rest.get(server.path("events"), fieldSelector=f"involvedObject.name={name}").json["items"]
    return [item for item in found if item["reportingComponent"] == reporter]


def test_event_writer(server, connection):
    made = server.rest.post(server.path("services"), service("spoken")).json
    moments = iter([0.0, 301.0])
    writer = EventWriter(
        connection=connection, instance="tests", enabled=lambda: True, clock=functools.partial(next, moments)
    )
    about = ObjectRef(resource="services", namespace=server.namespace, name="spoken")
    writer.publish(about, uid=made["metadata"]["uid"], severity="Warning", reason="Refused", note="a reason")
    found = events_about(server, "spoken", REPORTER)
    assert [(item["type"], item["reason"], item["message"]) for item in found] == [("Warning", "Refused", "a reason")]
    described = server.kubectl("describe", "service", "spoken").stdout
    assert "Refused" in described
    assert "a reason" in described
    # One that the API server has forgotten meanwhile is written anew when the cause is still there.
    (name,) = (item["metadata"]["name"] for item in found)
    assert server.rest.delete(f"{server.path('events')}/{name}").status == 200
    writer.publish(about, uid=made["metadata"]["uid"], severity="Warning", reason="Refused", note="a reason")
    again = events_about(server, "spoken", REPORTER)
    assert [(item["message"], item["series"]["count"]) for item in again] == [("a reason", 2)]
