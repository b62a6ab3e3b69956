"""What must be true in the demo: examples, Kubernetes objects and controller objects compared.

Everything here takes plain documents and returns values. What a Service should have is worked out anew from the
examples (its ports, the addresses in its EndpointSlices, the AviInfraSetting of its Gateway's class), not asked of the
runtime; what it has is followed through the controller's own references: address, VsVip, network, VirtualService,
Service Engine group, L4PolicySet, Pool.

A Service has its address from its own status, or from the status of the Gateway that its labels name.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

Document: TypeAlias = Mapping[str, Any]
Objects: TypeAlias = Mapping[str, Sequence[Document]]

IDENTITY_RECORD = "ako-cluster-identity."
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


PLACES = ("serviceenginegroup", "network", "vrfcontext")
"""Types of objects that are not the runtime's and that must be at the end what they were at the beginning."""

_GATEWAY_LABELS = ("ako.vmware.com/gateway-namespace", "ako.vmware.com/gateway-name")
_SHARED_VIP = "ako.vmware.com/enable-shared-vip"
_INFRA_SETTING = "aviinfrasetting.ako.vmware.com/name"
_WRITTEN_BY_RUNTIME = "ako.vmware.com/host-fqdn-vs-uuid-map"


class Placement(Struct, frozen=True, kw_only=True):
    """Where a virtual service lives."""

    se_group: str
    networks: frozenset[str]


class Served(Struct, frozen=True, kw_only=True):
    """A Service as the controller serves it."""

    service: str
    asks: str
    addresses: tuple[str, ...]
    hostname: str
    ports: tuple[str, ...]
    members: tuple[str, ...]
    virtual_service: str
    vsvip: str
    policies: tuple[str, ...]
    pools: tuple[str, ...]
    placement: Placement

    def row(self) -> dict[str, str]:
        """The row of the demo's table."""
        return {
            "service": self.service,
            "asks by": self.asks,
            "VIP": " ".join(self.addresses),
            "ports": " ".join(self.ports),
            "pool members": " ".join(dict.fromkeys(member.rsplit(":", 1)[0] for member in self.members)),
            "host name": self.hostname,
        }


def object_rows(views: Iterable[Served]) -> list[dict[str, str]]:
    """The controller's objects, one a row, with the Services that they serve; shared ones once."""
    owners: dict[tuple[str, str, str], list[str]] = {}
    for view in views:
        engines = f"on {view.placement.se_group}"
        networks = f"in {' '.join(sorted(view.placement.networks))}"
        named = [("VirtualService", view.virtual_service, engines), ("VsVip", view.vsvip, networks)]
        parts = [("L4PolicySet", view.policies), ("Pool", view.pools)]
        for one in (*named, *((kind, name, "") for kind, names in parts for name in names)):
            owners.setdefault(one, []).append(view.service.rpartition("/")[2])
    return [
        {"object": kind, "name": name, "placed": place, "serves": " ".join(services)}
        for (kind, name, place), services in owners.items()
    ]


def identity(document: Document) -> str:
    """`namespace/name` of a Kubernetes object."""
    metadata = document["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def of_kind(documents: Iterable[Document], kind: str) -> list[Document]:
    """The documents of a kind."""
    return [item for item in documents if item["kind"] == kind]


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


def verdict(document: Document) -> str:
    """What the status of an AviInfraSetting or a Gateway says; empty while it says nothing good."""
    status = document.get("status", {})
    if document["kind"] == "AviInfraSetting":
        return "Accepted" if status.get("status") == "Accepted" else ""
    ready = any(
        one["type"] == "ako.vmware.com/Ready" and one["status"] == "True" for one in status.get("conditions", ())
    )
    return f"Ready at {' '.join(_gateway_addresses(document))}" if ready else ""


def expected_placement(service: Document, documents: Iterable[Document], default: Placement) -> Placement:
    """Where the Service's virtual service must live: as its AviInfraSetting says, else as the settings say."""
    documents = list(documents)
    name = service["metadata"].get("annotations", {}).get(_INFRA_SETTING)
    gateway = _gateway_of(service, of_kind(documents, "Gateway"))
    if gateway is not None:
        classes = of_kind(documents, "GatewayClass")
        parameters = [
            item["spec"]["parametersRef"]["name"]
            for item in classes
            if item["metadata"]["name"] == gateway["spec"]["gatewayClassName"] and "parametersRef" in item["spec"]
        ]
        name = parameters[0] if parameters else None
    for item in of_kind(documents, "AviInfraSetting"):
        if item["metadata"]["name"] == name:
            networks = frozenset(one["networkName"] for one in item["spec"]["network"]["vipNetworks"])
            return Placement(se_group=item["spec"]["seGroup"]["name"], networks=networks)
    return default


def served(service: Document, objects: Objects, gateways: Iterable[Document] = ()) -> Served | None:
    """How the controller serves the Service; None while address, virtual service or a pool is missing."""
    addresses, hostname = _shown(service, gateways)
    vsvip = next((item for item in objects["vsvip"] if addresses and set(addresses) <= _addresses(item)), None)
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
        asks=_asks(service),
        addresses=addresses,
        hostname=hostname or _own_name(service, vsvip),
        ports=tuple(f"{port['port']}/{port['protocol']}" for port in service["spec"]["ports"]),
        members=tuple(sorted(_members(pools))),
        virtual_service=vs["name"],
        vsvip=vsvip["name"],
        policies=tuple(sorted(policy["name"] for policy in _policies_of(vs, objects))),
        pools=tuple(sorted(pool["name"] for pool in pools)),
        placement=_placement(vs, vsvip, objects),
    )


