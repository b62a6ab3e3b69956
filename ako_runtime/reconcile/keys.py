"""The queue of keys.

A key is in it at most once. It leaves after a short holdoff, which further changes of the key prolong up to a bound, so
a burst of events about one Service is one pass. A key that is being worked on is not handed out again before `done`;
what came in meanwhile waits. `retry` brings a key back after a pause: the one that the error names, or an exponential
one with jitter that `done` without error resets. Nothing leaves before `open`.
"""

import heapq
import math
import random
import threading
import time
from typing import Final

from msgspec import Struct

from ako_runtime.model.stack import StackKey


class Backoff(Struct, frozen=True, kw_only=True):
    """Seconds of the first pause after a failure and of the longest; `named` bounds what an error itself asks for."""

    first: float = 0.1
    last: float = 60.0
    named: float = 60.0


class Holdoff(Struct, frozen=True, kw_only=True):
    """Seconds without a further change, and the longest wait since the first one."""

    quiet: float = 0.002
    longest: float = 0.05


DEFAULT_HOLDOFF: Final = Holdoff()
DEFAULT_BACKOFF: Final = Backoff()


class KeyQueue:
    """Keys in need of work; safe to use from any thread."""

    def __init__(self, *, holdoff: Holdoff = DEFAULT_HOLDOFF, backoff: Backoff = DEFAULT_BACKOFF) -> None:
        self._holdoff = holdoff
        self._backoff = backoff
        self._changed = threading.Condition()
        self._due: dict[StackKey, float] = {}
        self._since: dict[StackKey, float] = {}
        self._heap: list[tuple[float, int, StackKey]] = []
        self._count = 0
        self._working: set[StackKey] = set()
        self._failures: dict[StackKey, int] = {}
        self._is_open = False
        self._closed = False
        self.taken = 0
        """How many keys have been handed out."""

    def __len__(self) -> int:
        return len(self._due)

    @property
    def idle(self) -> bool:
        """Whether nothing waits (for now or for later) and nothing is being worked on."""
        with self._changed:
            return not self._due and not self._working

    @property
    def is_open(self) -> bool:
        """Whether keys are let out."""
        return self._is_open

    def knows(self, key: StackKey) -> bool:
        """Whether the key waits (for now or for later) or is being worked on."""
        with self._changed:
            return key in self._due or key in self._working

    def known(self) -> frozenset[StackKey]:
        """Keys that wait (for now or for later) or are being worked on."""
        with self._changed:
            return frozenset(self._working | self._due.keys())

    def oldest_age(self) -> float:
        """Seconds that the longest waiting key has been due or held off; 0 if none waits."""
        with self._changed:
            return max(0.0, time.monotonic() - min(self._since.values())) if self._since else 0.0

    def next_in(self) -> float:
        """Seconds until the next key may leave; endless if none waits."""
        with self._changed:
            wait = self._ready_in()
            return math.inf if wait is None else wait

    def has_due(self) -> bool:
        """Whether a key may leave now, or might if the queue were open."""
        with self._changed:
            due = self._first_due()
            return due is not None and due <= time.monotonic()

    def open(self) -> None:
        """Let keys out: every list is complete and the inventory is loaded."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def pause(self) -> None:
        """Keep keys in until the next `open`; what is being worked on goes on."""
        with self._changed:
            self._is_open = False

    def close(self) -> None:
        """End every `take`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def add(self, key: StackKey) -> None:
        """The key needs work."""
        now = time.monotonic()
        with self._changed:
            since = self._since.setdefault(key, now)
            due = min(now + self._holdoff.quiet, since + self._holdoff.longest)
            self._schedule(key, due)

    def take(self) -> StackKey | None:
        """The next key, waiting for one; None once closed. Call `done` or `retry` for it afterwards."""
        with self._changed:
            while not self._closed:
                wait = self._ready_in()
                if wait is not None and wait <= 0:
                    _, _, key = heapq.heappop(self._heap)
                    del self._due[key]
                    self._since.pop(key, None)
                    self._working.add(key)
                    self.taken += 1
                    return key
                self._changed.wait(wait)
            return None

    def done(self, key: StackKey) -> None:
        """The key's work is finished and went well."""
        with self._changed:
            self._failures.pop(key, None)
            self._release(key)

    def retry(self, key: StackKey, *, after: float | None = None) -> float:
        """The key's work failed: bring it back later, at once if it changes; answers in how many seconds."""
        with self._changed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            if after is not None:
                # Whoever named it is not asked earlier without a change.
                pause = min(self._backoff.named, after) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter
            else:
                pause = min(self._backoff.last, self._backoff.first * 2 ** min(failures - 1, 16))
                pause *= random.uniform(0.75, 1.25)  # noqa: S311 - jitter
            self._release(key)
            due = time.monotonic() + pause
            # A change that came in meanwhile is due sooner and wins.
            if key not in self._due:
                self._schedule(key, due)
            return pause

    def _schedule(self, key: StackKey, due: float) -> None:
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, key))
        self._changed.notify()

    def _release(self, key: StackKey) -> None:
        self._working.discard(key)
        if key in self._due:
            self._schedule(key, self._due[key])
        self._changed.notify_all()

    def _ready_in(self) -> float | None:
        """Seconds until the first key may leave, None if none is known."""
        due = self._first_due() if self._is_open else None
        return None if due is None else due - time.monotonic()

    def _first_due(self) -> float | None:
        """When the first key is due, None if none is known; stale heap entries are dropped on the way."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) != due or key in self._working:
                # Rescheduled, or being worked on (`_release` puts it back).
                heapq.heappop(self._heap)
                continue
            return due
        return None
