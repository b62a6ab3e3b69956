"""Pool members of one Service port in NodePort mode: the port on the nodes.

Every node counts that carries the configured label (if one is configured) and not the label that excludes it from
external load balancers. A node that is not ready is in the pool but disabled, so that its connections drain; if no node
is ready, all are enabled, because then it is more likely that the nodes cannot report than that none works. With
`externalTrafficPolicy: Local` only nodes with an endpoint of the Service count, by address family; a node whose
endpoints are all not ready or terminating is disabled.

A node's address: what Calico or Antrea says in an annotation, else the first InternalIP of the family.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from msgspec import UNSET

from ako_runtime.model.avi import IpAddr, Server
from ako_runtime.resources.core import EndpointSlice, Node, Service, ServicePort
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate.members import FAMILIES, is_enabled, port_numbers

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
_CALICO = {"V4": "projectcalico.org/IPv4Address", "V6": "projectcalico.org/IPv6Address"}
_ANTREA = "node.antrea.io/transport-addresses"


def node_servers(
    service: Service, port: ServicePort, *, snapshot: Snapshot, settings: Settings, families: frozenset[str]
) -> tuple[Server, ...]:
    """Members of the pool of `port`, sorted by address."""
    if not port.node_port:
        return ()
    nodes = sorted(selected_nodes(snapshot, settings), key=lambda node: node.name)
    some_ready = any(node.is_ready for node in nodes)
    wanted = {FAMILIES[one] for one in service.spec.ip_families if one in FAMILIES} or families
    local = service.spec.external_traffic_policy == "Local"
    slices = snapshot.slices(service.namespace, service.name) if local else ()
    found = []
    for family in sorted(wanted & families):
        places = endpoint_nodes(service, port, slices, family=family)
        for node in nodes:
            address = node_address(node, family)
            if not address or (local and node.name not in places):
                continue
            enabled = (node.is_ready or not some_ready) and (not local or places[node.name])
            found.append(
                Server(
                    ip=IpAddr(addr=address, type=family),
                    port=port.node_port,
                    # The official AKO does not say it for nodes.
                    enabled=UNSET if enabled else False,
                    external_uuid=f"{address}:{port.node_port}",
                )
            )
    return tuple(found)


def selected_nodes(snapshot: Snapshot, settings: Settings) -> Iterator[Node]:
    """Nodes that traffic may enter at."""
    for node in only(snapshot.of("nodes").values(), Node):
        if _is_selected(node, settings):
            yield node


def _is_selected(node: Node, settings: Settings) -> bool:
    labels = node.metadata.labels
    chosen = not settings.node_key or labels.get(settings.node_key) == settings.node_value
    return chosen and EXCLUDED not in labels


def standing_of(node: Node | None, settings: Settings) -> tuple[bool, str, str] | None:
    """All that pools of NodePort mode can say of a node; None if it is in none of them."""
    if node is None or not _is_selected(node, settings):
        return None
    return (node.is_ready, node_address(node, "V4"), node_address(node, "V6"))


def node_address(node: Node, family: str) -> str:
    """The address of a node in a family; empty if it has none."""
    return next(
        (text for text in _addresses(node, family) if family_of(text) == family),
        "",
    )


def endpoint_nodes(
    service: Service, port: ServicePort, slices: Iterable[EndpointSlice], *, family: str
) -> dict[str, bool]:
    """Nodes with an endpoint of the port, and whether one of those takes new connections."""
    found: dict[str, bool] = {}
    for piece in slices:
        if FAMILIES.get(piece.address_type) != family or not port_numbers(piece.ports or (), port):
            continue
        for endpoint in piece.endpoints or ():
            if endpoint.node_name:
                found[endpoint.node_name] = found.get(endpoint.node_name, False) or is_enabled(endpoint, service)
    return found


def _addresses(node: Node, family: str) -> Iterator[str]:
    annotations = node.metadata.annotations
    # Calico writes the address with its prefix length.
    yield annotations.get(_CALICO[family], "").partition("/")[0].strip()
    yield from (text.strip() for text in annotations.get(_ANTREA, "").split(","))
    yield from (one.address for one in node.status.addresses if one.type == "InternalIP")


def family_of(text: str) -> str:
    """`V4` or `V6`; empty if the text is no address."""
    try:
        return "V6" if ip_address(text).version == 6 else "V4"
    except ValueError:
        return ""
