"""Brings to the API server what passes decided that objects should show.

A pass hands over its intents when the controller holds what they speak of. Only what an object does not show yet is
written, by a pool of its own, so a slow API server never holds the controller up; where nothing differs the pass ends
at once, in the thread that asks. What each key decided last is kept: a change that comes back from the API server and
is nothing but our own write is recognised by it (`shown`), without another translation.

An object that is gone shows nothing and gets nothing. One status that cannot be written ends the others of its pass;
the key comes back, and what was written by then is equal and costs nothing.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime

import structlog
from msgspec import Struct

from ako_runtime.errors import AkoError
from ako_runtime.kube.events import EventWriter
from ako_runtime.kube.store import Store
from ako_runtime.kube.writer import StatusWriter
from ako_runtime.model.patch import Applied
from ako_runtime.model.stack import ObjectRef, StackKey, StatusIntent
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.standing import Decided
from ako_runtime.status.dispatch import patches_for
from ako_runtime.status.events import event_texts

_log = structlog.get_logger("ako.reconciler")


class StatusOutlets(Struct, frozen=True, kw_only=True):
    """Where statuses and their Events go."""

    statuses: StatusWriter
    events: EventWriter
    status_workers: Executor
    # Print what would be done, do nothing.
    dry_run: bool


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

    def shown(self, key: StackKey, about: ObjectRef) -> bool:
        """Whether the object shows what the last pass of the key decided; False if that is not known."""
        known, intent = self._decided.about(key, about)
        return known and (intent is None or self._applied(intent) is None)

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
        if self._out.dry_run:
            intents = ()
        else:
            # Before the objects are looked at: what changes from now on is held against this.
            self._decided.note(key, intents, every=every)
        wanted = [
            (intent, applied)
            for intent in intents
            if (applied := self._applied(intent, withdrawn=withdrawn)) is not None
        ]
        if wanted:
            self._out.status_workers.submit(self._send, key, wanted, ended)
        else:
            ended()

    def _applied(self, intent: StatusIntent, *, withdrawn: frozenset[str] = frozenset()) -> Applied | None:
        """What is known for the status, or None when the object already shows it."""
        obj = self._store.snapshot.object(intent.about)
        if obj is None:
            return None
        applied = Applied(
            observed=self._inventory.view(intent.sources),
            withdrawn=withdrawn,
            cluster_uuid=self._cluster_uuid(),
            now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        return applied if patches_for(intent, obj, applied) else None

    def _send(self, key: StackKey, wanted: list[tuple[StatusIntent, Applied]], ended: Callable[[], object]) -> None:
        try:
            for intent, applied in wanted:
                self._send_one(intent, applied)
        except AkoError as error:
            self._failed(key, error)
            return
        except Exception:  # noqa: BLE001 - one status must not keep its key for ever; it is logged, the resync tries again
            _log.exception("status failed", key=str(key))
        ended()

    def _send_one(self, intent: StatusIntent, applied: Applied) -> None:
        obj = self._store.snapshot.object(intent.about)
        if obj is None:
            return
        patches = patches_for(intent, obj, applied)
        for patch in patches:
            self._out.statuses.write(patch)
        if not patches:
            return
        for told in event_texts(intent, applied, patches):
            self._out.events.publish(
                intent.about, uid=obj.metadata.uid, severity=told.severity, reason=told.reason, note=told.note
            )
