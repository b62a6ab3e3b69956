"""What the controller tells its Service Engines: the only thing that a Service Engine reads."""

import base64
import contextlib
import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

from ako_lab.service_engine.objects import Document, Json
from ako_runtime.errors import RetryLater, UserError

_PATH = "/lab/service-engine"
_PATIENCE = 20
_TIMEOUT = 40.0


class Feed:
    """A connection to the controller, made anew after every failure."""

    def __init__(self, url: str, username: str, password: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise UserError(f"{url} is not the address of a controller; write https://HOST:PORT")
        self._secure, self._host = parts.scheme == "https", parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        secret = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"}
        self._connection: http.client.HTTPConnection | None = None
        self.sequence = -1
        self.documents: dict[str, Document] = {}

    def update(self, *, wait: int = _PATIENCE) -> bool:
        """Take in what was written since the last time; whether that is anything. Raises `RetryLater`."""
        said = json.loads(
            self._request("GET", f"{_PATH}?since={max(0, self.sequence)}&wait={wait}")
            if self.sequence >= 0
            else self._request("GET", _PATH)
        )
        self.sequence = said["sequence"]
        objects: dict[str, Document | None] = said["objects"]
        for key, document in objects.items():
            if document is None:
                self.documents.pop(key, None)
            else:
                self.documents[key] = document
        return bool(objects)

    def report(self, report: Json) -> None:
        """Tell what is seen here. Raises `RetryLater`."""
        self._request("PUT", _PATH, json.dumps(report).encode())

    def interrupt(self) -> None:
        """End the wait of another thread: its request fails with `RetryLater`."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            if self._connection is None:
                self._connection = self._connected()
            self._connection.request(method, path, body=body, headers=self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise RetryLater(f"the controller {self._host}:{self._port} does not answer: {error}") from error
        if answer.status in (401, 403):
            raise UserError("the controller refuses name or password; a Service Engine needs a superuser's")
        if answer.status >= 300:
            raise RetryLater(f"the controller answers {method} {path} with {answer.status}")
        return content

    def _connected(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        # A controller's certificate is self-made, as that of a fresh one is; the lab's end points are local.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT, context=context)
