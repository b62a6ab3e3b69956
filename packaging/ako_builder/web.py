"""The one HTTP client of the builder: registries, time stamp authorities and Telco Cloud Automation are asked by it.

A `Site` is one address with the trust that belongs to it. What it does for everybody:

- Retries. A request that cannot have been carried out (no connection, 429) is sent again whatever it is; one that may
  have been (the connection broke, 502, 503, 504) only if its method is idempotent. `Retry-After` is heeded up to a
  limit.
- Limits. A whole answer has a limit of bytes and of seconds; a streamed one has a limit of seconds between two parts.
- Redirects. Another host gets nothing of the headers but what describes the request (`Accept`, `Range`, the type of the
  body), and nobody is led from HTTPS to HTTP.
- Trust. Certificates are verified, by the authorities of the system or by a file of the user's.
- Proxies. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are heeded; this machine itself is never asked through a proxy.

Whatever prevents an answer is a `NoAnswer`, which is a sentence for the user; an answer of any status is an answer.
"""

import ipaddress
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError, SSLError

from ako_builder.archive.writer import Blob
from ako_runtime import __version__
from ako_runtime.errors import UserError, cause_of

ANSWER_BYTES: Final = 4 << 20
_ANSWER_SECONDS: Final = 300.0
_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 60.0
_TRIES: Final = 5
_REDIRECTS: Final = 5
_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_PART: Final = 1 << 20

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_BUSY: Final = frozenset({502, 503, 504})
_TOO_MANY: Final = 429
_REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})
_FOR_ANYBODY: Final = frozenset({"accept", "range", "content-type", "content-range"})

_Found = TypeVar("_Found")


class NoAnswer(UserError):  # noqa: N818 - named after the finding, as the other classes of errors are
    """A request got no answer, or none that can be taken."""


def split_address(address: str, *, form: str = "https://HOST") -> SplitResult:
    """The parts of an address that a user wrote; raises UserError, which shows the `form`, where it has none."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise UserError(f"{address} is no address ({error}); write {form}") from error
    return parts


def join_address(base: str, target: str) -> str:
    """The address that an answer names, seen from `base`; raises NoAnswer where it is none."""
    try:
        joined = urljoin(base, target)
        _ = urlsplit(joined).port
    except ValueError as error:
        raise NoAnswer(f"{urlsplit(base).netloc} names an address that is none; do not trust it") from error
    return joined


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; the names of `headers` are in lower case, `url` is what gave it after redirects."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> object:
        """The body as JSON; raises NoAnswer if it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoAnswer(f"{self.url}: the answer (status {self.status}) is not JSON ({error})") from error


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """An answer whose body is read part by part; `parts` may raise NoAnswer where the connection breaks."""

    status: int
    headers: Mapping[str, str]
    parts: Callable[[], Iterator[bytes]]


class Upload(Protocol):
    """A body that is sent part by part, and again from its start if the request is repeated."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def parts(self) -> Iterator[bytes]:
        """All bytes, from the start."""
        ...


class BlobUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A blob as a body, between what is before and after it (the frame of a form, or nothing)."""

    blob: Blob
    before: bytes = b""
    after: bytes = b""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.before) + self.blob.size + len(self.after)

    def parts(self) -> Iterator[bytes]:
        """All bytes, from the start."""
        if self.before:
            yield self.before
        with self.blob.open() as stream:
            while part := stream.read(_PART):
                yield part
        if self.after:
            yield self.after


def form_upload(blob: Blob, *, field: str, file_name: str, media_type: str, boundary: str) -> tuple[BlobUpload, str]:
    """A form (`multipart/form-data`) with one file in it, and the content type that names its boundary.

    The boundary must not occur in the content: give a random one.
    """
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{file_name}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    upload = BlobUpload(blob=blob, before=head.encode(), after=f"\r\n--{boundary}--\r\n".encode())
    return upload, f"multipart/form-data; boundary={boundary}"


