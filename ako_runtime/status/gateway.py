"""Status of a Gateway: every address, conditions of the whole and of each port, and the finalizer of the official AKO.

`Scheduled` says whether we serve the Gateway, `ako.vmware.com/Ready` whether traffic flows, `Ready` of a listener
whether it does on that port, and with its reason what is wrong there.

The names are chosen for the way back. When the official AKO writes an address it changes the conditions that it finds:
of a Gateway it empties the reasons of `Ready` and `Pending`, of a listener those of everything but `Ready`. The
definition takes no empty reason, so with any of these conditions its whole status would be refused. Where they are with
an empty reason nobody enforces the definition, and the official AKO made them: they are kept up, and stay as it does.

The list of listeners is keyed by port alone, so TCP and UDP on one port share an entry. We need no finalizer and set
none; one that the official AKO left is removed when the Gateway is deleted and its objects are gone, because nobody
else would do it.
"""

from collections.abc import Sequence
from typing import Final

from ako_runtime.model.intents import GatewayStatus, ListenerVerdict
from ako_runtime.model.patch import Applied, Patch
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayAddress, ListenerState
from ako_runtime.resources.meta import Condition
from ako_runtime.status.conditions import condition_document, conditions_with

FINALIZER = "gateway.ako.vmware.com"
READY = "ako.vmware.com/Ready"
OFFICIAL: Final = frozenset({"Ready", "Pending"})
"""Conditions of a Gateway that the official AKO writes without a reason."""


def gateway_patches(intent: GatewayStatus, gateway: Gateway, applied: Applied) -> tuple[Patch, ...]:
    """Patches that make the Gateway show the intent; empty if it does."""
    if gateway.metadata.deletion_timestamp is not None:
        return _released(intent, gateway)
    held = gateway.status
    addresses = _addresses(intent, applied)
    if intent.problem is not None and not addresses and not intent.problem.partial:
        addresses = () if intent.problem.reason == "NameConflict" else held.addresses
    conditions = conditions_with(
        _kept(held.conditions), _conditions(intent, gateway, served=bool(addresses)), now=applied.now
    )
    listeners = _listeners(intent, gateway, served=bool(addresses), now=applied.now)
    if (addresses, conditions, listeners) == (held.addresses, held.conditions, held.listeners):
        return ()
    status = {
        "addresses": [{"type": address.type, "value": address.value} for address in addresses],
        "conditions": [condition_document(condition) for condition in conditions],
        "listeners": [_listener_document(listener) for listener in listeners],
    }
    metadata = {"resourceVersion": gateway.metadata.resource_version}
    return (Patch(about=intent.about, subresource="status", body={"metadata": metadata, "status": status}),)


def _released(intent: GatewayStatus, gateway: Gateway) -> tuple[Patch, ...]:
    if FINALIZER not in gateway.metadata.finalizers:
        return ()
    left = [name for name in gateway.metadata.finalizers if name != FINALIZER]
    metadata = {"finalizers": left or None, "resourceVersion": gateway.metadata.resource_version}
    return (Patch(about=intent.about, body={"metadata": metadata}),)


def _addresses(intent: GatewayStatus, applied: Applied) -> tuple[GatewayAddress, ...]:
    vsvip = applied.observed.get(intent.vsvip) if intent.vsvip is not None else None
    if vsvip is None or intent.virtualservice not in applied.observed:
        return ()
    return tuple(GatewayAddress(value=address) for address in vsvip.public_addresses or vsvip.addresses)


def _given(held: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Without what the definition fills in before anybody has looked."""
    return tuple(one for one in held if one.reason not in {"NotReconciled", "Waiting"})


def _kept(held: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Of the conditions of a Gateway those that stay: an earlier version of ours wrote two that must not."""
    return tuple(one for one in _given(held) if one.type not in OFFICIAL or not one.reason)


def _conditions(intent: GatewayStatus, gateway: Gateway, *, served: bool) -> tuple[Condition, ...]:
    """Ours, and those of the official AKO where it wrote some."""
    problem = intent.problem
    refused = problem is not None and not problem.partial
    reason = problem.reason if problem is not None else "Scheduled"
    message = problem.message if problem is not None else ""
    generation = gateway.metadata.generation
    waiting = "" if served or refused else "the address is not there yet"
    ready = served and not refused
    return (
        Condition(
            type="Scheduled",
            status="False" if refused else "True",
            reason=reason,
            message=message,
            observed_generation=generation,
        ),
        Condition(
            type=READY,
            status="True" if ready else "False",
            reason="Ready" if ready else (reason if refused else "AddressPending"),
            message=message if refused else waiting,
            observed_generation=generation,
        ),
        *(
            Condition(type=one.type, status="True" if ready == (one.type == "Ready") else "False")
            for one in gateway.status.conditions
            if one.type in OFFICIAL and not one.reason
        ),
    )


def _listeners(intent: GatewayStatus, gateway: Gateway, *, served: bool, now: str) -> tuple[ListenerState, ...]:
    by_port: dict[int, list[ListenerVerdict]] = {}
    for verdict in intent.listeners:
        by_port.setdefault(verdict.port, []).append(verdict)
    held = {state.port: state for state in gateway.status.listeners}
    return tuple(
        ListenerState(
            port=port,
            protocol=",".join(dict.fromkeys(one.protocol for one in verdicts)),
            hostname=next((one.hostname for one in verdicts if one.hostname), ""),
            conditions=conditions_with(
                tuple(one for one in _given(held[port].conditions) if one.type != "Conflicted") if port in held else (),
                (_listener_condition(verdicts, served=served, generation=gateway.metadata.generation),),
                now=now,
            ),
        )
        for port, verdicts in by_port.items()
    )


def _listener_condition(verdicts: Sequence[ListenerVerdict], *, served: bool, generation: int) -> Condition:
    wrong = [verdict for verdict in verdicts if verdict.reason]
    message = "; ".join(verdict.message for verdict in wrong)
    ready = served and all(verdict.ready for verdict in verdicts)
    reason = wrong[0].reason if wrong else ("Ready" if ready else "AddressPending")
    return Condition(
        type="Ready",
        status="True" if ready else "False",
        reason=reason,
        message=message,
        observed_generation=generation,
    )


def _listener_document(listener: ListenerState) -> dict[str, object]:
    document: dict[str, object] = {
        "port": listener.port,
        "protocol": listener.protocol,
        "conditions": [condition_document(condition) for condition in listener.conditions],
    }
    if listener.hostname:
        document["hostname"] = listener.hostname
    return document
