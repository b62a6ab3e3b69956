"""A session with the Avi Controller: log in by `avisdk`, talk by a thin transport beneath it.

`avisdk` knows how to log in (password, token, cookies by the controller's own names). Its request path costs about half
a millisecond of CPU a call and shares cookies between sessions through a module-level table, so requests go over
urllib3 with the cookies of our own login. A session belongs to one worker and is used by one thread at a time; it holds
no lock.

A write ends in time: it gets no longer than the replica may still write, so that the next leader never meets one that
was begun before. Whoever may not write any more gets a RetryLater instead.

401 and 419 mean that the login has lapsed: the session logs in once more with the credentials of the moment (a rotated
password is picked up here) and repeats the call; a second refusal is the caller's error.
"""

import functools
import math
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlencode

import urllib3
from avi.sdk.avi_api import APIError, ApiSession, sessionDict
from msgspec import UNSET, Struct
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from ako_runtime.avi.verdicts import Answer, verdict_of
from ako_runtime.errors import Fatal, RetryLater
from ako_runtime.model.wire import encoded
from ako_runtime.settings import SecretText

NEWEST_API_VERSION: Final = "30.2.1"
_LAPSED = frozenset({401, 419})


class Credentials(Struct, frozen=True, kw_only=True):
    """How to log in: a password or a token, and the CA that the controller's certificate must come from."""

    username: str
    password: SecretText = SecretText("")
    token: SecretText = SecretText("")
    certificate_authority: str = ""


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where the controller is (`host`, `host:port`, `[v6]:port`) and how long to wait for it, in seconds."""

    host: str
    tenant: str = "admin"
    api_version: str = NEWEST_API_VERSION
    timeout: float = 30.0


class Access(Struct, frozen=True, kw_only=True):
    """All that a session needs to know: where, as whom, and for how many seconds from now it may read and write."""

    endpoint: Endpoint
    credentials: Callable[[], Credentials]
    read_seconds: Callable[[], float] = lambda: math.inf
    write_seconds: Callable[[], float] = lambda: math.inf


class _Login(Struct, frozen=True, kw_only=True):
    credentials: Credentials
    cookie: str
    csrf: str


class AviSession:
    """Authenticated requests for one worker."""

    def __init__(
        self,
        *,
        access: Access,
        pool: urllib3.HTTPSConnectionPool,
        on_answer: Callable[[str, str, int], None] = lambda _method, _path, _status: None,
    ) -> None:
        self._access = access
        self._endpoint = access.endpoint
        self._pool = pool
        self._on_answer = on_answer
        self._login: _Login | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        tenant: str = "",
        params: Mapping[str, str] | None = None,
        body: object = UNSET,
    ) -> Answer:
        """The answer, whatever its status; raises RetryLater when the controller cannot be reached."""
        for attempt in (1, 2):
            login = self._current_login()
            answer = self._send(method, path, login=login, tenant=tenant, params=params, body=body)
            if answer.status not in _LAPSED or attempt == 2:
                return answer
            self._login = None
        raise AssertionError("unreachable")

    def checked(
        self,
        method: str,
        path: str,
        *,
        tenant: str = "",
        params: Mapping[str, str] | None = None,
        body: object = UNSET,
    ) -> Answer:
        """Like `request`, raising the verdict of an answer that is not a success."""
        return self.check(self.request(method, path, tenant=tenant, params=params, body=body), what=f"{method} {path}")

    @staticmethod
    def check(answer: Answer, *, what: str) -> Answer:
        """The answer itself, or its verdict raised."""
        error = verdict_of(answer, what=what)
        if error is not None:
            raise error
        return answer

    def _current_login(self) -> _Login:
        credentials = self._access.credentials()
        if self._login is None or self._login.credentials != credentials:
            self._login = log_in(self._endpoint, credentials)
        return self._login

    def _send(
        self,
        method: str,
        path: str,
        *,
        login: _Login,
        tenant: str,
        params: Mapping[str, str] | None,
        body: object,
    ) -> Answer:
        timeout = self._time_for(method)
        query = f"?{urlencode(params)}" if params else ""
        headers = {
            "Cookie": login.cookie,
            "X-CSRFToken": login.csrf,
            "Referer": f"https://{self._endpoint.host}/",
            "X-Avi-Version": self._endpoint.api_version,
            "X-Avi-Tenant": tenant or self._endpoint.tenant,
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        }
        try:
            response = self._pool.urlopen(
                method,
                f"{path}{query}",
                body=None if body is UNSET else encoded(body),
                headers=headers,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(total=timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            raise RetryLater(
                f"{method} {path}: no answer from the controller at {self._endpoint.host}: {error}",
                reason="ControllerUnreachable",
            ) from error
        self._on_answer(method, path, response.status)
        return Answer(
            status=response.status,
            body=response.data,
            headers=response.headers,
        )

    def _time_for(self, method: str) -> float:
        """Seconds that the request may take; raises RetryLater where it may not begin any more."""
        if method == "GET":
            left, refusal = self._access.read_seconds(), RetryLater("this replica ends", reason="Ending")
        else:
            left, refusal = (
                self._access.write_seconds(),
                RetryLater("this replica is not the leader", reason="NotLeading"),
            )
        if left <= 0:
            raise refusal
        return min(self._endpoint.timeout, left)


def connection_pool(endpoint: Endpoint, credentials: Credentials, *, size: int) -> urllib3.HTTPSConnectionPool:
    """Connections to the controller for `size` workers; verifies the certificate if an authority is given."""
    host, port = host_and_port(endpoint.host)
    context = tls_context(credentials.certificate_authority)
    return urllib3.HTTPSConnectionPool(
        host, port, maxsize=size, ssl_context=context, assert_hostname=None if context.check_hostname else False
    )


@functools.lru_cache(maxsize=4)
def tls_context(authority: str) -> ssl.SSLContext:
    """TLS for one authority (PEM), or without verification if there is none.

    Made once and shared: a context made anew for each connection reads the system's whole certificate store, which
    costs more than everything else that a connection does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(cadata=authority)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Adapter(HTTPAdapter):
    """Makes requests use our TLS context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        """Hand the context down to urllib3."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)  # type: ignore[arg-type]


