"""Composition root and life of the process: builds every collaborator once, starts and stops threads.

Order of a start: configuration from the cluster, HTTP end points, facts about the controller (waited for as long as
it takes; only wrong credentials or settings end the process, with one sentence), then reflectors and the lease.
Whoever leads reads the inventory and, when every list and the whole inventory are known, opens the queue. Followers
keep their lists warm.

What happens later arrives as mail and is worked off on the main thread, one after the other: a term of the lease that
began or ended, configuration changed, time to resync, stop. Nothing that a mail raises ends the process, and a watchdog
looks whether the threads go on (decision 13). Order of a stop: no new keys, what is under way finishes, streams close,
the lease is given up. It ends in time even if neither server answers any more: nothing is read from then on, and writes
have `DRAIN` seconds (decision 96).
"""

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

import msgspec
import structlog

from ako_runtime.avi.endpoint import Access
from ako_runtime.avi.facts import environment_of
from ako_runtime.avi.negotiate import credentials_of, negotiated_endpoint
from ako_runtime.avi.workers import AviWorkers
from ako_runtime.config import CONFIG_MAP, Change, Place, change_between, config_map_path, secret_name
from ako_runtime.errors import AkoError, Fatal, RetryLater
from ako_runtime.health import Health
from ako_runtime.kube.connection import KubeConnection
from ako_runtime.kube.events import EventWriter
from ako_runtime.kube.kinds import kinds_for
from ako_runtime.kube.lease import LeaderElection, LeaseName
from ako_runtime.kube.own_config import OwnConfig
from ako_runtime.kube.rate import TokenBucket
from ako_runtime.kube.reflector import Pauses, Reflector
from ako_runtime.kube.store import Store
from ako_runtime.kube.writer import StatusWriter
from ako_runtime.leadership import Leadership, Parts
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.ownership import Ownership
from ako_runtime.model.stack import Edited, ObjectRef, SharedEdit
from ako_runtime.observe.http import HttpServer
from ako_runtime.observe.logs import LogLevel
from ako_runtime.observe.metrics import Metrics
from ako_runtime.reconcile.announcements import Announcer
from ako_runtime.reconcile.deletion import Deletion
from ako_runtime.reconcile.identity import Identity, records_of
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.keys import Holdoff, KeyQueue
from ako_runtime.reconcile.outlets import Outlets
from ako_runtime.reconcile.reconciler import Reconciler
from ako_runtime.reconcile.refused_logins import refusals_in_cluster
from ako_runtime.reconcile.tokens import TokenRenewal
from ako_runtime.resources.meta import Resource
from ako_runtime.settings import Settings, SettingsError, parse
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.recall import Recall

LEASE: Final = "ako-lease-lock"
DRAIN: Final = 25.0
"""Seconds after `stop` in which what was begun may still write; a pod has 45 (`terminationGracePeriodSeconds`)."""
LAST_JOIN: Final = 5.0
"""Seconds for the threads that only watch: nothing is lost with them."""

_log = structlog.get_logger("ako.app")
_T = TypeVar("_T")


