"""The translation table: one row a setting, its name on every path.

The same setting is called differently by the AKODeploymentConfig (ADC) that TKG users write, by the data values that
ako-operator hands to the AKO package, by the Helm chart and by the ConfigMap. `KEYS` holds what only this package
knows, the ADC path and the data value with its encoding and the ako-operator version that brought or dropped it; the
Helm path names the row, and whatever the rest of the product knows by that path (ConfigMap key, type, default, meaning)
comes from `ako_runtime.settings`. A test shows that every Helm path here exists there.

Encodings of data values: ako-operator writes most booleans as the texts "true" and "false" but some as booleans, lists
as JSON text, and leaves an absent text empty. Reading accepts each form; writing uses exactly the operator's.

Rows without a Helm path exist on the add-on path only (`ADDON_ONLY`), such as the control-plane network; rows without
an ADC path cannot be said by an ADC; rows with neither do not exist: everything else that the chart knows is Helm only.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from ako_builder.addon.versions import numbers_of

Encoding: TypeAlias = Literal["text", "boolean", "boolean text", "integer", "JSON text"]

ROOT: Final = "loadBalancerAndIngressService"
OPERATOR_VERSIONS: Final = ("1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0", "1.10.0", "1.11.0", "1.12.0")
LATEST_OPERATOR: Final = OPERATOR_VERSIONS[-1]


class Span(msgspec.Struct, frozen=True):
    """The ako-operator versions that know a key: from `since` on, except those in `without`."""

    since: str = "1.5.0"
    without: tuple[str, ...] = ()

    def __contains__(self, version: str) -> bool:
        return numbers_of(version) >= numbers_of(self.since) and _minor(version) not in map(_minor, self.without)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One setting and its names; `helm` empty means that no Helm value exists for it."""

    adc: str = ""
    data: str = ""
    helm: str = ""
    encoding: Encoding = "text"
    adc_in: Span = Span()
    data_in: Span = Span()
    negated: bool = False
    """The Helm value says the opposite."""
    default: str | bool | int | None = None
    """What the add-on path uses where nothing is written (ako-operator's or the package's default)."""

    @property
    def name(self) -> str:
        """The key of this row in an intent."""
        return self.helm or f"{ADDON_PREFIX}{self.adc or self.data}"


ADDON_PREFIX: Final = "addon:"
_EVENTS = Span("1.6.0")
_FAMILY = Span("1.7.0")
_ISTIO = Span("1.5.0", ("1.6.0",))
_GATES = Span("1.11.0")
_REPLICAS = Span("1.12.0")
_SECRETS = Span("1.8.0")


def _ako(name: str, data: str, helm: str, **more: object) -> Key:
    return Key(
        adc=f"extraConfigs.{name}" if name else "",
        data=f"ako_settings.{data}",
        helm=helm,
        **more,  # type: ignore[arg-type]  # the fields of Key, checked by msgspec's constructor
    )


def _flag(name: str, data: str, helm: str, **more: object) -> Key:
    return _ako(name, data, helm, encoding="boolean text", **more)


