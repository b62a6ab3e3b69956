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

    @property
    def path(self) -> str:
        """Path of the collection over all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/{self.resource}"

    def object_path(self, namespace: str, name: str) -> str:
        """Path of one object."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.resource}/{name}"


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


def kind_named(resource: str) -> WatchedKind:
    """The watched kind with this plural name."""
    return next(kind for kind in WATCHED if kind.resource == resource)
