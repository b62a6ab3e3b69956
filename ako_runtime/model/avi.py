"""Desired Avi objects under their Avi names.

Each class declares exactly the fields that we manage; everything else that an object has on the controller belongs to
the controller's defaults or to other people, and is kept. A field that is `UNSET` is not sent. `defaults` names the
value that the controller assumes for a field that nobody sent (Swagger 30.2.1 and recordings), so that "not sent" and
"answered with its default" compare as equal.

Fields and their spelling: avi-controller-and-gateway-api section 2; values: observed bodies of the official AKO 2.2.1.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import UNSET, UnsetType

from ako_runtime.model.avi_sso import OAuthVsConfig, SamlSpConfig
from ako_runtime.model.avi_struct import AviStruct
from ako_runtime.model.checksum import Checksum
from ako_runtime.model.refs import Ref


class Marker(AviStruct, frozen=True, kw_only=True):
    """A label that Avi roles can filter by."""

    key: str
    values: tuple[str, ...] = ()


class IpAddr(AviStruct, frozen=True, kw_only=True):
    """An address with its family, `V4` or `V6`."""

    addr: str
    type: str


class IpPrefix(AviStruct, frozen=True, kw_only=True):
    """Network address and prefix length."""

    ip_addr: IpAddr
    mask: int


class AviObject(AviStruct, frozen=True, kw_only=True):
    """Base of every top-level object."""

    kind: ClassVar[str] = ""

    name: str
    tenant_ref: Ref | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    markers: tuple[Marker, ...] | UnsetType = UNSET


class IpamNetworkSubnet(AviStruct, frozen=True, kw_only=True):
    """Where a VIP is allocated."""

    network_ref: Ref | UnsetType = UNSET
    subnet: IpPrefix | UnsetType = UNSET
    subnet6: IpPrefix | UnsetType = UNSET
    subnet_uuid: str | UnsetType = UNSET
    subnet6_uuid: str | UnsetType = UNSET


class PlacementNetwork(AviStruct, frozen=True, kw_only=True):
    """Network on which Service Engines get an interface."""

    network_ref: Ref
    subnet: IpPrefix | UnsetType = UNSET


class Vip(AviStruct, frozen=True, kw_only=True):
    """One VIP of a VsVip; an allocated address belongs to the controller unless we ask for a particular one."""

    merge_key: ClassVar[str] = "vip_id"
    defaults: ClassVar[Mapping[str, object]] = {
        "auto_allocate_ip": False,
        "auto_allocate_ip_type": "V4_ONLY",
        "auto_allocate_floating_ip": False,
    }

    vip_id: str
    auto_allocate_ip: bool | UnsetType = UNSET
    auto_allocate_ip_type: str | UnsetType = UNSET
    auto_allocate_floating_ip: bool | UnsetType = UNSET
    ipam_network_subnet: IpamNetworkSubnet | UnsetType = UNSET
    # Instead of it where the cloud provider allocates: the subnet by its identity there.
    subnet_uuid: str | UnsetType = UNSET
    ip_address: IpAddr | UnsetType = UNSET
    ip6_address: IpAddr | UnsetType = UNSET
    placement_networks: tuple[PlacementNetwork, ...] | UnsetType = UNSET
    # Only the controller fills these; they are managed so that an update hands them back.
    floating_ip: IpAddr | UnsetType = UNSET
    floating_ip6: IpAddr | UnsetType = UNSET


class DnsInfo(AviStruct, frozen=True, kw_only=True):
    """A name that is registered for the VIP."""

    fqdn: str


class VsVip(AviObject, frozen=True, kw_only=True):
    """The address of one or several virtual services. Carries no `created_by`: found again by its name."""

    kind: ClassVar[str] = "vsvip"
    defaults: ClassVar[Mapping[str, object]] = {"east_west_placement": False}

    cloud_ref: Ref | UnsetType = UNSET
    vrf_context_ref: Ref | UnsetType = UNSET
    tier1_lr: str | UnsetType = UNSET
    vsvip_cloud_config_cksum: Checksum | UnsetType = UNSET
    dns_info: tuple[DnsInfo, ...] | UnsetType = UNSET
    east_west_placement: bool | UnsetType = UNSET
    bgp_peer_labels: tuple[str, ...] | UnsetType = UNSET
    vip: tuple[Vip, ...] = ()


class Server(AviStruct, frozen=True, kw_only=True):
    """A pool member."""

    defaults: ClassVar[Mapping[str, object]] = {"enabled": True}

    ip: IpAddr
    port: int
    enabled: bool | UnsetType = True
    external_uuid: str | UnsetType = UNSET
    server_node: str | UnsetType = UNSET


class PoolAnalyticsPolicy(AviStruct, frozen=True, kw_only=True):
    """What is measured on a pool."""

    defaults: ClassVar[Mapping[str, object]] = {"enable_realtime_metrics": False}

    enable_realtime_metrics: bool | UnsetType = UNSET


class LocalResponse(AviStruct, frozen=True, kw_only=True):
    """A page that the controller makes itself."""

    defaults: ClassVar[Mapping[str, object]] = {"status_code": "FAIL_HTTP_STATUS_CODE_503"}

    status_code: str | UnsetType = UNSET


class FailAction(AviStruct, frozen=True, kw_only=True):
    """What clients get while no server is up."""

    type: str = "FAIL_ACTION_CLOSE_CONN"
    local_rsp: LocalResponse | UnsetType = UNSET


UNAVAILABLE = FailAction(
    type="FAIL_ACTION_HTTP_LOCAL_RSP", local_rsp=LocalResponse(status_code="FAIL_HTTP_STATUS_CODE_503")
)
"""Says 503, where the controller would close the connection."""


class Pool(AviObject, frozen=True, kw_only=True):
    """Servers behind one port; their order has no meaning."""

    kind: ClassVar[str] = "pool"
    defaults: ClassVar[Mapping[str, object]] = {
        "enabled": True,
        "graceful_disable_timeout": 1,
        "sni_enabled": True,
        "lb_algorithm": "LB_ALGORITHM_LEAST_CONNECTIONS",
        "lb_algorithm_hash": "LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS",
        "min_servers_up": 0,
        "enable_http2": False,
        "host_check_enabled": False,
        "fail_action": FailAction(),
    }

    cloud_config_cksum: Checksum | UnsetType = UNSET
    enable_http2: bool | UnsetType = UNSET
    fail_action: FailAction | UnsetType = UNSET
    cloud_ref: Ref | UnsetType = UNSET
    vrf_ref: Ref | UnsetType = UNSET
    tier1_lr: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    servers: tuple[Server, ...] = ()
    health_monitor_refs: tuple[Ref, ...] | UnsetType = UNSET
    graceful_disable_timeout: int | UnsetType = UNSET
    sni_enabled: bool | UnsetType = UNSET
    service_metadata: str | UnsetType = UNSET
    placement_networks: tuple[PlacementNetwork, ...] | UnsetType = UNSET
    lb_algorithm: str | UnsetType = UNSET
    lb_algorithm_hash: str | UnsetType = UNSET
    lb_algorithm_consistent_hash_hdr: str | UnsetType = UNSET
    application_persistence_profile_ref: Ref | UnsetType = UNSET
    pki_profile_ref: Ref | UnsetType = UNSET
    ssl_profile_ref: Ref | UnsetType = UNSET
    ssl_key_and_certificate_ref: Ref | UnsetType = UNSET
    min_servers_up: int | UnsetType = UNSET
    analytics_policy: PoolAnalyticsPolicy | UnsetType = UNSET


class IpPersistence(AviStruct, frozen=True, kw_only=True):
    """How long a client stays with its server, in minutes (1 to 720)."""

    ip_persistent_timeout: int


class ApplicationPersistenceProfile(AviObject, frozen=True, kw_only=True):
    """Keeps a client at its server. Carries no `created_by`: found again by its name."""

    kind: ClassVar[str] = "applicationpersistenceprofile"

    persistence_type: str
    ip_persistence_profile: IpPersistence | UnsetType = UNSET


class PortMatch(AviStruct, frozen=True, kw_only=True):
    """Ports of a connection."""

    match_criteria: str
    ports: tuple[int, ...]


class ProtocolMatch(AviStruct, frozen=True, kw_only=True):
    """`PROTOCOL_TCP`, `PROTOCOL_UDP` or `PROTOCOL_SCTP`."""

    match_criteria: str
    protocol: str


class L4Match(AviStruct, frozen=True, kw_only=True):
    """What a rule applies to."""

    port: PortMatch
    protocol: ProtocolMatch


class SelectPool(AviStruct, frozen=True, kw_only=True):
    """The pool that gets the connection."""

    action_type: str
    pool_ref: Ref


class L4Action(AviStruct, frozen=True, kw_only=True):
    """What a rule does."""

    select_pool: SelectPool


class L4Rule(AviStruct, frozen=True, kw_only=True):
    """One port to one pool; the official AKO names a rule by the text of its pool reference."""

    name: str
    index: int
    match: L4Match
    action: L4Action


class L4ConnectionPolicy(AviStruct, frozen=True, kw_only=True):
    """Rules in order of their index."""

    rules: tuple[L4Rule, ...] = ()


class L4PolicySet(AviObject, frozen=True, kw_only=True):
    """Which port of a virtual service goes to which pool."""

    kind: ClassVar[str] = "l4policyset"

    l4_connection_policy: L4ConnectionPolicy | UnsetType = UNSET


class ClientMatch(AviStruct, frozen=True, kw_only=True):
    """Clients by network."""

    match_criteria: str
    prefixes: tuple[IpPrefix, ...] = ()


class NetworkSecurityMatch(AviStruct, frozen=True, kw_only=True):
    """What a network security rule applies to."""

    client_ip: ClientMatch | UnsetType = UNSET
    vs_port: PortMatch | UnsetType = UNSET


class NetworkSecurityRule(AviStruct, frozen=True, kw_only=True):
    """Allow or deny, in order of the index."""

    name: str
    index: int
    enable: bool
    action: str
    match: NetworkSecurityMatch


class NetworkSecurityPolicy(AviObject, frozen=True, kw_only=True):
    """Which clients may connect."""

    kind: ClassVar[str] = "networksecuritypolicy"

    rules: tuple[NetworkSecurityRule, ...] = ()


class ServicePort(AviStruct, frozen=True, kw_only=True):
    """A port on which a virtual service listens."""

    defaults: ClassVar[Mapping[str, object]] = {"enable_ssl": False, "enable_http2": False}

    port: int
    port_range_end: int | UnsetType = UNSET
    enable_ssl: bool | UnsetType = UNSET
    enable_http2: bool | UnsetType = UNSET
    override_network_profile_ref: Ref | UnsetType = UNSET


class L4PolicyLink(AviStruct, frozen=True, kw_only=True):
    """Attachment of an L4PolicySet."""

    index: int
    l4_policy_set_ref: Ref


class DataScriptLink(AviStruct, frozen=True, kw_only=True):
    """Attachment of a VSDataScriptSet."""

    index: int
    vs_datascript_set_ref: Ref


class PerformanceLimits(AviStruct, frozen=True, kw_only=True):
    """Bounds of a virtual service."""

    max_concurrent_connections: int | UnsetType = UNSET
    max_throughput: int | UnsetType = UNSET


class FullClientLogs(AviStruct, frozen=True, kw_only=True):
    """Duration in minutes (0: for ever), throttle in logs a second (0: none)."""

    enabled: bool
    duration: int | UnsetType = UNSET
    throttle: int | UnsetType = UNSET


class AnalyticsPolicy(AviStruct, frozen=True, kw_only=True):
    """What is logged of a virtual service."""

    defaults: ClassVar[Mapping[str, object]] = {"all_headers": False}

    full_client_logs: FullClientLogs | UnsetType = UNSET
    all_headers: bool | UnsetType = UNSET


class HttpPolicyLink(AviStruct, frozen=True, kw_only=True):
    """Attachment of an HTTPPolicySet."""

    index: int
    http_policy_set_ref: Ref


class PathMatch(AviStruct, frozen=True, kw_only=True):
    """Paths of a request."""

    defaults: ClassVar[Mapping[str, object]] = {"match_case": "INSENSITIVE"}

    match_case: str | UnsetType = UNSET
    match_criteria: str
    match_str: tuple[str, ...] | UnsetType = UNSET
    string_group_refs: tuple[Ref, ...] | UnsetType = UNSET


class VhMatchTarget(AviStruct, frozen=True, kw_only=True):
    """What of a host goes to a virtual service."""

    path: PathMatch | UnsetType = UNSET


class VhMatchRule(AviStruct, frozen=True, kw_only=True):
    """A named match of enhanced virtual hosting."""

    name: str
    matches: VhMatchTarget


class VhMatch(AviStruct, frozen=True, kw_only=True):
    """A host of enhanced virtual hosting."""

    host: str
    rules: tuple[VhMatchRule, ...] = ()


class VirtualService(AviObject, frozen=True, kw_only=True):
    """A listener for traffic."""

    kind: ClassVar[str] = "virtualservice"
    defaults: ClassVar[Mapping[str, object]] = {
        "enabled": True,
        "traffic_enabled": True,
        "enable_rhi": False,
        "remove_listening_port_on_vs_down": False,
        "revoke_vip_route": False,
        "analytics_profile_ref": Ref("analyticsprofile", "System-Analytics-Profile"),
        "type": "VS_TYPE_NORMAL",
        "vh_type": "VS_TYPE_VH_SNI",
        "east_west_placement": False,
        "ign_pool_net_reach": False,
        "min_pools_up": 0,
        "allow_invalid_client_cert": False,
        "close_client_conn_on_config_update": False,
        "ssl_sess_cache_avg_size": 1024,
        # What the controller gives to ports with TLS.
        "ssl_profile_ref": Ref("sslprofile", "System-Standard"),
        "ssl_key_and_certificate_refs": (Ref("sslkeyandcertificate", "System-Default-Cert"),),
    }

    cloud_config_cksum: Checksum | UnsetType = UNSET
    cloud_ref: Ref | UnsetType = UNSET
    vrf_context_ref: Ref | UnsetType = UNSET
    se_group_ref: Ref | UnsetType = UNSET
    vsvip_ref: Ref | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    traffic_enabled: bool | UnsetType = UNSET
    enable_rhi: bool | UnsetType = UNSET
    remove_listening_port_on_vs_down: bool | UnsetType = UNSET
    revoke_vip_route: bool | UnsetType = UNSET
    application_profile_ref: Ref | UnsetType = UNSET
    network_profile_ref: Ref | UnsetType = UNSET
    analytics_profile_ref: Ref | UnsetType = UNSET
    error_page_profile_ref: Ref | UnsetType = UNSET
    network_security_policy_ref: Ref | UnsetType = UNSET
    security_policy_ref: Ref | UnsetType = UNSET
    ssl_profile_ref: Ref | UnsetType = UNSET
    ssl_key_and_certificate_refs: tuple[Ref, ...] | UnsetType = UNSET
    pool_ref: Ref | UnsetType = UNSET
    analytics_policy: AnalyticsPolicy | UnsetType = UNSET
    performance_limits: PerformanceLimits | UnsetType = UNSET
    service_metadata: str | UnsetType = UNSET
    services: tuple[ServicePort, ...] | UnsetType = ()
    l4_policies: tuple[L4PolicyLink, ...] | UnsetType = UNSET
    vs_datascripts: tuple[DataScriptLink, ...] | UnsetType = UNSET
    # Layer 7.
    allow_invalid_client_cert: bool | UnsetType = UNSET
    bot_policy_ref: Ref | UnsetType = UNSET
    close_client_conn_on_config_update: bool | UnsetType = UNSET
    host_name_xlate: str | UnsetType = UNSET
    ssl_sess_cache_avg_size: int | UnsetType = UNSET
    traffic_clone_profile_ref: Ref | UnsetType = UNSET
    type: str | UnsetType = UNSET
    vh_type: str | UnsetType = UNSET
    vh_parent_vs_ref: Ref | UnsetType = UNSET
    vh_domain_name: tuple[str, ...] | UnsetType = UNSET
    vh_matches: tuple[VhMatch, ...] | UnsetType = UNSET
    http_policies: tuple[HttpPolicyLink, ...] | UnsetType = UNSET
    east_west_placement: bool | UnsetType = UNSET
    ign_pool_net_reach: bool | UnsetType = UNSET
    min_pools_up: int | UnsetType = UNSET
    waf_policy_ref: Ref | UnsetType = UNSET
    icap_request_profile_refs: tuple[Ref, ...] | UnsetType = UNSET
    sso_policy_ref: Ref | UnsetType = UNSET
    oauth_vs_config: OAuthVsConfig | UnsetType = UNSET
    saml_sp_config: SamlSpConfig | UnsetType = UNSET
