"""Which Services are ours, and which front end serves each: a Gateway, a shared VIP, or a virtual service of its own.

Exactly one key decides about a Service and writes its status; every translation asks here whether it is the one.
Labels that name a Gateway win over the annotation of a shared VIP, and that over a virtual service of its own. Labels
count on every type of Service (the official AKO ignores them on type LoadBalancer), and only while `servicesAPI` is on.
"""

from ako_runtime.model.stack import StackKey
from ako_runtime.resources.core import Service
from ako_runtime.resources.index import gateway_of, shared_vip_of
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings

LOAD_BALANCER_CLASS = "ako.vmware.com/avi-lb"


def is_ours(service: Service, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether this instance serves the Service of type LoadBalancer."""
    spec = service.spec
    if spec.type != "LoadBalancer" or settings.layer7_only or service.metadata.deletion_timestamp is not None:
        return False
    if spec.load_balancer_class is not None:
        if spec.load_balancer_class != LOAD_BALANCER_CLASS:
            return False
    elif not settings.default_lb_controller:
        return False
    return is_served_namespace(service.namespace, snapshot, settings)


def is_served_namespace(name: str, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether the namespace is selected and not blocked."""
    if name in settings.blocked_namespaces:
        return False
    if not (settings.ns_sync_label_key and settings.ns_sync_label_value):
        return True
    namespace = snapshot.namespace(name)
    return namespace is not None and (
        namespace.metadata.labels.get(settings.ns_sync_label_key) == settings.ns_sync_label_value
    )


def front_of(service: Service, snapshot: Snapshot, settings: Settings) -> StackKey | None:
    """The key that serves the Service; None if it is none of ours."""
    gateway = gateway_of(service) if settings.services_api and not settings.layer7_only else None
    if service.spec.type == "LoadBalancer":
        if not is_ours(service, snapshot, settings):
            return None
    elif gateway is None or not _may_join(service, snapshot, settings):
        return None
    if gateway is not None:
        return StackKey(kind="gateway", namespace=gateway[0], name=gateway[1])
    group = shared_vip_of(service)
    if group is not None:
        return StackKey(kind="shared-vip", namespace=group[0], name=group[1])
    return StackKey(kind="service", namespace=service.namespace, name=service.name)


def _may_join(service: Service, snapshot: Snapshot, settings: Settings) -> bool:
    return (
        service.spec.type in {"ClusterIP", "NodePort"}
        and service.metadata.deletion_timestamp is None
        and is_served_namespace(service.namespace, snapshot, settings)
    )
