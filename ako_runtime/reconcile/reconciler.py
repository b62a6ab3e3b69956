"""Joins the pure folders and the I/O folders: key in, controller and statuses right.

One thread takes keys, translates and plans (pure, fast); what has to be written goes to the workers, statuses to a
small pool of their own, so a slow API server never holds the controller up. A key stays taken until its last write,
so passes of one key never overlap.

What may not happen on doubt: a key whose outcome is `held` changes nothing and comes back; a key with bad input keeps
what it has; an object that nobody claims is deleted only after every key of a round has been translated.
"""

import functools
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
import structlog

from ako_runtime.errors import AkoError, RetryLater
from ako_runtime.kube.store import Store
from ako_runtime.model.environment import Reference
from ako_runtime.model.observed import Observed, served_in
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import (
    EMPTY_STACK,
    ObjectRef,
    StackKey,
    StatusIntent,
)
from ako_runtime.observe.threads import LastingThread
from ako_runtime.plan.idle import with_idle
from ako_runtime.plan.members import kept_plan
from ako_runtime.plan.operations import Agreed, plan_for
from ako_runtime.reconcile.apply import StackRun
from ako_runtime.reconcile.description import described_key
from ako_runtime.reconcile.dispatcher import Dispatcher
from ako_runtime.reconcile.failures import SLOW_RETRY, Failures
from ako_runtime.reconcile.holders import with_holders
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.keeps import Keeps
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.reconcile.moves import ORPHANS, Moves, without_names
from ako_runtime.reconcile.orphans import Orphans
from ako_runtime.reconcile.outlets import Outlets
from ako_runtime.reconcile.passes import Pass, content_of, places_beside, withdrawing
from ako_runtime.reconcile.standing import Standing, is_narrow
from ako_runtime.reconcile.statuses import StatusSender
from ako_runtime.resources.journal import Change
from ako_runtime.resources.meta import Resource
from ako_runtime.status.attachments import changed_attachments
from ako_runtime.status.dispatch import status_alone_differs
from ako_runtime.translate.ingress.places import place_of
from ako_runtime.translate.keys import all_keys, outcome_for
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.recall import Recall

HELD_RETRY: Final = 1.0

_log = structlog.get_logger("ako.reconciler")


