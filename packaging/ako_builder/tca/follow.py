"""Waiting for an end state: of a package and of an operation.

The pauses grow from a short one to five seconds. What ends badly is `Refused` with TCA's reason; what takes longer than
asked says in which state it is.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from ako_builder.tca.client import TcaClient
from ako_builder.tca.models import Operation, Package
from ako_runtime.errors import Refused

_FIRST_SECONDS: Final = 0.2
_LONGEST_SECONDS: Final = 5.0
_GOOD: Final = frozenset({"COMPLETED"})
_BAD: Final = frozenset({"FAILED_TEMP", "FAILED", "ROLLED_BACK"})
_NEXT: Final = {
    "FAILED_TEMP": "it waits: 'ako tca operation retry', 'rollback' or 'fail'",
    "FAILED": "it was given up as it is",
    "ROLLED_BACK": "what it did is undone",
}

_Seen = TypeVar("_Seen")


def followed_package(client: TcaClient, package: Package, *, timeout: float) -> Package:
    """The package once it is onboarded and enabled."""

    def done(seen: Package) -> bool:
        if seen.state == "ERROR" or seen.failure:
            raise Refused(f"TCA does not onboard package {seen.name}: {seen.failure or 'it gives no reason'}")
        return seen.state == "ONBOARDED" and seen.operational == "ENABLED"

    return _until(lambda: client.package(package.id), done, timeout=timeout, state=lambda seen: seen.state)


def followed_operation(client: TcaClient, identifier: str, *, timeout: float) -> Operation:
    """The operation once it is completed; one that failed is `Refused` with its reason."""

    def done(seen: Operation) -> bool:
        if seen.state in _BAD:
            reason = seen.failure or "TCA gives no reason"
            raise Refused(f"{seen.kind} ended in {seen.state}: {reason}; {_NEXT[seen.state]}")
        return seen.state in _GOOD

    return _until(lambda: client.operation(identifier), done, timeout=timeout, state=lambda seen: seen.state)


def _until(
    look: Callable[[], _Seen], done: Callable[[_Seen], bool], *, timeout: float, state: Callable[[_Seen], str]
) -> _Seen:
    end = time.monotonic() + timeout
    pause = _FIRST_SECONDS
    while not done(seen := look()):
        if time.monotonic() + pause > end:
            raise Refused(f"after {timeout:.0f} s it is in state {state(seen)}; look again with 'ako tca show'")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_SECONDS)
    return seen
