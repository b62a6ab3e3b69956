"""The pace towards the API server."""

import kubernetes.client
import pytest

from ako_runtime.kube.connection import KubeConnection
from ako_runtime.kube.rate import TokenBucket


class Pool:
    """Answers nothing; counts the tries."""

    def __init__(self):
        self.tries = 0

    def request(self, *_arguments, **_options):
        self.tries += 1
        raise OSError("not here")


@pytest.fixture
def pool():
    return Pool()


@pytest.fixture
def connection(pool):
    return KubeConnection(configuration=kubernetes.client.Configuration(host="http://127.0.0.1:1"), pool=pool)


def test_every_request_and_every_stream_takes_its_turn(connection, pool):
    waits = []
    bucket = TokenBucket(rate=10.0, burst=1, clock=lambda: 0.0, pause=waits.append)
    paced = connection.limited(bucket)
    for _ in range(2):
        with pytest.raises(OSError, match="not here"):
            paced.request("GET", "/api/v1/services")
    with pytest.raises(OSError, match="not here"):
        paced.stream("/api/v1/services", params={}, silence=1.0)
    assert waits == pytest.approx([0.1, 0.2])
    assert pool.tries == 3


def test_the_unlimited_connection_waits_for_nobody(connection, pool):
    bucket = TokenBucket(rate=0.001, burst=1, clock=lambda: 0.0, pause=lambda _seconds: pytest.fail("waited"))
    connection.limited(bucket)
    for _ in range(3):
        with pytest.raises(OSError, match="not here"):
            connection.request("GET", "/apis/coordination.k8s.io/v1/namespaces/avi-system/leases/ako-lease-lock")
    assert pool.tries == 3
