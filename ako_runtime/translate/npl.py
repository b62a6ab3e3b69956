"""Pool members of one Service port in NodePortLocal mode: the port that Antrea opens on the node for each pod.

The endpoints of the Service's slices name its pods; the annotation of a pod says on which address and port of its node
each of its ports is reachable. A pod without a usable annotation (Antrea has not come to it yet, or it is not JSON)
is not in the pool until the annotation is there.
"""

from typing import Final

import msgspec
from msgspec import Struct

from ako_runtime.model.avi import IpAddr, Server
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.core import Endpoint, Pod, Service, ServicePort
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.members import FAMILIES, is_enabled, port_numbers
from ako_runtime.translate.nodes import family_of

ANNOTATION: Final = "nodeportlocal.antrea.io"


class NodePortLocal(Struct, frozen=True, kw_only=True):
    """One entry of the annotation."""

    pod_port: int = msgspec.field(name="podPort")
    node_ip: str = msgspec.field(name="nodeIP")
    node_port: int = msgspec.field(name="nodePort")
    protocol: str = "tcp"
    protocols: tuple[str, ...] = ()

    def carries(self, protocol: str) -> bool:
        """Whether the entry is for this protocol; older Antrea names several at once."""
        return protocol.lower() in {one.lower() for one in (self.protocols or (self.protocol,))}


def local_port_servers(
    service: Service, port: ServicePort, *, snapshot: Snapshot, families: frozenset[str]
) -> tuple[Server, ...]:
    """Members of the pool of `port`, sorted by address and port."""
    found: dict[tuple[str, int], Server] = {}
    for piece in snapshot.slices(service.namespace, service.name):
        if FAMILIES.get(piece.address_type) not in families:
            continue
        numbers = port_numbers(piece.ports or (), port)
        for endpoint in piece.endpoints or ():
            for entry in entries_of(endpoint, service.namespace, snapshot):
                if entry.pod_port in numbers and entry.carries(port.protocol) and family_of(entry.node_ip) in families:
                    server = _server(entry, endpoint, service)
                    key = (server.ip.addr, server.port)
                    if key not in found or server.enabled:
                        found[key] = server
    return tuple(found[key] for key in sorted(found))


def entries_of(endpoint: Endpoint, namespace: str, snapshot: Snapshot) -> tuple[NodePortLocal, ...]:
    """What Antrea says of the endpoint's pod."""
    pod = _pod_of(endpoint, namespace, snapshot)
    return (_decoded(pod) or ()) if pod is not None else ()


def unreadable(service: Service, snapshot: Snapshot) -> str:
    """Which pod of the Service has an annotation that says nothing, and what was expected; empty if none has."""
    for piece in snapshot.slices(service.namespace, service.name):
        for endpoint in piece.endpoints or ():
            pod = _pod_of(endpoint, service.namespace, snapshot)
            if pod is not None and _decoded(pod) is None:
                return (
                    f"annotation {ANNOTATION} of pod {pod.namespace}/{pod.name} is not what Antrea writes, a list of "
                    "podPort, nodeIP and nodePort; the pod is no member"
                )
    return ""


def _pod_of(endpoint: Endpoint, namespace: str, snapshot: Snapshot) -> Pod | None:
    target = endpoint.target_ref
    if target is None or target.kind != "Pod":
        return None
    pod = snapshot.object(ObjectRef(resource="pods", namespace=namespace, name=target.name))
    return pod if isinstance(pod, Pod) else None


def _decoded(pod: Pod) -> tuple[NodePortLocal, ...] | None:
    """The annotation; None if it is not readable."""
    text = pod.metadata.annotations.get(ANNOTATION, "").strip()
    try:
        return msgspec.json.decode(text or "[]", type=tuple[NodePortLocal, ...])
    except msgspec.DecodeError:
        return None


def _server(entry: NodePortLocal, endpoint: Endpoint, service: Service) -> Server:
    return Server(
        ip=IpAddr(addr=entry.node_ip, type=family_of(entry.node_ip)),
        port=entry.node_port,
        enabled=is_enabled(endpoint, service),
        external_uuid=f"{entry.node_ip}:{entry.node_port}",
    )
