"""Composition root: builds every collaborator once, starts and stops threads, decides nothing else.

Order of a start: configuration from the cluster, HTTP end points, facts about the controller (waited for as long as
it takes; only wrong credentials or settings end the process, with one sentence), reflectors and inventory side by
side, and only when every list and the whole inventory are known does the queue open. Order of a stop: no new keys,
what is under way finishes within the grace period, streams close.
"""

import gc
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import msgspec
import structlog
from msgspec import Struct

from ako_runtime.avi.client import AviClient
from ako_runtime.avi.facts import api_version_for, controller_version, environment_of
from ako_runtime.avi.session import NEWEST_API_VERSION, AviSession, Credentials, Endpoint, connection_pool
from ako_runtime.avi.workers import AviWorkers
from ako_runtime.errors import RetryLater, Stale, UserError
from ako_runtime.kube.connection import KubeConnection
from ako_runtime.kube.events import EventWriter
from ako_runtime.kube.kinds import kinds_for
from ako_runtime.kube.reflector import Reflector
from ako_runtime.kube.store import Store
from ako_runtime.kube.writer import StatusWriter, TokenBucket
from ako_runtime.model.ownership import Ownership
from ako_runtime.model.stack import StackKey
from ako_runtime.observe.http import HttpServer, Probes
from ako_runtime.observe.logs import LogLevel
from ako_runtime.observe.metrics import Metrics
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.reconcile.reconciler import Outlets, Reconciler
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings, parse
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.l4 import L4Context

CONFIG_MAP: Final = "avi-k8s-config"
SECRET: Final = "avi-secret"  # noqa: S105 - the name of the object, not its content

_log = structlog.get_logger("ako.app")

_T = TypeVar("_T")


class Place(Struct, frozen=True, kw_only=True):
    """Where this process runs: its namespace, its pod's name, and a port that overrides the setting (0: any free
    one).
    """

    namespace: str
    pod: str
    api_port: int | None = None


def load_settings(connection: KubeConnection, place: Place, environ: Mapping[str, str]) -> Settings:
    """Settings from ConfigMap, Secret and environment; raises UserError when an object is missing or wrong."""
    return parse(
        _object_data(connection, "configmaps", place.namespace, CONFIG_MAP, encoded=False),
        environ,
        secret=_object_data(connection, "secrets", place.namespace, SECRET, encoded=True),
    )


