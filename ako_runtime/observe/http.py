"""The runtime's own HTTP end points: `/api/status` as the official AKO answers it, `/healthz`, `/readyz`, `/metrics`.

`/healthz` says that the process lives, `/readyz` that it serves (lists complete, inventory loaded, controller
connected). `/debug/` answers loopback only. The port is open for both IP families where the machine has both: the
kubelet asks at the Pod's address, which is an IPv6 one in many clusters.

Anybody in the cluster may connect, so a connection costs little and not for long: there are at most `CONNECTIONS`, the
one that has waited longest for its request makes room for a new one, and each has `SECONDS` for a request and for its
answer, however slowly it drips.
"""

import contextlib
import ipaddress
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from ako_runtime.errors import UserError
from ako_runtime.observe.threads import LastingThread

CONNECTIONS: Final = 32
"""Connections at once, each of which has a thread."""
SECONDS: Final = 10.0
"""How long a connection may wait for its request, or take in its answer."""


class Probes(Struct, frozen=True, kw_only=True):
    """Where the end points get their answers."""

    status: Callable[[], dict[str, object]]
    # What is wrong with the process itself; empty if nothing is.
    unhealthy: Callable[[], str]
    not_ready: Callable[[], str]
    registry: CollectorRegistry
    refresh_metrics: Callable[[], None]
    debug: Callable[[str], dict[str, object] | None]


class HttpServer:
    """Serves the end points from a thread of its own."""

    def __init__(self, *, port: int, probes: Probes, address: str = "") -> None:
        try:
            self._server = _Server((address, port), _handler_for(probes))
        except OSError as error:
            raise UserError(
                f"port {port} for health and metrics cannot be used: {error.strerror}; set another apiServerPort"
            ) from error
        self.thread = LastingThread(name="http", work=self._server.serve_forever)

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self.thread.start()

    def stop(self) -> None:
        """Stop and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self.thread.join(5.0)


_Request = socket.socket | tuple[bytes, socket.socket]
_Address = Any


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        # Connections by the moment of their last step, the oldest first.
        self.lock = threading.Lock()
        self.since: dict[socket.socket, float] = {}
        super().__init__(address, handler)

    daemon_threads = True
    request_queue_size = 128
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        """Listen for both families; nobody is asked for this machine's name."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "", int(self.server_address[1])

    def process_request(self, request: _Request, client_address: _Address) -> None:
        """Give the connection a thread; where there are too many, the one that waited longest is ended."""
        with self.lock:
            over = list(self.since)[: max(0, len(self.since) - CONNECTIONS + 1)]
            for one in over:
                del self.since[one]
            self.since[_socket_of(request)] = time.monotonic()
        for one in over:
            _end(one)
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Request) -> None:
        """The connection is over."""
        with self.lock:
            self.since.pop(_socket_of(request), None)
        super().shutdown_request(request)

    def note_step(self, connection: socket.socket) -> None:
        """A request has come or an answer has gone: the connection has its time anew, as the last of all."""
        with self.lock:
            if self.since.pop(connection, None) is not None:
                self.since[connection] = time.monotonic()

    def service_actions(self) -> None:
        """End what takes too long; `serve_forever` comes here twice a second."""
        limit = time.monotonic() - SECONDS
        with self.lock:
            over = [one for one, since in self.since.items() if since < limit]
        for one in over:
            _end(one)

    def handle_error(self, request: _Request, client_address: _Address) -> None:
        """A client that went away is no news, and standard error may be slower than we are."""


def _socket_of(request: _Request) -> socket.socket:
    """TCP requests are sockets; `socketserver` has datagrams as well."""
    return request[1] if isinstance(request, tuple) else request


def _end(connection: socket.socket) -> None:
    """Wake the thread that waits for the connection; it closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def is_loopback(address: str) -> bool:
    """Whether a client at this address is on the machine itself; an IPv4 one may come as `::ffff:127.0.0.1`."""
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _note_step(handler: BaseHTTPRequestHandler) -> None:
    if isinstance(handler.server, _Server):
        handler.server.note_step(handler.connection)


def _handler_for(probes: Probes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _note_step(self)
            path = self.path.partition("?")[0]
            if path == "/api/status":
                self._send(200, json.dumps(probes.status()).encode(), "application/json")
            elif path == "/healthz":
                complaint = probes.unhealthy()
                self._send(503 if complaint else 200, f"{complaint or 'ok'}\n".encode(), "text/plain")
            elif path == "/readyz":
                reason = probes.not_ready()
                self._send(503 if reason else 200, f"{reason or 'ok'}\n".encode(), "text/plain")
            elif path == "/metrics":
                probes.refresh_metrics()
                self._send(200, generate_latest(probes.registry), CONTENT_TYPE_LATEST)
            elif path.startswith("/debug/stack/") and is_loopback(self.client_address[0]):
                found = probes.debug(unquote(path.removeprefix("/debug/stack/")))
                body = json.dumps(found or {"error": "no such stack"}, indent=2).encode()
                self._send(404 if found is None else 200, body, "application/json")
            else:
                self._send(404, b"not found\n", "text/plain")

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            _note_step(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's parameter
            """Probes are not worth a log line."""

    return Handler