class Reconciler:
    """Works off the queue."""

    def __init__(
        self,
        *,
        store: Store,
        queue: KeyQueue,
        inventory: Inventory,
        context: Callable[[], L4Context],
        outlets: Outlets,
    ) -> None:
        self._store = store
        self._queue = queue
        self._inventory = inventory
        self._context = context
        self._out = outlets
        self._round_lock = threading.Lock()
        self._round: set[StackKey] = set()
        self._round_open = False
        self._dispatcher = Dispatcher(store=store, queue=queue, context=context, left=self._keys_left)
        # Set when the controller contradicts the inventory: it should be read anew. Whoever does so resets it.
        self.doubtful = False
        self._statuses = StatusSender(
            store=store,
            inventory=inventory,
            cluster_uuid=lambda: context().environment.cluster_uuid,
            outlets=outlets,
            failed=self._come_back,
        )
        self._orphans = Orphans(store=store, queue=queue, inventory=inventory, context=context)
        self._standing = Standing()
        self._keeps = Keeps()
        self._moves = Moves(inventory=inventory, queue=queue, place_of=self._place_of)
        self._failures = Failures(
            inventory=inventory,
            moves=self._moves,
            refresh=outlets.refresh,
            cluster=lambda: context().ownership.cluster,
        )
        # Used by the one thread that plans.
        self._agreed: Agreed = {}
        self.thread = LastingThread(name="reconciler", work=self._work)

    def start(self) -> None:
        """Begin to take keys."""
        self.thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end (the queue must be closed)."""
        self.thread.join(timeout)

    @property
    def translating(self) -> bool:
        """Whether some key of the present round has not been translated yet: what it had begun before may go on."""
        with self._round_lock:
            return bool(self._round)

    def begin_round(self) -> None:
        """Queue every key; when each has been translated, look for orphans.

        Keys whose object has just gone are among them as long as they are known: passes of one key never overlap, so
        once the round is translated, nothing that began before it is still under way.
        """
        keys = self._dispatcher.known_keys()
        with self._round_lock:
            self._round = set(keys)
            self._round_open = True
        for key in keys:
            self._queue.add(key)
        self._note_translated(None)

    def note_change(self, resource: str, *, old: Resource | None, new: Resource | None) -> None:
        """Queue the keys that a change touches; the store holds it already.

        When nothing but a status changed, which is mostly our own write coming back, a whole pass would find the same
        as the last one at many times the cost of looking whether the object shows what that one decided.
        """
        if new is not None:
            about = ObjectRef(resource=resource, namespace=new.namespace, name=new.name)
            self._statuses.saw(about)
            if status_alone_differs(old, new):
                if self._queue.is_open:
                    self._statuses.mend(about)
                return
        self._dispatcher.add_touched(Change(resource=resource, old=old, new=new))

    def _keys_left(self) -> frozenset[StackKey]:
        """Keys that have or show something, or whose last pass failed."""
        return self._inventory.claimants | self._statuses.deciders | self._failures.errors.keys()

    def errors(self) -> Mapping[StackKey, str]:
        """Keys whose last pass failed, and why."""
        return self._failures.errors

    def describe(self, text: str) -> dict[str, object] | None:
        """Desired, observed, plan and last error of the key that logs call `text`; None if there is none."""
        snapshot = self._store.snapshot
        # What shards remember belongs to the thread that plans.
        context = msgspec.structs.replace(self._context(), recall=Recall())
        known = all_keys(snapshot, context) | self._queue.known() | self.errors().keys()
        key = next((one for one in known - {ORPHANS} if str(one) == text), None)
        if key is None:
            return None
        outcome = outcome_for(snapshot, key, context)
        outcome = with_idle(outcome, self._inventory.held_by(key, outcome.idle))
        return described_key(outcome, self._inventory, last_error=self._failures.errors.get(key, ""))

    def _work(self) -> None:
        while (key := self._queue.take()) is not None:
            self._guarded(key, functools.partial(self._reconcile, key))

    def _guarded(self, key: StackKey, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - one key's surprise must not stop the others; it is logged and retried
            _log.exception("pass failed", key=str(key))
            self._queue.retry(key, after=SLOW_RETRY)

    def _reconcile(self, key: StackKey) -> None:
        started, reading = time.perf_counter(), self._inventory.readings
        if key == ORPHANS:
            self._dispatcher.forget_gone()
            if not self._out.deleting() and self._out.brake.holds(*self._inventory.orphan_services()):
                self._queue.done(key)
                return
            outcome = self._orphans.adopted(deleting=self._out.deleting())
        else:
            snapshot = self._store.snapshot
            outcome = outcome_for(snapshot, key, self._context())
            self._dispatcher.add_if_overtaken(key, snapshot)
            if self._out.deleting():
                outcome = outcome.emptied()
            if outcome.idle:
                outcome = with_idle(outcome, self._inventory.held_by(key, outcome.idle))
        delta = self._standing.taken(outcome, reading=reading)
        if outcome.held:
            _log.info("held", key=str(key), reason=outcome.held)
            self._queue.retry(key, after=HELD_RETRY)
            return
        if outcome.needs:
            self._out.workers.submit(self._guarded, key, lambda: self._look_up(key, outcome.needs))
            return
        one = Pass(key=key, outcome=outcome, started=started, reading=reading, delta=delta)
        if outcome.keeps_last_good:
            reachable = self._inventory.claim_reachable(key, outcome.roots)
            self._note_translated(key)
            self._keep(one, reachable)
            return
        among = delta.changed if delta is not None else None
        taken = self._inventory.claim(key, outcome.stack, among=among, idle=outcome.idle)
        self._note_translated(key)
        if self._moves.claim(key, outcome.stack, taken):
            self._apply(one)

    def _look_up(self, key: StackKey, needs: frozenset[Ref]) -> None:
        """Fetch what the key must know of the controller, then bring it back."""
        try:
            for ref in sorted(needs):
                self._store.put_reference(ref, self._out.look_up(ref))
        except AkoError as error:
            _log.warning("not looked up", key=str(key), error=str(error))
            self._queue.retry(key, after=error.after if isinstance(error, RetryLater) else None)
            return
        self._queue.add(key)
        self._queue.done(key)

    def _edit_shared(self, one: Pass) -> None:
        """Bring our part of shared objects up to date, then finish the key."""
        try:
            found = [self._out.edit(edit) for edit in one.outcome.edits]
        except AkoError as error:
            self._fail(one, error, None)
            return
        for edited in found:
            if edited.after is not None:
                self._tell_edit(one.key, edited.ref)
        problems = (problem for edited in found for problem in edited.problems)
        outcome = msgspec.structs.replace(one.outcome, diagnostics=(*one.outcome.diagnostics, *problems))
        self._finish(msgspec.structs.replace(one, outcome=outcome))

    def _tell_edit(self, key: StackKey, ref: Ref) -> None:
        if self._out.dry_run:
            _log.warning("would update", key=str(key), object=str(ref))
        else:
            _log.info("updated", key=str(key), object=str(ref))

    def _keep(self, one: Pass, reachable: frozenset[Ref]) -> None:
        """Leave everything as it is; only members of pools follow."""
        held = self._inventory.view(self._inventory.surplus(one.key, EMPTY_STACK) | reachable)
        self._carry_out(one, kept_plan(one.outcome.members, held), held)

    def _apply(self, one: Pass) -> None:
        if not one.kept and self._keeps.holds(one.key, one.outcome.stack):
            outcome = self._keeps.applied(one.outcome, self._inventory.view(one.outcome.stack.objects))
            one = msgspec.structs.replace(one, outcome=outcome, delta=None, kept=True)
        stack, delta = one.outcome.stack, one.delta
        surplus = self._inventory.surplus(one.key, stack) if delta is None else delta.gone
        observed = self._inventory.view((*(stack.objects if delta is None else delta.changed), *surplus))
        among = delta.changed if delta is not None else None
        operations = plan_for(stack, observed, surplus=surplus, agreed=self._agreed, among=among)
        if delta is not None and not is_narrow(operations):
            self._apply(msgspec.structs.replace(one, delta=None))
            return
        if self._goes_another_way(one, operations, observed, surplus):
            return
        for ref in surplus:
            self._agreed.pop(ref, None)
        self._inventory.release(one.key, surplus - observed.keys())
        self._carry_out(one, operations, observed)

    def _carry_out(self, one: Pass, operations: tuple[Operation, ...], observed: Mapping[Ref, Observed]) -> None:
        if not operations:
            self._complete(one)
            return
        if self._out.dry_run:
            for operation in operations:
                _log.warning("would " + operation.verb, key=str(one.key), object=str(operation.ref))
            self._queue.done(one.key)
            return

        self._inventory.claim_aside(one.key, places_beside(operations))
        told = self._begin_statuses(one, operations)
        log = _log.bind(key=str(one.key))

        def perform(operation: Operation) -> Observed | None:
            result = self._perform(operation)
            verb = "deleted" if result is None else ("updated" if operation.ref in observed else "created")
            log.info(verb, object=str(operation.ref))
            told(operation.ref)
            return result

        def finished(
            written: Mapping[Ref, Observed | None], error: AkoError | None, operation: Operation | None
        ) -> None:
            try:
                self._settle(one, written, observed)
                if error is None:
                    self._complete(withdrawing(one, written, observed))
                else:
                    self._fail(one, error, operation, given_up=run.given_up)
            except Exception:  # noqa: BLE001 - as in `_work`: the key must not be lost
                _log.exception("pass failed", key=str(one.key))
                self._queue.retry(one.key, after=SLOW_RETRY)

        run = StackRun(operations=operations, perform=perform, executor=self._out.workers, finished=finished)
        run.start()

    def _begin_statuses(self, one: Pass, operations: tuple[Operation, ...]) -> Callable[[Ref], object]:
        """What to call with each object that the pass has written, so that statuses need not wait for the last one."""
        statuses = one.outcome.statuses if one.delta is None else one.delta.statuses
        # Without its names a host is not served yet.
        intents = () if one.early or one.outcome.keeps_last_good else tuple(statuses)
        return self._statuses.begin(one.key, intents, operations=operations)

    def _goes_another_way(
        self, one: Pass, operations: tuple[Operation, ...], observed: Mapping[Ref, Observed], surplus: frozenset[Ref]
    ) -> bool:
        """Whether the pass waits, or builds without names first, because hosts move from here or to here."""
        if is_narrow(operations) or one.early or self._out.dry_run or self._out.deleting():
            return False
        stack = one.outcome.stack
        if self._moves.puts_off(one.key, stack, observed, surplus=surplus, idle=one.outcome.idle):
            return True
        early = self._moves.early(one.key, stack)
        if early:
            outcome = msgspec.structs.replace(one.outcome, stack=without_names(stack, early), delta=None)
            self._apply(msgspec.structs.replace(one, outcome=outcome, delta=None, early=early))
        return bool(early)

    def _place_of(self, name: str) -> StackKey | None:
        return place_of(name, self._store.snapshot, self._context())

    def _complete(self, one: Pass) -> None:
        if one.outcome.edits:
            self._out.workers.submit(self._guarded, one.key, lambda: self._edit_shared(one))
        else:
            self._finish(one)

    def _perform(self, operation: Operation) -> Observed | None:
        """Carry out one operation and note its result before anyone else looks."""
        result = self._out.perform(operation)
        self._inventory.record(operation.ref, result)
        return result

    def _settle(self, one: Pass, written: Mapping[Ref, Observed | None], observed: Mapping[Ref, Observed]) -> None:
        gone = [ref for ref, result in written.items() if result is None]
        self._inventory.release(one.key, gone)
        contents = ((content_of(observed.get(ref)), content_of(result)) for ref, result in written.items())
        self._out.announcer.tell_attachments(*changed_attachments(contents))
        for ref, result in written.items():
            self._note_reference(ref, result)

    def _note_reference(self, ref: Ref, result: Observed | None) -> None:
        """What was looked up before we wrote it is known better now."""
        if self._store.snapshot.reference(ref) is not None:
            content = result.content if result is not None else None
            creator = content.created_by if content is not None and isinstance(content.created_by, str) else ""
            served = served_in(getattr(content, "service_metadata", ""))
            known = Reference(
                exists=result is not None,
                name=ref.name,
                created_by=creator,
                sso_rule=served.sso_rule,
                services=served.services,
                gateway=served.gateway,
            )
            self._store.put_reference(ref, known)

    def _fail(
        self, one: Pass, error: AkoError, operation: Operation | None, *, given_up: frozenset[Ref] = frozenset()
    ) -> None:
        """Turn the error into what happens to the key; `given_up` was refused or needs what was, all else is done."""
        error = with_holders(error, one.key, self._inventory)
        _log.warning("stack not applied", key=str(one.key), verdict=type(error).__name__, error=str(error))
        if self._keeps.note(one.outcome, error, operation):
            # Everything else goes on at once; what was refused is told then.
            self._queue.retry(one.key, after=0.0)
            return
        self._out.metrics.retries.labels(reason=error.reason).inc()
        failure = self._failures.judge(one, error, operation, given_up=given_up)
        if failure.contradiction:
            self.doubtful = True
        self._observe(one, verdict=type(failure.error).__name__)
        if failure.announced:
            self._out.announcer.tell_failure(one.key, reason=failure.error.reason, message=str(failure.error))
        self._write_statuses(
            msgspec.structs.replace(one, delta=None),
            failure.statuses,
            lambda: self._queue.retry(one.key, after=failure.after),
        )

    def _finish(self, one: Pass) -> None:
        self._failures.forget(one.key)
        self._observe(one, verdict="kept" if one.outcome.keeps_last_good else "done")
        if not self._out.dry_run:
            self._out.announcer.tell(one.outcome)
        statuses = one.outcome.statuses if one.delta is None else one.delta.statuses
        self._write_statuses(one, statuses, lambda: self._end(one))

    def _end(self, one: Pass) -> None:
        if one.early:
            self._moves.arrive(one.key, one.early)
            return
        self._moves.settle(one.key)
        if one.key == ORPHANS and not self._out.dry_run:
            self._orphans.leave(one.outcome)
            self._out.workers.submit(self._out.brake.settle)
        if not self._out.dry_run:
            self._standing.note(one.outcome, reading=one.reading)
        pause = self._keeps.pause(one.key) if one.kept else None
        if pause is None:
            self._queue.done(one.key)
        else:
            self._queue.retry(one.key, after=pause)

    def _observe(self, one: Pass, *, verdict: str) -> None:
        self._out.metrics.reconciles.labels(stack=one.key.kind, verdict=verdict).observe(
            time.perf_counter() - one.started
        )

    def _write_statuses(self, one: Pass, intents: Iterable[StatusIntent], afterwards: Callable[[], object]) -> None:
        every = one.outcome.statuses if one.delta is not None else None
        self._statuses.write(one.key, tuple(intents), every=every, withdrawn=one.withdrawn, ended=afterwards)

    def _come_back(self, key: StackKey, error: AkoError) -> None:
        """A status was not written: another pass will see that it differs."""
        _log.warning("status not written", key=str(key), error=str(error))
        self._out.metrics.retries.labels(reason=error.reason).inc()
        self._queue.retry(key, after=error.after if isinstance(error, RetryLater) else None)

    def _note_translated(self, key: StackKey | None) -> None:
        """Count a key of the round down; the last one lets the orphans in."""
        with self._round_lock:
            if key is not None:
                self._round.discard(key)
            # What comes from a list that is not complete would look like an orphan.
            complete = self._round_open and not self._round and self._store.wait_synced(0)
            if complete:
                self._round_open = False
        if complete:
            self._queue.add(ORPHANS)
