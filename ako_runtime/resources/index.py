"""Indexes over watched objects: how a translation finds what concerns it without looking at everything.

An index maps a value computed from an object (a pair of texts, usually namespace and name) to the objects that have it.
The values are computed from one object alone, so keeping an index costs the same however many objects there are.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from ako_runtime.resources.core import EndpointSlice, Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway
from ako_runtime.resources.meta import Resource

Identity = tuple[str, str]
"""Namespace and name."""

IndexValues = Callable[[Resource], Iterable[Identity]]

SHARED_VIP = "ako.vmware.com/enable-shared-vip"
SHARED_VIP_NAMESPACE = "ako.vmware.com/shared-vip-namespace"
INFRA = "aviinfrasetting.ako.vmware.com/name"
L4_RULE = "ako.vmware.com/l4rule"
GATEWAY_LABELS = ("ako.vmware.com/", "ako.vmware.io/", "service.route.lbapi.run.tanzu.vmware.com/")
"""Prefixes under which `gateway-name` and `gateway-namespace` are read."""


class Index(Struct, frozen=True, kw_only=True):
    """Finds objects of one kind by a value computed from the object."""

    name: str
    resource: str
    values: IndexValues


def shared_vip_of(service: Service) -> Identity | None:
    """Namespace and key of the shared VIP that the Service asks for."""
    key = service.metadata.annotations.get(SHARED_VIP, "").strip()
    if not key or service.spec.type != "LoadBalancer":
        return None
    return (service.metadata.annotations.get(SHARED_VIP_NAMESPACE, "").strip() or service.namespace, key)


def gateway_of(service: Service) -> Identity | None:
    """Namespace and name of the Gateway that the Service's labels name."""
    labels = service.metadata.labels
    for prefix in GATEWAY_LABELS:
        name, namespace = labels.get(f"{prefix}gateway-name"), labels.get(f"{prefix}gateway-namespace")
        if name and namespace:
            return (namespace, name)
    return None


def rule_of(service: Service) -> Identity | None:
    """Namespace and name of the L4Rule that the Service names."""
    text = service.metadata.annotations.get(L4_RULE, "").strip()
    if not text:
        return None
    namespace, found, name = text.partition("/")
    return (namespace, name) if found else (service.namespace, namespace)


def _slice_service(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, EndpointSlice) and obj.service_name:
        yield (obj.namespace, obj.service_name)


def _root_name(obj: Resource) -> Iterable[Identity]:
    """The text that becomes the virtual service's name, by which `a/b-c` and `a-b/c` are the same."""
    if isinstance(obj, Service) and obj.spec.type == "LoadBalancer":
        namespace, name = shared_vip_of(obj) or obj.identity
        yield ("", f"{namespace}-{name}")
    elif isinstance(obj, Gateway):
        yield ("", f"{obj.namespace}-{obj.name}")


def _shared_vip(obj: Resource) -> Iterable[Identity]:
    group = shared_vip_of(obj) if isinstance(obj, Service) else None
    if group is not None:
        yield group


def _gateway(obj: Resource) -> Iterable[Identity]:
    gateway = gateway_of(obj) if isinstance(obj, Service) else None
    if gateway is not None:
        yield gateway


SLICES_OF_SERVICE = Index(name="slices-of-service", resource="endpointslices", values=_slice_service)
SERVICES_BY_ROOT = Index(name="services-by-root", resource="services", values=_root_name)
SERVICES_OF_SHARED_VIP = Index(name="services-of-shared-vip", resource="services", values=_shared_vip)
SERVICES_OF_GATEWAY = Index(name="services-of-gateway", resource="services", values=_gateway)
GATEWAYS_BY_ROOT = Index(name="gateways-by-root", resource="gateways", values=_root_name)

L4_INDEXES: tuple[Index, ...] = (
    SLICES_OF_SERVICE,
    SERVICES_BY_ROOT,
    SERVICES_OF_SHARED_VIP,
    SERVICES_OF_GATEWAY,
    GATEWAYS_BY_ROOT,
)