class App:
    """The running controller."""

    def __init__(self, *, connection: KubeConnection, settings: Settings, place: Place, log_level: LogLevel) -> None:
        self._connection = connection
        bucket = TokenBucket(rate=settings.kube_api_qps, burst=settings.kube_api_burst)
        # Everything but the lease, which must not wait behind a burst; statuses take their turn themselves.
        self._paced = connection.limited(bucket)
        self._settings = settings
        self._credentials = credentials_of(settings)
        self._place = place
        self._log_level = log_level
        self._metrics = Metrics()
        self._inventory = Inventory()
        self._recall = Recall(threading.Lock())
        seconds = settings.holdoff_milliseconds / 1000
        self._pace = place.pace
        holdoff = Holdoff(quiet=seconds, longest=max(0.05, 5 * seconds))
        self._queue = KeyQueue(holdoff=holdoff, backoff=place.pace.keys)
        self._mail: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = False
        # When the last write may begin; endless until `stop`.
        self._drained_at = math.inf
        self._reported: tuple[str, ...] = ()
        # A mail that came while the main thread paused after a surprise.
        self._put_off: Callable[[], None] | None = None
        self._store: Store | None = None
        self._workers: AviWorkers | None = None
        self._identity: Identity | None = None
        self._reconciler: Reconciler | None = None
        self._leadership: Leadership | None = None
        self._reflectors: list[Reflector] = []
        self._health = Health(
            metrics=self._metrics, queue=self._queue, inventory=self._inventory, dropped=lambda: log_level.dropped
        )
        self._http = HttpServer(
            port=settings.api_server_port if place.api_port is None else place.api_port, probes=self._health.probes()
        )
        self._ownership = Ownership(
            cluster=settings.cluster_name, namespace=place.namespace, primary=settings.primary_instance
        )
        self._statuses = StatusWriter(
            connection=connection,
            bucket=bucket,
            on_write=lambda resource, code: self._metrics.status_writes.labels(resource, str(code)).inc(),
            write_seconds=self._write_seconds,
        )
        self._event_workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="event")
        self._events = EventWriter(
            connection=self._paced,
            instance=place.pod,
            enabled=lambda: self._settings.enable_events,
            muted=place.dry_run,
            defer=self._say_later,
        )
        self._deletion = Deletion(
            namespace=place.namespace, pod=place.pod, statuses=self._statuses, events=self._events
        )
        self._status_workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="status")
        self._watch_itself()

    def _watch_itself(self) -> None:
        """What brings mail: our own configuration and the lease; and what writes our own Secret."""
        place = self._place
        # A dry run leaves no trace.
        self._refusals = refusals_in_cluster(
            None if place.dry_run else self._connection,
            namespace=place.namespace,
            secret=secret_name(place.environ),
            pauses=place.pace.log_in,
            on_refused=lambda message: self._tell_pod("LogInRefused", message, warning=True),
        )
        self._own_config = OwnConfig(
            connection=self._paced,
            namespace=place.namespace,
            names=(CONFIG_MAP, secret_name(place.environ)),
            on_change=lambda data, secret: self._mail.put(lambda: self._take_config(data, secret)),
        )
        self._tokens = TokenRenewal(
            connection=self._paced,
            namespace=place.namespace,
            secret=secret_name(place.environ),
            on_renewal=lambda token: self._adopt(
                change_between(self._settings, msgspec.structs.replace(self._settings, auth_token=token))
            ),
        )
        self._election = LeaderElection(
            connection=self._connection,
            lease=LeaseName(namespace=place.namespace, name=LEASE, identity=place.pod),
            on_change=lambda: self._mail.put(self._look),
            times=place.pace.lease,
            fit=lambda: not self._health.watchdog.complaint,
        )
        self._health.election = self._election
        self._health.lasting.extend((*self._own_config.threads, self._election.thread, self._http.thread))

    @property
    def http_port(self) -> int:
        """Port of health and metrics."""
        return self._http.port

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self._settings

    @property
    def log_level(self) -> LogLevel:
        """What is logged."""
        return self._log_level

    @property
    def ready(self) -> bool:
        """Whether this replica serves, or could from now on."""
        return self._health.ready

    def status(self) -> dict[str, object]:
        """What the official AKO answers: the state of the controller connection and the last errors."""
        return self._health.status()

    @property
    def may_write(self) -> bool:
        """Whether this replica is the leader at this moment."""
        return self._leadership is not None and self._leadership.may_write and not self._place.dry_run

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, now or later."""
        return self._queue.idle

    @property
    def metrics(self) -> Metrics:
        """What is counted."""
        return self._metrics

    @property
    def workers(self) -> AviWorkers:
        """What talks to the controller; only while the process runs."""
        if self._workers is None:
            raise AssertionError("asked for the workers before there are any")
        return self._workers

    def stop(self) -> None:
        """Ask `run` to end; returns at once, and may be called from a signal handler."""
        if not self._stopping:
            self._stopping, self._drained_at = True, time.monotonic() + DRAIN
        self._mail.put(lambda: None)

    def run(self) -> None:
        """Work until `stop` is called; raises Fatal when the controller refuses us or a setting cannot be."""
        self._http.start()
        try:
            leadership = self._start()
            if leadership is None:
                return
            self._health.watchdog.start()
            guard = self._health.main
            while not self._stopping:
                try:
                    self._work_off(leadership)
                except Fatal:
                    raise
                except Exception as error:  # noqa: BLE001 - the outermost guard: nothing that serves ends for a surprise
                    self._put_off = self._received(guard.pause_after(error))
        finally:
            self._shut_down()

    def _work_off(self, leadership: Leadership) -> None:
        """Work off one mail, or look at what only time brings."""
        self._health.rounds += 1
        mail, self._put_off = self._put_off or self._received(leadership.next_look), None
        (mail or leadership.tick)()

    def _start(self) -> Leadership | None:
        """Bring up everything that a follower has; None if asked to stop meanwhile."""
        if not self._credentials.certificate_authority:
            _log.warning("controller certificate is not verified", remedy="set certificateAuthorityData in the Secret")
        self._own_config.start()
        endpoint = self._until_it_works(
            lambda: negotiated_endpoint(self._settings, refusals=self._refusals), what="controller"
        )
        if endpoint is None:
            return None
        workers = self._workers = self._health.workers = AviWorkers(
            access=Access(
                endpoint=endpoint,
                credentials=lambda: self._credentials,
                read_seconds=lambda: 0.0 if self._stopping else math.inf,
                write_seconds=self._write_seconds,
                refusals=self._refusals,
            ),
            size=self._settings.max_requests_in_flight,
            ownership=self._ownership,
            metrics=self._metrics,
            inventory_record=self._inventory.record,
            cloud=self._settings.cloud_name,
        )

        def facts_of() -> Store:
            with workers.client() as client:
                environment = environment_of(client, self._settings)
            return Store(environment=environment, on_change=self._on_change, kinds=kinds_for(self._settings))

        store = self._store = self._health.store = self._until_it_works(facts_of, what="controller facts")
        if store is None:
            return None
        self._health.waiting = ""
        identity = self._identity = self._health.identity = self._new_identity(workers)
        reconciler = self._reconciler = self._health.reconciler = self._new_reconciler(store, workers, identity)
        for kind in kinds_for(self._settings):
            reflector = Reflector(
                connection=self._paced,
                kind=kind,
                store=store,
                on_undecodable=lambda kind, _name, _error: self._metrics.undecodable.labels(kind.resource).inc(),
                pauses=Pauses(backoff=self._pace.reflector, absent=self._pace.absent, restored=self._pace.restored),
                on_older=lambda message: self._tell_pod("OlderVersions", message, warning=True),
            )
            self._reflectors.append(reflector)
            self._health.reflectors.append(reflector)
            reflector.start()
        reconciler.start()
        leadership = self._leadership = self._health.leadership = self._new_leadership(
            store, workers, reconciler, identity
        )
        if self._place.dry_run:
            self._mail.put(leadership.tick)
        else:
            self._election.start()
        return leadership

    def _new_identity(self, workers: AviWorkers) -> Identity:
        return Identity(
            connection=self._paced,
            config_map=config_map_path(self._place.namespace),
            cluster=self._settings.cluster_name,
            records=lambda: records_of(workers, self._ownership, self._settings),
            metrics=self._metrics,
            tell=self._warn,
        )

    def _new_reconciler(self, store: Store, workers: AviWorkers, identity: Identity) -> Reconciler:
        pod = ObjectRef(resource="pods", namespace=self._place.namespace, name=self._place.pod)
        outlets = Outlets(
            perform=self._perform,
            refresh=workers.refresh,
            look_up=workers.look_up,
            edit=self._edit,
            workers=workers.executor,
            status_workers=self._status_workers,
            deleting=lambda: self._deletion.active,
            dry_run=self._place.dry_run,
            statuses=self._statuses,
            events=self._events,
            announcer=Announcer(store=store, events=self._events, pod=pod, executor=self._status_workers),
            metrics=self._metrics,
            brake=identity,
        )
        return Reconciler(
            store=store, queue=self._queue, inventory=self._inventory, context=self._context, outlets=outlets
        )

    def _new_leadership(
        self, store: Store, workers: AviWorkers, reconciler: Reconciler, identity: Identity
    ) -> Leadership:
        return Leadership(
            Parts(
                store=store,
                workers=workers,
                reconciler=reconciler,
                queue=self._queue,
                inventory=self._inventory,
                deletion=self._deletion,
                identity=identity,
                writes=not self._place.dry_run,
                tokens=None if self._place.dry_run else self._tokens,
                metrics=self._metrics,
                pace=self._pace,
                settings=lambda: self._settings,
                term=lambda: 1 if self._place.dry_run else self._election.term,
                note=self._health.note,
                on_ready=lambda: self._tell_pod("AKOReady", "AKO is now listening for Object updates in the cluster"),
            )
        )

    def _write_seconds(self) -> float:
        """How long a write that begins now may take: it ends before the lease, and before we have to be gone."""
        if not self.may_write:
            return 0.0
        return min(self._election.write_seconds, self._drained_at - time.monotonic())

    def _perform(self, operation: Operation) -> Observed | None:
        """The gate before every write: only the leader passes."""
        return self._as_leader().perform(operation)

    def _edit(self, edit: SharedEdit) -> Edited:
        """The same gate before objects that are not ours alone; a dry run looks and goes away."""
        if self._place.dry_run:
            return self.workers.edit(edit, write=False)
        return self._as_leader().edit(edit, write=True)

    def _as_leader(self) -> AviWorkers:
        if self._workers is None or self._identity is None or not self.may_write:
            raise RetryLater("this replica is not the leader", reason="NotLeading")
        self._identity.require()
        return self._workers

    def _context(self) -> L4Context:
        if self._store is None:
            raise AssertionError("asked for facts before there are any")
        return L4Context(
            settings=self._settings,
            environment=self._store.snapshot.environment,
            ownership=self._ownership,
            recall=self._recall,
        )

    def _on_change(self, resource: str, old: Resource | None, new: Resource | None) -> None:
        if self._reconciler is not None:
            self._reconciler.note_change(resource, old=old, new=new)

    def _say_later(self, write: Callable[[], None]) -> None:
        # Nobody listens any more once the process ends.
        with suppress(RuntimeError):
            self._event_workers.submit(write)

    def _look(self) -> None:
        if self._leadership is not None:
            self._leadership.tick()

    def _take_config(self, data: Mapping[str, str] | None, secret: Mapping[str, str] | None) -> None:
        """ConfigMap or Secret changed: take over what can change now, report the rest."""
        if data is None or secret is None:
            self._health.note(f"ConfigMap {CONFIG_MAP} or its Secret is gone; the last configuration stays in force")
            return
        try:
            settings = parse(data, self._place.environ, secret=secret)
        except SettingsError as error:
            self._health.note(f"configuration refused, the last one stays in force: {error}")
            self._tell_pod("InvalidConfiguration", str(error), warning=True)
            return
        change = change_between(self._settings, settings)
        self._adopt(change)

    def _adopt(self, change: Change) -> None:
        self._settings = change.settings
        if change.credentials:
            self._credentials = credentials_of(change.settings)
            if self._workers is not None:
                self._workers.renew_trust()
            if self._leadership is not None:
                self._leadership.hurry()
        self._log_level.change(change.settings.log_level)
        if change.restart != self._reported:
            self._report_restart(change.restart)
        if self._leadership is not None:
            self._leadership.follow_deletion()

    def _report_restart(self, changed: tuple[str, ...]) -> None:
        """Say once what waits for a restart."""
        self._reported = changed
        if changed:
            names = ", ".join(changed)
            self._health.note(f"{names} changed; it takes effect when the pods are restarted")
            self._tell_pod("RestartNeeded", f"{names} changed; restart the pods", warning=True)

    def _until_it_works(self, action: Callable[[], _T], *, what: str) -> _T | None:
        """Repeat `action` until it works, hearing the mail meanwhile; None if asked to stop, Fatal if it never will.

        Whatever else the other side answers now, be it a refusal or nonsense as while it starts up, it may not later.
        """
        pause, longest = self._pace.contact
        while not self._stopping:
            try:
                return action()
            except Fatal:
                raise
            except AkoError as error:
                self._health.waiting = f"waiting for the {what}: {error}"
                self._health.note(self._health.waiting)
                named = (error.after if isinstance(error, RetryLater) else None) or 0.0
                wait = max(pause, named)
                pause = min(pause * 2, longest)
                mail = self._received(wait)
                if mail is not None:
                    mail()
        return None

    def _received(self, seconds: float) -> Callable[[], None] | None:
        """The next mail, waited for so long."""
        try:
            return self._mail.get(timeout=seconds)
        except queue.Empty:
            return None

    def _shut_down(self) -> None:
        if self._leadership is not None:
            self._leadership.close()
        self._health.watchdog.stop()
        self._queue.close()
        watchers: tuple[Reflector | OwnConfig, ...] = (*self._reflectors, self._own_config)
        for watcher in watchers:
            watcher.stop()
        if self._workers is not None:
            self._workers.close()
        self._status_workers.shutdown(wait=True)
        self._event_workers.shutdown(wait=True, cancel_futures=True)
        if self._reconciler is not None and not self._place.dry_run:
            self._election.stop()
        ended_by = time.monotonic() + LAST_JOIN
        for watcher in watchers:
            watcher.join(max(0.0, ended_by - time.monotonic()))
        if self._reconciler is not None:
            self._reconciler.join(LAST_JOIN)
        self._connection.close()
        self._http.stop()
        _log.info("stopped")

    def _warn(self, reason: str, message: str) -> None:
        self._health.note(message)
        self._tell_pod(reason, message, warning=True)

    def _tell_pod(self, reason: str, note: str, *, warning: bool = False) -> None:
        pod = ObjectRef(resource="pods", namespace=self._place.namespace, name=self._place.pod)
        self._events.publish(pod, uid="", severity="Warning" if warning else "Normal", reason=reason, note=note)
