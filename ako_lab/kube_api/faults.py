"""Failures on command: what a test or a demo asks the embedded API to do wrong.

A `Fault` says which requests it meets (verb, resource, namespace, name, user agent: all that are given must fit) and
what happens to them. `skip` lets the first ones pass, `times` limits how many it meets (None: until it is removed).

    answer    answer with `status`, `reason`, `message` (and Retry-After if `retry_after` is given), do nothing else
    delay     wait `seconds`, then go on as usual
    drop      close the connection without an answer
    truncate  send half of the answer, then close the connection (a list that fails half-way)
    silence   answer nothing and deliver no watch events while it stands: a partition from one client

Watches that are already open are met by `silence` only; `KubeLab.interrupt_watches` ends them in a chosen way.
"""

import threading
from collections.abc import Callable
from typing import Literal

import msgspec

Action = Literal["answer", "delay", "drop", "truncate", "silence"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One failure to produce, and the requests that it meets."""

    action: Action
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str | None = None
    user_agent: str = ""
    status: int = 500
    reason: str | None = None
    message: str = "a fault was asked for"
    retry_after: int | None = None
    seconds: float = 0.0
    skip: int = 0
    times: int | None = 1


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault can tell requests apart by."""

    verb: str
    resource: str
    namespace: str
    name: str
    subresource: str
    user_agent: str


def meets(fault: Fault, call: Call) -> bool:
    """Whether a fault is about this request."""
    return (
        fault.verb in {"", call.verb}
        and fault.resource in {"", call.resource}
        and fault.namespace in {"", call.namespace}
        and fault.name in {"", call.name}
        and fault.subresource in {None, call.subresource}
        and fault.user_agent in call.user_agent
    )


class _Standing:
    """A fault with what is left of its counts."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.skip = fault.skip
        self.times = fault.times

    def strikes(self, call: Call) -> bool:
        """Count one request against this fault; whether it is met."""
        if self.times == 0 or not meets(self.fault, call):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The faults that stand now; safe to use from any thread."""

    def __init__(self, *, changed: Callable[[], None]) -> None:
        self._standing: list[_Standing] = []
        self._lock = threading.Lock()
        self._changed = changed

    def add(self, fault: Fault) -> Fault:
        """Let a fault stand from now on."""
        with self._lock:
            self._standing.append(_Standing(fault))
        return fault

    def standing(self) -> list[Fault]:
        """The faults that may still meet a request."""
        with self._lock:
            return [each.fault for each in self._standing if each.times != 0]

    def remove(self, fault: Fault) -> None:
        """Take one fault away again."""
        with self._lock:
            self._standing = [each for each in self._standing if each.fault is not fault]
        self._changed()

    def clear(self) -> None:
        """Take every fault away."""
        with self._lock:
            self._standing = []
        self._changed()

    def strike(self, call: Call) -> list[Fault]:
        """The faults that meet a new request, counted; a silence is not counted, it stands until removed."""
        with self._lock:
            loud = [each for each in self._standing if each.fault.action != "silence"]
            return [each.fault for each in loud if each.strikes(call)]

    def silences(self, call: Call) -> bool:
        """Whether a client is cut off."""
        with self._lock:
            return any(each.fault.action == "silence" and meets(each.fault, call) for each in self._standing)
