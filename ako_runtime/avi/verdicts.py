"""From the Avi Controller's answers to what to do next: the only place that reads a status code or a message.

The table is ordered, the first match wins. Codes and fragments: avi-controller-and-gateway-api 1.3, ako-behaviour 7.5.
A rule without fragment matches every body of its code.

Success is what the product documents for the method, nothing else below 400: 200 to a GET or a PUT, 201 to a POST, 204
to a DELETE. Whatever stands between (a proxy, a page of a portal, a redirect) answers otherwise, and says neither yes
nor no: what was to be written is read again before anything is believed.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from ako_runtime.errors import AkoError, Refused, RetryLater, Stale
from ako_runtime.transport import retry_after

SLOW = 30.0
"""Seconds between tries where only time or another person helps (an address pool that is full, an upgrade)."""

NO_TENANT = "TenantNotFound"
"""Reason of the verdict about a request in a tenant that does not exist."""


UNCLEAR: Final = "UnclearAnswer"
"""Reason of the verdict about an answer that is neither a success nor a refusal."""

SUCCESS: Mapping[str, frozenset[int]] = {
    "GET": frozenset({200}),
    "PUT": frozenset({200}),
    # A controller that makes nothing new answers 200, as for a token.
    "POST": frozenset({200, 201}),
    "DELETE": frozenset({204}),
}


_QUOTED: Final = re.compile(r"'([^']+)'")


class Rule(Struct, frozen=True, kw_only=True):
    """One line of the table: a status code, a fragment of the error text, the verdict."""

    status: int
    fragment: str = ""
    verdict: type[AkoError]
    after: float | None = None
    reason: str = ""


RULES: tuple[Rule, ...] = (
    Rule(status=400, fragment="No available free IPs", verdict=RetryLater, after=SLOW, reason="NoFreeAddress"),
    Rule(status=400, fragment="VrfContext object not found", verdict=RetryLater, after=SLOW, reason="VrfNotFound"),
    Rule(status=400, fragment="VrfContext not found", verdict=RetryLater, after=SLOW, reason="VrfNotFound"),
    Rule(status=400, fragment="Network object not found", verdict=RetryLater, after=SLOW, reason="NetworkNotFound"),
    Rule(status=400, fragment="please recreate the VIP", verdict=Refused, reason="AddressCannotChange"),
    Rule(status=400, fragment="vip_id is not supported", verdict=Refused, reason="AddressCannotChange"),
    Rule(status=400, fragment="already used by", verdict=Refused, reason="AlreadyInUse"),
    Rule(status=400, fragment="referred by", verdict=Stale, reason="StillReferenced"),
    Rule(status=400, verdict=Refused, reason="RefusedByController"),
    Rule(status=401, verdict=RetryLater, reason="SessionExpired"),
    Rule(status=403, fragment="disallowed during upgrade", verdict=RetryLater, after=SLOW, reason="ControllerUpgrade"),
    Rule(status=403, fragment="referred by", verdict=Stale, reason="StillReferenced"),
    Rule(status=403, fragment="does not exist", verdict=RetryLater, after=SLOW, reason=NO_TENANT),
    Rule(status=403, verdict=Refused, reason="NotAuthorized"),
    Rule(status=404, verdict=Stale, reason="NotFound"),
    Rule(status=408, verdict=RetryLater, reason="Timeout"),
    Rule(status=409, verdict=Stale, reason="Conflict"),
    Rule(status=412, verdict=Stale, reason="Changed"),
    Rule(status=419, verdict=RetryLater, reason="SessionExpired"),
    Rule(status=422, verdict=Refused, reason="RefusedByController"),
    Rule(status=429, verdict=RetryLater, reason="TooManyRequests"),
)


_ERROR: Final = Rule(status=500, verdict=RetryLater, reason="ControllerError")
"""What every status from 500 on means that has no rule of its own."""


class Answer(Struct, frozen=True, kw_only=True):
    """An HTTP answer: status, JSON body as bytes, headers (asked for in lower case)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}

    @property
    def error(self) -> str:
        """The controller's own words, for people."""
        try:
            document = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return self.body[:200].decode(errors="replace").strip()
        if isinstance(document, dict):
            return str(document.get("error") or document.get("detail") or document)[:500]
        return str(document)[:500]


def verdict_of(answer: Answer, *, what: str) -> AkoError | None:
    """The error that `answer` stands for, or None for success; `what` says what was tried, its method first."""
    method = what.partition(" ")[0]
    if answer.status in SUCCESS.get(method, ()):
        return None
    if answer.status < 400:
        return unclear(f"{what}: the controller answered {answer.status}", write=method != "GET")
    text = answer.error
    message = f"{what}: the controller answered {answer.status}: {text}"
    rule = next((one for one in RULES if _fits(one, answer.status, text)), None)
    if rule is None and answer.status >= 500:
        rule = _ERROR
    if rule is None or rule.verdict is Refused:
        return Refused(message, reason=rule.reason if rule else "RefusedByController", named=_names_in(text))
    if rule.verdict is RetryLater:
        return RetryLater(message, after=retry_after(answer.headers) or rule.after, reason=rule.reason)
    return rule.verdict(message, reason=rule.reason)


def _fits(rule: Rule, status: int, text: str) -> bool:
    return rule.status == status and rule.fragment.lower() in text.lower()


def _names_in(text: str) -> frozenset[str]:
    """Names of objects that the controller's text quotes."""
    return frozenset(_QUOTED.findall(text))


def unclear(what: str, *, write: bool) -> AkoError:
    """The verdict about an answer that says neither yes nor no; what should have been written must be read again."""
    message = f"{what}, which says neither yes nor no; is there a proxy before the controller?"
    return Stale(message, reason=UNCLEAR) if write else RetryLater(message, reason=UNCLEAR)
