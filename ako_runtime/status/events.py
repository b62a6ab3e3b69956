"""What a written status is worth as an Event: served, not served any more, or wrong (ako-behaviour 8.4)."""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.patch import Applied, Patch
from ako_runtime.model.stack import StatusIntent
from ako_runtime.resources.core import Service
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress


class EventText(Struct, frozen=True, kw_only=True):
    """An Event without its object."""

    severity: Literal["Normal", "Warning"]
    reason: str
    note: str


def event_texts(
    intent: StatusIntent, obj: Resource, applied: Applied, patches: Iterable[Patch]
) -> tuple[EventText, ...]:
    """The Events that go with the patches of a status; `obj` is the object as it is before them.

    What is wrong, else what is served (of an Ingress each host); with either what is not served any more.
    """
    removed = tuple(
        EventText(severity="Normal", reason="Removed", note=f"Removed virtualservice for {name}")
        for name in _names_removed(obj, intent, patches)
    )
    if intent.problem is not None:
        return (EventText(severity="Warning", reason=intent.problem.reason, note=intent.problem.message), *removed)
    if isinstance(intent, IngressStatus):
        served = [(one.virtualservice, one.host) for one in intent.hosts if one.virtualservice in applied.observed]
    else:
        # The last source is the virtual service.
        served = [(intent.sources[-1], intent.about.name)] if applied.observed else []
    added = (
        EventText(severity="Normal", reason="Synced", note=f"Added {ref.kind} {ref.name} for {name}")
        for ref, name in served
    )
    return (*added, *removed)


def _names_removed(obj: Resource, intent: StatusIntent, patches: Iterable[Patch]) -> tuple[str, ...]:
    """Hosts of an Ingress, or the Service, that had addresses and lose all of them."""
    after = next((entries for one in patches if (entries := _entries(one)) is not None), None)
    if after is None or not isinstance(obj, Service | Ingress):
        return ()
    held = obj.status.load_balancer.ingress
    if isinstance(obj, Service):
        return (intent.about.name,) if held and not after else ()
    left = {entry.get("hostname", "") for entry in after}
    # An entry without a host is nobody's of ours.
    return tuple(sorted({entry.hostname for entry in held} - left - {""}))


def _entries(patch: Patch) -> tuple[Mapping[str, str], ...] | None:
    """The addresses that a patch leaves; None if it does not touch them."""
    status = patch.body.get("status")
    shown = status.get("loadBalancer") if isinstance(status, Mapping) else None
    if not isinstance(shown, Mapping):
        return None
    return tuple(shown.get("ingress") or ())
