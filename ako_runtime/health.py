"""What the process tells about itself: probes, metrics, `/api/status`, and whether its threads go on.

The collaborators are made one after the other during a start, and some of them only when the controller has answered.
Whoever makes one sets it here; until then the answers say that it is not there yet.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog

from ako_runtime.avi.workers import AviWorkers
from ako_runtime.kube.lease import LeaderElection
from ako_runtime.kube.reflector import Reflector
from ako_runtime.kube.store import Store
from ako_runtime.leadership import Leadership
from ako_runtime.model.texts import shortened
from ako_runtime.model.wire import KINDS
from ako_runtime.observe.http import Probes
from ako_runtime.observe.metrics import Metrics
from ako_runtime.observe.threads import Guard, LastingThread
from ako_runtime.observe.watchdog import Check, Watchdog
from ako_runtime.reconcile.identity import Identity
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.reconcile.leading import Stage
from ako_runtime.reconcile.reconciler import Reconciler

_DROPPED = "log lines that were dropped"

_log = structlog.get_logger("ako.app")


class Health:
    """Answers questions about the process, from any thread."""

    def __init__(self, *, metrics: Metrics, queue: KeyQueue, inventory: Inventory, dropped: Callable[[], int]) -> None:
        """`dropped`: how many log lines could not be written."""
        self._dropped = dropped
        self._metrics = metrics
        self._queue = queue
        self._inventory = inventory
        self._notes: list[str] = []
        self.waiting = ""
        """What a start waits for, in a sentence."""
        self.identity: Identity | None = None
        self.store: Store | None = None
        self.workers: AviWorkers | None = None
        self.reconciler: Reconciler | None = None
        self.leadership: Leadership | None = None
        self.election: LeaderElection | None = None
        self.reflectors: list[Reflector] = []
        self.lasting: list[LastingThread] = []
        """Threads that live as long as the process, besides those of reflectors and reconciler."""
        self.rounds = 0
        """How often the main thread has gone round."""
        self.watchdog = Watchdog(
            checks=(
                Check(complaint="keys are due and none is taken", progress=self._taken_keys),
                Check(complaint="the main thread does not go on", progress=self._main_rounds),
            ),
            gone=lambda: [one.name for one in self._threads() if one.gone],
        )
        self.main = Guard(name="main")
        """Around the work of the main thread."""
        self._counting = threading.Lock()
        self._counted: Counter[str] = Counter()

    @property
    def ready(self) -> bool:
        """Whether this replica serves, or could from now on."""
        return self.leadership is not None and self.leadership.ready

    def probes(self) -> Probes:
        """Where the end points get their answers."""
        return Probes(
            status=self.status,
            unhealthy=lambda: self.watchdog.complaint,
            not_ready=self._not_ready,
            registry=self._metrics.registry,
            refresh_metrics=self._refresh_metrics,
            debug=lambda text: None if self.reconciler is None else self.reconciler.describe(text),
        )

    def status(self) -> dict[str, object]:
        """What the official AKO answers: the state of the controller connection and the last errors."""
        failing = [] if self.reconciler is None else list(self.reconciler.errors().values())
        return {"avicontroller": {"status": self._avi_state, "errors": [*self._notes, *failing][-10:]}}

    def note(self, text: str) -> None:
        """Tell people what went wrong, in `/api/status` and in the log."""
        text = shortened(text)
        self._notes = [*self._notes[-9:], f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}"]
        _log.warning("note", text=text)

    def _not_ready(self) -> str:
        if not self.ready:
            return self.waiting or "lists or inventory are not complete yet"
        taken = "" if self.identity is None else self.identity.refusal
        return taken or ("" if self.workers is None else self.workers.trouble)

    @property
    def _avi_state(self) -> str:
        """In the official AKO's words."""
        if self.workers is None or self.store is None:
            return "INITIATING"
        return "DISCONNECTED" if self.workers.trouble else "CONNECTED"

    def _threads(self) -> list[LastingThread]:
        """Threads that must go on as long as the process lives."""
        threads = [*self.lasting, *(one.thread for one in self.reflectors)]
        if self.reconciler is not None:
            threads.append(self.reconciler.thread)
        return threads

    def _count_failures(self) -> None:
        guards = (self.main, self.watchdog.thread.guard, *(one.guard for one in self._threads()))
        with self._counting:
            # Threads may have one name: a kind that is watched in several namespaces.
            for name in {guard.name for guard in guards}:
                failures = sum(guard.failures for guard in guards if guard.name == name)
                self._metrics.thread_failures.labels(thread=name).inc(max(0, failures - self._counted[name]))
                self._counted[name] = failures
            dropped = self._dropped()
            self._metrics.log_lines_dropped.inc(max(0, dropped - self._counted[_DROPPED]))
            self._counted[_DROPPED] = dropped

    def _taken_keys(self) -> object:
        """How many keys were taken, if one is due and this replica has to take it."""
        stage = self.leadership.stage if self.leadership is not None else Stage.FOLLOWING
        if stage in (Stage.PREPARING, Stage.LISTING):
            # Whoever waits for the controller or for lists says so elsewhere, and goes on by itself.
            return None
        leads = self.election is not None and self.election.term
        return self._queue.taken if leads and self._queue.has_due() else None

    def _main_rounds(self) -> object:
        """How often the main thread has gone round; while it reads the controller, what that has answered."""
        return (self.rounds, self.workers.attempts if self.workers is not None else 0)

    def _refresh_metrics(self) -> None:
        self._count_failures()
        self._metrics.queue_depth.set(len(self._queue))
        self._metrics.queue_age.set(self._queue.oldest_age())
        self._metrics.leader.set(1 if self.leadership is not None and self.leadership.may_write else 0)
        lags: dict[str, float] = {}
        for reflector in self.reflectors:
            lags[reflector.resource] = max(reflector.lag, lags.get(reflector.resource, 0.0))
        for resource, lag in lags.items():
            self._metrics.watch_lag.labels(resource=resource).set(lag)
        counts = self._inventory.counts()
        for kind in KINDS:
            self._metrics.owned.labels(type=kind).set(counts.get(kind, 0))
