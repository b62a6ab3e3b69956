"""Service, EndpointSlice, Namespace: the objects of core and discovery that the runtime reads."""

from collections.abc import Mapping

from msgspec import Struct, field

from ako_runtime.resources.meta import Condition, Resource


class ServicePort(Struct, frozen=True, kw_only=True, rename="camel"):
    """A port of a Service; `target_port` is a number or the name of a container port."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    node_port: int = 0


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


class Endpoint(Struct, frozen=True, kw_only=True, rename="camel"):
    """One endpoint; only its first address counts."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    node_name: str | None = None


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


class ConfigMap(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 ConfigMap."""

    data: Mapping[str, str] = {}


class Secret(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 Secret with base64 values."""

    type: str = "Opaque"
    data: Mapping[str, str] = {}
