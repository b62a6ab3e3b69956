"""From a key to the translation of its kind, and from a changed object to the keys that it touches.

Both are tables. `keys_touched_by` is called with the old and the new object of a change and answers every key whose
outcome may differ; asking too often costs a translation, asking too seldom is a bug.
"""

from collections.abc import Callable, Iterable, Mapping

from ako_runtime.model.stack import Outcome, StackKey
from ako_runtime.resources.ako import AviInfraSetting, HealthMonitor, L4Rule
from ako_runtime.resources.core import EndpointSlice, Namespace, Node, Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayClass
from ako_runtime.resources.index import (
    CLASSES_OF_INFRA,
    GATEWAYS_BY_ROOT,
    GATEWAYS_OF_CLASS,
    GATEWAYS_OF_NAMESPACE,
    NAMESPACES_OF_INFRA,
    RULES_OF_MONITOR,
    RULES_OF_NAMESPACE,
    SERVICES_BY_ROOT,
    SERVICES_OF_GATEWAY,
    SERVICES_OF_INFRA,
    SERVICES_OF_NAMESPACE,
    SERVICES_OF_RULE,
    SERVICES_OF_SHARED_VIP,
    SLICES_OF_POD,
    gateway_of,
    shared_vip_of,
)
from ako_runtime.resources.marks import SHOWN
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate.custom import infra_outcome, rule_outcome
from ako_runtime.translate.gateway import gateway_outcome
from ako_runtime.translate.ingress.outcome import INGRESS_TRANSLATIONS
from ako_runtime.translate.ingress.rule_triggers import OWN_RULE_KEYS, RULE_TRIGGERS
from ako_runtime.translate.ingress.seats import fits, parts_of
from ako_runtime.translate.ingress.triggers import INGRESS_TRIGGERS, keys_of_changed_ingress, own_ingress_keys
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.nodes import standing_of
from ako_runtime.translate.routes import KEY as ROUTES
from ako_runtime.translate.routes import routes_outcome
from ako_runtime.translate.service import service_outcome
from ako_runtime.translate.shared_vip import shared_vip_outcome

Translation = Callable[[Snapshot, StackKey, L4Context], Outcome]
Trigger = Callable[[Resource, Snapshot], Iterable[StackKey]]

TRANSLATIONS: Mapping[str, Translation] = {
    "service": service_outcome,
    "shared-vip": shared_vip_outcome,
    "gateway": gateway_outcome,
    "infra": infra_outcome,
    "l4rule": rule_outcome,
    "hostrule": rule_outcome,
    "httprule": rule_outcome,
    "l7rule": rule_outcome,
    "ssorule": rule_outcome,
    "routes": routes_outcome,
    **INGRESS_TRANSLATIONS,
}