KEYS: Final[tuple[Key, ...]] = (
    Key(adc="controller", data="controller_settings.controller_ip", helm="ControllerSettings.controllerHost"),
    Key(
        adc="controllerVersion",
        data="controller_settings.controller_version",
        helm="ControllerSettings.controllerVersion",
    ),
    Key(adc="cloudName", data="controller_settings.cloud_name", helm="ControllerSettings.cloudName"),
    Key(
        adc="serviceEngineGroup",
        data="controller_settings.service_engine_group_name",
        helm="ControllerSettings.serviceEngineGroupName",
    ),
    Key(
        adc="tenant.name",
        data="controller_settings.tenant_name",
        helm="ControllerSettings.tenantName",
        data_in=_EVENTS,
    ),
    Key(data="ako_settings.cluster_name", helm="AKOSettings.clusterName"),
    _flag("primaryInstance", "primary_instance", "AKOSettings.primaryInstance", adc_in=_EVENTS, data_in=_EVENTS),
    _ako("log.logLevel", "log_level", "AKOSettings.logLevel", default="INFO"),
    _ako("fullSyncFrequency", "full_sync_frequency", "AKOSettings.fullSyncFrequency", default="1800"),
    _ako("apiServerPort", "api_server_port", "AKOSettings.apiServerPort", encoding="integer", default=8080),
    _flag("", "delete_config", "AKOSettings.deleteConfig", default=False),
    _flag("disableStaticRouteSync", "disable_static_route_sync", "AKOSettings.disableStaticRouteSync", default=True),
    _ako("cniPlugin", "cni_plugin", "AKOSettings.cniPlugin", default="antrea"),
    _flag("enableEVH", "enable_EVH", "AKOSettings.enableEVH"),
    _flag("layer7Only", "layer_7_only", "AKOSettings.layer7Only"),
    _flag("servicesAPI", "services_api", "AKOSettings.servicesAPI"),
    _flag("vipPerNamespace", "vip_per_namespace", "AKOSettings.vipPerNamespace"),
    _ako(
        "namespaceSelector.labelKey",
        "namespace_selector.label_key",
        "AKOSettings.namespaceSelector.labelKey",
    ),
    _ako(
        "namespaceSelector.labelValue",
        "namespace_selector.label_value",
        "AKOSettings.namespaceSelector.labelValue",
    ),
    _flag("enableEvents", "enable_events", "AKOSettings.enableEvents", adc_in=_EVENTS, data_in=_EVENTS),
    _flag("istioEnabled", "istio_enabled", "AKOSettings.istioEnabled", adc_in=_ISTIO, data_in=_ISTIO),
    _ako(
        "blockedNamespaceList",
        "blocked_namespace_list",
        "AKOSettings.blockedNamespaceList",
        encoding="JSON text",
        adc_in=_FAMILY,
        data_in=_FAMILY,
    ),
    _ako("ipFamily", "ip_family", "AKOSettings.ipFamily", adc_in=_FAMILY, data_in=_FAMILY, default="V4"),
    _flag(
        "useDefaultSecretsOnly",
        "use_default_secrets_only",
        "AKOSettings.useDefaultSecretsOnly",
        adc_in=_SECRETS,
        data_in=_SECRETS,
    ),
    Key(
        adc="extraConfigs.ingress.nodeNetworkList",
        data="network_settings.node_network_list",
        helm="NetworkSettings.nodeNetworkList",
        encoding="JSON text",
    ),
    Key(data="network_settings.vip_network_list", helm="NetworkSettings.vipNetworkList", encoding="JSON text"),
    Key(
        adc="extraConfigs.networksConfig.enableRHI",
        data="network_settings.enable_rhi",
        helm="NetworkSettings.enableRHI",
        encoding="boolean text",
    ),
    Key(
        adc="extraConfigs.networksConfig.nsxtT1LR",
        data="network_settings.nsxt_t1_lr",
        helm="NetworkSettings.nsxtT1LR",
    ),
    Key(
        adc="extraConfigs.networksConfig.bgpPeerLabels",
        data="network_settings.bgp_peer_labels",
        helm="NetworkSettings.bgpPeerLabels",
        encoding="JSON text",
    ),
    Key(adc="controlPlaneNetwork.name", data="network_settings.control_plane_network_name"),
    Key(adc="controlPlaneNetwork.cidr", data="network_settings.control_plane_network_cidr"),
    Key(
        adc="extraConfigs.ingress.disableIngressClass",
        data="l7_settings.disable_ingress_class",
        helm="ingressClass.create",
        encoding="boolean",
        negated=True,
        default=True,
    ),
    Key(
        adc="extraConfigs.ingress.defaultIngressController",
        data="l7_settings.default_ing_controller",
        helm="L7Settings.defaultIngController",
        encoding="boolean",
        default=False,
    ),
    Key(
        adc="extraConfigs.ingress.serviceType",
        data="l7_settings.service_type",
        helm="L7Settings.serviceType",
        default="NodePort",
    ),
    Key(
        adc="extraConfigs.ingress.shardVSSize",
        data="l7_settings.shard_vs_size",
        helm="L7Settings.shardVSSize",
        default="SMALL",
    ),
    Key(
        adc="extraConfigs.ingress.passthroughShardSize",
        data="l7_settings.pass_through_shardsize",
        helm="L7Settings.passthroughShardSize",
        default="SMALL",
    ),
    Key(
        adc="extraConfigs.ingress.noPGForSNI",
        data="l7_settings.no_pg_for_SNI",
        helm="L7Settings.noPGForSNI",
        encoding="boolean",
        default=False,
    ),
    Key(
        adc="extraConfigs.ingress.enableMCI",
        data="l7_settings.enable_MCI",
        helm="L7Settings.enableMCI",
        encoding="boolean text",
        adc_in=_EVENTS,
        data_in=_EVENTS,
    ),
    Key(
        adc="extraConfigs.l4Config.defaultDomain",
        data="l4_settings.default_domain",
        helm="NetworkSettings.defaultDomain",
    ),
    Key(adc="extraConfigs.l4Config.autoFQDN", data="l4_settings.auto_fqdn", helm="L4Settings.autoFQDN"),
    Key(adc="extraConfigs.nodePortSelector.key", data="nodeport_selector.key", helm="nodePortSelector.key"),
    Key(adc="extraConfigs.nodePortSelector.value", data="nodeport_selector.value", helm="nodePortSelector.value"),
    Key(
        adc="extraConfigs.rbac.pspEnabled",
        data="rbac.psp_enabled",
        helm="rbac.pspEnable",
        encoding="boolean",
        default=False,
    ),
    Key(adc="extraConfigs.rbac.pspPolicyAPIVersion", data="rbac.psp_policy_api_version"),
    Key(adc="extraConfigs.log.persistentVolumeClaim", data="persistent_volume_claim", helm="persistentVolumeClaim"),
    Key(adc="extraConfigs.log.mountPath", data="mount_path", helm="mountPath"),
    Key(adc="extraConfigs.log.logFile", data="log_file", helm="logFile"),
    Key(
        adc="extraConfigs.log.akoGatewayLogFile",
        data="ako_gateway_log_file",
        helm="akoGatewayLogFile",
        adc_in=_GATES,
        data_in=_GATES,
    ),
    Key(
        adc="extraConfigs.replicaCount",
        data="replica_count",
        helm="replicaCount",
        encoding="integer",
        adc_in=_REPLICAS,
        default=1,
    ),
    Key(
        adc="extraConfigs.featureGates.GatewayAPI",
        data="feature_gates.gateway_api",
        helm="featureGates.GatewayAPI",
        encoding="boolean text",
        adc_in=_GATES,
        data_in=_GATES,
        default=False,
    ),
    Key(data="avi_credentials.username", helm="avicredentials.username"),
    Key(data="avi_credentials.password", helm="avicredentials.password"),
    Key(data="avi_credentials.certificate_authority_data", helm="avicredentials.certificateAuthorityData"),
)

