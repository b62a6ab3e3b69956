"""Placements that the controller refused, by key: what is wanted, what was said, and until when it is not asked again.

A change of address, network, VRF, tier-1 router, cloud or Service Engine group may be refused for good, or until an
address is free. In both cases everything else of the key goes on at once, with the placement that it has
(`ako_runtime.plan.kept`), and every object that shows a status says why. A refusal for good is asked again when another
placement is wanted or when the process starts anew; any other after a pause.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from ako_runtime.errors import AkoError, Refused, RetryLater
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, Outcome, Stack, StackKey
from ako_runtime.plan.kept import PLACEMENT, placed_as_held, placement_of

PAUSE: Final = 60.0
_FOR_GOOD: Final = frozenset({"AddressKept", "PlacementKept"})


class _Kept(Struct, frozen=True, kw_only=True):
    """One refusal; `until` in seconds of the clock, endless if only another wish helps."""

    placement: frozenset[object]
    reason: str
    message: str
    until: float


class Keeps:
    """Refused placements; used by the thread that plans and by those that end a pass, for one key at a time."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[StackKey, _Kept] = {}

    def note(self, outcome: Outcome, error: AkoError, operation: Operation | None) -> bool:
        """Whether the failure of an operation is one of placement, after which everything else can go on."""
        if operation is None or outcome.key in self._kept or not isinstance(error, Refused | RetryLater):
            return False
        pause = error.after if isinstance(error, RetryLater) else PAUSE
        if pause is None or error.reason in ("TooManyRequests", "ControllerError", "ControllerUpgrade"):
            return False
        fields = PLACEMENT.get(operation.ref.kind, frozenset()).intersection(operation.fields)
        if operation.verb != "replace" and not (operation.verb == "update" and fields):
            return False
        reason, message = error.reason, str(error)
        if operation.verb == "update" and isinstance(error, Refused):
            reason = "PlacementKept"
            message = f"{', '.join(sorted(fields))} of {operation.ref.name} stays as it is: {message}"
        self._kept[outcome.key] = _Kept(
            placement=placement_of(outcome.stack),
            reason=reason,
            message=message,
            until=math.inf if reason in _FOR_GOOD else self._clock() + pause,
        )
        return True

    def holds(self, key: StackKey, stack: Stack) -> bool:
        """Whether the stack wants what was refused, and is not to ask again yet; forgets what is over."""
        kept = self._kept.get(key)
        if kept is None:
            return False
        if kept.until > self._clock() and kept.placement == placement_of(stack):
            return True
        del self._kept[key]
        return False

    def applied(self, outcome: Outcome, observed: Mapping[Ref, Observed]) -> Outcome:
        """The outcome with the placement that is there, told at every object and at those that ask for the other."""
        kept = self._kept[outcome.key]

        def told(about: Diagnostic) -> Diagnostic:
            return msgspec.structs.replace(about, reason=kept.reason, message=kept.message)

        statuses = tuple(
            intent
            if intent.problem is not None
            else msgspec.structs.replace(
                intent, problem=told(Diagnostic(object=intent.about, field="", reason="", message=""))
            )
            for intent in outcome.statuses
        )
        asking = tuple(told(Diagnostic(object=one, field="", reason="", message="")) for one in outcome.placed_by)
        return msgspec.structs.replace(
            outcome,
            stack=placed_as_held(outcome.stack, observed),
            statuses=statuses,
            diagnostics=(*outcome.diagnostics, *asking),
            delta=None,
        )

    def pause(self, key: StackKey) -> float | None:
        """Seconds until the key asks again; None if it does not by itself."""
        kept = self._kept.get(key)
        if kept is None or kept.until == math.inf:
            return None
        return max(0.1, kept.until - self._clock())
