"""What a failed pass means for its key: when it comes back, what its statuses say, and what must be read again before.

The error says by its class what to do (`ako_runtime.errors`). Three things are known only over several passes or with
the inventory, and turn one error into another: an object that should go and stays in use try after try is a refusal; a
name that another key of ours still registers will be free soon; a refusal that names an object of ours which the
inventory does not have means that the inventory is wrong.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from ako_runtime.errors import AkoError, Bug, Refused, RetryLater, Stale
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey, StatusIntent
from ako_runtime.reconcile.doubt import contradicts
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.moves import Moves
from ako_runtime.reconcile.passes import Pass, told_of, with_problem

SLOW_RETRY: Final = 60.0
"""Seconds until a refused key is tried again although nothing changed."""

TRIES_TO_DELETE: Final = 4
"""So often an object that is still in use is tried before that counts as a refusal: what uses it may be going too."""


class Failure(Struct, frozen=True, kw_only=True):
    """What a failed pass leads to."""

    error: AkoError
    # Seconds until the key comes back; None for the queue's own growing pauses.
    after: float | None
    statuses: tuple[StatusIntent, ...]
    # No status can show it: an Event must.
    announced: bool
    # The controller knows something of ours that the inventory lacks.
    contradiction: bool


class Failures:
    """Remembers the failures of each key until it succeeds; `errors` may be read from any thread."""

    def __init__(
        self, *, inventory: Inventory, moves: Moves, refresh: Callable[[Ref], None], cluster: Callable[[], str]
    ) -> None:
        self._inventory = inventory
        self._moves = moves
        self._refresh = refresh
        self._cluster = cluster
        self._lock = threading.Lock()
        self._errors: dict[StackKey, str] = {}
        # How often in a row something that should go was in use.
        self._in_use: dict[StackKey, int] = {}

    @property
    def errors(self) -> Mapping[StackKey, str]:
        """Keys whose last pass failed, and why."""
        with self._lock:
            return dict(self._errors)

    def forget(self, key: StackKey) -> None:
        """The key has succeeded."""
        with self._lock:
            self._errors.pop(key, None)
            self._in_use.pop(key, None)

    def judge(self, one: Pass, error: AkoError, operation: Operation | None, *, given_up: frozenset[Ref]) -> Failure:
        """What follows from the error; reads again what it casts doubt on."""
        first = self._note(one.key, error)
        error = self._standing_use(one.key, self._after_reading(one, error, operation))
        self._note(one.key, error)
        cluster = self._cluster()
        waits, quiet = False, False
        if isinstance(error, Bug | Refused):
            # Asked before the holders are queued: of a name that is about to be free nobody is told.
            quiet = first or self._moves.are_at_work(one.key, one.outcome.stack)
            waits = self._waits_for_name(one, error, operation)
        return Failure(
            error=error,
            after=_pause(error, waits=waits),
            statuses=_statuses(one, error, given_up, quiet=waits and quiet),
            announced=isinstance(error, Refused) and not _is_shown(one, given_up),
            contradiction=operation is not None and contradicts(error, operation, self._inventory, cluster),
        )

    def _note(self, key: StackKey, error: AkoError) -> bool:
        """Keep the error; whether it is the first one since the key succeeded."""
        with self._lock:
            first = key not in self._errors
            self._errors[key] = str(error)
            return first

    def _after_reading(self, one: Pass, error: AkoError, operation: Operation | None) -> AkoError:
        """The error after what it casts doubt on has been read again; the error of the reading if that fails."""
        if not isinstance(error, Stale) or operation is None:
            return error
        try:
            for ref in self._doubted(one, error, operation.ref):
                self._refresh(ref)
        except AkoError as second:
            return second
        return error

    def _doubted(self, one: Pass, error: Stale, ref: Ref) -> Iterable[Ref]:
        """What to read anew: the object itself; where another one is missing or in the way, the whole stack."""
        if error.reason not in ("NotFound", "StillReferenced"):
            return (ref,)
        stack = one.outcome.stack
        return sorted({ref, *stack.objects, *self._inventory.surplus(one.key, stack)})

    def _standing_use(self, key: StackKey, error: AkoError) -> AkoError:
        """The error; a refusal if what should go has been in use again and again: that does not change by itself."""
        if not isinstance(error, Stale) or error.reason != "StillReferenced":
            return error
        with self._lock:
            self._in_use[key] = self._in_use.get(key, 0) + 1
            if self._in_use[key] < TRIES_TO_DELETE:
                return error
        return Refused(f"{error}; remove what refers to it", reason=error.reason)

    def _waits_for_name(self, one: Pass, error: AkoError, operation: Operation | None) -> bool:
        """Whether a name is still registered by a VsVip of ours, as while a host moves: it will be free soon."""
        if operation is None or operation.ref.kind != "vsvip":
            return False
        held = self._moves.waits_for_name(one.key, one.outcome.stack)
        # It may be gone by now; then the refusal still names it.
        named = error.named if isinstance(error, Refused) else frozenset()
        return held or any(name.startswith(f"{self._cluster()}--") for name in named)


def _pause(error: AkoError, *, waits: bool) -> float | None:
    if isinstance(error, Bug | Refused):
        return None if waits else SLOW_RETRY
    return error.after if isinstance(error, RetryLater) else None


def _is_shown(one: Pass, given_up: frozenset[Ref]) -> bool:
    """Whether a status of the pass can say what was refused."""
    return bool(one.outcome.statuses) and (not given_up or bool(given_up.intersection(one.outcome.stack.objects)))


def _statuses(one: Pass, error: AkoError, given_up: frozenset[Ref], *, quiet: bool) -> tuple[StatusIntent, ...]:
    """What the statuses say of it; nothing for an error that passes by itself."""
    told = isinstance(error, Refused) and not quiet
    if told and given_up:
        return told_of(one.outcome, error, given_up)
    if told or (isinstance(error, RetryLater) and error.after is not None):
        return tuple(with_problem(intent, error) for intent in one.outcome.statuses)
    return ()
