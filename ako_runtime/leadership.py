"""What the leader does that followers do not: when it begins, goes on, and ends.

A term of the lease begins with the inventory; when it and every list are known, the queue opens. A list that keeps
failing is waited for a while, then only the keys that need it wait. From then on time brings the rest: resyncs, the
renewal of the token that we log in with, the progress of a deletion. A failure is tried again at a later tick, with
growing pauses, never before the controller asks for it.

How far it is on that way is one value that belongs to the main thread (`reconcile/leading.py`); here are the effects
of its steps. A step whose effects fail is taken back and comes again with the next tick. Other threads read the value:
what may be written is what the present term of the lease has let out (`may_write`).

Followers know the inventory as well, from their start on and anew at each resync. Who takes over then asks only when
each object was last changed, and reads those that are not as they were.
"""

import gc
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from msgspec import Struct

from ako_runtime.avi.facts import environment_of
from ako_runtime.avi.workers import AviWorkers
from ako_runtime.errors import AkoError, Refused, RetryLater
from ako_runtime.kube.store import Store
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey
from ako_runtime.observe.metrics import Metrics
from ako_runtime.reconcile.deletion import Deletion
from ako_runtime.reconcile.identity import Identity
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.reconcile.leading import Effect, Event, Leading, Looked, NotRead, Read, Stage, hurried, step
from ako_runtime.reconcile.pace import Pace
from ako_runtime.reconcile.reconciler import Reconciler
from ako_runtime.reconcile.tokens import TokenRenewal
from ako_runtime.settings import Settings

SOON: Final = 0.02  # Seconds between two looks whether the lists that the start waits for are complete.
NEVER: Final = float("inf")

_log = structlog.get_logger("ako.leadership")


class Parts(Struct, frozen=True, kw_only=True):
    """What leading works with."""

    store: Store
    workers: AviWorkers
    reconciler: Reconciler
    queue: KeyQueue
    inventory: Inventory
    deletion: Deletion
    identity: Identity
    # Whether this process writes at all (a dry run does not).
    writes: bool
    # None: the token that we log in with is left alone (a dry run).
    tokens: TokenRenewal | None
    metrics: Metrics
    pace: Pace
    settings: Callable[[], Settings]
    # The term in which this replica holds the lease at this moment; 0 if it does not.
    term: Callable[[], int]
    # Tells people what went wrong; tells them that we serve.
    note: Callable[[str], None]
    on_ready: Callable[[], None]


