"""What must be true in the demo: examples, Kubernetes objects and controller objects compared.

Everything here takes plain documents and returns values. What a Service should have is worked out anew from the
examples (its ports, and the addresses in its EndpointSlices), not asked of the runtime; what it has is followed through
the controller's own references: address, VsVip, VirtualService, L4PolicySet, Pool.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

Document: TypeAlias = Mapping[str, Any]
Objects: TypeAlias = Mapping[str, Sequence[Document]]

EXPECT_LABEL = "ako-toolkit.example.org/expect"
CONTROLLER_TYPES = (
    "virtualservice",
    "vsvip",
    "l4policyset",
    "httppolicyset",
    "poolgroup",
    "pool",
    "vsdatascriptset",
    "stringgroup",
    "healthmonitor",
    "sslkeyandcertificate",
    "pkiprofile",
    "applicationprofile",
    "networkprofile",
    "networksecuritypolicy",
    "applicationpersistenceprofile",
)
"""Types that a runtime may create objects of; everything of them that was not there before must be gone at the end."""


class Served(Struct, frozen=True, kw_only=True):
    """A Service as the controller serves it."""

    service: str
    address: str
    hostname: str
    ports: tuple[str, ...]
    members: tuple[str, ...]
    virtual_service: str
    vsvip: str
    pools: tuple[str, ...]

    def row(self) -> dict[str, str]:
        """The row of the demo's table."""
        return {
            "service": self.service,
            "VIP": self.address,
            "host name": self.hostname,
            "ports": " ".join(self.ports),
            "pool members": " ".join(dict.fromkeys(member.rsplit(":", 1)[0] for member in self.members)),
        }

    def object_rows(self) -> list[dict[str, str]]:
        """Names of the controller's objects, one a row."""
        named = [("VirtualService", self.virtual_service), ("VsVip", self.vsvip), *(("Pool", p) for p in self.pools)]
        return [{"service": self.service, "object": kind, "name": name} for kind, name in named]


def identity(document: Document) -> str:
    """`namespace/name` of a Kubernetes object."""
    metadata = document["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def balanced(documents: Iterable[Document]) -> list[Document]:
    """Services of type LoadBalancer."""
    return [item for item in documents if item["kind"] == "Service" and item["spec"].get("type") == "LoadBalancer"]


def expects_refusal(service: Document) -> bool:
    """True for an object that is wrong on purpose."""
    return bool(service["metadata"].get("labels", {}).get(EXPECT_LABEL) == "refused")


def refusal(service: Document) -> str:
    """Why the Service is refused, from its conditions; empty if it is not."""
    for condition in service.get("status", {}).get("conditions", ()):
        if condition["type"].endswith("/Accepted") and condition["status"] == "False":
            return f"{condition['reason']}: {condition['message']}"
    return ""


def expected_members(service: Document, slices: Iterable[Document]) -> frozenset[str]:
    """`address:port` of every ready endpoint of every port of the Service."""
    ours = [
        item
        for item in slices
        if item["metadata"].get("namespace") == service["metadata"]["namespace"]
        and item["metadata"].get("labels", {}).get("kubernetes.io/service-name") == service["metadata"]["name"]
    ]
    return frozenset(
        f"{endpoint['addresses'][0]}:{port['port']}"
        for wanted in service["spec"]["ports"]
        for item in ours
        for port in item["ports"]
        if port.get("name") == wanted.get("name") and port["protocol"] == wanted["protocol"]
        for endpoint in item["endpoints"]
        if endpoint.get("conditions", {}).get("ready", True)
    )


def served(service: Document, objects: Objects) -> Served | None:
    """How the controller serves the Service; None while address, virtual service or a pool is missing."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    address = ingress[0].get("ip", "") if ingress else ""
    vsvip = next((item for item in objects["vsvip"] if address and address in _addresses(item)), None)
    if vsvip is None:
        return None
    vs = next((item for item in objects["virtualservice"] if _refers(item.get("vsvip_ref"), vsvip)), None)
    if vs is None:
        return None
    pools = [pool for pool in _pools_of(vs, objects) if _marked(pool, "ServiceName", service["metadata"]["name"])]
    if len(pools) != len(service["spec"]["ports"]):
        return None
    return Served(
        service=identity(service),
        address=address,
        hostname=ingress[0].get("hostname", ""),
        ports=tuple(f"{port['port']}/{port['protocol']}" for port in service["spec"]["ports"]),
        members=tuple(sorted(_members(pools))),
        virtual_service=vs["name"],
        vsvip=vsvip["name"],
        pools=tuple(sorted(pool["name"] for pool in pools)),
    )


def created(objects: Objects, before: frozenset[str]) -> list[str]:
    """`type name` of every object that was not there before."""
    return sorted(
        f"{kind} {item['name']}" for kind, items in objects.items() for item in items if item["uuid"] not in before
    )


def _addresses(vsvip: Document) -> set[str]:
    return {
        vip[field]["addr"] for vip in vsvip.get("vip", ()) for field in ("ip_address", "ip6_address") if field in vip
    }


def _pools_of(vs: Document, objects: Objects) -> list[Document]:
    """Pools behind a virtual service: its own, and those that its layer 4 policies select."""
    refs = [vs.get("pool_ref")]
    for entry in vs.get("l4_policies", ()):
        for policy in objects["l4policyset"]:
            if _refers(entry.get("l4_policy_set_ref"), policy):
                rules = policy.get("l4_connection_policy", {}).get("rules", ())
                refs += [rule.get("action", {}).get("select_pool", {}).get("pool_ref") for rule in rules]
    return [pool for pool in objects["pool"] if any(_refers(ref, pool) for ref in refs)]


def _refers(ref: object, document: Document) -> bool:
    """True if a reference (a URL or path ending with the uuid, perhaps with `#name`) means the object."""
    return isinstance(ref, str) and ref.split("#", 1)[0].rstrip("/").rsplit("/", 1)[-1] == document["uuid"]


def _marked(document: Document, key: str, value: str) -> bool:
    return any(marker["key"] == key and value in marker.get("values", ()) for marker in document.get("markers", ()))


def _members(pools: Iterable[Document]) -> set[str]:
    return {
        f"{server['ip']['addr']}:{server.get('port', pool.get('default_server_port'))}"
        for pool in pools
        for server in pool.get("servers", ())
        if server.get("enabled", True)
    }
