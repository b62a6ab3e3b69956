"""Listeners of a Gateway and the Services that attach to them.

A listener is usable if its protocol is known, its selector names the Gateway itself, and no earlier listener has its
port and protocol. A Service attaches to the listener with the protocol and number of one of its ports. If several
Services fit, the oldest gets the listener; the others, and the listener, are told.

The controller tells source ranges apart by port number, not by protocol. Two Services with the same number in two
protocols must therefore have the same ranges; the younger with others is refused as a whole, because ranges without
its port would let everybody in, and its ranges on the port of the other would shut that one's clients out.
"""

from collections.abc import Mapping

from msgspec import Struct

from ako_runtime.model.intents import ListenerVerdict
from ako_runtime.model.stack import Diagnostic
from ako_runtime.resources.core import Service, ServicePort
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayListener
from ako_runtime.resources.index import GATEWAY_LABELS
from ako_runtime.translate.annotations import is_hostname
from ako_runtime.translate.verdict import refusal, remark
from ako_runtime.translate.wish import PROTOCOLS, service_ref, wish_of

Endpoint = tuple[str, int]
"""Protocol and port."""


class Attachment(Struct, frozen=True, kw_only=True):
    """The Service port behind a listener."""

    service: Service
    port: ServicePort


class Bindings(Struct, frozen=True, kw_only=True):
    """Who is behind which listener, and what that means for each listener and Service."""

    attached: Mapping[Endpoint, Attachment]
    verdicts: tuple[ListenerVerdict, ...]
    problems: Mapping[tuple[str, str], Diagnostic]


def verdict_of(listener: GatewayListener, gateway: Gateway, earlier: frozenset[Endpoint]) -> ListenerVerdict:
    """Whether the listener is usable; `earlier` are port and protocol of the listeners before it."""
    reason, message = _problem(listener, gateway, earlier)
    return ListenerVerdict(
        port=listener.port,
        protocol=listener.protocol,
        hostname=listener.hostname,
        reason=reason,
        message=message,
        ready=not reason or reason == "InvalidHostname",
    )


def _problem(listener: GatewayListener, gateway: Gateway, earlier: frozenset[Endpoint]) -> tuple[str, str]:
    where = f"listener {listener.port}/{listener.protocol}"
    if listener.protocol not in PROTOCOLS:
        return "UnsupportedProtocol", f"{where}: use TCP, UDP or SCTP"
    if not 1 <= listener.port <= 65535:
        return "PortUnavailable", f"{where}: write a port from 1 to 65535"
    if not _names_gateway(listener, gateway):
        wanted = f"gateway-name: {gateway.name} and {GATEWAY_LABELS[0]}gateway-namespace: {gateway.namespace}"
        return "InvalidRoutes", f"{where}: routes.selector.matchLabels must have {GATEWAY_LABELS[0]}{wanted}"
    if (listener.protocol, listener.port) in earlier:
        return "PortConflict", f"{where}: an earlier listener has the same port and protocol; remove one of them"
    if listener.hostname and not is_hostname(listener.hostname.lower().rstrip(".")):
        return "InvalidHostname", f"{where}: hostname '{listener.hostname}' is no fully qualified domain name"
    return "", ""


def _names_gateway(listener: GatewayListener, gateway: Gateway) -> bool:
    labels = listener.routes.selector.match_labels
    return any(
        labels.get(f"{prefix}gateway-name") == gateway.name
        and labels.get(f"{prefix}gateway-namespace") == gateway.namespace
        for prefix in GATEWAY_LABELS
    )


def usable_listeners(gateway: Gateway) -> tuple[tuple[GatewayListener, ListenerVerdict], ...]:
    """Every listener with its verdict."""
    seen: set[Endpoint] = set()
    found = []
    for listener in gateway.spec.listeners:
        found.append((listener, verdict_of(listener, gateway, frozenset(seen))))
        seen.add((listener.protocol, listener.port))
    return tuple(found)


def bindings_of(
    listeners: tuple[tuple[GatewayListener, ListenerVerdict], ...], services: tuple[Service, ...]
) -> Bindings:
    """Who gets which listener; `services` in order of age."""
    open_ends = {(listener.protocol, listener.port) for listener, verdict in listeners if verdict.ready}
    attached: dict[Endpoint, Attachment] = {}
    refused: dict[Endpoint, list[Service]] = {}
    problems: dict[tuple[str, str], Diagnostic] = {}
    for service in services:
        fitting = [port for port in service.spec.ports if (port.protocol, port.port) in open_ends]
        other = next((one for port in fitting if (one := _other_ranges(service, port, attached)) is not None), None)
        if other is not None:
            problems[service.identity] = _ranges_taken(service, other)
            for port in fitting:
                refused.setdefault((port.protocol, port.port), []).append(service)
            continue
        if not fitting:
            problems[service.identity] = refusal(
                service_ref(service),
                "NoMatchingListener",
                "its Gateway has no usable listener with the protocol and number of one of its ports; "
                "add a listener or change the port",
                field="spec.ports",
            )
        for port in fitting:
            end = (port.protocol, port.port)
            if end in attached:
                refused.setdefault(end, []).append(service)
                problems.setdefault(service.identity, _taken(service, port, attached[end].service))
            else:
                attached[end] = Attachment(service=service, port=port)
    verdicts = tuple(
        _with_rivals(verdict, attached.get(end), refused.get(end, [])) if verdict.ready else verdict
        for listener, verdict in listeners
        for end in ((listener.protocol, listener.port),)
    )
    return Bindings(attached=attached, verdicts=verdicts, problems=problems)


def _other_ranges(service: Service, port: ServicePort, attached: Mapping[Endpoint, Attachment]) -> Attachment | None:
    """Who is behind the same number in another protocol, with other source ranges."""
    found = (attached.get((protocol, port.port)) for protocol in sorted(PROTOCOLS - {port.protocol}))
    return next((one for one in found if one is not None and _ranges(one.service) != _ranges(service)), None)


def _ranges(service: Service) -> tuple[str, ...]:
    return wish_of(service).source_ranges


def _ranges_taken(service: Service, owner: Attachment) -> Diagnostic:
    return refusal(
        service_ref(service),
        "SourceRangesConflict",
        f"port {owner.port.port} of its Gateway has the source ranges of Service "
        f"{owner.service.namespace}/{owner.service.name}, which is older, for every protocol; "
        "write the same ranges or use another port",
        field="spec.loadBalancerSourceRanges",
    )


def _taken(service: Service, port: ServicePort, owner: Service) -> Diagnostic:
    return remark(
        service_ref(service),
        "PortConflict",
        f"listener {port.port}/{port.protocol} of its Gateway belongs to Service {owner.namespace}/{owner.name}, "
        "which is older; use another port",
        field="spec.ports",
    )


def _with_rivals(verdict: ListenerVerdict, winner: Attachment | None, rivals: list[Service]) -> ListenerVerdict:
    if winner is None or not rivals:
        return verdict
    names = ", ".join(f"{one.namespace}/{one.name}" for one in rivals)
    return ListenerVerdict(
        port=verdict.port,
        protocol=verdict.protocol,
        hostname=verdict.hostname,
        reason="PortConflict",
        message=f"listener {verdict.port}/{verdict.protocol}: Service "
        f"{winner.service.namespace}/{winner.service.name} is served, not {names}, which are younger",
    )
