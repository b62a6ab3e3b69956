"""What happened: the request log and the counters.

The log is a ring: old entries go when there are too many or when their bodies take too much memory; sequence numbers go
on. Bodies are kept as bytes and decoded when somebody asks. Passwords, tokens and private keys never enter the log.
"""

from collections import Counter, deque
from itertools import islice

import msgspec

from ako_lab.avi_controller.values import REDACTED, SECRET_FIELDS, Json

_MAXIMUM_LOGGED_BODY = 256 * 1024
_MAXIMUM_LOGGED_BYTES = 256 * 1024 * 1024


class LoggedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it was answered; `time` is seconds since the epoch."""

    sequence: int
    time: float
    user: str
    method: str
    path: str
    query: dict[str, str]
    status: int
    body: Json = None
    tenant: str = ""
    user_agent: str = ""
    fault: str = ""
    seconds: float = 0.0


class Evidence:
    """The log of requests and how many there were of each kind."""

    def __init__(self, *, size: int, memory: int = _MAXIMUM_LOGGED_BYTES) -> None:
        """At most `size` entries, and at most `memory` bytes of bodies."""
        self._log: deque[tuple[LoggedRequest, bytes]] = deque()
        self._size = size
        self._memory = memory
        self._held = 0
        self.sequence = 0
        self.counters: Counter[str] = Counter()

    def record(self, entry: LoggedRequest, *, body: bytes, kind: str) -> None:
        """Add a request."""
        self.sequence = entry.sequence
        kept = body if len(body) <= _MAXIMUM_LOGGED_BODY else b""
        self._log.append((entry, kept))
        self._held += len(kept)
        while self._log and (len(self._log) > self._size or self._held > self._memory):
            self._held -= len(self._log.popleft()[1])
        self.counters[f"{entry.method} {kind} {entry.status}"] += 1

    def requests(self, since: int = 0, *, bodies: bool = True) -> tuple[LoggedRequest, ...]:
        """The requests after a sequence number, oldest first; what they sent is decoded anew by each call."""
        first = self._log[0][0].sequence if self._log else 1
        start = max(0, since + 1 - first)
        return tuple(
            msgspec.structs.replace(entry, body=logged_body(body)) if body and bodies else entry
            for entry, body in islice(self._log, start, None)
        )


def logged_body(body: bytes) -> Json:
    """A body as JSON without secrets, or as text when it is none."""
    try:
        return _without_secrets(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        text = body[:2000].decode("utf-8", "replace")
        return "(form)" if "password=" in text or "token=" in text else text


def _without_secrets(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            name: REDACTED if isinstance(item, str) and _is_secret(name, item) else _without_secrets(item)
            for name, item in value.items()
        }
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def _is_secret(name: str, text: str) -> bool:
    """Markers and labels have a `key`, too: only a private key is one."""
    return name in SECRET_FIELDS or name == "token" or (name == "key" and "PRIVATE KEY" in text)
