"""The Kubernetes kinds that the runtime watches, and for which feature; the chart's RBAC is compared with this
table.
"""

from collections.abc import Callable

from msgspec import Struct

from ako_runtime.resources.core import EndpointSlice, Namespace, Service
from ako_runtime.resources.meta import Resource
from ako_runtime.settings import Settings


class WatchedKind(Struct, frozen=True, kw_only=True):
    """One kind: where it is served, what it decodes to, when it is needed."""

    group: str
    version: str
    resource: str
    kind: str
    model: type[Resource]
    needed: Callable[[Settings], bool] = lambda _settings: True
    field_selector: str = ""
    # Set for objects of one namespace only (our own configuration).
    namespace: str = ""

    @property
    def path(self) -> str:
        """Path of the collection, over all namespaces unless `namespace` is set."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{root}{scope}/{self.resource}"


WATCHED: tuple[WatchedKind, ...] = (
    WatchedKind(group="", version="v1", resource="namespaces", kind="Namespace", model=Namespace),
    WatchedKind(group="", version="v1", resource="services", kind="Service", model=Service),
    WatchedKind(
        group="discovery.k8s.io",
        version="v1",
        resource="endpointslices",
        kind="EndpointSlice",
        model=EndpointSlice,
    ),
)


def kinds_for(settings: Settings) -> tuple[WatchedKind, ...]:
    """Kinds that some enabled feature needs, and no other."""
    return tuple(kind for kind in WATCHED if kind.needed(settings))


class NamedKind(Struct, frozen=True, kw_only=True):
    """A kind that is written to by name without being watched."""

    group: str
    version: str
    resource: str
    kind: str


WRITTEN: tuple[NamedKind, ...] = (
    NamedKind(group="", version="v1", resource="pods", kind="Pod"),
    NamedKind(group="apps", version="v1", resource="statefulsets", kind="StatefulSet"),
)


def kind_named(resource: str) -> WatchedKind | NamedKind:
    """The watched or written kind with this plural name."""
    watched = next((kind for kind in WATCHED if kind.resource == resource), None)
    return watched or next(kind for kind in WRITTEN if kind.resource == resource)


def object_path(kind: WatchedKind | NamedKind, namespace: str, name: str) -> str:
    """Path of one object."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{kind.resource}/{name}"