# Data values that carry no setting of their own: names, roles, and what vip_network_list says once more.
DERIVED_DATA: Final = (
    "tkg_cluster_role",
    "is_cluster_service",
    "ako_settings.sync_namespace",
    "network_settings.subnet_ip",
    "network_settings.subnet_prefix",
    "network_settings.network_name",
    "l7_settings.l7_sharding_scheme",
    "l4_settings.advanced_l4",
    "resources.limits.cpu",
    "resources.limits.memory",
    "resources.request.cpu",
    "resources.request.memory",
)

# ADC fields that never reach AKO: the operator itself, or the Avi Controller, acts on them.
OPERATOR_FIELDS: Final = (
    "clusterSelector",
    "adminCredentialRef",
    "certificateAuthorityRef",
    "workloadCredentialRef",
    "tenant.context",
    "dataNetwork.ipPools",
)

# What the ADC's own schema allows; narrower than the settings in places.
_SIZES: Final = ("SMALL", "MEDIUM", "LARGE")
ADC_ENUMS: Final[Mapping[str, Sequence[str]]] = {
    "tenant.context": ("Provider", "Tenant"),
    "extraConfigs.cniPlugin": (
        "antrea", "calico", "canal", "flannel", "openshift", "ncp", "ovn-kubernetes", "cilium",
    ),
    "extraConfigs.ipFamily": ("V4", "V6"),
    "extraConfigs.ingress.serviceType": ("NodePort", "ClusterIP", "NodePortLocal"),
    "extraConfigs.ingress.shardVSSize": (*_SIZES, "DEDICATED"),
    "extraConfigs.ingress.passthroughShardSize": _SIZES,
    "extraConfigs.l4Config.autoFQDN": ("default", "flat", "disabled"),
    "extraConfigs.log.logLevel": ("INFO", "DEBUG", "WARN", "ERROR"),
}  # fmt: skip

BY_NAME: Final = {key.name: key for key in KEYS}


def operator_version(text: str) -> str:
    """The pinned branch that an ako-operator version belongs to: the newest that is not newer than it."""
    numbers = numbers_of(text)
    known = [version for version in OPERATOR_VERSIONS if numbers_of(version)[:2] <= numbers[:2]]
    return known[-1] if known else OPERATOR_VERSIONS[0]


def data_keys(version: str) -> Iterable[Key]:
    """The rows that the values of an ako-operator version have."""
    return (key for key in KEYS if key.data and version in key.data_in)


def adc_keys(version: str) -> Iterable[Key]:
    """The rows that the AKODeploymentConfig of an ako-operator version has."""
    return (key for key in KEYS if key.adc and version in key.adc_in)


def _minor(version: str) -> tuple[int, ...]:
    return numbers_of(version)[:2]
