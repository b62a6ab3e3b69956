"""`KubeLab`: the embedded API in a background thread, with direct, synchronous helpers for tests and demos.

The helpers work on the same `Api` under the same lock as the HTTP requests, so what they write is watched and what they
read is current. `wait_for` waits for a fact: its predicate is evaluated again after every write and every request.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ako_lab.kube_api.addresses import ServiceAddresses
from ako_lab.kube_api.api import Api, DeleteOptions, shown
from ako_lab.kube_api.config import KubeConfig, LoggedRequest
from ako_lab.kube_api.control import Interruption
from ako_lab.kube_api.documents import copied
from ako_lab.kube_api.errors import ApiError, JsonObject
from ako_lab.kube_api.faults import Faults
from ako_lab.kube_api.kubeconfig import kubeconfig_text, write_kubeconfig
from ako_lab.kube_api.listing import Query
from ako_lab.kube_api.patches import built_in_keys, schema_keys, strategic_merged
from ako_lab.kube_api.watches import Ending
from ako_lab.kube_api.writes import Target
from ako_lab.yaml_documents import yaml_documents
from ako_runtime.errors import UserError

_START_SECONDS = 10.0


class KubeLab:
    """An in-memory Kubernetes API server; ready when the constructor returns."""

    def __init__(self, config: KubeConfig | None = None) -> None:
        self._config = config or KubeConfig()
        self.token = self._config.token or secrets.token_urlsafe(24)
        self._api = Api(
            addresses=_addresses(self._config),
            retained=self._config.retained_events,
            later=self._later if self._config.namespace_seconds else None,
        )
        self._facts = threading.Condition()
        self._changes = 0
        self._api.store.listen(self._notify)
        self._start()

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stopped: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failures: list[OSError] = []
        self._port = 0
        self._thread = threading.Thread(target=self._run, name="kube-lab", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise TimeoutError("the embedded Kubernetes API did not start")
        for error in self._failures:
            self._thread.join()
            place = f"{self._config.host}:{self._config.port}"
            # The address stands behind the reason once more.
            reason = str(error.strerror or error).partition(" (")[0].lower()
            raise UserError(f"cannot listen on {place}: {reason}; choose another port")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://{self._config.host}:{self._port}"

    @property
    def faults(self) -> Faults:
        """The failures that are asked for."""
        return self._server.faults

    def kubeconfig(self) -> str:
        """A kubeconfig for this server."""
        return kubeconfig_text(name="ako-lab", server=self.url, user={"token": self.token})

    def write_kubeconfig(self, path: str | Path) -> Path:
        """Write the kubeconfig, readable by its owner only."""
        return write_kubeconfig(Path(path), self.kubeconfig())

    def apply(self, manifest: JsonObject | str, *, namespace: str = "default") -> JsonObject:
        """Create or merge an object, its status included; of several YAML documents, all, and the last is returned."""
        result: JsonObject = {}
        for document in [manifest] if isinstance(manifest, dict) else _documents(manifest):
            if not isinstance(document, dict):
                raise UserError("a manifest must be an object with apiVersion, kind and metadata")
            result = self._applied(document, namespace)
        return result

    def delete(self, kind: str, name: str, namespace: str | None = None, *, group: str | None = None) -> None:
        """Delete an object (finalizers hold it as they would hold it from any client)."""
        self._api.delete(self._target(kind, name, namespace, group), DeleteOptions())

    def read(self, kind: str, name: str, namespace: str | None = None, *, group: str | None = None) -> JsonObject:
        """One object, as a copy; raises `ApiError` (404) if it is not there."""
        target = self._target(kind, name, namespace, group)
        return dict(copied(shown(target.resource, self._api.read(target))))

    def objects(self, kind: str, namespace: str | None = None, *, group: str | None = None) -> tuple[JsonObject, ...]:
        """Every object of a kind, as copies, in the order of their names."""
        target = self._api.target(kind, group=group, namespace=namespace or "")
        page = self._api.page(target, Query())
        return tuple(copied(shown(target.resource, stored)) for stored in page.items)

    def requests(self, since: int = 0) -> tuple[LoggedRequest, ...]:
        """The requests that were answered after the one numbered `since`."""
        return tuple(request for request in tuple(self._server.log) if request.sequence > since)

    def wait_for(self, predicate: Callable[["KubeLab"], object], timeout: float = 30.0) -> None:
        """Wait until a fact holds; evaluated after every write and request.

        The predicate runs without the lock of the notification: it reads the store, whose writers notify.
        """
        deadline = time.monotonic() + timeout
        while True:
            seen = self._changes
            if predicate(self):
                return
            with self._facts:
                left = deadline - time.monotonic()
                if not self._facts.wait_for(lambda: self._changes != seen, max(0.0, left)):  # noqa: B023 - called at once
                    break
        if not predicate(self):
            raise TimeoutError(f"not so within {timeout} s: {getattr(predicate, '__name__', predicate)}")

    def compact(self) -> None:
        """Forget all history: watches and lists from older versions are answered 410."""
        self._api.compact()

    def interrupt_watches(
        self, ending: Ending = "drop", *, resource: str = "", namespace: str = "", user_agent: str = ""
    ) -> int:
        """End open watches: `drop` the connection, `end` the stream, or say `gone` (410); how many there were."""
        wanted = Interruption(ending=ending, resource=resource, namespace=namespace, user_agent=user_agent)
        return self._server.interrupt(wanted.ending, wanted.meets)

    def open_watches(self) -> int:
        """How many watches are open."""
        return self._server.open_watches()

    def restart(self, *, meanwhile: Callable[[], object] = lambda: None, port: int = 0) -> None:
        """End the server, do what happens meanwhile, start it again at the same (or that) port over the same objects.

        As with a process that starts anew, its log of requests and its faults begin empty.
        """
        self.close()
        meanwhile()
        self._config = msgspec.structs.replace(self._config, port=port or self._port)
        self._start()

    def close(self) -> None:
        """End all watches, stop listening, join the thread."""
        if self._thread.is_alive() and self._stopped is not None:
            self._server.close_watches()
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    # Inside

    def _applied(self, document: JsonObject, namespace: str) -> JsonObject:
        resource = self._api.catalog.named(
            str(document.get("kind", "")).lower(), api_version=str(document.get("apiVersion", ""))
        )
        if resource is None:
            raise UserError(f"no kind {document.get('kind')!r} in {document.get('apiVersion')!r} is served here")
        metadata = document.get("metadata") or {}
        place = (metadata.get("namespace") or namespace) if resource.namespaced else ""
        target = Target(resource=resource, namespace=place, name=metadata.get("name", ""))
        keys = schema_keys(resource.schema) if resource.custom and resource.schema else built_in_keys
        with self._api.lock:
            try:
                stored = self._api.change(target, lambda old: strategic_merged(old, document, keys))
            except ApiError as error:
                if error.code != 404:
                    raise
                stored = self._api.create(target, document)
            if resource.status and "status" in document:
                name = stored.document["metadata"]["name"]
                door = Target(resource=resource, namespace=place, name=name, subresource="status")
                stored = self._api.change(door, lambda old: {**old, "status": document["status"]})
        return dict(copied(shown(resource, stored)))

    def _target(self, kind: str, name: str, namespace: str | None, group: str | None) -> Target:
        return self._api.target(kind, group=group, namespace=namespace or "default", name=name)

    def _later(self, action: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(self._loop.call_later, self._config.namespace_seconds, action)

    def _notify(self) -> None:
        with self._facts:
            self._changes += 1
            self._facts.notify_all()

    def _run(self) -> None:
        from ako_lab.kube_api.server import KubeServer  # noqa: PLC0415 - aiohttp is imported in parallel with the rest

        asyncio.set_event_loop(self._loop)
        self._server = KubeServer(api=self._api, config=self._config, token=self.token)
        self._server.observe(self._notify)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()
            self._ready.set()

    async def _main(self) -> None:
        self._stopped = asyncio.Event()
        try:
            runner = await self._server.start()
        except OSError as error:
            self._failures.append(error)
            return
        self._port = runner.addresses[0][1]
        self._ready.set()
        await self._stopped.wait()
        await self._server.stop_accepting()
        await runner.cleanup()


def _addresses(config: KubeConfig) -> ServiceAddresses:
    try:
        return ServiceAddresses(cidr=config.service_cidr, cidr_v6=config.service_cidr_v6, node_ports=config.node_ports)
    except ValueError as error:
        raise UserError(f"service_cidr and service_cidr_v6 must be networks: {error}") from error


def _documents(text: str) -> list[object]:
    try:
        return yaml_documents(text)
    except ValueError as error:
        raise UserError(f"the manifest is not YAML: {' '.join(str(error).split())}") from error
