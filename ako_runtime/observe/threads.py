"""Threads that live as long as the process, and the guard around the work of each.

Nothing that comes from outside may end such a thread: without it the process looks alive and does nothing. So whatever
its work raises is logged (once, as long as it is the same surprise), counted (`ako_thread_failures_total`) and followed
by a pause that grows to half a minute, and the work begins anew. A thread ends in one way: its work returns. Whoever
shows metrics reads `failures`.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

PAUSES: Final = (0.1, 30.0)
"""Seconds of the first pause after a surprise and of the longest."""
QUIET: Final = 60.0
"""Seconds of work without a surprise after which the next one counts as the first."""

_log = structlog.get_logger("ako.threads")


class Guard:
    """Decides what happens after work that must go on has raised."""

    def __init__(self, *, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.failures = 0
        """How many surprises there were."""
        self._clock = clock
        self._in_a_row = 0
        self._failed_at = float("-inf")
        self._said = ""

    def pause_after(self, error: BaseException) -> float:
        """Log and count a surprise; the seconds to wait before the work begins anew."""
        now = self._clock()
        if now - self._failed_at > QUIET + PAUSES[1]:
            self._in_a_row, self._said = 0, ""
        self.failures, self._in_a_row, self._failed_at = self.failures + 1, self._in_a_row + 1, now
        # Where there is no memory left even this may fail.
        with contextlib.suppress(Exception):
            said = f"{type(error).__name__}: {error}"
            if said != self._said:
                self._said = said
                _log.error("thread failed", thread=self.name, exc_info=error)
        first, longest = PAUSES
        return float(min(longest, first * 2.0 ** min(self._in_a_row - 1, 16)))


class LastingThread:
    """Runs `work` until it returns; whatever it raises begins it anew after a pause, unless `stop` is set."""

    def __init__(self, *, name: str, work: Callable[[], None], stop: threading.Event | None = None) -> None:
        self._work = work
        self._stop = stop or threading.Event()
        self.guard = Guard(name=name)
        self._started = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def name(self) -> str:
        """Name of the thread."""
        return self.guard.name

    @property
    def gone(self) -> bool:
        """Whether the thread was started and has ended."""
        return self._started and not self._thread.is_alive()

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()
        self._started = True

    def join(self, timeout: float) -> None:
        """Wait for the work to end, at most so many seconds."""
        if self._started:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            try:
                self._work()
            except BaseException as error:  # noqa: BLE001 - the outermost guard: the thread must outlive anything
                pause = self.guard.pause_after(error)
                if self._stop.wait(pause):
                    return
            else:
                return
