"""What a written status is worth as an Event: served, not served any more, or wrong (ako-behaviour 8.4)."""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.patch import Applied, Patch
from ako_runtime.model.stack import StatusIntent


class EventText(Struct, frozen=True, kw_only=True):
    """An Event without its object."""

    severity: Literal["Normal", "Warning"]
    reason: str
    note: str


def event_texts(intent: StatusIntent, applied: Applied, patches: Iterable[Patch]) -> tuple[EventText, ...]:
    """The Events that go with the patches of a status: one, or for an Ingress one a host."""
    if intent.problem is not None:
        return (EventText(severity="Warning", reason=intent.problem.reason, note=intent.problem.message),)
    if isinstance(intent, IngressStatus):
        served = [(one.virtualservice, one.host) for one in intent.hosts if one.virtualservice in applied.observed]
    else:
        # The last source is the virtual service.
        served = [(intent.sources[-1], intent.about.name)] if applied.observed else []
    if served:
        return tuple(
            EventText(severity="Normal", reason="Synced", note=f"Added {ref.kind} {ref.name} for {name}")
            for ref, name in served
        )
    if any(map(_takes_addresses_back, patches)):
        return (EventText(severity="Normal", reason="Removed", note=f"Removed virtualservice for {intent.about.name}"),)
    return ()


def _takes_addresses_back(patch: Patch) -> bool:
    status = patch.body.get("status")
    return isinstance(status, Mapping) and "loadBalancer" in status
