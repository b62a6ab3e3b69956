"""The token that we log in with, renewed before it expires.

A controller's tokens live ten days at most. Once less than half of that is left, a new one is asked for, handed to the
caller to be kept (it goes into the Secret, in place), and the old one is deleted only after that. If keeping it fails,
the new one is deleted again, so none is left lying about on the controller.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from ako_runtime.avi.session import AviSession
from ako_runtime.avi.verdicts import Answer, unclear
from ako_runtime.errors import AkoError, Bug
from ako_runtime.settings import SecretText

LIFE_HOURS: Final = 240
_RENEW_BELOW: Final = LIFE_HOURS / 2 * 3600


class _Token(Struct, frozen=True, kw_only=True):
    uuid: str = ""
    token: str = ""
    expires_at: str = ""


class _Tokens(Struct, frozen=True, kw_only=True):
    results: tuple[_Token, ...] = ()


def renew_token(session: AviSession, present: SecretText, *, keep: Callable[[SecretText], None], now: datetime) -> bool:
    """Replace `present` if it is past half of its life; whether it was replaced. Raises what `keep` raises."""
    tokens = _decoded(session.checked("GET", "/api/user-token"), _Tokens, what="GET /api/user-token").results
    found = next((one for one in tokens if one.token == present.reveal()), None)
    if found is None or _seconds_left(found, now) > _RENEW_BELOW:
        return False
    answer = session.checked("POST", "/api/user-token", body={"hours": LIFE_HOURS})
    fresh = _decoded(answer, _Token, what="POST /api/user-token")
    if not (fresh.token and fresh.uuid):
        # An empty token would take the place of one that works.
        raise unclear("POST /api/user-token: the answer has no token", write=False)
    try:
        keep(SecretText(fresh.token))
    except AkoError:
        session.checked("DELETE", f"/api/user-token/{fresh.uuid}")
        raise
    session.checked("DELETE", f"/api/user-token/{found.uuid}")
    return True


_T = TypeVar("_T", _Token, _Tokens)


def _decoded(answer: Answer, model: type[_T], *, what: str) -> _T:
    try:
        return msgspec.json.decode(answer.body, type=model)
    except (ValueError, RecursionError) as error:
        raise unclear(f"{what}: the answer is another thing ({error})", write=False) from error


def _seconds_left(token: _Token, now: datetime) -> float:
    try:
        expires = datetime.fromisoformat(token.expires_at)
    except ValueError as error:
        raise Bug(f"GET /api/user-token: expires_at '{token.expires_at}' is no time") from error
    return ((expires if expires.tzinfo else expires.replace(tzinfo=UTC)) - now).total_seconds()
