"""The runtime's own ConfigMap and Secret, watched by name: nothing else of their kinds is ever read."""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping

from ako_runtime.kube.connection import KubeConnection
from ako_runtime.kube.kinds import WatchedKind
from ako_runtime.kube.reflector import Reflector
from ako_runtime.observe.threads import LastingThread
from ako_runtime.resources.core import ConfigMap, Secret
from ako_runtime.resources.meta import Resource

Identity = tuple[str, str]


class OwnConfig:
    """Calls `on_change(configmap, secret)` with the data of both whenever one of them changes; None while one is
    gone.
    """

    def __init__(
        self,
        *,
        connection: KubeConnection,
        namespace: str,
        names: tuple[str, str],
        on_change: Callable[[Mapping[str, str] | None, Mapping[str, str] | None], None],
    ) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._configmap: Mapping[str, str] | None = None
        self._secret: Mapping[str, str] | None = None
        self._listed: set[str] = set()
        configmap, secret = names
        kinds = (
            _own("configmaps", ConfigMap, namespace, configmap),
            _own("secrets", Secret, namespace, secret),
        )
        self._reflectors = [Reflector(connection=connection, kind=kind, store=self) for kind in kinds]

    @property
    def threads(self) -> list[LastingThread]:
        """The threads that watch."""
        return [reflector.thread for reflector in self._reflectors]

    def start(self) -> None:
        """Begin to watch."""
        for reflector in self._reflectors:
            reflector.start()

    def stop(self) -> None:
        """End both watches."""
        for reflector in self._reflectors:
            reflector.stop()

    def join(self, timeout: float) -> None:
        """Wait for their threads to end, at most so many seconds."""
        ended_by = time.monotonic() + timeout
        for reflector in self._reflectors:
            reflector.join(max(0.0, ended_by - time.monotonic()))

    def put(self, resource: str, obj: Resource) -> None:
        """The object was added or changed."""
        self._take(resource, obj)

    def remove(self, resource: str, identity: Identity) -> None:
        """The object is gone: what was read stays in force (unknown is not empty)."""
        del identity
        self._take(resource, None)

    def replace(
        self, resource: str, objects: Mapping[Identity, Resource], *, keep: frozenset[Identity], namespace: str = ""
    ) -> None:
        """A complete list."""
        del keep, namespace
        with self._lock:
            self._listed.add(resource)
        self._take(resource, next(iter(objects.values()), None))

    def _take(self, resource: str, obj: Resource | None) -> None:
        with self._lock:
            if resource == "configmaps":
                self._configmap = obj.data if isinstance(obj, ConfigMap) else None
            else:
                self._secret = _decoded(obj.data) if isinstance(obj, Secret) else None
            if self._listed != {"configmaps", "secrets"}:
                return
            both = (self._configmap, self._secret)
        self._on_change(*both)


def _own(resource: str, model: type[Resource], namespace: str, name: str) -> WatchedKind:
    return WatchedKind(
        group="",
        version="v1",
        resource=resource,
        kind=model.__name__,
        model=model,
        namespace=namespace,
        field_selector=f"metadata.name={name}",
    )


def _decoded(data: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return {key: base64.b64decode(value).decode() for key, value in data.items()}
    except (binascii.Error, UnicodeDecodeError):
        return {}
