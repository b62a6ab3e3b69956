"""The pace towards the API server."""

import socket

import kubernetes.client
import pytest
import urllib3

from ako_runtime.errors import RetryLater
from ako_runtime.kube.connection import KEEP_ALIVE, KubeConnection
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


def test_a_peer_that_vanished_is_noticed_by_the_kernel(monkeypatch):
    made = []
    connect = socket.create_connection
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def connected(address, *_rest, socket_options, **_named):
            made.append(socket_options)
            return connect(address, 30)

        monkeypatch.setattr(urllib3.util.connection, "create_connection", connected)
        connection = KubeConnection(configuration=kubernetes.client.Configuration(host=f"http://127.0.0.1:{port}"))
        with pytest.raises(RetryLater):
            connection.request("GET", "/", timeout=0.05)
        connection.close()
    (options,) = made
    assert set(KEEP_ALIVE) <= set(options)


def test_the_unlimited_connection_waits_for_nobody(connection, pool):
    bucket = TokenBucket(rate=0.001, burst=1, clock=lambda: 0.0, pause=lambda _seconds: pytest.fail("waited"))
    connection.limited(bucket)
    for _ in range(3):
        with pytest.raises(OSError, match="not here"):
            connection.request("GET", "/apis/coordination.k8s.io/v1/namespaces/avi-system/leases/ako-lease-lock")
    assert pool.tries == 3
