"""The way to the Kubernetes API server.

Configuration, TLS and credentials (files, exec plugins, service account tokens that rotate) are those of the official
`kubernetes` client; requests go over its connection pool as raw bytes, because typed models cost more than everything
else that we do with an object. Requests go over connections that the pool makes but does not keep (`transport.py`),
unless there is a proxy; only watches are read by urllib3. Every answer has a limit of bytes and of seconds, and so has
every line of a watch.

A watch may be silent for minutes, so the kernel asks whether the other end is still there: a peer that has vanished
without a word is noticed within a minute.
"""

import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

import kubernetes.client
import kubernetes.config
import msgspec
import urllib3
from kubernetes.config.config_exception import ConfigException
from msgspec import Struct

from ako_runtime.errors import RetryLater, Stale, UserError, cause_of
from ako_runtime.kube.rate import TokenBucket
from ako_runtime.transport import (
    PAGE_BYTES,
    AnswerTooLargeError,
    BudgetShare,
    HttpPool,
    TransportError,
    UnfitRequestError,
    retry_after,
)

AGENT: Final = "ako-toolkit"
KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    # Seconds until the first question and between two, and how many stay unanswered; not every platform has them.
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
)
REQUEST_SECONDS: Final = 30.0
LIST_SECONDS: Final = 120.0
"""For a page of a list, of which a slow line may need most."""
EVENT_BYTES: Final = 16 * 1024 * 1024
"""A line of a watch: one object, of which etcd takes a tenth."""
TOO_LARGE: Final = "AnswerTooLarge"
"""Reason of the RetryLater for an answer that has too many bytes: fewer objects may be asked for."""
CONNECT_SECONDS: Final = 10.0
AUTHORIZATION_SECONDS: Final = 1.0
# Characters of the server's own words: an annotation that it does not like may be among them.
_WORDS: Final = 500
# A stream a kind and a few writers are open at once.
_CONNECTIONS: Final = 64


class KubeAnswer(Struct, frozen=True, kw_only=True):
    """An HTTP answer of the API server."""

    status: int
    body: bytes = b""
    retry_after: float | None = None

    @property
    def message(self) -> str:
        """The server's own words."""
        try:
            document = msgspec.json.decode(self.body)
        except (ValueError, RecursionError):
            return self.body[:200].decode(errors="replace")
        return str(document.get("message", document) if isinstance(document, dict) else document)[:_WORDS]