def changed(now: Objects, before: Objects) -> list[str]:
    """`type name` of every object that is not what it was; times of modification do not count."""
    known = {item["uuid"]: item for items in before.values() for item in items}
    return sorted(
        f"{kind} {item['name']}"
        for kind, items in now.items()
        for item in items
        if _content(item) != _content(known.get(item["uuid"], {}))
    )


def created(objects: Objects, before: frozenset[str]) -> list[str]:
    """`type name` of every object that was not there before, but for the record of the cluster, which stays."""
    return sorted(
        f"{kind} {item['name']}"
        for kind, items in objects.items()
        for item in items
        if item["uuid"] not in before and not item["name"].startswith(IDENTITY_RECORD)
    )


def _addresses(vsvip: Document) -> set[str]:
    return {
        vip[field]["addr"] for vip in vsvip.get("vip", ()) for field in ("ip_address", "ip6_address") if field in vip
    }


def _policies_of(vs: Document, objects: Objects) -> list[Document]:
    """Layer 4 policies that a virtual service refers to."""
    refs = [entry.get("l4_policy_set_ref") for entry in vs.get("l4_policies", ())]
    return [policy for policy in objects["l4policyset"] if any(_refers(ref, policy) for ref in refs)]


def _pools_of(vs: Document, objects: Objects) -> list[Document]:
    """Pools behind a virtual service: its own, and those that its layer 4 policies select."""
    refs = [vs.get("pool_ref")]
    for policy in _policies_of(vs, objects):
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


def _content(document: Document) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "_last_modified"}


def _asks(service: Document) -> str:
    """The way in which a Service asks to be served."""
    annotations, labels = (service["metadata"].get(field, {}) for field in ("annotations", "labels"))
    if all(label in labels for label in _GATEWAY_LABELS):
        return f"labels: Gateway {labels[_GATEWAY_LABELS[1]]}"
    if _SHARED_VIP in annotations:
        return f"annotation: shared VIP {annotations[_SHARED_VIP]}"
    return "annotations" if set(annotations) - {_WRITTEN_BY_RUNTIME} else "its type"


def _gateway_of(service: Document, gateways: Iterable[Document]) -> Document | None:
    """The Gateway that the labels of a Service name."""
    labels = service["metadata"].get("labels", {})
    wanted = "/".join(labels.get(label, "") for label in _GATEWAY_LABELS)
    return next((item for item in gateways if identity(item) == wanted), None)


def _gateway_addresses(gateway: Document) -> tuple[str, ...]:
    return tuple(one["value"] for one in gateway.get("status", {}).get("addresses", ()))


def _shown(service: Document, gateways: Iterable[Document]) -> tuple[tuple[str, ...], str]:
    """Addresses and host name that Kubernetes shows for a Service: its own, or those of its Gateway.

    A Service of type LoadBalancer must show those of its Gateway as its own; until it does, it has none.
    """
    entries = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    own = tuple(entry["ip"] for entry in entries if "ip" in entry)
    hostname = next((entry["hostname"] for entry in entries if "hostname" in entry), "")
    gateway = _gateway_of(service, gateways)
    if gateway is None:
        return own, hostname
    given = _gateway_addresses(gateway)
    agreed = service["spec"].get("type") != "LoadBalancer" or set(own) == set(given)
    return (given if agreed else ()), hostname


def _own_name(service: Document, vsvip: Document) -> str:
    """The host name of a Service that shows none, from the names of its shared address."""
    names = (item["fqdn"] for item in vsvip.get("dns_info", ()))
    return next((name for name in names if name.startswith(f"{service['metadata']['name']}.")), "")


def _placement(vs: Document, vsvip: Document, objects: Objects) -> Placement:
    engines = [item["name"] for item in objects["serviceenginegroup"] if _refers(vs.get("se_group_ref"), item)]
    refs = [vip.get("ipam_network_subnet", {}).get("network_ref") for vip in vsvip.get("vip", ())]
    networks = frozenset(item["name"] for item in objects["network"] if any(_refers(ref, item) for ref in refs))
    return Placement(se_group=" ".join(engines), networks=networks)
