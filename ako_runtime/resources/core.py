"""Service, EndpointSlice, Namespace, Node, Pod: the objects of core and discovery that the runtime reads."""

from collections.abc import Mapping

from msgspec import Struct, field, structs

from ako_runtime.resources.meta import Condition, Resource


class ServicePort(Struct, frozen=True, kw_only=True, rename="camel"):
    """A port of a Service; `target_port` is a number or the name of a container port."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    node_port: int = 0


class ClientIpConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """How long a client stays with its endpoint; Kubernetes assumes three hours."""

    timeout_seconds: int = 10800


class SessionAffinityConfig(Struct, frozen=True, kw_only=True):
    """Details of `sessionAffinity`."""

    client_ip: ClientIpConfig = field(default=ClientIpConfig(), name="clientIP")


class ServiceSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Desired state of a Service."""

    type: str = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str = ""
    load_balancer_class: str | None = None
    load_balancer_ip: str = field(default="", name="loadBalancerIP")
    load_balancer_source_ranges: tuple[str, ...] = ()
    external_traffic_policy: str = ""
    session_affinity: str = "None"
    session_affinity_config: SessionAffinityConfig | None = None
    publish_not_ready_addresses: bool = False


class IngressAddress(Struct, frozen=True, kw_only=True, rename="camel"):
    """One address in a status."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """Addresses of a load balancer."""

    ingress: tuple[IngressAddress, ...] = ()


class ServiceState(Struct, frozen=True, kw_only=True, rename="camel"):
    """`status` of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()
    conditions: tuple[Condition, ...] = ()


class Service(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 Service."""

    spec: ServiceSpec = ServiceSpec()
    status: ServiceState = ServiceState()


class EndpointConditions(Struct, frozen=True, kw_only=True, rename="camel"):
    """Absent means ready, serving, and not terminating (the Kubernetes convention)."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetRef(Struct, frozen=True, kw_only=True):
    """The object behind an endpoint, usually a Pod."""

    kind: str = ""
    name: str = ""


class Endpoint(Struct, frozen=True, kw_only=True, rename="camel"):
    """One endpoint; only its first address counts."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    node_name: str | None = None
    target_ref: TargetRef | None = None


class EndpointPort(Struct, frozen=True, kw_only=True, rename="camel"):
    """A port of every endpoint in a slice."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(Resource, frozen=True, kw_only=True, rename="camel"):
    """discovery.k8s.io/v1 EndpointSlice."""

    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] | None = ()
    ports: tuple[EndpointPort, ...] | None = ()

    @property
    def service_name(self) -> str:
        """The Service that this slice belongs to, empty if none."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")


class Namespace(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 Namespace: only its metadata is read."""


class NodeSpec(Struct, frozen=True, kw_only=True):
    """What a Node says about its pod networks."""

    pod_cidr: str = field(default="", name="podCIDR")
    pod_cidrs: tuple[str, ...] = field(default=(), name="podCIDRs")


class NodeAddress(Struct, frozen=True, kw_only=True):
    """An address of a Node, by type (`InternalIP`, `Hostname`, ...)."""

    type: str = ""
    address: str = ""


class NodeCondition(Struct, frozen=True, kw_only=True):
    """A condition of a Node; its heartbeat is not read, so that a heartbeat is no change."""

    type: str = ""
    status: str = ""


class NodeStatus(Struct, frozen=True, kw_only=True):
    """`status` of a Node."""

    addresses: tuple[NodeAddress, ...] = ()
    conditions: tuple[NodeCondition, ...] = ()

    def __post_init__(self) -> None:
        if self.conditions:
            ready = tuple(condition for condition in self.conditions if condition.type == "Ready")
            structs.force_setattr(self, "conditions", ready)


class Node(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 Node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def is_ready(self) -> bool:
        """Whether the Ready condition is true; a Node without one counts as ready."""
        return all(condition.status == "True" for condition in self.status.conditions)

    @property
    def says_ready(self) -> bool:
        """Whether the Node itself has reported that it is ready."""
        return bool(self.status.conditions) and self.is_ready


class Pod(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 Pod: only its metadata is read (the annotation of Antrea)."""


class ConfigMap(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 ConfigMap."""

    data: Mapping[str, str] = {}


class Secret(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 Secret with base64 values."""

    type: str = "Opaque"
    data: Mapping[str, str] = {}
