"""The runtime's own HTTP end points: `/api/status` as the official AKO answers it, `/healthz`, `/readyz`, `/metrics`.

`/healthz` says that the process lives, `/readyz` that it serves (lists complete, inventory loaded, controller
connected). `/debug/` answers loopback only. The port is open for both IP families where the machine has both: the
kubelet asks at the Pod's address, which is an IPv6 one in many clusters.
"""

import ipaddress
import json
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from ako_runtime.errors import UserError


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
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        """Listen for both families; nobody is asked for this machine's name."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "", int(self.server_address[1])


def is_loopback(address: str) -> bool:
    """Whether a client at this address is on the machine itself; an IPv4 one may come as `::ffff:127.0.0.1`."""
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _handler_for(probes: Probes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
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

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's parameter
            """Probes are not worth a log line."""

    return Handler
