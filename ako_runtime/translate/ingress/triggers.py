"""Which keys a changed object touches, as far as Ingresses are concerned.

A trigger knows no settings, so it answers the keys of a host under every setting: six a host, of which all but one are
empty and answered at once. Old and new object of a change are both asked, so what an Ingress leaves is touched too.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from ako_runtime.model.stack import StackKey
from ako_runtime.resources.ako import AviInfraSetting
from ako_runtime.resources.core import EndpointSlice, Namespace
from ako_runtime.resources.index import NAMESPACES_OF_INFRA, SLICES_OF_POD
from ako_runtime.resources.index_l7 import (
    INGRESSES_OF_CLASS,
    INGRESSES_OF_HOST,
    INGRESSES_OF_NAMESPACE,
    INGRESSES_OF_SECRET,
    INGRESSES_OF_SERVICE,
    makes_host,
    written_hosts,
)
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress, IngressClass, IngressRule, unmarked
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate.annotations import TENANT
from ako_runtime.translate.ingress.certificates import DEFAULT_SECRET, ENABLE_TLS
from ako_runtime.translate.ingress.ownership import LEGACY_CLASS, class_infra, class_ownership, wants_passthrough
from ako_runtime.translate.ingress.site import possible_keys

Trigger = Callable[[Resource, Snapshot], Iterable[StackKey]]


def ingress_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    """Keys of an Ingress and of those that name the same hosts."""
    if not isinstance(obj, Ingress):
        return
    yield from _keys_of(obj, snapshot)
    for host in written_hosts(obj):
        for rival in only(snapshot.found(INGRESSES_OF_HOST, ("", host)), Ingress):
            if rival.identity != obj.identity:
                yield from _keys_of(rival, snapshot)


def keys_of_changed_ingress(old: Ingress, new: Ingress, snapshot: Snapshot) -> frozenset[StackKey] | None:
    """Keys of a change within the rules or the status of an Ingress, which are most changes; None if it is another one.

    Only the hosts whose rules changed are concerned, and the first host, whose key tells what is wrong with the
    Ingress; likewise of the others that name these hosts, which share paths with it.
    """
    before, now = unmarked(old), unmarked(new)
    aligned = msgspec.structs.replace(now, spec=msgspec.structs.replace(now.spec, rules=before.spec.rules))
    hosts = written_hosts(old)
    if aligned != before or makes_host(old) or makes_host(new) or hosts != written_hosts(new):
        return None
    changed = {host for host in hosts if _rules_of(host, old) != _rules_of(host, new)}
    found = set(_keys_of(new, snapshot, among=changed | {min(hosts)}))
    for host in changed:
        for rival in only(snapshot.found(INGRESSES_OF_HOST, ("", host)), Ingress):
            if rival.identity != new.identity:
                found |= set(_keys_of(rival, snapshot))
    return frozenset(found)


def _rules_of(host: str, ingress: Ingress) -> tuple[IngressRule, ...]:
    return tuple(rule for rule in ingress.spec.rules if rule.host == host)


def own_ingress_keys(obj: Resource, snapshot: Snapshot) -> frozenset[StackKey]:
    """Keys of one Ingress."""
    return frozenset(_keys_of(obj, snapshot)) if isinstance(obj, Ingress) else frozenset()


def _keys_of(
    ingress: Ingress, snapshot: Snapshot, *, infra: str = "", tenant: str = "", among: Collection[str] | None = None
) -> Iterable[StackKey]:
    """Every key that may serve a host of the Ingress (one `among` them); `infra` and `tenant` belong to a change."""
    namespace = snapshot.namespace(ingress.namespace)
    annotated = namespace.metadata.annotations.get(TENANT, "").strip() if namespace is not None else ""
    tenants = frozenset({"", annotated, tenant})
    infras = frozenset({"", class_ownership(ingress, snapshot).infra, infra})
    hosts = set(written_hosts(ingress))
    if makes_host(ingress):
        hosts |= _made_hosts(ingress, snapshot)
    for host in hosts if among is None else hosts.intersection(among):
        yield from possible_keys(
            host, ingress.namespace, tenants=tenants, infras=infras, passthrough=wants_passthrough(ingress)
        )


def _made_hosts(ingress: Ingress, snapshot: Snapshot) -> set[str]:
    """The names that may be made for it: one for each domain of the controller, and the empty one."""
    lead = f"{ingress.name}.{ingress.namespace}"
    return {"", *(f"{lead}.{domain}" for domain in snapshot.environment.dns_domains)}


def _keys_of_all(
    ingresses: Iterable[Resource], snapshot: Snapshot, *, infra: str = "", tenant: str = ""
) -> Iterable[StackKey]:
    for one in only(ingresses, Ingress):
        yield from _keys_of(one, snapshot, infra=infra, tenant=tenant)
        for host in written_hosts(one):
            for rival in only(snapshot.found(INGRESSES_OF_HOST, ("", host)), Ingress):
                if rival.identity != one.identity:
                    yield from _keys_of(rival, snapshot)


def _class_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, IngressClass):
        return
    infra = class_infra(obj)
    yield from _keys_of_all(snapshot.found(INGRESSES_OF_CLASS, ("", obj.name)), snapshot, infra=infra)
    unnamed = only(snapshot.found(INGRESSES_OF_CLASS, ("", "")), Ingress)
    # Without a name the legacy annotation decides, or the default class, which this may be.
    touched = [one for one in unnamed if one.metadata.annotations.get(LEGACY_CLASS, obj.name) in {obj.name, "avi"}]
    yield from _keys_of_all(touched, snapshot, infra=infra)


def _service_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    for one in only(snapshot.found(INGRESSES_OF_SERVICE, obj.identity), Ingress):
        yield from _keys_of(one, snapshot)


def _slice_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, EndpointSlice) and obj.service_name:
        for one in only(snapshot.found(INGRESSES_OF_SERVICE, (obj.namespace, obj.service_name)), Ingress):
            yield from _keys_of(one, snapshot)


def _pod_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    for piece in snapshot.found(SLICES_OF_POD, obj.identity):
        yield from _slice_keys(piece, snapshot)


def _secret_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    yield from _keys_of_all(snapshot.found(INGRESSES_OF_SECRET, obj.identity), snapshot)
    if obj.name == DEFAULT_SECRET:
        users = [
            one
            for one in only(snapshot.of("ingresses").values(), Ingress)
            if one.metadata.annotations.get(ENABLE_TLS, "").lower() == "true"
        ]
        yield from _keys_of_all(users, snapshot)


def _namespace_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, Namespace):
        tenant = obj.metadata.annotations.get(TENANT, "").strip()
        yield from _keys_of_all(snapshot.found(INGRESSES_OF_NAMESPACE, ("", obj.name)), snapshot, tenant=tenant)


def _infra_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, AviInfraSetting):
        return
    for held in only(snapshot.of("ingressclasses").values(), IngressClass):
        if class_infra(held) == obj.name:
            yield from _class_keys(held, snapshot)
    for namespace in snapshot.found(NAMESPACES_OF_INFRA, ("", obj.name)):
        yield from _namespace_keys(namespace, snapshot)


def _node_keys(_obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    for one in only(snapshot.of("ingresses").values(), Ingress):
        yield from _keys_of(one, snapshot)


INGRESS_TRIGGERS: Mapping[str, Trigger] = {
    "ingresses": ingress_keys,
    "ingressclasses": _class_keys,
    "services": _service_keys,
    "endpointslices": _slice_keys,
    "pods": _pod_keys,
    "secrets": _secret_keys,
    "namespaces": _namespace_keys,
    "aviinfrasettings": _infra_keys,
    "nodes": _node_keys,
}
