"""The health port under many, slow and silent clients."""

import contextlib
import socket
import threading
import time
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from ako_runtime.observe.http import CONNECTIONS, HttpServer, Probes

PROBES = Probes(
    status=dict,
    unhealthy=str,
    not_ready=str,
    registry=CollectorRegistry(),
    refresh_metrics=lambda: None,
    debug=lambda _text: None,
)


@pytest.fixture
def server():
    server = HttpServer(port=0, probes=PROBES, address="::" if socket.has_dualstack_ipv6() else "127.0.0.1")
    server.start()
    yield server
    server.stop()


def healthy(server):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{server.port}/healthz", timeout=30) as answer:
        return answer.read() == b"ok\n"


def handlers():
    return [one for one in threading.enumerate() if "process_request_thread" in one.name]


def connected(server, stack, data):
    made = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    with contextlib.suppress(OSError):
        made.sendall(data)
    return made


@pytest.mark.parametrize("data", [b"", b"GET /", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_many_connections_leave_the_port_answering_with_few_threads(server, data):
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            for _ in range(CONNECTIONS):
                connected(server, stack, data)
            assert healthy(server)
            assert len(server._server.since) <= CONNECTIONS + 1
        # Those that were ended are gone once their threads have noticed.
        deadline = time.monotonic() + 30
        while len(handlers()) > 2 * CONNECTIONS and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert len(handlers()) <= 2 * CONNECTIONS


@pytest.mark.parametrize("data", [b"GET /", b"GET /healthz HTTP/1.1\r\nX: "])
def test_a_connection_that_drips_ends_with_its_time(server, monkeypatch, data):
    monkeypatch.setattr("ako_runtime.observe.http.SECONDS", 0.2)
    with contextlib.ExitStack() as stack:
        slow = connected(server, stack, data)
        with contextlib.suppress(OSError):
            for _ in range(3000):
                slow.sendall(b"a")
                if slow.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b"":
                    break
                time.sleep(0.01)
        slow.settimeout(30)
        with contextlib.suppress(ConnectionError, BlockingIOError):
            assert slow.recv(1) == b""
        assert healthy(server)


def test_a_probe_that_keeps_its_connection_is_served_over_it(server):
    with contextlib.ExitStack() as stack:
        kept = connected(server, stack, b"")
        for _ in range(3):
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok\n"):
                answer += kept.recv(1024)
            assert answer.startswith(b"HTTP/1.1 200")
