"""A write gets no longer than the replica may still write."""

import pytest

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.faults import Fault
from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Access, Endpoint, connection_pool
from ako_runtime.avi.session import AviSession
from ako_runtime.errors import RetryLater
from ako_runtime.settings import SecretText

POOL = {"name": "p", "cloud_ref": "/api/cloud?name=Default-Cloud"}


@pytest.fixture
def avi():
    with AviLab(LabConfig()) as avi:
        yield avi


@pytest.fixture
def session(avi):
    def made(write_seconds):
        credentials = Credentials(username=avi.username, password=SecretText(avi.password))
        endpoint = Endpoint(host=avi.host, timeout=600.0)
        pool = connection_pool(endpoint, credentials, size=1)
        pools.append(pool)
        access = Access(endpoint=endpoint, credentials=lambda: credentials, write_seconds=write_seconds)
        return AviSession(access=access, pool=pool)

    pools = []
    yield made
    for pool in pools:
        pool.close()


def test_a_write_is_given_up_when_its_time_is_over(avi, session):
    avi.faults.add(Fault(kind="delay", path="/api/pool", delay=600.0))
    with pytest.raises(RetryLater) as raised:
        session(lambda: 0.2).request("POST", "/api/pool", body=POOL)
    assert raised.value.reason == "ControllerUnreachable"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_does_not_begin_when_its_time_is_over(avi, session, method):
    with pytest.raises(RetryLater) as raised:
        session(lambda: 0.0).request(method, "/api/pool", body=POOL)
    assert raised.value.reason == "NotLeading"
    assert [one for one in avi.requests() if one.path.startswith("/api/pool")] == []


def test_whoever_does_not_lead_may_read(session):
    assert session(lambda: 0.0).request("GET", "/api/pool").status == 200


def test_the_time_is_asked_for_at_each_try(avi, session):
    left = iter([5.0, 0.0])
    tried = session(lambda: next(left))
    # The first try finds that the log-in has lapsed; meanwhile the lease is lost.
    avi.faults.add(Fault(status=401, path="/api/pool", count=1))
    with pytest.raises(RetryLater) as raised:
        tried.request("POST", "/api/pool", body=POOL)
    assert raised.value.reason == "NotLeading"
    assert avi.objects("pool") == ()
