"""Pool members of a Service port in the mode that is set: endpoints, node ports, or node ports of single pods.

`problem` says why a pool stays empty although somebody could do something about it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from ako_runtime.model.avi import Server
from ako_runtime.resources.core import Service, ServicePort
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.l4 import L4Context, PoolPort
from ako_runtime.translate.members import matching_port, servers_for
from ako_runtime.translate.nodes import node_servers
from ako_runtime.translate.npl import ANNOTATION, local_port_servers, unreadable

POOL_SERVERS: Final = 5000
"""Servers that a pool may have, by the controller's own schema (`Pool.servers`)."""


class Members(Struct, frozen=True, kw_only=True):
    """Servers of one pool and the port by which they are reached, and why there can be none."""

    servers: tuple[Server, ...] = ()
    reached: PoolPort = PoolPort()
    problem: str = ""
    reason: str = "NoNodePort"
    field: str = "spec.ports"


def members_for(
    service: Service, port: ServicePort, *, snapshot: Snapshot, context: L4Context, gateway: bool = False
) -> Members:
    """Members of the pool of `port`, as many as one may have; a Gateway's pools ignore the annotation that skips node
    ports.
    """
    members = _all_members(service, port, snapshot=snapshot, context=context, gateway=gateway)
    count = len(members.servers)
    if count <= POOL_SERVERS:
        return members
    # Those that take connections first; of these the same ones each time, so that the others need not move.
    chosen = sorted(members.servers, key=lambda one: not one.enabled)[:POOL_SERVERS]
    return msgspec.structs.replace(
        members,
        servers=tuple(sorted(chosen, key=lambda one: (one.ip.addr, one.port))),
        problem=f"port {port.port} of Service {service.namespace}/{service.name} has {count} endpoints and a pool of "
        f"the controller takes {POOL_SERVERS}; {count - POOL_SERVERS} of them get no traffic: use several Services",
        reason="TooManyEndpoints",
        field="spec.ports",
    )


def _all_members(
    service: Service, port: ServicePort, *, snapshot: Snapshot, context: L4Context, gateway: bool
) -> Members:
    families = backend_families(context)
    mode = context.settings.service_type
    if mode == "NodePort" and (gateway or notes.SKIP_NODE_PORT not in service.metadata.annotations):
        reached = PoolPort(number=port.node_port, name=port.name, by_node=True)
        if not port.node_port:
            return Members(
                reached=reached,
                problem=f"port {port.port} has no node port, and members are reached by node ports; use type NodePort, "
                "or type LoadBalancer with allocateLoadBalancerNodePorts",
            )
        return Members(
            reached=reached,
            servers=node_servers(service, port, snapshot=snapshot, settings=context.settings, families=families),
        )
    if mode == "NodePortLocal":
        return Members(
            reached=PoolPort(number=port.port, name=port.name, by_pod=True),
            servers=local_port_servers(service, port, snapshot=snapshot, families=families),
            problem=unreadable(service, snapshot),
            reason="NodePortLocalUnreadable",
            field=ANNOTATION,
        )
    slices = snapshot.slices(service.namespace, service.name)
    return Members(
        reached=PoolPort(number=matching_port(port, slices), name=port.name),
        servers=servers_for(service, port, slices=slices, families=families),
    )


def kept_members(
    pools: Iterable[tuple[str, Service, ServicePort]], *, snapshot: Snapshot, context: L4Context, gateway: bool = False
) -> Mapping[str, tuple[Server, ...]]:
    """Members by name of the pool, for those who keep their pools; what this mode cannot serve stays as it is."""
    found = {
        name: members_for(service, port, snapshot=snapshot, context=context, gateway=gateway)
        for name, service, port in pools
        if not mode_problem(service, context.settings)
    }
    return {name: members.servers for name, members in found.items() if members.servers or not members.problem}


def mode_problem(service: Service, settings: Settings) -> str:
    """Why the Service cannot be served in this mode at all; empty if it can."""
    if settings.service_type != "NodePortLocal":
        return ""
    if any(port.protocol == "SCTP" for port in service.spec.ports):
        return "NodePortLocal carries no SCTP; serve the Service from a cluster in ClusterIP or NodePort mode"
    if service.spec.type == "NodePort":
        return "NodePortLocal serves Services of type ClusterIP and LoadBalancer; change the type"
    return ""


def tells_antrea(settings: Settings) -> bool | None:
    """What a served Service says of NodePortLocal: True if that is ours to say, None if it is the user's."""
    return True if settings.service_type == "NodePortLocal" and settings.auto_annotate_service else None


def backend_families(context: L4Context) -> frozenset[str]:
    """Address families that pool members may have: the `ipFamily` setting as far as the cloud carries IPv6."""
    if not context.environment.supports_ipv6:
        return frozenset({"V4"})
    return frozenset((context.settings.ip_family or "V4_V6").split("_"))