class Site:
    """One address that is asked, with the trust that belongs to it.

    `ca` names a PEM file of the authorities that are trusted in place of the system's; `insecure` verifies nothing.
    `pause` is how a client waits, in seconds; tests give their own.
    """

    def __init__(
        self,
        base: str,
        *,
        ca: Path | None = None,
        insecure: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        split_address(base)
        self.base = base.rstrip("/")
        self._pause = pause
        if insecure:
            # The user asked for it; a warning a request would bury what the command has to say.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._context = _trust(ca, insecure=insecure)
        self._pools: dict[str, urllib3.PoolManager] = {}

    @property
    def host(self) -> str:
        """Host and port as the address names them."""
        return urlsplit(self.base).netloc

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Upload | None = None,
        limit: int = ANSWER_BYTES,
    ) -> Answer:
        """Ask, and take the whole answer, whatever its status; `path` may be a URL, also of another host.

        Raises NoAnswer if none comes, or one of more than `limit` bytes.
        """

        def whole(response: urllib3.BaseHTTPResponse, url: str) -> Answer:
            body = _bounded(response, url=url, limit=limit)
            return Answer(status=response.status, url=url, headers=_lower(response.headers), body=body)

        return self._asked(method, join_address(f"{self.base}/", path), headers=headers or {}, body=body, take=whole)

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """Ask by GET, for an answer that is read part by part. Raises NoAnswer if none comes."""

        def opened(response: urllib3.BaseHTTPResponse, url: str) -> tuple[urllib3.BaseHTTPResponse, str]:
            return response, url

        response, url = self._asked(
            "GET", join_address(f"{self.base}/", path), headers=headers or {}, body=None, take=opened
        )

        def parts() -> Iterator[bytes]:
            try:
                # read1 gives what has come; read would lose the begun part when the connection breaks.
                while part := response.read1(_PART):
                    yield part
            except HTTPError as error:
                raise NoAnswer(f"{urlsplit(url).netloc}: the answer broke off: {cause_of(error)}; try again") from error

        try:
            yield Stream(status=response.status, headers=_lower(response.headers), parts=parts)
        finally:
            response.close()

    # -- one request, until it has an answer -------------------------------------------------------------------------

    def _asked(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Upload | None,
        take: Callable[[urllib3.BaseHTTPResponse, str], _Found],
    ) -> _Found:
        for attempt in range(1, _TRIES + 1):
            try:
                response, last = self._followed(method, url, headers=headers, body=body)
                if attempt == _TRIES or not _worth_repeating(method, response.status):
                    return take(response, last)
                response.close()
                self._pause(_pause_after(response.headers.get("Retry-After"), attempt=attempt))
            except HTTPError as error:
                if attempt == _TRIES or not (method in _IDEMPOTENT or _not_sent(error)) or _distrust(error):
                    raise NoAnswer(_sentence(url, error)) from error
                self._pause(_pause_after(None, attempt=attempt))
        raise AssertionError  # the last attempt returns or raises

    def _followed(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | Upload | None
    ) -> tuple[urllib3.BaseHTTPResponse, str]:
        """The answer after all redirects, and the URL that gave it."""
        for _ in range(_REDIRECTS + 1):
            response = self._sent(method, url, headers=headers, body=body)
            target = response.headers.get("Location")
            if response.status not in _REDIRECTED or target is None:
                return response, url
            response.close()
            new = join_address(url, target)
            if not new.startswith("https://") and not (new.startswith("http://") and url.startswith("http://")):
                raise NoAnswer(f"{urlsplit(url).netloc} leads to {new}, which is not HTTPS; do not trust it")
            if urlsplit(new).netloc != urlsplit(url).netloc:
                headers = {name: text for name, text in headers.items() if name.lower() in _FOR_ANYBODY}
            if response.status in {301, 302, 303} and method != "HEAD":
                method, body = "GET", None
            url = new
        raise NoAnswer(f"{urlsplit(url).netloc}: more than {_REDIRECTS} redirects; check the address")

    def _sent(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | Upload | None
    ) -> urllib3.BaseHTTPResponse:
        sent = {"User-Agent": f"ako-toolkit/{__version__}", **headers}
        if body is not None and not isinstance(body, bytes):
            sent["Content-Length"] = str(body.size)
        return self._pool(url).request(
            method,
            url,
            headers=sent,
            body=body if body is None or isinstance(body, bytes) else body.parts(),
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_SILENCE_SECONDS),
        )

    def _pool(self, url: str) -> urllib3.PoolManager:
        """The connections to a URL's host: direct ones, or those of the proxy for it."""
        proxy = proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = (
                urllib3.ProxyManager(proxy, ssl_context=self._context, proxy_headers=_proxy_headers(proxy))
                if proxy
                else urllib3.PoolManager(ssl_context=self._context)
            )
        return self._pools[proxy]


def proxy_for(url: str) -> str:
    """The proxy that the environment names for a URL; empty if it is asked directly."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_here(host) or proxy_bypass(host):
        return ""
    proxy = getproxies().get(parts.scheme, "")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _proxy_headers(proxy: str) -> dict[str, str] | None:
    account = urllib3.util.parse_url(proxy).auth
    return dict(urllib3.make_headers(proxy_basic_auth=account)) if account else None


def _trust(ca: Path | None, *, insecure: bool) -> ssl.SSLContext:
    if insecure:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise UserError(f"{ca}: no CA certificates in PEM ({error}); name a file that holds them") from error


def _worth_repeating(method: str, status: int) -> bool:
    return status == _TOO_MANY or (status in _BUSY and method in _IDEMPOTENT)


def _not_sent(error: HTTPError) -> bool:
    """Whether no request can have reached the server."""
    return isinstance(error, (NewConnectionError, ConnectTimeoutError, ProxyError))


def _distrust(error: HTTPError) -> bool:
    return isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _pause_after(stated: str | None, *, attempt: int) -> float:
    """Seconds until the next attempt: what the server wants, within a limit, or twice as long as before."""
    try:
        wanted = urllib3.Retry().parse_retry_after(stated) if stated else None
    except urllib3.exceptions.InvalidHeader:
        wanted = None
    return min(_PAUSE_SECONDS * 2 ** (attempt - 1) if wanted is None else wanted, _LONGEST_PAUSE_SECONDS)


def _sentence(url: str, error: HTTPError) -> str:
    host = urlsplit(url).netloc
    if _distrust(error):
        return f"{host}: {cause_of(error)}; name the CA certificates that sign it"
    return f"{host}: no answer: {cause_of(error)}; check the address and the network"


def _bounded(response: urllib3.BaseHTTPResponse, *, url: str, limit: int) -> bytes:
    """The body, if it is whole in time and not longer than `limit` bytes."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    body = bytearray()
    whole = False
    try:
        while part := response.read1(min(limit + 1, 1 << 16)):
            body += part
            if len(body) > limit:
                raise NoAnswer(f"{url}: the answer has more than {limit} bytes; check the address")
            if time.monotonic() > deadline:
                raise NoAnswer(f"{url}: the answer takes more than {_ANSWER_SECONDS:.0f} s; try again")
        whole = True
    finally:
        if whole:
            response.release_conn()
        else:
            response.close()
    return bytes(body)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items()}
