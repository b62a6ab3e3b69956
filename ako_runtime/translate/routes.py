"""Static routes to the pod networks of each node, and the label of the global Service Engine group.

A route is a pod network with an address of its node as next hop. Where the pod networks are depends on the container
network (ako-behaviour 1.5); the annotation `ako.vmware.com/pod-cidrs` of a Node wins over all of them. A network gets a
route only if its node has an address of the same family. Two nodes that claim overlapping networks: the older node has
it, the other is told, and so is a ready node without a pod network (not with Calico, which assigns blocks when the
first pod comes). A list of Nodes that is complete and empty is known to be empty: our routes go.

On an NSX-T overlay the VRF is the one that stands for the configured tier-1 router; virtual services name the router
and no VRF.

A VRF is shared. Only routes that carry our cluster's label are ours; all others go back as they were read. A route that
is already there keeps its id; new ids are computed from the node's name, so that two runs give the same.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Protocol

import msgspec

from ako_runtime.model.environment import Environment, Reference
from ako_runtime.model.ownership import CLUSTER_MARKER
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import RUNTIME, Diagnostic, ObjectRef, Outcome, SharedEdit, StackKey
from ako_runtime.resources.cni import BlockAffinity, CiliumNode, HostSubnet
from ako_runtime.resources.core import Node
from ako_runtime.resources.modes import syncs_routes
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.custom import EngineGroupLabel, foreign_label, label_conflict
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.nodes import family_of, node_address
from ako_runtime.translate.route_conflicts import route_conflicts
from ako_runtime.translate.verdict import refusal, remark

Network = IPv4Network | IPv6Network
KEY = StackKey(kind="routes", namespace="", name="nodes")
OVN_SUBNETS = "k8s.ovn.org/node-subnets"
_NAMES = uuid.UUID("6f0d4c0e-6c52-5e5b-9d38-5f1e3f6b8c11")
"""Name space of the route ids."""

_CNI_RESOURCES: Mapping[str, str] = {"calico": "blockaffinities", "cilium": "ciliumnodes", "openshift": "hostsubnets"}

_SOURCES: Mapping[str, str] = {
    "calico": "BlockAffinity spec.cidr",
    "cilium": "CiliumNode spec.ipam.podCIDRs",
    "openshift": "HostSubnet subnet",
    "ovn-kubernetes": OVN_SUBNETS,
}
"""Where the text of a pod network stands, if not in the Node's own fields."""


class _Holder(Protocol):
    """A CNI's object that names a node and its pod networks."""

    @property
    def node(self) -> str:
        """Name of the node."""

    @property
    def networks(self) -> tuple[str, ...]:
        """Pod networks."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A pod network and the node address behind which it is."""

    node: str
    index: int
    network: str
    next_hop: str


class StaticRoutes(SharedEdit, frozen=True, kw_only=True):
    """Our routes in a VRF."""

    cluster: str
    routes: tuple[Route, ...]

    def edited(self, document: Mapping[str, object]) -> Mapping[str, object] | None:
        """The VRF with exactly these routes of ours beside all others; None if it is so already."""
        held = document.get("static_routes")
        routes = [route for route in held if isinstance(route, dict)] if isinstance(held, list) else []
        foreign = [route for route in routes if not self._is_ours(route)]
        mine = {_meaning(route): route for route in routes if self._is_ours(route)}
        taken = {route.get("route_id") for route in foreign}
        wanted = [self._document(route) for route in self.routes]
        result = [mine.get(_meaning(route), route) for route in wanted]
        # An id is unique in the VRF; the address of a network tells two routes of one node apart.
        used = {one.get("route_id") for one in result if _meaning(one) in mine} | taken
        for route in result:
            if _meaning(route) not in mine and route["route_id"] in used:
                route["route_id"] = f"{route['route_id']}-{_meaning(route)[0]}"
        if [_meaning(route) for route in result] == list(mine) and len(routes) == len(foreign) + len(mine):
            return None
        return {**document, "static_routes": [*foreign, *result]}

    def withdrawn(self, document: Mapping[str, object]) -> Mapping[str, object] | None:
        """The VRF without our routes; None if it has none."""
        return msgspec.structs.replace(self, routes=()).edited(document)

    def problems(self, document: Mapping[str, object]) -> tuple[Diagnostic, ...]:
        """Nodes whose pods are not reached because of routes of others."""
        held = document.get("static_routes")
        routes = [route for route in held if isinstance(route, dict)] if isinstance(held, list) else []
        ours = {route.network: route.node for route in self.routes}
        return route_conflicts(self.ref.name, ours, [route for route in routes if not self._is_ours(route)])

    def _is_ours(self, route: Mapping[str, object]) -> bool:
        labels = route.get("labels")
        return isinstance(labels, list) and {"key": CLUSTER_MARKER, "value": self.cluster} in labels

    def _document(self, route: Route) -> dict[str, object]:
        address, _, mask = route.network.partition("/")
        node = uuid.uuid5(_NAMES, f"{self.cluster}/{route.node}")
        return {
            "route_id": f"{self.cluster}-{node}-{route.index}",
            "prefix": {"ip_addr": _address(address), "mask": int(mask)},
            "next_hop": _address(route.next_hop),
            "labels": [{"key": CLUSTER_MARKER, "value": self.cluster}],
        }


