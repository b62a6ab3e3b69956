"""How long a leader may write, by a clock that stands still until it is moved."""

import threading

import msgspec
import pytest

from ako_runtime.errors import RetryLater
from ako_runtime.kube.connection import KubeAnswer
from ako_runtime.kube.lease import LeaderElection, LeaseName, LeaseTimes

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
        self.lease = msgspec.json.encode(body)
        return KubeAnswer(status=200, body=self.lease)


@pytest.fixture
def election():
    server, now, gained = ApiServer(), [100.0], threading.Event()
    election = LeaderElection(
        connection=server,
        lease=LeaseName(namespace="avi-system", name="ako-lease-lock", identity="ako-0"),
        on_gain=gained.set,
        on_loss=lambda: None,
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
        assert election.may_write is (left > 0)
        assert (left > 0) is (step < TIMES.renew_deadline)
        assert now[0] + left < 100.0 + TIMES.duration


def test_a_request_about_the_lease_that_hangs_leaves_time_for_another(election):
    _election, _now, server = election
    assert all(2 * timeout <= TIMES.renew_deadline for timeout in server.timeouts)
