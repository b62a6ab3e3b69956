"""Notices that the process lives and does nothing, so that `/healthz` can say so and the lease goes to another replica.

What must go on shows progress by a value that changes: the number of keys that were taken, of rounds of the main loop.
A check answers this value while something waits for it, and None while nothing does. Two ways to be deaf are seen: the
same value for a minute, and a thread that is gone.

The minute is counted in looks, each worth at most a few seconds: a machine that slept, or a process that was stopped
and goes on, has had no chance to do anything meanwhile. A complaint stays for a minute, long enough for a kubelet to
see it and for another replica to take the lease; then everything has a minute anew, so nothing stays red that works
again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from msgspec import Struct

from ako_runtime.observe.threads import LastingThread

LIMIT: Final = 60.0
"""Seconds without progress that are too many, and seconds for which a complaint stays."""
LOOK: Final = 1.0
"""Seconds between two looks."""
_WORTH: Final = 5.0
"""Seconds that one look counts for at most."""

_log = structlog.get_logger("ako.watchdog")

Progress = Callable[[], object]
"""A value that changes with each step forward; None while there is nothing to do."""


class Check(Struct, frozen=True, kw_only=True):
    """Something that must go on, and what to say when it does not."""

    complaint: str
    progress: Progress


class _Stand(Struct, kw_only=True):
    value: object = None
    seconds: float = 0.0


class Watchdog:
    """Looks at everything that must go on."""

    def __init__(
        self,
        *,
        checks: tuple[Check, ...],
        gone: Callable[[], list[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`gone`: names of threads that have ended and should not have."""
        self._checks = checks
        self._gone = gone
        self._clock = clock
        self._stands: Mapping[str, _Stand] = {check.complaint: _Stand() for check in checks}
        self._looked_at = clock()
        self._complaint = ""
        self._complains_until = float("-inf")
        self._stop = threading.Event()
        self.thread = LastingThread(name="watchdog", work=self._run, stop=self._stop)

    def start(self) -> None:
        """Begin to look."""
        self.thread.start()

    def stop(self) -> None:
        """End the looks: from now on nothing has to go on."""
        self._stop.set()
        self.thread.join(LOOK)

    @property
    def complaint(self) -> str:
        """What does not go on; empty if everything does."""
        if self.thread.gone and not self._stop.is_set():
            return "the thread watchdog is gone"
        return self._complaint

    def look(self) -> None:
        """Count what stands still."""
        now = self._clock()
        passed, self._looked_at = min(_WORTH, now - self._looked_at), now
        found = [f"the thread {name} is gone" for name in self._gone()]
        for check in self._checks:
            stand, value = self._stands[check.complaint], check.progress()
            if value is None or value != stand.value:
                stand.value, stand.seconds = value, 0.0
                continue
            stand.seconds += passed
            if stand.seconds >= LIMIT:
                found.append(check.complaint)
                stand.value, stand.seconds = None, 0.0
        if found:
            text = "; ".join(found)
            if text != self._complaint:
                _log.error("not working", complaint=text)
            self._complaint, self._complains_until = text, now + LIMIT
        elif now >= self._complains_until:
            self._complaint = ""

    def _run(self) -> None:
        while not self._stop.wait(LOOK):
            self.look()
