"""The virtual clock: it runs with the real one, and can be moved on.

Whoever waits for a moment waits for `reached`; moving the clock on ends the waits that it passes. So a test sees every
state between, without waiting for any.
"""

import asyncio
import datetime as dt
import time


class VirtualClock:
    """Seconds since 1970. Used on one event loop, but for `advance`, which any thread may call through that loop."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        """The time."""
        return time.time() + self._offset

    def text(self) -> str:
        """The time in RFC 3339, UTC."""
        return (
            dt.datetime.fromtimestamp(self.now(), tz=dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )

    def advance(self, seconds: float) -> None:
        """Move the time on; call it on the event loop."""
        self._offset += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def reached(self, moment: float) -> None:
        """Wait until `moment`."""
        while (left := moment - self.now()) > 0:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), timeout=left)
            except TimeoutError:
                continue
