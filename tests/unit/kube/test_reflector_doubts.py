"""What a reflector does not take for news: answers that are no lists, older ones, events that nobody sends."""

import json
import threading

import pytest

from ako_runtime.kube.connection import KubeAnswer
from ako_runtime.kube.kinds import kind_named
from ako_runtime.kube.reflector import Pauses, Reflector

SERVICE = {"metadata": {"name": "web", "namespace": "default", "resourceVersion": "100"}, "spec": {}}


def listed(*objects, version="100", kind="ServiceList"):
    return json.dumps({"kind": kind, "metadata": {"resourceVersion": version}, "items": list(objects)}).encode()


def event(kind, obj):
    return json.dumps({"type": kind, "object": obj}).encode()


class Stream:
    status = 200
    retry_after = None

    def __init__(self, lines):
        self._lines = lines

    def lines(self):
        yield from self._lines

    def close(self):
        pass


class Server:
    """Answers lists one after the other, the last one for ever; each watch brings its lines and ends."""

    def __init__(self, lists, watches=(), groups=(200, b"")):
        self._lists = list(lists)
        self._watches = list(watches)
        self._groups = groups
        self.asked = 0

    def request(self, _method, path, **_rest):
        if path.startswith("/apis") and path.count("/") < 4:
            return KubeAnswer(status=self._groups[0], body=self._groups[1])
        self.asked += 1
        found = self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]
        status, body = found if isinstance(found, tuple) else (200, found)
        return KubeAnswer(status=status, body=body)

    def stream(self, _path, **_rest):
        return Stream(self._watches.pop(0) if self._watches else [])


class Sink:
    def __init__(self):
        self.held = {}
        self.names = []
        self.changed = threading.Condition()

    def put(self, _resource, obj):
        with self.changed:
            self.held[obj.identity] = obj
            self.changed.notify_all()

    def remove(self, _resource, identity):
        with self.changed:
            self.held.pop(identity, None)
            self.changed.notify_all()

    def replace(self, _resource, objects, *, keep, namespace=""):
        del namespace
        with self.changed:
            self.held = {one: obj for one, obj in {**self.held, **objects}.items() if one in objects or one in keep}
            self.names.append(sorted(name for _, name in objects))
            self.changed.notify_all()

    def until(self, fact):
        with self.changed:
            assert self.changed.wait_for(fact, 20.0), (self.held.keys(), self.names)


def following(server, sink, kind="services", **pauses):
    return Reflector(
        connection=server,
        kind=kind_named(kind),
        store=sink,
        pauses=Pauses(backoff=(0.001, 0.01), absent=0.01, **pauses),
    )


BAD = [
    b"{}",
    b"null",
    b"<html></html>",
    json.dumps({"kind": "Status", "status": "Failure"}).encode(),
    json.dumps({"kind": "ServiceList", "metadata": {"resourceVersion": "101"}, "items": None}).encode(),
    json.dumps({"kind": "ServiceList", "metadata": {}, "items": []}).encode(),
    listed({"metadata": None}, version="101"),
    listed(17, version="101"),
    listed(version="99"),
    (204, b""),
    (302, listed(version="101")),
    (404, b"not found"),
]


@pytest.mark.parametrize("answer", BAD)
def test_nothing_goes_by_an_answer_that_is_no_list(answer):
    last = {**SERVICE, "metadata": {**SERVICE["metadata"], "name": "last"}}
    server = Server([listed(SERVICE), answer, answer, listed(last, version="200")], watches=[[b"no event"]])
    sink = Sink()
    reflector = following(server, sink, restored=60.0)
    reflector.start()
    sink.until(lambda: ("default", "last") in sink.held)
    reflector.stop()
    reflector.join(10.0)
    assert sink.names[:2] == [["web"], ["last"]]


@pytest.mark.parametrize(
    "line",
    [
        event("WHAT", SERVICE),
        event("modified", SERVICE),
        event("MODIFIED", {}),
        event("MODIFIED", {"metadata": {"name": ""}}),
        event("DELETED", {"metadata": {"name": "", "namespace": ""}}),
        event("ADDED", {"kind": "Status", "status": "Failure"}),
        event("ERROR", None),
        b"not json",
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_an_event_that_nobody_sends_is_no_change_and_brings_a_new_list(line):
    ghost = {**SERVICE, "metadata": {**SERVICE["metadata"], "name": "ghost"}}
    server = Server([listed(SERVICE), listed(ghost, SERVICE, version="150")], watches=[[line], [b"no event"]])
    sink = Sink()
    reflector = following(server, sink)
    reflector.start()
    sink.until(lambda: ("default", "ghost") in sink.held)
    reflector.stop()
    reflector.join(10.0)
    assert sink.names[:2] == [["web"], ["ghost", "web"]]


def test_an_older_list_is_taken_when_it_is_said_again():
    told = []
    server = Server([listed(SERVICE), listed(version="50")], watches=[[b"no event"]])
    sink = Sink()
    reflector = Reflector(
        connection=server,
        kind=kind_named("services"),
        store=sink,
        pauses=Pauses(backoff=(0.001, 0.01), restored=0.2),
        on_older=told.append,
    )
    reflector.start()
    sink.until(lambda: not sink.held and len(sink.names) > 1)
    reflector.stop()
    reflector.join(10.0)
    assert server.asked > 2
    assert len(told) == 1
    assert "backup" in told[0]


GROUPS = {"kind": "APIGroupList", "groups": [{"name": "ako.vmware.com", "versions": [{"version": "v1beta1"}]}]}


@pytest.mark.parametrize(
    ("groups", "believed"),
    [
        ((200, json.dumps({"kind": "APIGroupList", "groups": []}).encode()), True),
        ((403, b"{}"), True),
        ((200, json.dumps(GROUPS).encode()), False),
        ((200, b"{}"), False),
        ((404, b"<html></html>"), False),
        ((502, b""), False),
    ],
)
def test_a_kind_is_gone_only_when_discovery_says_so(groups, believed):
    rule = {"metadata": {"name": "rule", "namespace": "default", "resourceVersion": "100"}, "spec": {}}
    server = Server([listed(rule, kind="HostRuleList"), (404, b"404 page not found")], [[b"no event"]], groups)
    sink = Sink()
    reflector = following(server, sink, kind="hostrules")
    reflector.start()
    if believed:
        sink.until(lambda: not sink.held and len(sink.names) > 1)
    else:
        sink.until(lambda: sink.held)
        while server.asked < 6:
            threading.Event().wait(0.001)
        assert sink.held
    reflector.stop()
    reflector.join(10.0)
