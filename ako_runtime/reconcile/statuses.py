"""Brings to the API server what passes decided that objects should show.

A pass hands over its intents when the controller holds what they speak of. Only what an object does not show yet is
written, by a pool of its own, so a slow API server never holds the controller up; where nothing differs the pass ends
at once, in the thread that asks. Many objects of one pass go out side by side, each as the controller is at that
moment: an Ingress whose hosts are served by several keys shows what all of them have by then. Those that a long pass is
done with before its end go out meanwhile (`begin`, `due.py`); the end looks at all, and writes what still differs.

What was written comes back by the watch a moment later. Until then the object is looked at as if it had come back, so
nothing is written twice.

What each key decided last is kept. When an object changes in nothing but what we write there, it is held against that:
mostly it is our own write coming back; if somebody else was at it (`mend`), it is written again, without another
translation.

An object that is gone shows nothing and gets nothing. One status that cannot be written ends the others of its pass;
the key comes back, and what was written by then is equal and costs nothing.
"""

import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from ako_runtime.errors import AkoError
from ako_runtime.kube.events import EventWriter
from ako_runtime.kube.store import Store
from ako_runtime.kube.writer import StatusWriter
from ako_runtime.model.operation import Operation
from ako_runtime.model.patch import Applied, Patch
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef, StackKey, StatusIntent
from ako_runtime.reconcile.due import Due
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.standing import Decided
from ako_runtime.resources.meta import Resource
from ako_runtime.status.dispatch import patches_for
from ako_runtime.status.events import event_texts

LANES: Final = 6
"""Statuses of one pass that are written at a time; the pool has room for a few more, which are other keys'."""
ECHO_SECONDS: Final = 5.0
"""How long what was written is waited for before the object is looked at as it is known."""
EARLY_LANES: Final = 3
"""Statuses of one pass that are written at a time while it still writes to the controller."""
_FEW: Final = 4
"""So many are not worth another lane."""

_log = structlog.get_logger("ako.reconciler")


class StatusOutlets(Struct, frozen=True, kw_only=True):
    """Where statuses and their Events go."""

    statuses: StatusWriter
    events: EventWriter
    status_workers: Executor
    # Print what would be done, do nothing.
    dry_run: bool


class _Terms(Struct, frozen=True, kw_only=True):
    """What the statuses of one pass have in common."""

    # Time of the pass, RFC 3339.
    now: str
    # Addresses that the pass took away.
    withdrawn: frozenset[str] = frozenset()


class _Unseen(Struct, frozen=True, kw_only=True):
    """What was written last to an object and has not come back by the watch."""

    patches: tuple[Patch, ...]
    # The object as it was written to, and the versions that our writes made of it before the last one.
    base: Resource
    before: frozenset[str]
    # Monotonic time after which it is not waited for: a server that was set back in time never brings it.
    until: float

    def is_over(self, obj: Resource) -> bool:
        """Whether the object has come back, as it was written or as somebody else made it.

        A server that was set back gives the old version to another object, so only the very object counts as the base.
        """
        awaited = obj is self.base or obj.metadata.resource_version in self.before
        return not awaited or time.monotonic() > self.until


class _Wanted(Struct, frozen=True, kw_only=True):
    """What an object does not show yet."""

    obj: Resource
    applied: Applied
    patches: tuple[Patch, ...]


