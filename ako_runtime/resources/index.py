"""Indexes over watched objects: how a translation finds what concerns it without looking at everything.

An index maps a value computed from an object (a pair of texts, usually namespace and name) to the objects that have it.
The values are computed from one object alone, so keeping an index costs the same however many objects there are.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from ako_runtime.resources.ako import L4Rule
from ako_runtime.resources.core import EndpointSlice, Namespace, Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayClass
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


def _slice_pods(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, EndpointSlice):
        for endpoint in obj.endpoints or ():
            if endpoint.target_ref is not None and endpoint.target_ref.kind == "Pod":
                yield (obj.namespace, endpoint.target_ref.name)


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


def _rule(obj: Resource) -> Iterable[Identity]:
    rule = rule_of(obj) if isinstance(obj, Service) else None
    if rule is not None:
        yield rule


def _namespace(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, Gateway) or (isinstance(obj, Service) and (obj.spec.type == "LoadBalancer" or gateway_of(obj))):
        yield ("", obj.namespace)


def _infra(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, (Service, Namespace)):
        name = obj.metadata.annotations.get(INFRA, "").strip()
        if name:
            yield ("", name)
    elif isinstance(obj, GatewayClass) and obj.spec.parameters_ref is not None:
        yield ("", obj.spec.parameters_ref.name)


def _class(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, Gateway):
        yield ("", obj.spec.gateway_class_name)


def _monitors(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, L4Rule):
        for backend in obj.spec.backend_properties:
            for name in backend.health_monitor_crd_refs:
                yield (obj.namespace, name)


SLICES_OF_SERVICE = Index(name="slices-of-service", resource="endpointslices", values=_slice_service)
SLICES_OF_POD = Index(name="slices-of-pod", resource="endpointslices", values=_slice_pods)
SERVICES_BY_ROOT = Index(name="services-by-root", resource="services", values=_root_name)
SERVICES_OF_SHARED_VIP = Index(name="services-of-shared-vip", resource="services", values=_shared_vip)
SERVICES_OF_GATEWAY = Index(name="services-of-gateway", resource="services", values=_gateway)
SERVICES_OF_RULE = Index(name="services-of-rule", resource="services", values=_rule)
SERVICES_OF_NAMESPACE = Index(name="services-of-namespace", resource="services", values=_namespace)
SERVICES_OF_INFRA = Index(name="services-of-infra", resource="services", values=_infra)
NAMESPACES_OF_INFRA = Index(name="namespaces-of-infra", resource="namespaces", values=_infra)
CLASSES_OF_INFRA = Index(name="classes-of-infra", resource="gatewayclasses", values=_infra)
GATEWAYS_BY_ROOT = Index(name="gateways-by-root", resource="gateways", values=_root_name)
GATEWAYS_OF_CLASS = Index(name="gateways-of-class", resource="gateways", values=_class)
GATEWAYS_OF_NAMESPACE = Index(name="gateways-of-namespace", resource="gateways", values=_namespace)
RULES_OF_NAMESPACE = Index(name="rules-of-namespace", resource="l4rules", values=lambda obj: (("", obj.namespace),))
RULES_OF_MONITOR = Index(name="rules-of-monitor", resource="l4rules", values=_monitors)

L4_INDEXES: tuple[Index, ...] = (
    SLICES_OF_SERVICE,
    SLICES_OF_POD,
    SERVICES_BY_ROOT,
    SERVICES_OF_SHARED_VIP,
    SERVICES_OF_GATEWAY,
    SERVICES_OF_RULE,
    SERVICES_OF_NAMESPACE,
    SERVICES_OF_INFRA,
    NAMESPACES_OF_INFRA,
    CLASSES_OF_INFRA,
    GATEWAYS_BY_ROOT,
    GATEWAYS_OF_CLASS,
    GATEWAYS_OF_NAMESPACE,
    RULES_OF_NAMESPACE,
    RULES_OF_MONITOR,
)
