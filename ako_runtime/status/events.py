"""What a written status is worth as an Event: served, not served any more, or wrong (ako-behaviour 8.4)."""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from ako_runtime.model.patch import Applied, Patch
from ako_runtime.model.stack import StatusIntent


class EventText(Struct, frozen=True, kw_only=True):
    """An Event without its object."""

    severity: Literal["Normal", "Warning"]
    reason: str
    note: str


def event_text(intent: StatusIntent, applied: Applied, patches: Iterable[Patch]) -> EventText | None:
    """The Event that goes with the patches of a status; None if there is nothing to tell."""
    name = intent.about.name
    if intent.problem is not None:
        return EventText(severity="Warning", reason=intent.problem.reason, note=intent.problem.message)
    if applied.observed:
        # The last source is the virtual service.
        served = intent.sources[-1]
        return EventText(severity="Normal", reason="Synced", note=f"Added {served.kind} {served.name} for {name}")
    if any(map(_takes_addresses_back, patches)):
        return EventText(severity="Normal", reason="Removed", note=f"Removed virtualservice for {name}")
    return None


def _takes_addresses_back(patch: Patch) -> bool:
    status = patch.body.get("status")
    return isinstance(status, Mapping) and "loadBalancer" in status
