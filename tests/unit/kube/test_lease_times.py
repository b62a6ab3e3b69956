"""How long a leader may write, by a clock that stands still until it is moved."""

import threading

import msgspec
import pytest

from ako_runtime.errors import RetryLater
from ako_runtime.kube.candidacy import LeaseTimes
from ako_runtime.kube.connection import KubeAnswer
from ako_runtime.kube.lease import LeaderElection, LeaseName

TIMES = LeaseTimes(duration=15.0, renew_deadline=10.0, retry_period=0.005)
STEPS = (0.0, 1.0, 5.0, 9.9, 10.0, 12.0, 14.9)


class ApiServer:
    """One Lease, until it is cut off; notes how long each request may take."""

    def __init__(self):
        self.lease = None
        self.cut = False
        self.refused = threading.Event()
        self.timeouts = []

    def request(self, method, _path, *, body=None, timeout):
        self.timeouts.append(timeout)
        if self.cut:
            self.refused.set()
            raise RetryLater("cut off")
        if method == "GET":
            return KubeAnswer(status=200, body=self.lease) if self.lease else KubeAnswer(status=404)
        body["metadata"]["resourceVersion"] = str(len(self.timeouts))
        self.lease = msgspec.json.encode(body)
        return KubeAnswer(status=200, body=self.lease)


@pytest.fixture
def election():
    server, now, gained = ApiServer(), [100.0], threading.Event()
    election = LeaderElection(
        connection=server,
        lease=LeaseName(namespace="avi-system", name="ako-lease-lock", identity="ako-0"),
        on_change=gained.set,
        times=TIMES,
        clock=lambda: now[0],
    )
    assert election.write_seconds == 0
    election.start()
    assert gained.wait(30)
    server.cut = True
    server.refused.clear()
    assert server.refused.wait(30)
    yield election, now, server
    election.stop()


def test_no_write_that_begins_ends_after_the_lease(election):
    election, now, _server = election
    for step in STEPS:
        now[0] = 100.0 + step
        left = election.write_seconds
        assert bool(election.term) is (left > 0)
        assert (left > 0) is (step < TIMES.renew_deadline)
        assert now[0] + left < 100.0 + TIMES.duration


def test_a_request_about_the_lease_that_hangs_leaves_time_for_another(election):
    _election, _now, server = election
    assert all(2 * timeout <= TIMES.renew_deadline for timeout in server.timeouts)


ODD = {
    "a page of a proxy": b"<html><body>502</body></html>",
    "nothing": b"",
    "null": b"null",
    "an empty object": b"{}",
    "a Status": b'{"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 500}',
    "no version": b'{"kind": "Lease", "metadata": {}, "spec": {"holderIdentity": ""}}',
    "a number for a name": b'{"kind": "Lease", "metadata": {"resourceVersion": "7"}, "spec": {"holderIdentity": 5}}',
    "a number for a time": b'{"kind": "Lease", "metadata": {"resourceVersion": "7"}, "spec": {"renewTime": 5}}',
    "very deep": b"[" * 100_000,
    "not UTF-8": b"\xff\xfe",
    "nobody's": b'{"kind": "Lease", "metadata": {"resourceVersion": "7"}, "spec": null}',
}


class OddServer:
    """Another one holds the Lease; the first answers are odd."""

    def __init__(self, method, body, status=200):
        self.odd = [(method, KubeAnswer(status=status, body=body))] * 3
        self.lease = None
        self.written = []
        self.reads = 0
        self.whole = threading.Event()

    def request(self, method, _path, *, body=None, timeout):
        assert timeout > 0
        if self.odd and self.odd[0][0] == method:
            return self.odd.pop()[1]
        if method == "GET":
            self.reads += not self.odd
            if self.reads > 2:
                self.whole.set()
            return KubeAnswer(status=200, body=self.lease) if self.lease else KubeAnswer(status=404)
        self.written.append(body["metadata"].get("resourceVersion"))
        body["metadata"]["resourceVersion"] = str(len(self.written))
        self.lease = msgspec.json.encode(body)
        return KubeAnswer(status=200, body=self.lease)


def competing(server):
    return LeaderElection(
        connection=server,
        lease=LeaseName(namespace="avi-system", name="ako-lease-lock", identity="ako-0"),
        on_change=lambda: None,
        times=TIMES,
    )


@pytest.mark.parametrize("shape", [shape for shape in ODD if shape != "nobody's"])
def test_what_is_no_lease_is_not_taken_for_a_free_one(shape):
    server = OddServer("GET", ODD[shape])
    server.lease = (
        b'{"kind": "Lease", "metadata": {"resourceVersion": "9"},'
        b' "spec": {"holderIdentity": "ako-1", "leaseDurationSeconds": 3600}}'
    )
    election = competing(server)
    election.start()
    assert server.whole.wait(30)
    assert not election.thread.gone
    assert (election.term, server.written, election.thread.guard.failures) == (0, [], 0)
    election.stop()


@pytest.mark.parametrize("shape", ODD)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_counts_only_if_its_answer_shows_it(shape, method):
    server = OddServer(method, ODD[shape])
    if method == "PUT":
        server.lease = b'{"kind": "Lease", "metadata": {"resourceVersion": "9"}}'
    election = competing(server)
    election.start()
    assert server.whole.wait(30)
    assert not server.odd
    assert election.term == 1
    election.stop()


@pytest.mark.parametrize("status", [302, 204])
def test_no_other_status_is_a_success(status):
    server = OddServer("PUT", b"", status=status)
    server.lease = b'{"kind": "Lease", "metadata": {"resourceVersion": "9"}}'
    election = competing(server)
    election.start()
    assert server.whole.wait(30)
    assert (election.term, server.odd) == (1, [])
    election.stop()


def test_who_is_not_fit_leaves_the_lease_to_others():
    server, fit, asked = OddServer("GET", b""), [False], threading.Event()

    def is_fit():
        asked.set()
        return fit[0]

    election = LeaderElection(
        connection=server,
        lease=LeaseName(namespace="avi-system", name="ako-lease-lock", identity="ako-0"),
        on_change=lambda: None,
        times=TIMES,
        fit=is_fit,
    )
    election.start()
    assert asked.wait(30)
    assert server.written == []
    fit[0] = True
    assert server.whole.wait(30)
    assert election.term == 1
    election.stop()
