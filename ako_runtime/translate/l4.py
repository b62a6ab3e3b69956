"""What a front end asks of layer 4, as values.

A front end (a Service, a shared VIP, a Gateway) says in an `L4Request` what it wants: names, listeners with their
pools, addresses, placement, and the L4Rule that applies. `ako_runtime.translate.shape` turns a request into a stack and
knows nothing of where it came from.
"""

import ipaddress
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ako_runtime.model import avi
from ako_runtime.model.environment import Environment
from ako_runtime.model.ownership import Ownership
from ako_runtime.resources.ako import BackendProperties, L4RuleSpec
from ako_runtime.settings import Settings
from ako_runtime.translate.placement import Placement
from ako_runtime.translate.recall import Recall

MarkerPairs = tuple[tuple[str, tuple[str, ...]], ...]


class PoolPort(Struct, frozen=True, kw_only=True):
    """How the members of a pool are reached, as the official AKO counts it in its checksum.

    `number` is the port of the endpoints or nodes; `by_node`: members are nodes; `by_pod`: each has a port of its own.
    """

    number: int = 0
    name: str = ""
    by_node: bool = False
    by_pod: bool = False


class PoolRequest(Struct, frozen=True, kw_only=True):
    """A pool behind one or several listeners."""

    name: str
    protocol: str
    reached: PoolPort = PoolPort()
    servers: tuple[avi.Server, ...] = ()
    markers: MarkerPairs = ()
    hostnames: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    # What an L4Rule says about this pool.
    backend: BackendProperties | None = None
    # As the Service says; what an L4Rule says about the port wins.
    algorithm: str = ""
    # Minutes for which a client stays with its server; 0: not at all.
    persistence: int = 0


class Listener(Struct, frozen=True, kw_only=True):
    """A port and protocol; without a pool the port is open and goes nowhere."""

    port: int
    protocol: str
    # By which the official AKO orders the ports of a virtual service: the name of the Service port.
    name: str = ""
    pool: PoolRequest | None = None
    ssl: bool = False
    # As the port of a Service says; only a load balancer of its own has one.
    target_port: int | str = 0


class SourceRanges(Struct, frozen=True, kw_only=True):
    """Only clients of these networks may connect; to these ports, or to all if none are named."""

    name: str
    networks: tuple[str, ...]
    ports: tuple[int, ...] = ()


class L4Request(Struct, frozen=True, kw_only=True):
    """What a front end wants of one virtual service."""

    name: str
    tenant: str
    placement: Placement
    listeners: tuple[Listener, ...]
    fqdns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    gateway: str = ""
    vs_markers: MarkerPairs = ()
    # None: not said on the wire, as the official AKO does for shared VIPs and Gateways.
    traffic_enabled: bool | None = None
    application_profile: str = "System-L4-Application"
    rule: L4RuleSpec | None = None
    # Families of the VIP instead of those of its network: `V4`, `V6`, `V4_V6`.
    vip_family: str = ""
    source_ranges: tuple[SourceRanges, ...] = ()
    # One virtual service for one Service: policy rules in the order of its ports, protocols in a marker.
    dedicated: bool = False


class CrdStatus(Struct, frozen=True, kw_only=True):
    """Custom resource attached to a virtual service."""

    type: str = ""
    value: str = ""
    status: str = ""


class ServiceMetadata(Struct, frozen=True, kw_only=True):
    """The JSON text that the official AKO keeps on virtual services and pools; field order is part of it."""

    namespace_ingress_name: tuple[str, ...] | None = None
    ingress_name: str = ""
    namespace: str = ""
    hostnames: tuple[str, ...] | None = None
    namespace_svc_name: tuple[str, ...] | None = None
    crd_status: CrdStatus = CrdStatus()
    pool_ratio: int = 0
    passthrough_parent_ref: str = ""
    passthrough_child_ref: str = ""
    gateway: str = ""
    httproute: str = ""
    httproute_rule_name: str = ""
    insecureedgetermallow: bool = False
    is_mci_ingress: bool = False
    fqdn_reuse_policy: str = ""
    host_namespace_ingress_name: Mapping[str, tuple[str, ...]] | None = None
    # Ours alone, and only where there is something to say: the SSORule, and a checksum of the secrets that were sent.
    sso_rule: str | UnsetType = UNSET
    sso_cksum: str | UnsetType = UNSET

    @property
    def text(self) -> str:
        """As it goes into `service_metadata`."""
        return msgspec.json.encode(self).decode()


class L4Context(Struct, frozen=True, kw_only=True):
    """What every shaper needs besides the request."""

    settings: Settings
    environment: Environment
    ownership: Ownership
    # Whoever translates again and again passes the same one.
    recall: Recall = msgspec.field(default_factory=Recall)


def address_of(text: str) -> avi.IpAddr:
    """An address with its family; the text must be an address."""
    return avi.IpAddr(addr=text, type="V6" if ipaddress.ip_address(text).version == 6 else "V4")


def prefix_of(cidr: str) -> avi.IpPrefix:
    """A network in CIDR notation; host bits are kept as written, as the official AKO does."""
    address, _, mask = cidr.partition("/")
    return avi.IpPrefix(ip_addr=address_of(address), mask=int(mask))
