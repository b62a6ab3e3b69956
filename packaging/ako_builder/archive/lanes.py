"""Threads that hash what another one reads: chunks go in by one queue and are told of by another when they are done.

hashlib releases the interpreter's lock, so two lanes and the reader use all of two cores. A pool of threads would do as
well, but a future of its costs a good part of the time that a small chunk takes to hash.
"""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

Update = Callable[[memoryview], None]


class Lane:
    """One thread that takes chunks in order; it begins with the first."""

    def __init__(self, name: str) -> None:
        self._todo: SimpleQueue[tuple[Update, memoryview] | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._name = name

    def close(self) -> None:
        """End the thread after what it still has."""
        if self._thread is not None:
            self._todo.put(None)
            self._thread.join()

    def submit(self, update: Update, chunk: memoryview) -> None:
        """Let the thread call `update` with a chunk, which must stay as it is until `wait` has told of it."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._todo.put((update, chunk))

    def wait(self) -> None:
        """Wait for the oldest chunk that nobody has waited for; raises what its update raised."""
        error = self._done.get()
        if error is not None:
            raise error

    def _run(self) -> None:
        while (item := self._todo.get()) is not None:
            update, chunk = item
            error: BaseException | None = None
            try:
                update(chunk)
            except BaseException as raised:  # noqa: BLE001 - told to whoever waits
                error = raised
            del item, chunk
            self._done.put(error)
