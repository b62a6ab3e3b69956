"""A session with the Avi Controller: log in by `avisdk` (`login`), talk by a thin transport beneath it.

The request path of `avisdk` costs ten times as much and shares cookies between sessions through a module-level table,
so requests go over a transport of our own (`transport`, decision 97) with the cookies of our own login. A session is
used by one thread at a time.

A write ends in time: it gets no longer than the replica may still write, so that the next leader never meets one that
was begun before. Whoever may not write any more gets a RetryLater instead.

401 and 419 mean that the login has lapsed: the session logs in once more with the credentials of the moment (a rotated
password is picked up here) and repeats the call; a second refusal is the caller's error.
"""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from msgspec import UNSET

from ako_runtime.avi.endpoint import Access
from ako_runtime.avi.login import Login, Logins
from ako_runtime.avi.verdicts import Answer, verdict_of
from ako_runtime.errors import Refused, RetryLater
from ako_runtime.model.wire import encoded
from ako_runtime.transport import AnswerTooLargeError, HttpPool, TransportError, UnfitRequestError

TOO_LARGE: Final = "AnswerTooLarge"
"""Reason of the RetryLater for an answer that has too many bytes: fewer objects may be asked for."""

_LAPSED = frozenset({401, 419})


class AviSession:
    """Authenticated requests for one worker."""

    def __init__(
        self,
        *,
        access: Access,
        pool: HttpPool,
        logins: Logins | None = None,
        on_answer: Callable[[str, str, int], None] = lambda _method, _path, _status: None,
    ) -> None:
        """`logins`: shared with other sessions; without it the session logs in by itself."""
        self._access = access
        self._endpoint = access.endpoint
        self._pool = pool
        self._on_answer = on_answer
        self._logins = logins or Logins(
            endpoint=access.endpoint, credentials=access.credentials, refusals=access.refusals
        )

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
        lapsed: Login | None = None
        for attempt in (1, 2):
            login = self._logins.current(lapsed=lapsed)
            answer = self._send(method, path, login=login, tenant=tenant, params=params, body=body)
            if answer.status not in _LAPSED or attempt == 2:
                return answer
            lapsed = login
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

    def _send(
        self,
        method: str,
        path: str,
        *,
        login: Login,
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
        }
        if method == "GET":
            # Pages of many objects are worth packing; a write is answered with one.
            headers["Accept-Encoding"] = "gzip"
        content = None if body is UNSET else encoded(body)
        try:
            response = self._pool.request(method, f"{path}{query}", headers=headers, body=content, timeout=timeout)
        except AnswerTooLargeError as error:
            raise RetryLater(f"{method} {path}: {error}", reason=TOO_LARGE) from error
        except TransportError as error:
            raise RetryLater(
                f"{method} {path}: no answer from the controller at {self._endpoint.host}: {error}",
                reason="ControllerUnreachable",
            ) from error
        except UnfitRequestError as error:
            raise Refused(
                f"{method} {path} in tenant {tenant!r}: {error}; use other names", reason="InvalidRequest"
            ) from error
        self._on_answer(method, path, response.status)
        return Answer(status=response.status, body=response.body, headers=response.headers)

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