def outcome_for(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """The complete answer for `key`; never raises for bad user input."""
    return TRANSLATIONS[key.kind](snapshot, key, context)


def is_possible(key: StackKey, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether any objects could give the key something to do under these settings.

    A trigger knows no settings, so of the keys that it names for a host most are not possible.
    """
    return key.kind not in INGRESS_TRANSLATIONS or fits(parts_of(key), snapshot, settings)


def keys_touched_by(
    resource: str, *, old: Resource | None, new: Resource | None, snapshot: Snapshot, settings: Settings
) -> frozenset[StackKey]:
    """Keys whose outcome a change of one object may alter."""
    if resource == "nodes" and not _moves_members(old, new, settings):
        return frozenset({ROUTES})
    if isinstance(old, Ingress) and isinstance(new, Ingress):
        keys = keys_of_changed_ingress(old, new, snapshot)
        if keys is not None:
            return keys
    triggers = [table[resource] for table in (_TRIGGERS, INGRESS_TRIGGERS, RULE_TRIGGERS) if resource in table]
    return frozenset(
        key for trigger in triggers for obj in (old, new) if obj is not None for key in trigger(obj, snapshot)
    )


def _moves_members(old: Resource | None, new: Resource | None, settings: Settings) -> bool:
    """Whether a change of a Node reaches pools: in NodePort mode every pool has every node, in others none has."""
    before, after = (standing_of(one, settings) if isinstance(one, Node) else None for one in (old, new))
    return settings.service_type == "NodePort" and before != after


def all_keys(snapshot: Snapshot) -> frozenset[StackKey]:
    """Every key that exists now; the routes exist even without a Node, since there may be some from before."""
    own_keys = frozenset(
        key for resource, own in _OWN_KEYS.items() for obj in snapshot.of(resource).values() for key in own(obj)
    )
    own_keys |= {ROUTES}
    return own_keys.union(*(own_ingress_keys(obj, snapshot) for obj in snapshot.of("ingresses").values()))


def _own_service_keys(obj: Resource) -> Iterable[StackKey]:
    """Every front end that the Service may have; translation decides which has it."""
    if not isinstance(obj, Service):
        return
    gateway = gateway_of(obj)
    if gateway is not None:
        yield StackKey(kind="gateway", namespace=gateway[0], name=gateway[1])
    if obj.spec.type == "LoadBalancer" or obj.metadata.annotations.keys() & SHOWN:
        # Of another type it may have left its Gateway, and shows what that gave it.
        yield StackKey(kind="service", namespace=obj.namespace, name=obj.name)
    if obj.spec.type == "LoadBalancer":
        group = shared_vip_of(obj)
        if group is not None:
            yield StackKey(kind="shared-vip", namespace=group[0], name=group[1])


def _own_gateway_keys(obj: Resource) -> Iterable[StackKey]:
    yield StackKey(kind="gateway", namespace=obj.namespace, name=obj.name)


def _own_infra_keys(obj: Resource) -> Iterable[StackKey]:
    yield StackKey(kind="infra", namespace="", name=obj.name)


def _own_rule_keys(obj: Resource) -> Iterable[StackKey]:
    yield StackKey(kind="l4rule", namespace=obj.namespace, name=obj.name)


def _route_keys(_obj: Resource) -> Iterable[StackKey]:
    yield ROUTES


def _keys_of_services(services: Iterable[Resource]) -> Iterable[StackKey]:
    for service in services:
        yield from _own_service_keys(service)


def _service_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, Service):
        return
    yield from _own_service_keys(obj)
    if gateway_of(obj) is not None:
        # If this is how it was, nobody else takes back what it shows.
        yield StackKey(kind="service", namespace=obj.namespace, name=obj.name)
    if obj.spec.type == "LoadBalancer":
        # Whoever maps to the same name wins or loses it with this change.
        namespace, name = shared_vip_of(obj) or obj.identity
        yield from _rivals(f"{namespace}-{name}", snapshot)


def _rivals(root: str, snapshot: Snapshot) -> Iterable[StackKey]:
    yield from _keys_of_services(snapshot.found(SERVICES_BY_ROOT, ("", root)))
    for gateway in snapshot.found(GATEWAYS_BY_ROOT, ("", root)):
        yield from _own_gateway_keys(gateway)


def _slice_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, EndpointSlice) and obj.service_name:
        service = snapshot.service(obj.namespace, obj.service_name)
        if service is not None:
            yield from _own_service_keys(service)


def _namespace_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, Namespace):
        yield from _keys_of_services(snapshot.found(SERVICES_OF_NAMESPACE, ("", obj.name)))
        for gateway in snapshot.found(GATEWAYS_OF_NAMESPACE, ("", obj.name)):
            yield from _own_gateway_keys(gateway)
        for rule in snapshot.found(RULES_OF_NAMESPACE, ("", obj.name)):
            # Its tenant decides whether it fits to Services elsewhere, too.
            yield from _rule_keys(rule, snapshot)


def _infra_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, AviInfraSetting):
        return
    yield from _own_infra_keys(obj)
    value = ("", obj.name)
    services = only(snapshot.found(SERVICES_OF_INFRA, value), Service)
    yield from _keys_of_services(services)
    for service in services:
        # The oldest of a shared VIP decides for all of them.
        group = shared_vip_of(service)
        if group is not None:
            yield from _keys_of_services(snapshot.found(SERVICES_OF_SHARED_VIP, group))
    for namespace in snapshot.found(NAMESPACES_OF_INFRA, value):
        yield from _namespace_keys(namespace, snapshot)
    for held in snapshot.found(CLASSES_OF_INFRA, value):
        yield from _class_keys(held, snapshot)


def _class_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, GatewayClass):
        for gateway in snapshot.found(GATEWAYS_OF_CLASS, ("", obj.name)):
            yield from _own_gateway_keys(gateway)


def _gateway_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, Gateway):
        yield from _own_gateway_keys(obj)
        yield from _rivals(f"{obj.namespace}-{obj.name}", snapshot)
        yield from _keys_of_services(snapshot.found(SERVICES_OF_GATEWAY, obj.identity))


def _rule_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, L4Rule):
        yield from _own_rule_keys(obj)
        yield from _keys_of_services(snapshot.found(SERVICES_OF_RULE, obj.identity))


def _monitor_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, HealthMonitor):
        for rule in snapshot.found(RULES_OF_MONITOR, obj.identity):
            yield from _rule_keys(rule, snapshot)


def _pod_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    for piece in snapshot.found(SLICES_OF_POD, obj.identity):
        yield from _slice_keys(piece, snapshot)


def _node_keys(_obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    """Asked only when the change reaches pools."""
    yield ROUTES
    yield from _keys_of_services(snapshot.of("services").values())


_TRIGGERS: Mapping[str, Trigger] = {
    "services": _service_keys,
    "endpointslices": _slice_keys,
    "namespaces": _namespace_keys,
    "aviinfrasettings": _infra_keys,
    "l4rules": _rule_keys,
    "healthmonitors": _monitor_keys,
    "gatewayclasses": _class_keys,
    "gateways": _gateway_keys,
    "pods": _pod_keys,
    "nodes": _node_keys,
    "blockaffinities": lambda obj, _snapshot: _route_keys(obj),
    "ciliumnodes": lambda obj, _snapshot: _route_keys(obj),
    "hostsubnets": lambda obj, _snapshot: _route_keys(obj),
}
# Keys that stand for an object itself, rather than touch keys of others.
_OWN_KEYS: Mapping[str, Callable[[Resource], Iterable[StackKey]]] = {
    "services": _own_service_keys,
    "gateways": _own_gateway_keys,
    "aviinfrasettings": _own_infra_keys,
    "l4rules": _own_rule_keys,
    **OWN_RULE_KEYS,
}