def routes_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """Routes of all nodes."""
    settings = context.settings
    if not syncs_routes(settings):
        return Outcome(key=key)
    resource = _CNI_RESOURCES.get(settings.cni_plugin)
    missing = [one for one in ("nodes", resource) if one is not None and one not in snapshot.complete]
    if missing:
        return Outcome(key=key, held=f"not listed yet: {', '.join(missing)}")
    group = Ref("serviceenginegroup", settings.service_engine_group_name)
    known = snapshot.reference(group)
    edits: list[SharedEdit] = []
    if known is None or known.exists:
        edits.append(EngineGroupLabel(ref=group, cluster=settings.cluster_name))
    routes, diagnostics = routes_of(snapshot, context)
    vrf = context.environment.vrf
    if vrf:
        ref = Ref("vrfcontext", vrf, tenant=_vrf_tenant(settings, context.environment))
        edits.append(StaticRoutes(ref=ref, cluster=settings.cluster_name, routes=routes))
    else:
        diagnostics = (*diagnostics, _no_vrf(settings))
    if known is None:
        # The edits are what has to be taken back if everything is deleted meanwhile.
        return Outcome(key=key, edits=tuple(edits), needs=frozenset({group}))
    return Outcome(key=key, edits=tuple(edits), diagnostics=(*_group_problems(group, known, settings), *diagnostics))


def _no_vrf(settings: Settings) -> Diagnostic:
    text = (
        f"nsxtT1LR is '{settings.nsxt_t1_lr}', but no VRF of cloud '{settings.cloud_name}' has it as its tier1path, so "
        "no routes to pods can be made; correct the path, or set disableStaticRouteSync"
    )
    return remark(RUNTIME, "VrfNotFound", text, field="nsxtT1LR")


def _group_problems(group: Ref, known: Reference, settings: Settings) -> tuple[Diagnostic, ...]:
    """Why the engines of the global group get no routes."""
    field = "serviceEngineGroupName"
    if not known.exists:
        text = f"{field} is '{group.name}', but the controller has no Service Engine group of that name; create it"
        return (refusal(RUNTIME, "EngineGroupNotFound", text, field=field),)
    theirs = label_conflict(known, settings.cluster_name)
    return (remark(RUNTIME, "EngineGroupLabelled", foreign_label(group.name, theirs), field=field),) if theirs else ()


def routes_of(snapshot: Snapshot, context: L4Context) -> tuple[tuple[Route, ...], tuple[Diagnostic, ...]]:
    """Every route, and what is wrong with the others."""
    settings = context.settings
    by_node = _networks_by_node(snapshot, settings)
    taken: list[tuple[Network, str]] = []
    routes: list[Route] = []
    found: list[Diagnostic] = []
    for node in sorted(only(snapshot.of("nodes").values(), Node), key=lambda one: one.metadata.age_key):
        about = ObjectRef(resource="nodes", namespace="", name=node.name)
        index = 0
        texts = tuple(_pod_networks(node, by_node, settings))
        if not texts and node.says_ready and settings.cni_plugin != "calico":
            text = f"the node is ready and has no pod network where {settings.cni_plugin or 'Kubernetes'} keeps it"
            found.append(
                remark(about, "NoPodNetwork", f"{text}; no route to its pods can be made", field=notes.POD_CIDRS)
            )
        for text in texts:
            network = _parsed(text)
            problem = _problem(about, node, text, network=network, context=context, taken=taken)
            if problem is not None:
                found.append(problem)
            elif network is not None and (hop := node_address(node, f"V{network.version}")):
                routes.append(Route(node=node.name, index=index, network=str(network), next_hop=hop))
                taken.append((network, node.name))
                index += 1
    return tuple(sorted(routes, key=lambda one: (one.node, one.index))), tuple(found)


