"""Faults: what goes wrong on purpose, for which requests, how often.

A `Fault` matches by method, path and tenant, lets `after` matching requests pass, then strikes `count` times, each
time with `probability`. Chances and delays come from one seeded generator, and a rule counts the requests that match
it, so the same requests meet the same faults. Several rules may match: delays add up, the first rule that decides
the answer wins. Some faults are states of the controller rather than answers: `upgrade` (writes are refused),
`leader-change`, `session-purge`, `ipam-exhausted`, `account-lock` (a right password is refused like a wrong one); they
are asked for while a request that they match is answered.
"""

import math
import random
import re
from collections.abc import Iterable
from typing import Literal

import msgspec

Kind = Literal[
    "status",
    "delay",
    "reset",
    "slow-body",
    "truncated-body",
    "upgrade",
    "leader-change",
    "session-purge",
    "ipam-exhausted",
    "account-lock",
]


# Asked for where they matter, not decided for each request.
_STATES = frozenset({"upgrade", "ipam-exhausted", "account-lock"})
# Where it can be chosen whether the controller does its work before the answer is lost.
_ANSWERS = frozenset({"status", "reset"})
_LONGEST_SECONDS = 3600.0


class Fault(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One thing that goes wrong."""

    kind: Kind = "status"
    method: str = "*"
    # A regular expression that the whole path must match; slashes are already collapsed.
    path: str = ".*"
    tenant: str = "*"
    status: int = 503
    error: str = ""
    retry_after: int | None = None
    after: int = 0
    count: int | None = None
    probability: float = 1.0
    # Seconds; a fault of kind delay waits between the two, by the named distribution.
    delay: float = 0.0
    delay_maximum: float = 0.0
    distribution: Literal["fixed", "uniform", "exponential"] = "fixed"
    # Whether a status or a reset comes after the controller did its work: the answer is lost, not the call.
    applied: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot match or strike, so that a mistake in a file is told where it is read."""
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path {self.path!r} is not a regular expression: {error}") from error
        for name, value, low, high in (
            ("probability", self.probability, 0, 1),
            ("status", self.status, 100, 599),
            ("delay", self.delay, 0, _LONGEST_SECONDS),
            ("delayMaximum", self.delay_maximum, 0, _LONGEST_SECONDS),
            ("after", self.after, 0, math.inf),
            ("count", self.count or 0, 0, math.inf),
            ("retryAfter", self.retry_after or 0, 0, math.inf),
        ):
            if not low <= value <= high:
                limit = f"{low}-{high:g}" if high < math.inf else f"{low} or more"
                raise ValueError(f"{name} is {value}, allowed: {limit}")
        if self.applied and self.kind not in _ANSWERS:
            raise ValueError(f"applied is for the kinds status and reset, not for {self.kind}")


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """What the faults decided about one request."""

    delay: float = 0.0
    fault: Fault | None = None


class _Rule:
    __slots__ = ("fault", "method", "pattern", "seen", "struck")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.method = fault.method.upper()
        self.pattern = re.compile(fault.path)
        self.seen = 0
        self.struck = 0

    def matches(self, method: str, path: str, tenant: str) -> bool:
        fault = self.fault
        return (
            self.method in ("*", method) and fault.tenant in ("*", tenant) and self.pattern.fullmatch(path) is not None
        )


class Faults:
    """The faults in force. `add` and `clear` may be called from any thread."""

    def __init__(self, *, seed: int, faults: Iterable[Fault] = ()) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chances of faults, not secrets
        self._rules: tuple[_Rule, ...] = ()
        self.struck: dict[str, int] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Put a fault into force."""
        self._rules = (*self._rules, _Rule(fault))

    def clear(self) -> None:
        """End every fault."""
        self._rules = ()

    def listed(self) -> tuple[Fault, ...]:
        """The faults in force."""
        return tuple(rule.fault for rule in self._rules)

    def active(self, kind: Kind, *, method: str, path: str, tenant: str) -> bool:
        """Whether a fault that is a state is in force for a request; counts as one use."""
        return any(
            self._strikes(rule)
            for rule in self._rules
            if rule.fault.kind == kind and rule.matches(method, path, tenant)
        )

    def strike(self, *, method: str, path: str, tenant: str) -> Strike | None:
        """What happens to a request; None for nothing."""
        if not self._rules:
            return None
        delay = 0.0
        deciding: Fault | None = None
        for rule in self._rules:
            fault = rule.fault
            if (
                fault.kind in _STATES
                or not rule.matches(method, path, tenant)
                or (deciding is not None and fault.kind != "delay")
            ):
                continue
            if not self._strikes(rule):
                continue
            # A slow body takes its time between its parts, not before the first.
            delay += self._delay(fault) if fault.kind != "slow-body" else 0.0
            if fault.kind != "delay":
                deciding = fault
        return Strike(delay=delay, fault=deciding) if delay or deciding else None

    def _strikes(self, rule: _Rule) -> bool:
        fault = rule.fault
        rule.seen += 1
        if rule.seen <= fault.after or (fault.count is not None and rule.struck >= fault.count):
            return False
        if fault.probability < 1.0 and self._random.random() >= fault.probability:
            return False
        rule.struck += 1
        self.struck[fault.kind] = self.struck.get(fault.kind, 0) + 1
        return True

    def _delay(self, fault: Fault) -> float:
        if fault.distribution == "uniform":
            return self._random.uniform(fault.delay, max(fault.delay, fault.delay_maximum))
        if fault.distribution == "exponential" and fault.delay > 0:
            drawn = self._random.expovariate(1 / fault.delay)
            return min(drawn, fault.delay_maximum) if fault.delay_maximum else drawn
        return fault.delay
