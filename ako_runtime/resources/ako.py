"""AviInfraSetting and L4Rule: the custom resources of the group ako.vmware.com that concern layer 4.

Every field is optional here although the definitions require some: an object that was stored under an older definition
must still decode, and what is missing is said in its status. Defaults of the official definitions that change behaviour
(`networkProfileRef: System-TCP-Proxy` on every L4Rule) are met in translation.
"""

from msgspec import Struct, field

from ako_runtime.resources.meta import Resource


class VipNetworkRef(Struct, frozen=True, kw_only=True):
    """A network that addresses come from, by name or by UUID."""

    network_name: str = field(default="", name="networkName")
    network_uuid: str = field(default="", name="networkUUID")
    cidr: str = ""
    v6cidr: str = ""


class NodeNetworkRef(Struct, frozen=True, kw_only=True):
    """A network that the nodes are in."""

    network_name: str = field(default="", name="networkName")
    network_uuid: str = field(default="", name="networkUUID")
    cidrs: tuple[str, ...] = ()


class InfraListener(Struct, frozen=True, kw_only=True):
    """A port of a layer 7 virtual service."""

    port: int = 0
    enable_ssl: bool = field(default=False, name="enableSSL")
    enable_http2: bool = field(default=False, name="enableHTTP2")


class InfraNetwork(Struct, frozen=True, kw_only=True, rename="camel"):
    """Networks and routing; None means: not said, so the global setting holds."""

    vip_networks: tuple[VipNetworkRef, ...] | None = None
    node_networks: tuple[NodeNetworkRef, ...] | None = None
    enable_rhi: bool | None = None
    enable_public_ip: bool | None = field(default=None, name="enablePublicIP")
    listeners: tuple[InfraListener, ...] = ()
    bgp_peer_labels: tuple[str, ...] | None = None


class EngineGroup(Struct, frozen=True, kw_only=True):
    """A Service Engine group by name."""

    name: str = ""


class L7Settings(Struct, frozen=True, kw_only=True, rename="camel"):
    """How hosts are spread over shared virtual services."""

    shard_size: str = ""


class NsxSettings(Struct, frozen=True, kw_only=True):
    """NSX-T: the tier-1 router."""

    t1lr: str = ""


class InfraSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Desired state of an AviInfraSetting."""

    network: InfraNetwork = InfraNetwork()
    se_group: EngineGroup | None = None
    l7_settings: L7Settings | None = None
    nsx_settings: NsxSettings | None = None


class AdmissionStatus(Struct, frozen=True, kw_only=True):
    """`Accepted` or `Rejected`, and why."""

    status: str = ""
    error: str = ""


class AviInfraSetting(Resource, frozen=True, kw_only=True, rename="camel"):
    """ako.vmware.com/v1beta1 AviInfraSetting."""

    spec: InfraSpec = InfraSpec()
    status: AdmissionStatus = AdmissionStatus()


class ClientLogs(Struct, frozen=True, kw_only=True):
    """Logging of every connection; minutes and logs a second."""

    enabled: bool = False
    duration: int = 30
    throttle: int = 10


class RuleAnalytics(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is logged of a virtual service."""

    full_client_logs: ClientLogs | None = None


class PoolAnalytics(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is measured on a pool."""

    enable_realtime_metrics: bool = False


class RuleLimits(Struct, frozen=True, kw_only=True, rename="camel"):
    """Bounds of a virtual service."""

    max_concurrent_connections: int | None = None
    max_throughput: int | None = None


class ListenerProperties(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a listener does besides listening."""

    port: int = 0
    protocol: str = "TCP"
    enable_ssl: bool = False


class BackendProperties(Struct, frozen=True, kw_only=True, rename="camel"):
    """Properties of the pool behind one Service port."""

    port: int = 0
    protocol: str = "TCP"
    enabled: bool = True
    lb_algorithm: str = ""
    lb_algorithm_hash: str = ""
    lb_algorithm_consistent_hash_hdr: str = ""
    health_monitor_refs: tuple[str, ...] = ()
    health_monitor_crd_refs: tuple[str, ...] = ()
    application_persistence_profile_ref: str = ""
    pki_profile_ref: str = ""
    ssl_profile_ref: str = ""
    ssl_key_and_certificate_ref: str = ""
    min_servers_up: int | None = None
    analytics_policy: PoolAnalytics | None = None


class L4RuleSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Desired state of an L4Rule."""

    analytics_policy: RuleAnalytics | None = None
    analytics_profile_ref: str = ""
    application_profile_ref: str = ""
    network_profile_ref: str = ""
    network_security_policy_ref: str = ""
    security_policy_ref: str = ""
    load_balancer_ip: str = field(default="", name="loadBalancerIP")
    performance_limits: RuleLimits | None = None
    vs_datascript_refs: tuple[str, ...] = ()
    ssl_profile_ref: str = ""
    ssl_key_and_certificate_refs: tuple[str, ...] = ()
    listener_properties: tuple[ListenerProperties, ...] = ()
    backend_properties: tuple[BackendProperties, ...] = ()
    revoke_vip_route: bool = False


class L4Rule(Resource, frozen=True, kw_only=True, rename="camel"):
    """ako.vmware.com/v1alpha2 L4Rule."""

    spec: L4RuleSpec = L4RuleSpec()
    status: AdmissionStatus = AdmissionStatus()


class HealthMonitorSpec(Struct, frozen=True, kw_only=True):
    """Type of a health monitor."""

    type: str = ""


class ProgrammedCondition(Struct, frozen=True, kw_only=True):
    """A condition that the operator of these resources writes."""

    type: str = ""
    status: str = ""


class BackendStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where the object is on the controller."""

    backend_object_name: str = ""
    uuid: str = ""
    conditions: tuple[ProgrammedCondition, ...] = ()


class HealthMonitor(Resource, frozen=True, kw_only=True, rename="camel"):
    """ako.vmware.com/v1alpha1 HealthMonitor, made by its own operator; we read where it is."""

    spec: HealthMonitorSpec = HealthMonitorSpec()
    status: BackendStatus = BackendStatus()

    @property
    def is_programmed(self) -> bool:
        """Whether the operator has made it on the controller."""
        return any(one.type == "Programmed" and one.status == "True" for one in self.status.conditions)
