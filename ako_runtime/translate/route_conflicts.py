"""Routes of somebody else in our VRF that take traffic for our pods.

The longest prefix wins: a foreign route to one of our networks, or to a part of it, sends that traffic elsewhere; a
foreign route to a wider network (a default route) does not. Two clusters with the same pod networks in one VRF look
like this. We change nobody else's route, so all that can be done is to tell it at the Node.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

from ako_runtime.model.ownership import CLUSTER_MARKER
from ako_runtime.model.stack import Diagnostic, ObjectRef
from ako_runtime.translate.verdict import remark

Network = IPv4Network | IPv6Network


def route_conflicts(
    vrf: str, ours: Mapping[str, str], foreign: Iterable[Mapping[str, object]]
) -> tuple[Diagnostic, ...]:
    """A remark for every Node whose pods are not reached, with the first such route; `ours`: network to node."""
    nodes: dict[Network, str] = {ip_network(network): node for network, node in ours.items()}
    lengths = {(network.version, network.prefixlen) for network in nodes}
    found: dict[str, Diagnostic] = {}
    for route in foreign:
        network = _network(route)
        for mine in _containing(network, lengths) if network is not None else ():
            if mine in nodes:
                found.setdefault(nodes[mine], _remark(vrf, nodes[mine], mine, network=network, route=route))
    return tuple(found[node] for node in sorted(found))


def _containing(network: Network, lengths: Iterable[tuple[int, int]]) -> Iterable[Network]:
    for version, length in lengths:
        if version == network.version and length <= network.prefixlen:
            yield network.supernet(new_prefix=length)


def _remark(vrf: str, node: str, mine: Network, *, network: Network | None, route: Mapping[str, object]) -> Diagnostic:
    owner = _owner(route)
    return remark(
        ObjectRef(resource="nodes", namespace="", name=node),
        "RouteConflict",
        f"pod network {mine}: VRF '{vrf}' has a route to {network} {owner} that takes traffic from ours; "
        "use other pod networks, another VRF, or remove that route",
        field="spec.podCIDRs",
    )


def _owner(route: Mapping[str, object]) -> str:
    labels = route.get("labels")
    for label in labels if isinstance(labels, list) else ():
        if isinstance(label, Mapping) and label.get("key") == CLUSTER_MARKER:
            return f"of cluster '{label.get('value')}'"
    return f"(route_id '{route.get('route_id', '')}')"


def _network(route: Mapping[str, object]) -> Network | None:
    prefix = route.get("prefix")
    address = prefix.get("ip_addr") if isinstance(prefix, Mapping) else None
    if not isinstance(prefix, Mapping) or not isinstance(address, Mapping):
        return None
    try:
        return ip_network(f"{address.get('addr')}/{prefix.get('mask')}", strict=False)
    except ValueError:
        return None
