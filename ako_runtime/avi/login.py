"""Logging in, by `avisdk`: password or token, cookies by the controller's own names.

All workers share one login: what makes a session of the controller is its cookie, whatever connection that comes over
(avisdk shares it between its own sessions as well). So a start is one login instead of one a worker, and a controller
counts one session of ours. A login that has lapsed is renewed once, by whoever notices first. One that was refused is
tried again only when `refusals` lets us.
"""

import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import urllib3
from avi.sdk.avi_api import APIError, ApiSession, sessionDict
from msgspec import Struct
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Endpoint, host_and_port, tls_context
from ako_runtime.avi.refusals import Refusals
from ako_runtime.errors import AkoError, RetryLater, cause_of

ANSWER_SECONDS: Final = 1.0
"""How long a failed login answers for those who waited for it, so that each of them need not wait again."""

LOGIN_SECONDS: Final = 30.0
LOGIN_BYTES: Final = 4 * 1024 * 1024
"""Bounds the answer to a log-in, which all workers wait for."""


class Login(Struct, frozen=True, kw_only=True):
    """What the controller knows us by, and with which credentials we got it."""

    credentials: Credentials
    cookie: str
    csrf: str


class Logins:
    """The login of all workers; safe to use from any thread."""

    def __init__(
        self, *, endpoint: Endpoint, credentials: Callable[[], Credentials], refusals: Refusals | None = None
    ) -> None:
        self._endpoint = endpoint
        self._refusals = refusals or Refusals()
        self._credentials = credentials
        self._lock = threading.Lock()
        self._held: Login | None = None
        self._failure: tuple[AkoError, Credentials, float] | None = None

    def current(self, *, lapsed: Login | None = None) -> Login:
        """The login, made anew if there is none, it is the one that has `lapsed`, or the credentials have changed.

        Raises RetryLater if the controller refuses the credentials or cannot be reached.
        """
        with self._lock:
            credentials = self._credentials()
            held = self._held
            if held is not None and held is not lapsed and held.credentials == credentials:
                return held
            if self._failure is not None:
                error, refused, until = self._failure
                if refused == credentials and time.monotonic() < until:
                    raise error
            self._held = None
            try:
                self._refusals.check(credentials, host=self._endpoint.host)
                self._held = log_in(self._endpoint, credentials)
            except InvalidCredentialsError as error:
                raise self._refusals.refused(credentials, host=self._endpoint.host) from error
            except AkoError as error:
                self._failure = (error, credentials, time.monotonic() + ANSWER_SECONDS)
                raise
            self._failure = None
            self._refusals.accepted()
            return self._held


class InvalidCredentialsError(Exception):
    """The controller knows no such user, not by this password or token, or has locked the account."""


class _Adapter(HTTPAdapter):
    """Makes requests use our TLS context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        """Hand the context down to urllib3."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)  # type: ignore[arg-type]

    def send(self, request: PreparedRequest, **options: object) -> Response:  # type: ignore[override]
        """The answer, read here: requests itself has a limit neither of bytes nor of seconds."""
        ends = time.monotonic() + LOGIN_SECONDS
        response = super().send(request, **(options | {"stream": True}))  # type: ignore[arg-type]
        body = bytearray()
        try:
            while chunk := response.raw.read1(65536, decode_content=True):
                body += chunk
                if len(body) > LOGIN_BYTES or time.monotonic() > ends:
                    raise RequestException("the answer to a log-in is too large or takes too long")
        except urllib3.exceptions.HTTPError as error:
            raise RequestException(str(error)) from error
        finally:
            response.close()
        # The attributes that reading `content` sets.
        response._content, response._content_consumed = bytes(body), True  # noqa: SLF001
        return response


def log_in(endpoint: Endpoint, credentials: Credentials) -> Login:
    """Cookies of a fresh login; raises InvalidCredentialsError, or RetryLater if the controller cannot be reached."""
    host, port = host_and_port(endpoint.host)
    with _authority_file(credentials.certificate_authority) as verify:
        return _log_in(endpoint, credentials, address=(host.strip("[]"), port), verify=verify)


def _log_in(endpoint: Endpoint, credentials: Credentials, *, address: tuple[str, int], verify: str | bool) -> Login:
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
            raise InvalidCredentialsError from error
        raise RetryLater(f"log-in at {endpoint.host} failed: {error}", reason="ControllerError") from error
    except RequestException as error:
        raise RetryLater(
            f"the controller at {endpoint.host} cannot be reached: {cause_of(error)}", reason="ControllerUnreachable"
        ) from error
    finally:
        session.close()
        # avisdk remembers sessions in a table of its own and ends those it thinks idle; ours live elsewhere.
        sessionDict.pop(session.key, None)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    if not cookies:
        raise RetryLater(f"log-in at {endpoint.host}: the answer brings no session", reason="ControllerError")
    return Login(credentials=credentials, cookie=cookies, csrf=session.avi_credentials.csrftoken or "")


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
