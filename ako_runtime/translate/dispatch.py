"""From a key to the translation of its kind, and from a changed object to the keys that it touches.

Both are tables. `keys_touched_by` is called with the old and the new object of a change and answers every key whose
outcome may differ; asking too often costs a translation, asking too seldom is a bug.
"""

from collections.abc import Callable, Iterable, Mapping

from ako_runtime.model.stack import Outcome, StackKey
from ako_runtime.resources.core import EndpointSlice, Namespace, Service
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.snapshot import SERVICES_BY_ROOT, Snapshot, only
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.service import service_outcome

Translation = Callable[[Snapshot, StackKey, L4Context], Outcome]
Trigger = Callable[[Resource, Snapshot], Iterable[StackKey]]

TRANSLATIONS: Mapping[str, Translation] = {"service": service_outcome}


def outcome_for(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """The complete answer for `key`; never raises for bad user input."""
    return TRANSLATIONS[key.kind](snapshot, key, context)


def keys_touched_by(
    resource: str, *, old: Resource | None, new: Resource | None, snapshot: Snapshot
) -> frozenset[StackKey]:
    """Keys whose outcome a change of one object may alter."""
    trigger = _TRIGGERS.get(resource)
    if trigger is None:
        return frozenset()
    return frozenset(key for obj in (old, new) if obj is not None for key in trigger(obj, snapshot))


def all_keys(snapshot: Snapshot) -> frozenset[StackKey]:
    """Every key that exists now."""
    return frozenset(
        key
        for resource, trigger in _TRIGGERS.items()
        if resource in _SOURCES
        for obj in snapshot.of(resource).values()
        for key in trigger(obj, snapshot)
    )


def _service_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, Service) or obj.spec.type != "LoadBalancer":
        return
    yield StackKey(kind="service", namespace=obj.namespace, name=obj.name)
    # Whoever maps to the same name wins or loses it with this change.
    for rival in only(snapshot.found(SERVICES_BY_ROOT, ("", f"{obj.namespace}-{obj.name}")), Service):
        yield StackKey(kind="service", namespace=rival.namespace, name=rival.name)


def _slice_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, EndpointSlice) and obj.service_name:
        service = snapshot.service(obj.namespace, obj.service_name)
        if service is not None:
            yield from _service_keys(service, snapshot)


def _namespace_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, Namespace):
        for (namespace, _), service in snapshot.of("services").items():
            if namespace == obj.name:
                yield from _service_keys(service, snapshot)


_TRIGGERS: Mapping[str, Trigger] = {
    "services": _service_keys,
    "endpointslices": _slice_keys,
    "namespaces": _namespace_keys,
}
# Kinds whose objects give keys of their own, rather than touch keys of others.
_SOURCES = frozenset({"services"})