class Leadership:
    """Begins, goes on and ends with the lease."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._state = Leading()
        self._ready = False
        # When what only time brings is due.
        self._resync_at = self._missing_at = self._token_at = NEVER
        # When a follower reads the inventory; whether it has ever been read whole.
        self._follow_at = 0.0
        self._known = False
        self._lists_missing = False
        self._pause = parts.pace.contact[0]
        # When answers of people are looked for; when the inventory was last doubted, and for how long not again.
        self._answers_at = 0.0
        self._doubted = (-NEVER, 0.0)

    @property
    def ready(self) -> bool:
        """Whether this replica serves, or could from now on."""
        return self._ready

    @property
    def stage(self) -> Stage:
        """How far this replica is on the way to working off keys."""
        return self._state.stage

    @property
    def may_write(self) -> bool:
        """Whether this replica works off keys and still holds the lease in the term that let them out."""
        return self._state.writes_in(self._parts.term())

    @property
    def next_look(self) -> float:
        """Seconds until the next tick is wanted."""
        return SOON if self._state.stage is Stage.LISTING else self._parts.pace.tick

    def hurry(self) -> None:
        """What kept the controller from answering may be over: try at the next tick."""
        now = time.monotonic()
        self._state = hurried(self._state, now)
        self._follow_at = now
        self._resync_at = min(self._resync_at, now)

    def close(self) -> None:
        """The process ends."""
        self._ready = False

    def tick(self) -> None:
        """Look at the lease, at the lists, and at what only time brings."""
        parts = self._parts
        self._look()
        now = time.monotonic()
        if self._state.stage is not Stage.LEADING:
            # A follower is ready when its lists are: it could take over now.
            self._ready = parts.store.wait_synced(0)
            if self._ready and now >= self._follow_at and self._state.stage is Stage.FOLLOWING:
                self._follow()
            return
        if self._lists_missing and parts.store.wait_synced(0):
            self._lists_missing = False
            parts.reconciler.begin_round()
        # In this order: an object of a pass that ends in between is seen.
        certain = not parts.reconciler.translating
        self._follow_deletion(certain=certain)
        self._look_for_answers()
        self._read_doubtful()
        if now >= self._resync_at:
            self._resync()
        if now >= self._missing_at:
            self._look_for_missing()
        if now >= self._token_at:
            self._renew_token()

    def _look(self) -> None:
        """Go on as far as the lease and the lists allow."""
        parts = self._parts
        # No way is longer: following, preparing, listing, leading.
        for _ in Stage:
            before = self._state
            listed = before.stage is Stage.LISTING and parts.store.wait_synced(0)
            self._take(Looked(now=time.monotonic(), term=parts.term(), listed=listed))
            if self._state == before:
                return

    def _take(self, event: Event) -> None:
        """Take one step; if its effects fail it has not been taken."""
        before = self._state
        self._state, effects = step(before, event)
        try:
            for effect in effects:
                self._carry_out(effect)
        except BaseException:
            self._state = before
            raise

    def _carry_out(self, effect: Effect) -> None:
        parts = self._parts
        if effect is Effect.KEEP_KEYS_IN:
            parts.queue.pause()
        elif effect is Effect.READ_INVENTORY:
            self._prepare()
        else:
            self._open(complete=effect is Effect.LET_KEYS_OUT)

    def _prepare(self) -> None:
        """Know everything of ours; what fails now is tried again at a later tick."""
        try:
            self._parts.identity.check(write=False)
            self._read_inventory(whole=False)
        except AkoError as error:
            self._take(NotRead(again_at=self._later(error, "inventory not read (start)")))
            return
        self._take(Read(now=time.monotonic(), patience=self._parts.pace.list_patience))

    def follow_deletion(self) -> None:
        """Begin or end the deletion of everything, as `deleteConfig` says now."""
        deletion, settings = self._parts.deletion, self._parts.settings()
        if settings.delete_config == deletion.active or self._state.stage is not Stage.LEADING:
            return
        if settings.delete_config:
            deletion.begin(left=len(self._parts.inventory))
        else:
            deletion.end()
        self._parts.reconciler.begin_round()

    def _read_doubtful(self) -> None:
        """The controller contradicts the inventory: read it anew, soon at first, ever more slowly while it does so."""
        now = time.monotonic()
        since, pause = self._doubted
        if not self._parts.reconciler.doubtful or now < since + pause:
            return
        self._parts.reconciler.doubtful = False
        first, longest = self._parts.pace.contact
        self._doubted = (now, max(first, min(longest, 2 * pause) if now < since + 4 * longest else first))
        self._resync_at = min(self._resync_at, now)

    def _claim_name(self) -> None:
        """Record that the name of the cluster is ours, before the first write; what fails is tried again at a tick."""
        try:
            self._parts.identity.check(write=self._parts.writes)
        except AkoError as error:
            self._parts.note(f"record of the cluster not written: {error}")

    def _follow_deletion(self, *, certain: bool) -> None:
        """Look how far a deletion of everything is; the name of the cluster goes last."""
        left = len(self._parts.inventory)
        if self._parts.deletion.ends(left=left, certain=certain):
            self._parts.identity.release()
        self._parts.deletion.follow(left=left, certain=certain)

    def _look_for_answers(self) -> None:
        """Go on when people have answered what was asked."""
        parts, now = self._parts, time.monotonic()
        if not parts.writes or not parts.identity.asks or now < self._answers_at:
            return
        self._answers_at = now + parts.pace.answers
        try:
            allowed = parts.identity.answered()
        except AkoError as error:
            _log.warning("not looked for an answer", error=str(error))
            return
        if allowed:
            self._resync_at = min(self._resync_at, now)

    def _open(self, *, complete: bool) -> None:
        """Go to work; a list that is not complete holds back only the keys that need it."""
        parts = self._parts
        self._lists_missing = not complete
        if not complete:
            missing = ", ".join(sorted(parts.store.missing))
            parts.note(f"not listed yet: {missing}; what needs them waits, nothing of ours is deleted meanwhile")
        self._claim_name()
        self.follow_deletion()
        gc.collect()
        gc.freeze()
        parts.reconciler.begin_round()
        parts.queue.open()
        self._ready = True
        self._resync_at = self._next_resync()
        self._missing_at = time.monotonic() + parts.pace.missing
        self._token_at = time.monotonic()
        _log.info("ready", objects=len(parts.inventory))
        parts.on_ready()

    def _next_resync(self) -> float:
        settings = self._parts.settings()
        interval = self._parts.pace.resync or settings.full_sync_frequency
        return time.monotonic() + interval if interval else NEVER

    def _later(self, error: AkoError, what: str) -> float:
        """Tell what failed; when to try it again, later each time until the controller answers."""
        self._parts.note(f"{what}: {error}")
        pause, self._pause = self._pause, min(self._pause * 2, self._parts.pace.contact[1])
        named = (error.after if isinstance(error, RetryLater) else None) or 0.0
        return time.monotonic() + max(pause, named)

    def _follow(self) -> None:
        """Know what the leader has made, as of now."""
        self._follow_at = self._next_resync()
        try:
            self._read_inventory(whole=False)
        except AkoError as error:
            self._follow_at = min(self._follow_at, self._later(error, "inventory not read (follower)"))

    def _resync(self) -> None:
        """Read the controller anew and let every key run again: drift is repaired by the same code."""
        parts = self._parts
        self._resync_at = self._next_resync()
        try:
            parts.identity.check(write=parts.writes and not parts.deletion.active)
            with parts.workers.client() as client:
                environment = environment_of(client, parts.settings())
            self._ask_for(parts.store.snapshot.references)
            parts.store.replace_environment(environment, lambda: _log.info("controller facts changed"))
            drifted = self._read_inventory(whole=True)
        except AkoError as error:
            self._resync_at = min(self._resync_at, self._later(error, "resync put off"))
            return
        parts.metrics.drift.inc(len(drifted))
        _log.info("resync", objects=len(parts.inventory))
        parts.reconciler.begin_round()

    def _look_for_missing(self) -> None:
        """Ask anew for what the controller did not have: whoever makes it need not wait for the next resync."""
        parts = self._parts
        self._missing_at = time.monotonic() + parts.pace.missing
        try:
            found = self._ask_for(ref for ref, one in parts.store.snapshot.references.items() if not one.exists)
        except AkoError as error:
            _log.warning("missing objects not looked up", error=str(error))
            return
        if found:
            parts.reconciler.begin_round()

    def _ask_for(self, refs: Iterable[Ref]) -> bool:
        """Ask the controller about objects that users name; whether any answer is a new one.

        An answer that is refused (a tenant that we may not look into) leaves the old one and stops nothing.
        """
        news = False
        for ref in refs:
            try:
                news |= self._parts.store.put_reference(ref, self._parts.workers.look_up(ref))
            except Refused as error:
                _log.warning("not looked up", object=str(ref), error=str(error))
        return news

    def _read_inventory(self, *, whole: bool) -> frozenset[StackKey]:
        """Read everything of ours, or what has changed since the last time; keys whose objects are not as they were.

        Raises the controller's verdict. A refusal ends nothing here: the Secret may change.
        """
        parts, settings = self._parts, self._parts.settings()
        tenant = settings.tenant_name if settings.dedicated_tenant_mode else "*"
        known = parts.inventory.objects() if self._known and not whole else ()
        parts.inventory.begin_reading()
        found = parts.workers.owned_objects(cloud=settings.cloud_name, tenant=tenant, known=known)
        drifted = parts.inventory.load(found)
        self._known = True
        self._pause = parts.pace.contact[0]
        return drifted

    def _renew_token(self) -> None:
        """Renew the token that we log in with, if we do, in the Secret and here."""
        parts = self._parts
        self._token_at = time.monotonic() + parts.pace.token
        if parts.tokens is None:
            return
        try:
            with parts.workers.session() as session:
                parts.tokens.renew(session, parts.settings().auth_token)
        except AkoError as error:
            parts.note(f"token not renewed: {error}")