class App:
    """The running controller."""

    def __init__(self, *, connection: KubeConnection, settings: Settings, place: Place, log_level: LogLevel) -> None:
        self._connection = connection
        self._settings = settings
        self._place = place
        self._log_level = log_level
        self._metrics = Metrics()
        self._inventory = Inventory()
        self._queue = KeyQueue()
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._avi_state = "INITIATING"
        self._errors: list[str] = []
        self._workers: AviWorkers | None = None
        self._store: Store | None = None
        self._reconciler: Reconciler | None = None
        self._reflectors: list[Reflector] = []
        self._status_workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="status")
        self._http = HttpServer(
            port=settings.api_server_port if place.api_port is None else place.api_port, probes=self._probes()
        )
        self._ownership = Ownership(
            cluster=settings.cluster_name, namespace=place.namespace, primary=settings.primary_instance
        )

    @property
    def http_port(self) -> int:
        """Port of health and metrics."""
        return self._http.port

    def run(self) -> None:
        """Work until `stop` is called; raises Fatal when the controller refuses us or a setting cannot be."""
        self._http.start()
        try:
            if self._start():
                self._ready.set()
                _log.info("ready", objects=len(self._inventory))
                self._resync_until_stopped()
        finally:
            self._shut_down()

    def stop(self) -> None:
        """Ask `run` to end; returns at once (also from a signal handler)."""
        self._stopping.set()

    def _start(self) -> bool:
        """Bring everything up; False if asked to stop meanwhile."""
        workers = self._connect_controller()
        if workers is None:
            return False
        self._workers = workers
        with workers.client() as client:
            environment = environment_of(client, self._settings)
        kinds = kinds_for(self._settings)
        store = self._store = Store(
            environment=environment,
            on_change=self._on_change,
            expected=frozenset(kind.resource for kind in kinds),
        )
        self._reflectors = [
            Reflector(
                connection=self._connection,
                kind=kind,
                store=store,
                on_undecodable=lambda kind, _name, _error: self._metrics.undecodable.labels(kind.resource).inc(),
            )
            for kind in kinds
        ]
        for reflector in self._reflectors:
            reflector.start()
        self._reconciler = self._new_reconciler(store, workers)
        if not self._load_inventory() or not self._wait_lists(store):
            return False
        gc.collect()
        gc.freeze()
        self._reconciler.begin_round()
        self._reconciler.start()
        self._queue.open()
        return True

    def _connect_controller(self) -> AviWorkers | None:
        """Workers for the controller, once it answers; None if asked to stop."""
        settings = self._settings
        credentials = Credentials(
            username=settings.username,
            password=settings.password,
            token=settings.auth_token,
            certificate_authority=settings.certificate_authority,
        )
        endpoint = Endpoint(host=settings.controller_host, tenant=settings.tenant_name, api_version=NEWEST_API_VERSION)
        pool = connection_pool(endpoint, credentials, size=1)

        def negotiate() -> str:
            session = AviSession(endpoint=endpoint, credentials=lambda: credentials, pool=pool)
            client = AviClient(session=session, interned={})
            return api_version_for(controller_version(client), configured=settings.controller_version)

        version = self._until_it_works(negotiate, what="controller")
        pool.close()
        if version is None:
            return None
        self._avi_state = "CONNECTED"
        return AviWorkers(
            endpoint=msgspec.structs.replace(endpoint, api_version=version),
            credentials=lambda: credentials,
            size=settings.max_requests_in_flight,
            ownership=self._ownership,
            metrics=self._metrics,
            inventory_record=self._inventory.record,
        )

    def _new_reconciler(self, store: Store, workers: AviWorkers) -> Reconciler:
        outlets = Outlets(
            perform=workers.perform,
            refresh=workers.refresh,
            look_up=workers.look_up,
            edit=workers.edit,
            workers=workers.executor,
            status_workers=self._status_workers,
            statuses=StatusWriter(
                connection=self._connection,
                bucket=TokenBucket(rate=1000.0, burst=1000),
                on_write=lambda resource, code: self._metrics.status_writes.labels(resource, str(code)).inc(),
            ),
            events=EventWriter(
                connection=self._connection,
                instance=self._place.pod,
                enabled=lambda: self._settings.enable_events,
            ),
            metrics=self._metrics,
        )
        return Reconciler(
            store=store, queue=self._queue, inventory=self._inventory, context=self._context, outlets=outlets
        )

    def _context(self) -> L4Context:
        store = self._store
        if store is None:
            raise AssertionError("no store yet")
        return L4Context(settings=self._settings, environment=store.snapshot.environment, ownership=self._ownership)

    def _on_change(self, resource: str, old: Resource | None, new: Resource | None, snapshot: Snapshot) -> None:
        for key in keys_touched_by(resource, old=old, new=new, snapshot=snapshot):
            self._queue.add(key)

    def _load_inventory(self) -> bool:
        """Read everything of ours; False if asked to stop meanwhile."""
        workers = self._workers
        if workers is None:
            return False
        tenant = self._settings.tenant_name if self._settings.dedicated_tenant_mode else "*"

        def read() -> frozenset[StackKey]:
            self._inventory.begin_reading()
            return self._inventory.load(workers.owned_objects(cloud=self._settings.cloud_name, tenant=tenant))

        drifted = self._until_it_works(read, what="inventory")
        for key in drifted or ():
            self._metrics.drift.inc()
            self._queue.add(key)
        return drifted is not None

    def _wait_lists(self, store: Store) -> bool:
        while not self._stopping.is_set():
            if store.wait_synced(0.1):
                return True
        return False

    def _until_it_works(self, action: Callable[[], _T], *, what: str) -> _T | None:
        """Repeat `action` while it says that trying later makes sense; None if asked to stop."""
        pause = 0.5
        while not self._stopping.is_set():
            try:
                return action()
            except (RetryLater, Stale) as error:
                self._note_error(str(error))
                _log.warning("waiting", for_=what, error=str(error))
                self._stopping.wait(error.after if isinstance(error, RetryLater) and error.after else pause)
                pause = min(pause * 2, 15.0)
        return None

    def _resync_until_stopped(self) -> None:
        """Every `fullSyncFrequency` seconds read the controller anew and let every key run again."""
        interval = self._settings.full_sync_frequency or None
        while not self._stopping.wait(interval):
            if self._load_inventory() and self._reconciler is not None:
                _log.info("resync", objects=len(self._inventory))
                self._refresh_environment()
                self._reconciler.begin_round()

    def _refresh_environment(self) -> None:
        if self._workers is None or self._store is None:
            return
        try:
            with self._workers.client() as client:
                environment = environment_of(client, self._settings)
        except (RetryLater, Stale) as error:
            _log.warning("facts not read", error=str(error))
            return
        self._store.replace_environment(environment, lambda: _log.info("controller facts changed"))

    def _shut_down(self) -> None:
        self._ready.clear()
        for reflector in self._reflectors:
            reflector.stop()
        self._queue.close()
        if self._reconciler is not None and self._workers is not None:
            self._reconciler.join(10.0)
            self._workers.close()
            self._status_workers.shutdown(wait=True)
        for reflector in self._reflectors:
            reflector.join(5.0)
        self._connection.close()
        self._http.stop()
        _log.info("stopped")

    def _probes(self) -> Probes:
        return Probes(
            status=self._status,
            not_ready=lambda: "" if self._ready.is_set() else "lists or inventory not complete yet",
            registry=self._metrics.registry,
            refresh_metrics=self._refresh_metrics,
            debug=lambda text: None if self._reconciler is None else self._reconciler.describe(text),
        )

    def _status(self) -> dict[str, object]:
        """What the official AKO answers: the state of the controller connection and the last errors."""
        failing = [] if self._reconciler is None else list(self._reconciler.errors().values())
        return {"avicontroller": {"status": self._avi_state, "errors": [*self._errors, *failing][-10:]}}

    def _refresh_metrics(self) -> None:
        self._metrics.queue_depth.set(len(self._queue))
        self._metrics.queue_age.set(self._queue.oldest_age())
        self._metrics.leader.set(1 if self._ready.is_set() else 0)
        for kind, count in self._inventory.counts().items():
            self._metrics.owned.labels(type=kind).set(count)

    def _note_error(self, text: str) -> None:
        self._errors = [*self._errors[-9:], f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}"]


def _object_data(
    connection: KubeConnection, resource: str, namespace: str, name: str, *, encoded: bool
) -> dict[str, str]:
    answer = connection.request("GET", f"/api/v1/namespaces/{namespace}/{resource}/{name}")
    if answer.status == 404:
        raise UserError(
            f"{resource.removesuffix('s')} {namespace}/{name} does not exist; install the chart, or name its namespace "
            "with -n"
        )
    if answer.status >= 400:
        raise UserError(f"{resource.removesuffix('s')} {namespace}/{name} cannot be read: {answer.message}")
    if encoded:
        data = msgspec.json.decode(answer.body, type=_SecretData).data
        return {key: value.decode() for key, value in data.items()}
    return dict(msgspec.json.decode(answer.body, type=_ConfigMapData).data)


class _ConfigMapData(Struct, frozen=True, kw_only=True):
    data: Mapping[str, str] = {}


class _SecretData(Struct, frozen=True, kw_only=True):
    # JSON carries base64; msgspec decodes it.
    data: Mapping[str, bytes] = {}
