"""Asking Pods through the data plane: one request, or requests one after another while something else happens."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections import Counter
from functools import partial
from types import TracebackType
from typing import Final, Self

from ako_lab.service_engine.place import Place

_TIMEOUT: Final = 5.0


class NoAnswer(Exception):  # noqa: N818 - a fact about the data plane
    """Nobody answered, or not as a Pod does."""


def ask_http(place: Place, address: str, port: int, *, host: str = "", tls: bool = False) -> str:
    """The name of the Pod that answers a request."""
    try:
        with _connected(place, address, port, socket.SOCK_STREAM) as plain:
            connection = _any_certificate().wrap_socket(plain, server_hostname=host or None) if tls else plain
            with connection:
                client = http.client.HTTPConnection(address, port, timeout=_TIMEOUT)
                client.sock = connection
                client.request("GET", "/", headers={"Host": host or address})
                answer = client.getresponse()
                body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{address} port {port}: {error or type(error).__name__}") from error
    if answer.status != 200:
        raise NoAnswer(f"{address} port {port}: status {answer.status}")
    return str(json.loads(body)["pod"])


def ask_udp(place: Place, address: str, port: int) -> str:
    """The name of the Pod that answers a datagram."""
    try:
        with _connected(place, address, port, socket.SOCK_DGRAM) as connection:
            connection.send(b"ping")
            return connection.recv(9000).partition(b" ")[0].decode()
    except OSError as error:
        raise NoAnswer(f"{address} port {port}/UDP: {error}") from error


def _connected(place: Place, address: str, port: int, kind: int) -> socket.socket:
    found = place.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    found.settimeout(_TIMEOUT)
    try:
        found.connect((address, port))
    except OSError:
        found.close()
        raise
    return found


def _any_certificate() -> ssl.SSLContext:
    """The lab's certificates are made for the moment; what they say is not what is asked here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Stream:
    """Requests one after another, each over a connection of its own, until the end of the block."""

    def __init__(self, place: Place, address: str, port: int, *, host: str = "", tls: bool = False) -> None:
        self._ask = partial(ask_http, place, address, port, host=host, tls=tls)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.last: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(2 * _TIMEOUT)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                pod = self._ask()
            except NoAnswer as problem:
                self.failures.append(str(problem))
                continue
            self.answers[pod] += 1
            self.last = [*self.last[-19:], pod]

    def until_only(self, pods: frozenset[str], timeout: float) -> bool:
        """Whether the last answers come to be those of just these Pods."""
        end = time.monotonic() + timeout
        while not (len(self.last) == 20 and set(self.last) == pods):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True
