"""Failures on command.

    answer      answer with `status` and `message`, do nothing else
    delay       wait `seconds` (real ones), then go on as usual
    cut         close the connection after `seconds` and, of an upload, after `bytes` of its body
    expire      forget every session before the request is judged
    processing  the next package fails while it is processed, for the reason `message`
    helm        the next run of Helm fails with `message`, after what it did

A fault that names no method or path meets each request; `times` says how often (None: until it is removed).
"""

import re
from typing import Literal

import msgspec

Action = Literal["answer", "delay", "cut", "expire", "processing", "helm"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One failure to produce, and the requests that it meets."""

    action: Action
    method: str = ""
    # A regular expression that the whole path must match.
    path: str = ".*"
    status: int = 503
    message: str = "a fault was asked for"
    seconds: float = 0.0
    bytes: int = 0
    times: int | None = 1

    def __post_init__(self) -> None:
        """Refuse what can match nothing."""
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path {self.path!r} is not a regular expression: {error}") from error
        if not 400 <= self.status <= 599:
            raise ValueError(f"status is {self.status}, allowed: 400-599")


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._standing: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        """Put a fault into force."""
        self._standing.append((fault, [0]))

    def clear(self) -> None:
        """Remove all."""
        self._standing.clear()

    def met(self, method: str, path: str) -> list[Fault]:
        """The faults that a request meets, which are counted."""
        return [
            fault
            for fault, count in self._standing
            if fault.action not in {"processing", "helm"}
            and fault.method in {"", method}
            and re.fullmatch(fault.path, path)
            and _counted(fault, count)
        ]

    def taken(self, action: Action) -> str | None:
        """The message of a fault that is a failure of the work itself, if one is in force."""
        for fault, count in self._standing:
            if fault.action == action and _counted(fault, count):
                return fault.message
        return None


def _counted(fault: Fault, count: list[int]) -> bool:
    if fault.times is not None and count[0] >= fault.times:
        return False
    count[0] += 1
    return True
