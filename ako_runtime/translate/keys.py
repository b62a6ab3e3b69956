"""The kinds of stack key: how each is translated, and which objects have keys of their own.

Both are tables. An object's own keys are those that stand for the object itself; everything else that a change touches
follows from what keys asked when they were translated (`ako_runtime.translate.dispatch`). The keys of an Ingress depend
on its class, its namespace and their settings: its *placement* is read through the memory like any translation.
"""

import functools
from collections.abc import Callable, Iterable, Mapping

from ako_runtime.model.stack import Outcome, StackKey
from ako_runtime.resources.core import Service
from ako_runtime.resources.index import gateway_of, shared_vip_of
from ako_runtime.resources.marks import SHOWN
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.custom import infra_outcome, rule_outcome
from ako_runtime.translate.gateway import gateway_outcome
from ako_runtime.translate.ingress.outcome import INGRESS_TRANSLATIONS
from ako_runtime.translate.ingress.seats import placed_hosts
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.routes import KEY as ROUTES
from ako_runtime.translate.routes import routes_outcome
from ako_runtime.translate.service import service_outcome
from ako_runtime.translate.shared_vip import shared_vip_outcome

Translation = Callable[[Snapshot, StackKey, L4Context], Outcome]

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
    """The complete answer for `key`, with what it asked noted; never raises for bad user input."""
    return context.recall.recorded(key, snapshot, lambda seen: TRANSLATIONS[key.kind](seen, key, context))


def all_keys(snapshot: Snapshot, context: L4Context) -> frozenset[StackKey]:
    """Every key that exists now; the routes exist even without a Node, since there may be some from before."""
    keys = {key for resource, own in _OWN_KEYS.items() for obj in snapshot.of(resource).values() for key in own(obj)}
    keys.add(ROUTES)
    for identity in snapshot.of("ingresses"):
        keys |= placed_keys(identity, snapshot, context)
    return frozenset(keys)


def own_keys(resource: str, obj: Resource, snapshot: Snapshot, context: L4Context) -> frozenset[StackKey]:
    """The keys that stand for an object that came, went or changed."""
    if isinstance(obj, Ingress):
        return placed_keys(obj.identity, snapshot, context)
    own = _OWN_KEYS.get(resource)
    keys = frozenset(own(obj)) if own is not None else frozenset()
    if isinstance(obj, Service) and gateway_of(obj) is not None:
        # If this is how it was, nobody else takes back what it shows.
        keys |= {StackKey(kind="service", namespace=obj.namespace, name=obj.name)}
    return keys


def placed_keys(identity: tuple[str, str], snapshot: Snapshot, context: L4Context) -> frozenset[StackKey]:
    """The keys that serve the hosts of an Ingress if it is ours; none if it is gone."""
    ingress = snapshot.of("ingresses").get(identity)
    if not isinstance(ingress, Ingress):
        context.recall.dismiss(identity)
        return frozenset()
    place = functools.partial(placed_hosts, ingress, context=context)
    return frozenset(key for _, key in context.recall.recorded(identity, snapshot, place))


def _service_keys(obj: Resource) -> Iterable[StackKey]:
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


def _key_of_kind(kind: str) -> Callable[[Resource], Iterable[StackKey]]:
    """Keys of objects that have one each, under their own name."""
    return lambda obj: (StackKey(kind=kind, namespace=obj.namespace, name=obj.name),)


def _route_keys(_obj: Resource) -> Iterable[StackKey]:
    return (ROUTES,)


_OWN_KEYS: Mapping[str, Callable[[Resource], Iterable[StackKey]]] = {
    "services": _service_keys,
    "gateways": _key_of_kind("gateway"),
    "aviinfrasettings": _key_of_kind("infra"),
    "l4rules": _key_of_kind("l4rule"),
    "hostrules": _key_of_kind("hostrule"),
    "httprules": _key_of_kind("httprule"),
    "l7rules": _key_of_kind("l7rule"),
    "ssorules": _key_of_kind("ssorule"),
}
