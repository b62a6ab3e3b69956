"""Pool members of one Service port in ClusterIP mode: endpoints of its EndpointSlices.

A slice's port belongs to a Service port when name and protocol agree (the EndpointSlice contract; an absent name is the
empty name), so a numeric and a named target port need no different treatment. Only the first address of an endpoint
counts. An absent condition means ready. An endpoint that is terminating or not ready stays in the pool disabled, so
that its connections drain. The same address and port in two slices is one member; ready wins.
"""

from collections.abc import Iterable, Sequence

from msgspec import UNSET

from ako_runtime.model.avi import IpAddr, Server
from ako_runtime.resources.core import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort

FAMILIES = {"IPv4": "V4", "IPv6": "V6"}


def servers_for(
    service: Service, port: ServicePort, *, slices: Iterable[EndpointSlice], families: frozenset[str]
) -> tuple[Server, ...]:
    """Members of the pool of `port`, sorted by address; `families` are `V4` and `V6` as far as the cloud carries
    them.
    """
    wanted = {FAMILIES[family] for family in service.spec.ip_families if family in FAMILIES} or families
    found: dict[tuple[str, int], Server] = {}
    for piece in slices:
        family = FAMILIES.get(piece.address_type)
        if family is None or family not in families or family not in wanted:
            continue
        for number in port_numbers(piece.ports or (), port):
            for endpoint in piece.endpoints or ():
                server = _server(endpoint, number, family=family, service=service)
                if server is not None:
                    key = (server.ip.addr, server.port)
                    if key not in found or (server.enabled and not found[key].enabled):
                        found[key] = server
    return tuple(found[key] for key in sorted(found))


def port_numbers(ports: Iterable[EndpointPort], wanted: ServicePort) -> set[int]:
    """Numbers of the slice ports that belong to the Service port."""
    return {
        port.port
        for port in ports
        if port.port is not None and (port.name or "") == wanted.name and (port.protocol or "TCP") == wanted.protocol
    }


def matching_port(wanted: ServicePort, slices: Sequence[EndpointSlice]) -> int:
    """The number by which the official AKO counts a pool, with or without servers: that of the last slice that fits.

    A slice port fits it by name or by the number of the target port; the single port of a single slice always does.
    Without any it counts the Service port.
    """
    number = wanted.port
    for piece in sorted(slices, key=lambda one: one.name) if len(slices) > 1 else slices:
        ports = piece.ports or ()
        if len(slices) == len(ports) == 1:
            return ports[0].port or number
        fitting = (
            one.port for one in ports if one.port and (one.name == wanted.name or one.port == wanted.target_port)
        )
        number = next(fitting, number)
    return number


def _server(endpoint: Endpoint, port: int, *, family: str, service: Service) -> Server | None:
    if not endpoint.addresses:
        return None
    address = endpoint.addresses[0]
    return Server(
        ip=IpAddr(addr=address, type=family),
        port=port,
        enabled=is_enabled(endpoint, service),
        external_uuid=f"{address}:{port}",
        server_node=endpoint.node_name or UNSET,
    )


def is_enabled(endpoint: Endpoint, service: Service) -> bool:
    """Whether the endpoint takes new connections."""
    conditions = endpoint.conditions
    ready = conditions.ready is not False or service.spec.publish_not_ready_addresses
    return ready and not conditions.terminating