class StatusSender:
    """Writes what differs from what objects show; used by all threads that end passes."""

    def __init__(
        self,
        *,
        store: Store,
        inventory: Inventory,
        cluster_uuid: Callable[[], str],
        outlets: StatusOutlets,
        failed: Callable[[StackKey, AkoError], object],
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._cluster_uuid = cluster_uuid
        self._out = outlets
        self._failed = failed
        self._decided = Decided(store=store)
        # What could not be mended: the next pass of the key writes it.
        self._owed: dict[StackKey, frozenset[ObjectRef]] = {}
        # Passes whose statuses go out while they write.
        self._begun: dict[StackKey, tuple[Due, _Terms]] = {}
        # What is being written: status and annotations are two writes, and the first comes back before the second.
        self._writing: set[ObjectRef] = set()
        self._unseen: dict[ObjectRef, _Unseen] = {}

    @property
    def deciders(self) -> frozenset[StackKey]:
        """The keys whose last pass said what some object should show."""
        return self._decided.keys

    def saw(self, about: ObjectRef) -> None:
        """The object changed: what was written to it is not waited for any more, if this is it."""
        unseen = self._unseen.get(about)
        if unseen is None:
            return
        obj = self._store.snapshot.latest(about)
        if obj is None or unseen.is_over(obj):
            self._unseen.pop(about, None)

    def mend(self, about: ObjectRef) -> None:
        """The object changed in what we write there, and was seen: write again what it does not show as decided."""
        if about in self._writing or about in self._unseen:
            return
        for key, intent in self._decided.about(about):
            if self._wanted(intent, _Terms(now=_now())) is not None:
                # Of several keys that speak for an object one is enough; what comes back is looked at again.
                self._out.status_workers.submit(self._mend, key, intent)
                return

    def begin(
        self, key: StackKey, intents: tuple[StatusIntent, ...], *, operations: Collection[Operation]
    ) -> Callable[[Ref], object]:
        """A pass is about to carry out these operations; what to call with the object of each when that is done.

        The pass must end with `write`.
        """
        due, terms = Due(intents, operations=operations, lanes=EARLY_LANES), _Terms(now=_now())
        self._begun[key] = (due, terms)

        def go_on(ref: Ref) -> None:
            if due.after(ref):
                self._out.status_workers.submit(self._send_due, key, due, terms)

        return go_on

    def write(
        self,
        key: StackKey,
        intents: tuple[StatusIntent, ...],
        *,
        every: tuple[StatusIntent, ...] | None,
        withdrawn: frozenset[str],
        ended: Callable[[], object],
    ) -> None:
        """Write what differs, then call `ended`, or `failed` of the constructor.

        With `every`, `intents` are those of all of them that may differ from the last time. `withdrawn` are addresses
        that the pass took away.
        """
        due, terms = self._begun.pop(key, (None, _Terms(now=_now())))
        terms = msgspec.structs.replace(terms, withdrawn=withdrawn)

        def go_on() -> None:
            self._write(key, intents, every=every, terms=terms, ended=ended)

        if due is None or due.close(go_on):
            go_on()

    def _write(
        self,
        key: StackKey,
        intents: tuple[StatusIntent, ...],
        *,
        every: tuple[StatusIntent, ...] | None,
        terms: _Terms,
        ended: Callable[[], object],
    ) -> None:
        if self._out.dry_run:
            intents = ()
        else:
            # Before the objects are looked at: what changes from now on is held against this.
            self._decided.note(key, intents, every=every)
        owed = self._owed.pop(key, frozenset()) - {intent.about for intent in intents}
        if owed:
            intents = (*intents, *(one for one in every or () if one.about in owed))
        first = next((at for at, one in enumerate(intents) if self._wanted(one, terms)), None)
        if first is None:
            ended()
            return
        left = intents[first:]
        count = min(LANES, 1 + (len(left) - 1) // _FEW)
        sending = _Sending(lanes=count, ended=ended, failed=lambda error: self._failed(key, error))
        for lane in range(count):
            self._out.status_workers.submit(self._send, key, left[lane::count], terms, sending)

    def _wanted(self, intent: StatusIntent, terms: _Terms) -> _Wanted | None:
        """What the object does not show yet, or None."""
        obj = self._store.snapshot.latest(intent.about)
        if obj is None:
            self._unseen.pop(intent.about, None)
            return None
        applied = Applied(
            observed=self._inventory.view(intent.sources),
            withdrawn=terms.withdrawn,
            cluster_uuid=self._cluster_uuid(),
            now=terms.now,
        )
        unseen = self._unseen.get(intent.about)
        known = unseen.patches if unseen is not None and not unseen.is_over(obj) else ()
        patches = tuple(one for one in patches_for(intent, obj, applied) if one not in known)
        return _Wanted(obj=obj, applied=applied, patches=patches) if patches else None

    def _send(self, key: StackKey, intents: tuple[StatusIntent, ...], terms: _Terms, sending: "_Sending") -> None:
        error: AkoError | None = None
        try:
            for intent in intents:
                if sending.broken:
                    break
                self._send_one(intent, terms)
        except AkoError as mishap:
            error = mishap
        except Exception:  # noqa: BLE001 - one status must not keep its key for ever; it is logged, the resync tries again
            _log.exception("status failed", key=str(key))
        sending.end_lane(error)

    def _send_due(self, key: StackKey, due: Due, terms: _Terms) -> None:
        while (intent := due.take()) is not None:
            try:
                self._decided.add(key, intent)
                self._send_one(intent, terms)
            except AkoError as error:
                _log.info("status not written yet", key=str(key), error=str(error))
                due.give_up()
            except Exception:  # noqa: BLE001 - one status must not keep its key for ever; it is logged, the end tries again
                _log.exception("status failed", key=str(key))
                due.give_up()

    def _mend(self, key: StackKey, intent: StatusIntent) -> None:
        try:
            self._send_one(intent, _Terms(now=_now()))
        except AkoError as error:
            self._owed[key] = self._owed.get(key, frozenset()) | {intent.about}
            self._failed(key, error)

    def _send_one(self, intent: StatusIntent, terms: _Terms) -> None:
        wanted = self._wanted(intent, terms)
        if wanted is None:
            return
        before: frozenset[str] = frozenset()
        self._writing.add(intent.about)
        try:
            for at, patch in enumerate(wanted.patches, 1):
                version = self._out.statuses.write(patch)
                until = time.monotonic() + ECHO_SECONDS
                self._unseen[intent.about] = _Unseen(
                    patches=wanted.patches[:at], base=wanted.obj, before=before, until=until
                )
                before |= {version}
        finally:
            self._writing.discard(intent.about)
        # It may have come back, or somebody else's change, before we knew what to wait for.
        self.saw(intent.about)
        self.mend(intent.about)
        for told in event_texts(intent, wanted.obj, wanted.applied, wanted.patches):
            self._out.events.publish(
                intent.about, uid=wanted.obj.metadata.uid, severity=told.severity, reason=told.reason, note=told.note
            )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Sending:
    """The statuses of one pass while they are written: the last lane to end says how it went."""

    def __init__(self, *, lanes: int, ended: Callable[[], object], failed: Callable[[AkoError], object]) -> None:
        self._lock = threading.Lock()
        self._lanes = lanes
        self._ended = ended
        self._failed = failed
        self._error: AkoError | None = None

    @property
    def broken(self) -> bool:
        """Whether one could not be written: the others end as well."""
        return self._error is not None

    def end_lane(self, error: AkoError | None) -> None:
        """A lane has nothing more to write."""
        with self._lock:
            self._lanes -= 1
            self._error = self._error or error
            last = self._lanes == 0
        if not last:
            return
        if self._error is not None:
            self._failed(self._error)
        else:
            self._ended()
