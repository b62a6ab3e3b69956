"""How many requests the API server gets from us: a token bucket, as the official clients have one."""

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """At most `rate` takes a second on average, `burst` at once."""

    def __init__(
        self,
        *,
        rate: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._tokens = float(burst)
        self._stamp = clock()

    def take(self) -> None:
        """Wait until there is a token, and take it."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._stamp) * self._rate)
            self._stamp = now
            self._tokens -= 1.0
            wait = -self._tokens / self._rate if self._tokens < 0 else 0.0
        if wait:
            self._pause(wait)
