"""The Kubernetes kinds that the runtime watches, and for which feature; the chart's RBAC is compared with this
table.

A kind is known everywhere by its `key`: the plural name, as long as one group of the table has it. Where a second group
serves the same plural, its kind is qualified as kubectl writes it (`gateways.gateway.networking.k8s.io`); where one
resource is read twice for different purposes, the second reading has a name of its own. A kind is listed over the whole
cluster, or once for each namespace that the configuration names.
"""

from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from ako_runtime.resources.ako import AviInfraSetting, HealthMonitor, L4Rule
from ako_runtime.resources.cni import BlockAffinity, CiliumNode, HostSubnet
from ako_runtime.resources.core import EndpointSlice, Namespace, Node, Pod, Secret, Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayClass
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.modes import syncs_routes, tls_secret_namespaces
from ako_runtime.resources.networking import Ingress, IngressClass
from ako_runtime.resources.rules import HostRule, HTTPRule, L7Rule
from ako_runtime.resources.sso import CLIENT_SECRETS, ClientSecret, SSORule
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
    # Where it is read; an empty name stands for the whole cluster.
    namespaces: Callable[[Settings], tuple[str, ...]] = lambda _settings: ("",)
    # Set for objects of one namespace only.
    namespace: str = ""
    # Set where another group's kind has the plural name for its own.
    qualified: bool = False
    # Set for a second reading of the same resource.
    alias: str = ""

    @property
    def key(self) -> str:
        """Under which name its objects are kept and referred to."""
        if self.alias:
            return self.alias
        return f"{self.resource}.{self.group}" if self.qualified else self.resource

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
    WatchedKind(group="networking.k8s.io", version="v1", resource="ingresses", kind="Ingress", model=Ingress),
    WatchedKind(
        group="networking.k8s.io", version="v1", resource="ingressclasses", kind="IngressClass", model=IngressClass
    ),
    WatchedKind(
        group="",
        version="v1",
        resource="secrets",
        kind="Secret",
        model=Secret,
        field_selector="type=kubernetes.io/tls",
        namespaces=tls_secret_namespaces,
    ),
    WatchedKind(
        group="",
        version="v1",
        resource="secrets",
        kind="Secret",
        model=ClientSecret,
        needed=lambda settings: settings.enable_evh,
        field_selector="type=Opaque",
        namespaces=tls_secret_namespaces,
        alias=CLIENT_SECRETS,
    ),
    WatchedKind(
        group="ako.vmware.com",
        version="v1beta1",
        resource="aviinfrasettings",
        kind="AviInfraSetting",
        model=AviInfraSetting,
    ),
    WatchedKind(group="ako.vmware.com", version="v1alpha2", resource="l4rules", kind="L4Rule", model=L4Rule),
    WatchedKind(group="ako.vmware.com", version="v1beta1", resource="hostrules", kind="HostRule", model=HostRule),
    WatchedKind(group="ako.vmware.com", version="v1beta1", resource="httprules", kind="HTTPRule", model=HTTPRule),
    WatchedKind(group="ako.vmware.com", version="v1alpha2", resource="l7rules", kind="L7Rule", model=L7Rule),
    WatchedKind(group="ako.vmware.com", version="v1alpha2", resource="ssorules", kind="SSORule", model=SSORule),
    WatchedKind(
        group="ako.vmware.com",
        version="v1alpha1",
        resource="healthmonitors",
        kind="HealthMonitor",
        model=HealthMonitor,
        needed=lambda settings: settings.crd_operator_enabled,
    ),
    WatchedKind(
        group="networking.x-k8s.io",
        version="v1alpha1",
        resource="gatewayclasses",
        kind="GatewayClass",
        model=GatewayClass,
        needed=lambda settings: settings.services_api,
    ),
    WatchedKind(
        group="networking.x-k8s.io",
        version="v1alpha1",
        resource="gateways",
        kind="Gateway",
        model=Gateway,
        needed=lambda settings: settings.services_api,
    ),
    WatchedKind(
        group="",
        version="v1",
        resource="nodes",
        kind="Node",
        model=Node,
        needed=lambda settings: settings.service_type == "NodePort" or syncs_routes(settings),
    ),
    WatchedKind(
        group="",
        version="v1",
        resource="pods",
        kind="Pod",
        model=Pod,
        needed=lambda settings: settings.service_type == "NodePortLocal",
    ),
    WatchedKind(
        group="crd.projectcalico.org",
        version="v1",
        resource="blockaffinities",
        kind="BlockAffinity",
        model=BlockAffinity,
        needed=lambda settings: settings.cni_plugin == "calico" and syncs_routes(settings),
    ),
    WatchedKind(
        group="cilium.io",
        version="v2",
        resource="ciliumnodes",
        kind="CiliumNode",
        model=CiliumNode,
        needed=lambda settings: settings.cni_plugin == "cilium" and syncs_routes(settings),
    ),
    WatchedKind(
        group="network.openshift.io",
        version="v1",
        resource="hostsubnets",
        kind="HostSubnet",
        model=HostSubnet,
        needed=lambda settings: settings.cni_plugin == "openshift" and syncs_routes(settings),
    ),
)


def kinds_for(settings: Settings) -> tuple[WatchedKind, ...]:
    """Kinds that some enabled feature needs, and no other; one entry for each namespace in which they are read."""
    return tuple(_places(settings))


def _places(settings: Settings) -> Iterator[WatchedKind]:
    for kind in WATCHED:
        if kind.needed(settings):
            for namespace in kind.namespaces(settings):
                yield msgspec.structs.replace(kind, namespace=namespace) if namespace else kind


class NamedKind(Struct, frozen=True, kw_only=True):
    """A kind that is written to by name without being watched."""

    group: str
    version: str
    resource: str
    kind: str

    @property
    def key(self) -> str:
        """Under which name its objects are referred to."""
        return self.resource


WRITTEN: tuple[NamedKind, ...] = (
    NamedKind(group="", version="v1", resource="pods", kind="Pod"),
    NamedKind(group="apps", version="v1", resource="statefulsets", kind="StatefulSet"),
)


def kind_named(key: str) -> WatchedKind | NamedKind:
    """The watched or written kind with this key."""
    watched = next((kind for kind in WATCHED if kind.key == key), None)
    return watched or next(kind for kind in WRITTEN if kind.key == key)


def object_path(kind: WatchedKind | NamedKind, namespace: str, name: str) -> str:
    """Path of one object."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{kind.resource}/{name}"
