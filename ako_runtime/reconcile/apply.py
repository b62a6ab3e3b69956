"""Carries out planned operations: many stacks at once, and inside a stack whatever does not depend on each other.

A `StackRun` knows which operations wait for which; each finished one makes others ready. Operations run on a bounded
pool of workers, each with its own session. The first failure ends the run: nothing new is started, what is under way
is awaited, then the verdict is reported. No thread ever waits for another, so a slow stack costs no worker.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Protocol

from ako_runtime.errors import AkoError, Bug
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref


class Perform(Protocol):
    """Carry out one operation; the object afterwards, None when it is gone; raises an AkoError."""

    def __call__(self, operation: Operation) -> Observed | None:
        """Do it now, on this thread."""


Finished = Callable[[Mapping[Ref, Observed | None], AkoError | None, Operation | None], None]
"""Called once: what was written, the error that ended the run early, and the operation that it came from."""


class StackRun:
    """One stack being applied."""

    def __init__(
        self, *, operations: tuple[Operation, ...], perform: Perform, executor: Executor, finished: Finished
    ) -> None:
        self._perform = perform
        self._executor = executor
        self._finished = finished
        self._lock = threading.Lock()
        self._waiting = {operation.ref: operation for operation in operations}
        self._open = {operation.ref: set(operation.waits_for) & self._waiting.keys() for operation in operations}
        # A shard has thousands of operations: looking through all of them after each one would cost their square.
        self._ready = [ref for ref, open_ends in self._open.items() if not open_ends]
        self._following: dict[Ref, list[Ref]] = {}
        for ref, open_ends in self._open.items():
            for awaited in open_ends:
                self._following.setdefault(awaited, []).append(ref)
        self._written: dict[Ref, Observed | None] = {}
        self._running = 0
        self._failure: tuple[AkoError, Operation] | None = None

    def start(self) -> None:
        """Begin with the operations that wait for nothing."""
        for operation in self._take_ready():
            self._executor.submit(self._work, operation)

    def _take_ready(self) -> list[Operation]:
        with self._lock:
            if self._failure is not None:
                return []
            ready = [self._waiting[ref] for ref in self._ready]
            self._ready = []
            for operation in ready:
                del self._open[operation.ref]
            self._running += len(ready)
            return ready

    def _work(self, operation: Operation | None) -> None:
        """Carry out an operation and go on with the first one that it made ready; hand others to other workers."""
        while operation is not None:
            try:
                result, error = self._perform(operation), None
            except AkoError as mishap:
                result, error = None, mishap
            except Exception as mishap:  # noqa: BLE001 - one key's surprise must not take a worker down
                result, error = None, Bug(f"{operation.verb} {operation.ref}: {type(mishap).__name__}: {mishap}")
            over = self._settle(operation, result, error)
            following = [] if over else self._take_ready()
            for other in following[1:]:
                self._executor.submit(self._work, other)
            if over:
                failure = self._failure
                self._finished(self._written, *(failure or (None, None)))
            operation = following[0] if following else None

    def _settle(self, operation: Operation, result: Observed | None, error: AkoError | None) -> bool:
        """Note the result; whether the run is over with it."""
        with self._lock:
            self._running -= 1
            if error is None:
                self._written[operation.ref] = result
                for ref in self._following.get(operation.ref, ()):
                    open_ends = self._open[ref]
                    open_ends.discard(operation.ref)
                    if not open_ends:
                        self._ready.append(ref)
            elif self._failure is None:
                self._failure = (error, operation)
            nothing_left = self._failure is not None or not self._open
            return self._running == 0 and nothing_left
