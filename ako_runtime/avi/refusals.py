"""Log-ins that the controller refused, and when the next one may be tried.

A controller locks an account after a few wrong passwords (three by default, for half an hour), for everybody who uses
it. So a refused log-in is not repeated by whoever needs one next: the whole process makes one try more after a minute,
in case the first one met a controller that was starting, and then one every quarter of an hour, until the credentials
change. Two tries in quick succession stay below the limit of three. What was refused is remembered outside of the
process as well (`Memory`), or a pod that is started again and again would do the same.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from ako_runtime.avi.credentials import Credentials
from ako_runtime.errors import RetryLater

PAUSES: Final = (60.0, 900.0)
INVALID_CREDENTIALS: Final = "InvalidCredentials"


class Refused(Struct, frozen=True, kw_only=True):
    """How often the present credentials were refused, and when they may be tried again (seconds since 1970)."""

    tries: int
    next_try: float


class Memory(Protocol):
    """Keeps what was refused across restarts; never raises: what cannot be kept is known to this process alone."""

    def load(self, credentials: Credentials) -> Refused | None:
        """What is known of these credentials; None if they were not refused."""

    def save(self, credentials: Credentials, refused: Refused | None) -> None:
        """Remember this of these credentials."""


class _NoMemory:
    def load(self, credentials: Credentials) -> Refused | None:
        del credentials
        return None

    def save(self, credentials: Credentials, refused: Refused | None) -> None:
        del credentials, refused


NO_MEMORY: Final = _NoMemory()


class Refusals:
    """Refused log-ins of one process; the caller sees to it that one thread at a time logs in."""

    def __init__(
        self,
        *,
        memory: Memory = NO_MEMORY,
        pauses: tuple[float, float] = PAUSES,
        clock: Callable[[], float] = time.time,
        on_refused: Callable[[str], None] = lambda _message: None,
    ) -> None:
        """`pauses`: seconds before the second try, and before each later one; `on_refused` hears of each."""
        self._on_refused = on_refused
        self._memory = memory
        self._pauses = pauses
        self._clock = clock
        self._held: tuple[Credentials, Refused] | None = None

    def check(self, credentials: Credentials, *, host: str) -> None:
        """Raise RetryLater while these credentials may not be tried."""
        known = self._known(credentials)
        if known is not None and self._left(known) > 0:
            raise self._error(credentials, known, host=host)

    def refused(self, credentials: Credentials, *, host: str) -> RetryLater:
        """The controller has refused them: the verdict, which says when to try again."""
        before = self._known(credentials)
        tries = 1 if before is None else before.tries + 1
        first, longest = self._pauses
        pause = first if tries == 1 else longest
        known = Refused(tries=tries, next_try=self._clock() + pause)
        self._held = (credentials, known)
        self._memory.save(credentials, known)
        error = self._error(credentials, known, host=host)
        self._on_refused(str(error))
        return error

    def accepted(self) -> None:
        """The controller has let us in."""
        if self._held is not None:
            credentials, self._held = self._held[0], None
            self._memory.save(credentials, None)

    def _known(self, credentials: Credentials) -> Refused | None:
        """What this process or another one knows of the credentials."""
        own = self._held[1] if self._held is not None and _same(self._held[0], credentials) else None
        remembered = self._memory.load(credentials)
        if remembered is not None and (own is None or remembered.tries > own.tries):
            self._held = (credentials, remembered)
            return remembered
        return own

    def _left(self, known: Refused) -> float:
        # The clock of the pod that wrote it may have been another one.
        return min(known.next_try - self._clock(), self._pauses[1])

    def _error(self, credentials: Credentials, known: Refused, *, host: str) -> RetryLater:
        left = max(0.0, self._left(known))
        times = "once" if known.tries == 1 else f"{known.tries} times"
        return RetryLater(
            f"the controller at {host} has refused user '{credentials.username}' {times}, the account may be locked by "
            f"now: check username and password (or authtoken) in the Secret; it is tried again in {left:.0f} seconds, "
            "or at once when the Secret changes",
            after=left,
            reason=INVALID_CREDENTIALS,
        )


def _same(one: Credentials, other: Credentials) -> bool:
    """Whether the controller would see no difference."""
    return (one.username, one.password, one.token) == (other.username, other.password, other.token)