class KubeConnection:
    """Requests to one API server; safe to share between threads."""

    def __init__(
        self,
        *,
        configuration: kubernetes.client.Configuration,
        agent: str = AGENT,
        bucket: TokenBucket | None = None,
        pool: urllib3.PoolManager | None = None,
    ) -> None:
        configuration.connection_pool_maxsize = _CONNECTIONS
        configuration.retries = False
        configuration.socket_options = [*urllib3.connection.HTTPConnection.default_socket_options, *KEEP_ALIVE]
        self._configuration = configuration
        self._pool: urllib3.PoolManager = pool or kubernetes.client.ApiClient(configuration).rest_client.pool_manager
        self._server: urllib3.HTTPConnectionPool | None = None
        self._requests: HttpPool | None = None
        self._prefix = urllib3.util.parse_url(self.host).path or ""
        self._agent = agent
        self._bucket = bucket
        # The `Authorization` header, and until when it is used without asking whether it is still the right one.
        self._authorization: tuple[str, float] = ("", 0.0)

    @property
    def host(self) -> str:
        """URL of the API server."""
        return str(self._configuration.host)

    def limited(self, bucket: TokenBucket) -> "KubeConnection":
        """The same connections, at the pace of the bucket."""
        return KubeConnection(configuration=self._configuration, agent=self._agent, bucket=bucket, pool=self._pool)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        timeout: float = REQUEST_SECONDS,
    ) -> KubeAnswer:
        """The answer, whatever its status; raises RetryLater when the server cannot be reached.

        `timeout`: seconds in which the request must be answered.
        """
        if not isinstance(self._pool, urllib3.ProxyManager):
            target = f"{self._prefix}{path}{_query(params)}"
            return self._ask(method, target, body, headers=self._headers(body, content_type), timeout=timeout)
        deadline = time.monotonic() + timeout
        response = self._open(method, path, params=params, body=body, content_type=content_type, timeout=timeout)
        data = _bounded(response, what=f"{method} {path}", deadline=deadline)
        return KubeAnswer(status=response.status, body=data, retry_after=_retry_after(response))

    def checked(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The body of a successful answer; raises the verdict of any other."""
        answer = self.request(method, path, params=params, body=body, content_type=content_type)
        if answer.status < 400:
            return answer.body
        text = f"{method} {path}: the API server answered {answer.status}: {answer.message}"
        if answer.status in (404, 409, 410):
            raise Stale(text, reason=_REASONS[answer.status])
        raise RetryLater(text, after=answer.retry_after, reason="ApiServerError")

    def stream(self, path: str, *, params: Mapping[str, str], silence: float) -> "KubeStream":
        """A watch; `silence` is how many seconds without a byte count as a dead stream."""
        response = self._open("GET", path, params=params, body=None, content_type="", timeout=silence)
        return KubeStream(response)

    def close(self) -> None:
        """Drop idle connections."""
        self._pool.clear()
        requests, self._requests = self._requests, None
        if requests is not None:
            requests.close()

    def _current_authorization(self) -> str:
        """Token or password as a header; empty where a certificate says who we are.

        The official client looks at the whole configuration each time that it is asked, which costs as much as a
        request: tokens last for minutes at least, so a second makes no difference.
        """
        text, until = self._authorization
        if time.monotonic() >= until:
            token = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
            basic = self._configuration.get_basic_auth_token() if self._configuration.username and not token else ""
            text = str(token or basic or "")
            self._authorization = (text, time.monotonic() + AUTHORIZATION_SECONDS)
        return text

    def _current_server(self) -> urllib3.HTTPConnectionPool | urllib3.PoolManager:
        """The connections to the server: to look for them anew with each request costs a fifth of it."""
        if isinstance(self._pool, urllib3.ProxyManager):
            return self._pool
        if self._server is None or self._server.pool is None:
            self._server = self._pool.connection_from_url(self.host)
        return self._server

    def _ask(self, method: str, target: str, body: object, *, headers: Mapping[str, str], timeout: float) -> KubeAnswer:
        data = None if body is None else msgspec.json.encode(body)
        try:
            answer = self._current_requests().request(method, target, headers=headers, body=data, timeout=timeout)
        except AnswerTooLargeError as error:
            raise RetryLater(f"{method} {target}: {error}", reason=TOO_LARGE) from error
        except (TransportError, UnfitRequestError) as error:
            raise self._unreachable(error) from error
        return KubeAnswer(status=answer.status, body=answer.body, retry_after=retry_after(answer.headers))

    def _current_requests(self) -> HttpPool:
        if self._requests is None:
            address = urllib3.util.parse_url(self.host).netloc or ""
            self._requests = HttpPool(connect=self._connected, host=address, size=_CONNECTIONS)
        return self._requests

    def _connected(self, timeout: float) -> socket.socket:
        """A connection as the official client makes it: its TLS, certificate and socket options."""
        pool = self._pool.connection_from_url(self.host)
        made = pool.ConnectionCls(
            host=pool.host, port=pool.port, timeout=min(timeout, CONNECT_SECONDS), **_tls_options(pool), **pool.conn_kw
        )
        try:
            made.connect()
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(str(error)) from error
        return cast("urllib3.connection.HTTPConnection", made).sock

    def _headers(self, body: object, content_type: str) -> dict[str, str]:
        """The headers of a request whose turn has come."""
        if self._bucket is not None:
            self._bucket.take()
        headers = {"Accept": "application/json", "User-Agent": self._agent}
        authorization = self._current_authorization()
        if authorization:
            headers["Authorization"] = authorization
        if body is not None:
            headers["Content-Type"] = content_type
        return headers

    def _unreachable(self, error: Exception) -> RetryLater:
        return RetryLater(
            f"the Kubernetes API server at {self.host} cannot be reached: {cause_of(error)}",
            reason="ApiServerUnreachable",
        )

    def _open(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        body: object,
        content_type: str,
        timeout: float,
    ) -> urllib3.BaseHTTPResponse:
        headers = self._headers(body, content_type)
        query = _query(params)
        server = self._current_server()
        try:
            return server.urlopen(
                method,
                # A proxy is told the whole URL.
                f"{self._prefix}{path}{query}" if server is not self._pool else f"{self.host}{path}{query}",
                body=None if body is None else msgspec.json.encode(body),
                headers=headers,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(timeout, CONNECT_SECONDS), read=timeout),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error


class KubeStream:
    """Lines of a watch; `close` may be called from another thread and ends the iteration."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self._closed = False

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._response.status

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks us to wait, if it does."""
        return _retry_after(self._response)

    def lines(self) -> Iterator[bytes]:
        """Complete lines as they come; ends when the server ends the stream, raises RetryLater when it breaks."""
        begun, share = bytearray(), BudgetShare()
        try:
            for chunk in self._response.stream(amt=65536, decode_content=True):
                first, *others = chunk.split(b"\n")
                begun += first
                for other in others:
                    if begun:
                        yield bytes(begun)
                    begun = bytearray(other)
                    share.end()
                if len(begun) > EVENT_BYTES:
                    raise RetryLater(f"watch: an event has more than {EVENT_BYTES} bytes", reason="WatchBroken")
                share.grow(len(begun))
        except AnswerTooLargeError as error:
            raise RetryLater(f"watch: {error}", reason="WatchBroken") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError are how a response that another thread has closed shows itself.
            if not self._closed:
                raise RetryLater(f"watch broke off: {cause_of(error)}", reason="WatchBroken") from error
        finally:
            # An error that is remembered holds this frame.
            begun = bytearray()
            share.end()
            self._response.close()

    def text(self) -> bytes:
        """The whole body, for an answer that is not a stream."""
        return _bounded(self._response, what="watch", deadline=time.monotonic() + REQUEST_SECONDS)

    def close(self) -> None:
        """End the stream now."""
        self._closed = True
        try:
            self._response.shutdown()
        except (ValueError, OSError, RuntimeError):
            # Already over: nothing is reading.
            self._response.close()


_TLS_OPTIONS: Final = (
    "cert_file", "key_file", "key_password", "cert_reqs", "ca_certs", "ca_cert_dir", "assert_hostname",
    "assert_fingerprint", "ssl_version", "ssl_minimum_version", "ssl_maximum_version",
)  # fmt: skip


def _tls_options(pool: urllib3.HTTPConnectionPool) -> dict[str, Any]:
    """What a pool says about TLS to each of its connections."""
    secure = isinstance(pool, urllib3.HTTPSConnectionPool)
    return {name: getattr(pool, name) for name in _TLS_OPTIONS} if secure else {}


def _retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
    return retry_after({"retry-after": response.headers.get("Retry-After", "")})


def _bounded(response: urllib3.BaseHTTPResponse, *, what: str, deadline: float) -> bytes:
    """The body of an answer that has neither too many bytes nor too many seconds; raises RetryLater otherwise."""
    body, share = bytearray(), BudgetShare()
    try:
        while chunk := response.read1(65536):
            body += chunk
            if len(body) > PAGE_BYTES:
                raise RetryLater(f"{what}: the answer has more than {PAGE_BYTES} bytes", reason=TOO_LARGE)
            share.grow(len(body))
            if time.monotonic() > deadline:
                raise RetryLater(f"{what}: the answer takes too long", reason="ApiServerUnreachable")
        return bytes(body)
    except AnswerTooLargeError as error:
        raise RetryLater(f"{what}: {error}", reason=TOO_LARGE) from error
    except urllib3.exceptions.HTTPError as error:
        raise RetryLater(f"{what}: {cause_of(error)}", reason="ApiServerUnreachable") from error
    finally:
        # An error that is remembered holds this frame.
        body = bytearray()
        share.end()
        response.close()


def _query(params: Mapping[str, str] | None) -> str:
    return f"?{urlencode(params)}" if params else ""


_REASONS = {404: "NotFound", 409: "Conflict", 410: "Expired"}


def connect(*, kubeconfig: str | None = None, context: str | None = None, agent: str = AGENT) -> KubeConnection:
    """A connection from a kubeconfig, or from inside a pod when none is named and none is at its usual place.

    Raises UserError naming the file or context that is wrong.
    """
    configuration = kubernetes.client.Configuration()
    if kubeconfig is None and context is None and _in_pod():
        kubernetes.config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return KubeConnection(configuration=configuration, agent=agent)
    place = kubeconfig or "the default kubeconfig ($KUBECONFIG or ~/.kube/config)"
    if kubeconfig is not None and not Path(kubeconfig).is_file():
        raise UserError(f"kubeconfig {kubeconfig} does not exist; name one with --kubeconfig")
    try:
        kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context, client_configuration=configuration
        )
    except ConfigException as error:
        raise UserError(f"{place} cannot be used: {error}; name another with --kubeconfig or --context") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{place} is not a kubeconfig: {error}; name another with --kubeconfig") from error
    except Exception as error:  # yaml's errors have no common base that the client re-exports
        said = " ".join(str(error).split())
        raise UserError(f"{place} cannot be read: {said}; correct it, or name another with --kubeconfig") from error
    return KubeConnection(configuration=configuration, agent=agent)


def _in_pod() -> bool:
    return Path("/var/run/secrets/kubernetes.io/serviceaccount/token").is_file()