def _problem(
    about: ObjectRef,
    node: Node,
    text: str,
    *,
    network: Network | None,
    context: L4Context,
    taken: Iterable[tuple[Network, str]],
) -> Diagnostic | None:
    cni, environment = context.settings.cni_plugin, context.environment
    field = _source_of(node, cni)
    if network is None:
        return refusal(about, "InvalidValue", f"pod network '{text}' is no network in CIDR notation", field=field)
    owner = next((name for other, name in taken if other.version == network.version and other.overlaps(network)), None)
    if owner is not None:
        text = f"pod network {network} overlaps with one of node {owner}, which is older; no route is made for it"
        return refusal(about, "OverlappingNetwork", text, field=field)
    if network.version == 6 and not environment.supports_ipv6:
        return remark(about, "FamilyNotAvailable", f"pod network {network}: the cloud carries no IPv6", field=field)
    if not node_address(node, f"V{network.version}"):
        text = f"pod network {network}: the node has no IPv{network.version} address to route it to"
        return remark(about, "NoNodeAddress", text, field=field)
    return None


def _source_of(node: Node, cni: str) -> str:
    """Where the pod networks of the node were read."""
    if notes.text_of(node.metadata.annotations, notes.POD_CIDRS):
        return notes.POD_CIDRS
    return _SOURCES.get(cni, "spec.podCIDRs")


def _networks_by_node(snapshot: Snapshot, settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Pod networks that the container network keeps outside of the Node."""
    resource = _CNI_RESOURCES.get(settings.cni_plugin)
    if resource is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for _, obj in sorted(snapshot.of(resource).items()):
        if isinstance(obj, BlockAffinity | CiliumNode | HostSubnet):
            holder: _Holder = obj
            found[holder.node] = (*found.get(holder.node, ()), *holder.networks)
    return found


def _pod_networks(node: Node, by_node: Mapping[str, tuple[str, ...]], settings: Settings) -> Iterator[str]:
    annotated = notes.text_of(node.metadata.annotations, notes.POD_CIDRS)
    if annotated:
        yield from (part.strip() for part in annotated.split(",") if part.strip())
    elif settings.cni_plugin in _CNI_RESOURCES:
        yield from by_node.get(node.name, ())
    elif settings.cni_plugin == "ovn-kubernetes":
        yield from ovn_subnets(node.metadata.annotations.get(OVN_SUBNETS, ""))
    else:
        yield from node.spec.pod_cidrs or ((node.spec.pod_cidr,) if node.spec.pod_cidr else ())


def ovn_subnets(text: str) -> tuple[str, ...]:
    """Subnets of the default network in the annotation of OVN-Kubernetes: one text or a list of them."""
    try:
        found = msgspec.json.decode(text or "{}", type=dict[str, str | tuple[str, ...]])
    except msgspec.DecodeError:
        return (text,)
    subnets = found.get("default", ())
    return (subnets,) if isinstance(subnets, str) else subnets


def _parsed(text: str) -> Network | None:
    if "/" not in text:
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _vrf_tenant(settings: Settings, environment: Environment) -> str:
    """Tenant of the VRF: networks belong to `admin`, except where each tenant has its own."""
    own = environment.cloud_type == "CLOUD_OPENSTACK" or settings.dedicated_tenant_mode
    return settings.tenant_name if own else "admin"


def _address(text: str) -> dict[str, str]:
    return {"addr": text, "type": family_of(text)}


def _meaning(route: Mapping[str, object]) -> tuple[str, str]:
    """Network and next hop: what a route does, whatever its id."""
    prefix, hop = route.get("prefix"), route.get("next_hop")
    network = ""
    if isinstance(prefix, Mapping):
        address = prefix.get("ip_addr")
        network = f"{address.get('addr')}/{prefix.get('mask')}" if isinstance(address, Mapping) else ""
    return (network, str(hop.get("addr")) if isinstance(hop, Mapping) else "")
