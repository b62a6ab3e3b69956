"""Carries out planned operations: many stacks at once, and inside a stack whatever does not depend on each other.

A `StackRun` knows which operations wait for which; each finished one makes others ready. Operations run on a bounded
pool of workers, each with its own session. No thread ever waits for another, so a slow stack costs no worker.

A refusal concerns its object alone: what needs it is given up with it, everything else of the stack goes on, and the
first refusal is reported when all is done. Nothing is deleted that an object still refers to which was given up. Any
other failure (the controller is away, something is out of date) ends the run: nothing new is started, what is under way
is awaited, then the verdict is reported.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Protocol

from ako_runtime.errors import AkoError, Bug, Refused, Stale
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import links


class Perform(Protocol):
    """Carry out one operation; the object afterwards, None when it is gone; raises an AkoError."""

    def __call__(self, operation: Operation) -> Observed | None:
        """Do it now, on this thread."""


Finished = Callable[[Mapping[Ref, Observed | None], AkoError | None, Operation | None], None]
"""Called once: what was written, the error that counts, and the operation that it came from."""


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
        self._refusal: tuple[AkoError, Operation] | None = None
        self._given_up: set[Ref] = set()
        # What objects that were given up still refer to.
        self._needed: set[Ref] = set()

    @property
    def given_up(self) -> frozenset[Ref]:
        """Objects that are not as they should be because they, or what they need, were refused."""
        with self._lock:
            return frozenset(self._given_up)

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
                failure = self._failure or self._refusal
                self._finished(self._written, *(failure or (None, None)))
            operation = following[0] if following else None

    def _settle(self, operation: Operation, result: Observed | None, error: AkoError | None) -> bool:
        """Note the result; whether the run is over with it."""
        with self._lock:
            self._running -= 1
            if error is None:
                self._written[operation.ref] = result
                self._release(operation.ref)
            elif _concerns_itself(operation, error):
                self._refusal = self._refusal or (error, operation)
                self._give_up(operation)
            elif self._failure is None:
                self._failure = (error, operation)
            nothing_left = self._failure is not None or not self._open
            return self._running == 0 and nothing_left

    def _release(self, ref: Ref) -> None:
        """Nobody waits for this one any more."""
        for follower in self._following.pop(ref, ()):
            open_ends = self._open.get(follower)
            if open_ends is None:
                continue
            open_ends.discard(ref)
            if open_ends:
                continue
            if self._waiting[follower].verb == "delete" and follower in self._needed:
                self._give_up(self._waiting[follower])
            else:
                self._ready.append(follower)

    def _give_up(self, operation: Operation) -> None:
        """Leave out the operation and what needs it; what only comes after it goes on."""
        lost = [operation]
        gone: list[Ref] = []
        while lost:
            one = lost.pop()
            if one.ref in self._given_up:
                continue
            self._given_up.add(one.ref)
            self._open.pop(one.ref, None)
            gone.append(one.ref)
            content = one.held.content if one.held is not None else None
            self._needed |= {link.within(one.ref.tenant) for link in links(content)} if content is not None else set()
            lost += [
                self._waiting[ref]
                for ref in self._following.get(one.ref, ())
                if ref in self._open and one.ref not in self._waiting[ref].follows
            ]
        for ref in gone:
            self._release(ref)


def _concerns_itself(operation: Operation, error: AkoError) -> bool:
    """Whether the rest of the stack can go on: the object is refused, or others refer to what should go."""
    in_use = isinstance(error, Stale) and error.reason == "StillReferenced" and operation.verb == "delete"
    return isinstance(error, Refused) or in_use