def host_and_port(text: str) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]`, `[v6]:port` or a bare v6 literal; port 443 if none is given."""
    parsed = urllib3.util.parse_url(f"https://{text}" if text.count(":") < 2 or "[" in text else f"https://[{text}]")
    return (parsed.host or text, parsed.port or 443)


def log_in(endpoint: Endpoint, credentials: Credentials) -> _Login:
    """Cookies of a fresh login; Fatal if the controller refuses the credentials, RetryLater if it cannot be reached."""
    host, port = host_and_port(endpoint.host)
    with _authority_file(credentials.certificate_authority) as verify:
        return _log_in(endpoint, credentials, address=(host.strip("[]"), port), verify=verify)


def _log_in(endpoint: Endpoint, credentials: Credentials, *, address: tuple[str, int], verify: str | bool) -> _Login:
    host, port = address
    session = ApiSession(
        host,
        credentials.username,
        credentials.password.reveal() or None,
        token=credentials.token.reveal() or None,
        tenant=endpoint.tenant,
        port=port,
        api_version=endpoint.api_version,
        timeout=endpoint.timeout,
        lazy_authentication=True,
        retry_conxn_errors=False,
        max_api_retries=0,
        verify=verify,
    )
    session.mount("https://", _Adapter(tls_context(credentials.certificate_authority)))
    # Proxy and CA variables of the environment are for other services than a controller in the management network.
    session.trust_env = False
    try:
        session.authenticate_session()
    except APIError as error:
        status = getattr(error.rsp, "status_code", 0)
        if status in (401, 403):
            raise Fatal(
                f"the controller at {endpoint.host} refuses user '{credentials.username}': check username and password "
                "(or authtoken) in the Secret",
                reason="InvalidCredentials",
            ) from error
        raise RetryLater(f"log-in at {endpoint.host} failed: {error}", reason="ControllerError") from error
    except RequestException as error:
        raise RetryLater(
            f"the controller at {endpoint.host} cannot be reached: {error}", reason="ControllerUnreachable"
        ) from error
    finally:
        session.close()
        # avisdk remembers sessions in a table of its own and ends those it thinks idle; ours live elsewhere.
        sessionDict.pop(session.key, None)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    return _Login(credentials=credentials, cookie=cookies, csrf=session.avi_credentials.csrftoken or "")


@contextmanager
def _authority_file(pem: str) -> Iterator[str | bool]:
    """The authority as requests wants it: a file while it is needed; False where none is given."""
    if not pem:
        yield False
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield file.name
