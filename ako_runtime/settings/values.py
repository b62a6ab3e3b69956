"""The parsed values: what the rest of the runtime works with.

Every attribute takes its default from the catalogue, so a default is written once. `Settings` is immutable and holds
only tuples, frozensets and Structs; a changed ConfigMap gives a new one. Secrets are `SecretText`: they print as
redacted, refuse to be serialised, and have to be asked for by name (`reveal`).
"""

from typing import Final, Literal, TypeAlias, cast

from msgspec import Struct

from ako_runtime.settings.catalogue import ALL_SETTINGS
from ako_runtime.settings.problems import Problem

AutoFqdn: TypeAlias = Literal["default", "flat", "disabled"]
FqdnReusePolicy: TypeAlias = Literal["InterNamespaceAllowed", "Strict"]
IpFamily: TypeAlias = Literal["", "V4", "V6", "V4_V6"]
LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARN", "ERROR"]
ServiceType: TypeAlias = Literal["ClusterIP", "NodePort", "NodePortLocal"]
ShardSize: TypeAlias = Literal["LARGE", "MEDIUM", "SMALL", "DEDICATED"]
TlsSecretsScope: TypeAlias = Literal["none", "namespaces", "cluster"]
PassthroughShardSize: TypeAlias = Literal["LARGE", "MEDIUM", "SMALL"]

_DEFAULTS: Final = {setting.name: setting.default for setting in ALL_SETTINGS}


def _text(name: str) -> str:
    return cast("str", _DEFAULTS[name])


def _flag(name: str) -> bool:
    return cast("bool", _DEFAULTS[name])


def _number(name: str) -> int:
    return cast("int", _DEFAULTS[name])


class SecretText:
    """A string that must not be seen: prints as redacted, cannot be serialised by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the one call that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and other._text == self._text

    def __hash__(self) -> int:
        return hash((SecretText, self._text))

    def __repr__(self) -> str:
        return "SecretText(redacted)" if self._text else "SecretText(empty)"

    __str__ = __repr__


class VipNetwork(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    rename={"network_name": "networkName", "network_uuid": "networkUUID"},
):  # fmt: skip
    """A network that virtual addresses come from; both CIDRs ask for a dual-stack address."""

    network_name: str = ""
    network_uuid: str = ""
    cidr: str = ""
    v6cidr: str = ""


class NodeNetwork(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    rename={"network_name": "networkName", "network_uuid": "networkUUID"},
):  # fmt: skip
    """A network that the cluster's nodes are in, with its CIDRs."""

    network_name: str = ""
    network_uuid: str = ""
    cidrs: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting of the runtime, typed. Meaning, limits and spellings: `ako config explain`."""

    cluster_name: str = _text("clusterName")
    primary_instance: bool = _flag("primaryInstance")
    log_level: LogLevel = cast("LogLevel", _text("logLevel"))
    enable_events: bool = _flag("enableEvents")
    full_sync_frequency: int = _number("fullSyncFrequency")
    api_server_port: int = _number("apiServerPort")
    delete_config: bool = _flag("deleteConfig")
    disable_static_route_sync: bool = _flag("disableStaticRouteSync")
    cni_plugin: str = _text("cniPlugin")
    enable_evh: bool = _flag("enableEVH")
    layer7_only: bool = _flag("layer7Only")
    ns_sync_label_key: str = _text("nsSyncLabelKey")
    ns_sync_label_value: str = _text("nsSyncLabelValue")
    services_api: bool = _flag("servicesAPI")
    vip_per_namespace: bool = _flag("vipPerNamespace")
    istio_enabled: bool = _flag("istioEnabled")
    blocked_namespaces: frozenset[str] = frozenset()
    ip_family: IpFamily = cast("IpFamily", _text("ipFamily"))
    use_default_secrets_only: bool = _flag("useDefaultSecretsOnly")
    vpc_mode: bool = _flag("vpcMode")
    max_requests_in_flight: int = _number("maxRequestsInFlight")
    holdoff_milliseconds: int = _number("holdoffMilliseconds")
    kube_api_qps: int = _number("kubeAPIQPS")
    kube_api_burst: int = _number("kubeAPIBurst")
    tls_secrets_scope: TlsSecretsScope = cast("TlsSecretsScope", _text("tlsSecretsScope"))
    tls_secrets_namespaces: tuple[str, ...] = ()

    enable_gateway_api: bool = _flag("enableGatewayAPI")
    enable_prometheus: bool = _flag("enablePrometheus")
    crd_operator_enabled: bool = _flag("akoCRDOperatorEnabled")

    node_networks: tuple[NodeNetwork, ...] = ()
    enable_rhi: bool = _flag("enableRHI")
    nsxt_t1_lr: str = _text("nsxtT1LR")
    bgp_peer_labels: tuple[str, ...] = ()
    vip_networks: tuple[VipNetwork, ...] = ()
    default_domain: str = _text("defaultDomain")

    default_ing_controller: bool = _flag("defaultIngController")
    no_pg_for_sni: bool = _flag("noPGForSNI")
    service_type: ServiceType = cast("ServiceType", _text("serviceType"))
    shard_vs_size: ShardSize = cast("ShardSize", _text("shardVSSize"))
    passthrough_shard_size: PassthroughShardSize = cast("PassthroughShardSize", _text("passthroughShardSize"))
    enable_mci: bool = _flag("enableMCI")
    fqdn_reuse_policy: FqdnReusePolicy = cast("FqdnReusePolicy", _text("fqdnReusePolicy"))
    node_key: str = _text("nodeKey")
    node_value: str = _text("nodeValue")

    default_lb_controller: bool = _flag("defaultLBController")
    auto_fqdn: AutoFqdn = cast("AutoFqdn", _text("autoFQDN"))

    controller_host: str = _text("controllerIP")
    controller_version: str = _text("controllerVersion")
    cloud_name: str = _text("cloudName")
    tenant_name: str = _text("tenantName")
    service_engine_group_name: str = _text("serviceEngineGroupName")
    vrf_name: str = _text("vrfName")
    dedicated_tenant_mode: bool = _flag("dedicatedTenantMode")

    username: str = _text("username")
    password: SecretText = SecretText("")
    auth_token: SecretText = SecretText("")
    certificate_authority: str = _text("certificateAuthorityData")

    pod_name: str = _text("podName")
    pod_namespace: str = _text("podNamespace")
    # What was written and could not be taken as it was; another value, or none, is in force.
    tolerated: tuple[Problem, ...] = ()

    auto_annotate_service: bool = _flag("autoAnnotateService")
