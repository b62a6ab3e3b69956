"""Diagnostics that no status carries: told once while they stand, many of one reason as one."""

from concurrent.futures import Executor, Future

import msgspec
import pytest
from support.golden_cases import snapshot_of

from ako_runtime.model.stack import RUNTIME, Diagnostic, ObjectRef, Outcome, ServiceStatus, StackKey
from ako_runtime.reconcile.announcements import MANY, Announcer, gathered

KEY = StackKey(kind="routes", namespace="", name="nodes")
POD = ObjectRef(resource="pods", namespace="avi-system", name="ako-0")


class AtOnce(Executor):
    """Runs what is submitted before it returns."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Written:
    """Remembers Events instead of writing them."""

    def __init__(self):
        self.events = []

    def publish(self, about, *, severity, reason, note, **_identity):
        self.events.append((str(about), severity, reason, note))


class Store(msgspec.Struct):
    snapshot: object


@pytest.fixture
def written():
    return Written()


@pytest.fixture
def announcer(written):
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node{one}"}} for one in range(MANY + 3)]
    return Announcer(store=Store(snapshot=snapshot_of(nodes)), events=written, pod=POD, executor=AtOnce())


def problem(number, text="wrong", reason="Wrong"):
    about = ObjectRef(resource="nodes", namespace="", name=f"node{number}")
    return Diagnostic(object=about, field="spec", reason=reason, message=text)


def outcome(*found, **more):
    return Outcome(key=KEY, diagnostics=found, **more)


def test_told_once_while_it_stands_and_again_when_it_comes_back(announcer, written):
    for found in ((problem(1),), (problem(1),), (problem(1), problem(2)), (), (problem(1),)):
        announcer.tell(outcome(*found))
    assert [about for about, *_ in written.events] == ["nodes/node1", "nodes/node2", "nodes/node1"]


def test_what_a_status_shows_is_not_told_again(announcer, written):
    about = ObjectRef(resource="nodes", namespace="", name="node1")
    announcer.tell(outcome(problem(1), problem(2), statuses=(ServiceStatus(about=about, problem=problem(1)),)))
    assert [about for about, *_ in written.events] == ["nodes/node2"]


def test_an_object_that_is_gone_gets_no_event(announcer, written):
    announcer.tell(outcome(problem(99)))
    assert written.events == []


def test_a_failure_is_told_at_our_own_pod(announcer, written):
    announcer.tell_failure(KEY, reason="RefusedByController", message="no")
    announcer.tell_failure(KEY, reason="RefusedByController", message="no")
    assert written.events == [("pods/avi-system/ako-0", "Warning", "RefusedByController", "no")]


def test_many_of_one_reason_are_one():
    many = [problem(number) for number in range(MANY + 1)]
    one, other = gathered([*many, problem(1, reason="Other")])
    assert (one.object, one.reason) == (RUNTIME, "Wrong")
    assert one.message.startswith(f"{MANY + 1} objects (nodes/node0, nodes/node1, nodes/node2, ...)")
    assert other.object.name == "node1"
    assert gathered(many[:MANY]) == tuple(many[:MANY])
