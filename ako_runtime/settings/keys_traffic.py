"""Settings about networks, layer 7, layer 4 and the Avi Controller."""

from typing import Final

from ako_runtime.settings.description import EARLY, ItemField, Setting

_NETWORK_NAME: Final = ItemField(name="networkName", meaning="Name of the network on the Avi Controller.")
_NETWORK_UUID: Final = ItemField(
    name="networkUUID", meaning="UUID of the network, where several have the same name (since 1.10.3)."
)

NETWORK: Final = (
    Setting(
        name="nodeNetworkList", attribute="node_networks", section="Network", since=EARLY,
        helm="NetworkSettings.nodeNetworkList", env="NODE_NETWORK_LIST",
        type="object-list", default=(), maximum=5,
        fields=(_NETWORK_NAME, _NETWORK_UUID, ItemField(name="cidrs", type="list", meaning="CIDRs of the nodes.")),
        meaning="Networks of the nodes, as placement networks of the pools. vCenter and NSX-T VLAN clouds only; at "
        "most 5 entries.",
    ),
    Setting(
        name="enableRHI", attribute="enable_rhi", section="Network", since="1.3.1",
        helm="NetworkSettings.enableRHI", env="ENABLE_RHI",
        type="boolean", fallback=False, default=False,
        meaning="Advertise virtual addresses by BGP (route health injection) for all virtual services.",
    ),
    Setting(
        name="nsxtT1LR", attribute="nsxt_t1_lr", section="Network", since="1.5.1",
        helm="NetworkSettings.nsxtT1LR", env="NSXT_T1_LR",
        type="string", default="", pattern=r"\S+", expected="an NSX path such as /infra/tier-1s/avi-t1",
        meaning="Path of the tier-1 router (its ID, not its display name); with vpcMode the path of the VPC. "
        "Required on NSX-T overlay clouds, forbidden on all others.",
    ),
    Setting(
        name="bgpPeerLabels", attribute="bgp_peer_labels", section="Network", since="1.5.1",
        helm="NetworkSettings.bgpPeerLabels", env="BGP_PEER_LABELS",
        type="list", fallback=(), default=(),
        meaning="Labels of the BGP peers that virtual addresses are advertised to. Needs enableRHI.",
    ),
    Setting(
        name="vipNetworkList", attribute="vip_networks", section="Network", since="1.4.1",
        helm="NetworkSettings.vipNetworkList", env="VIP_NETWORK_LIST",
        type="object-list", default=(),
        fields=(
            _NETWORK_NAME,
            _NETWORK_UUID,
            ItemField(name="cidr", meaning="IPv4 subnet to allocate from (since 1.5.1)."),
            ItemField(name="v6cidr", meaning="IPv6 subnet to allocate from; together with cidr: dual stack."),
        ),
        meaning="Networks that virtual addresses are allocated from. Required except in VPC mode; more than one entry "
        "only on AWS.",
    ),
    Setting(
        name="defaultDomain", attribute="default_domain", section="Network", since=EARLY,
        helm="NetworkSettings.defaultDomain", helm_aliases=("L4Settings.defaultDomain",), env="DEFAULT_DOMAIN",
        type="string", default="",
        meaning="DNS sub-domain of the cloud that generated host names end with. Empty means the first one.",
    ),
)  # fmt: skip

LAYER_7: Final = (
    Setting(
        name="defaultIngController", attribute="default_ing_controller", section="Layer 7", since=EARLY,
        helm="L7Settings.defaultIngController", env="DEFAULT_ING_CONTROLLER",
        type="boolean", fallback=True, default=True,
        meaning="Make our IngressClass the cluster's default one.",
    ),
    Setting(
        name="noPGForSNI", attribute="no_pg_for_sni", section="Layer 7", since=EARLY, honoured=False,
        helm="L7Settings.noPGForSNI",
        type="boolean", fallback=False, default=False,
        meaning="Use pools instead of pool groups on SNI children, for HTTP caching.",
    ),
    Setting(
        name="serviceType", attribute="service_type", section="Layer 7", since="1.2.1",
        helm="L7Settings.serviceType", env="SERVICE_TYPE",
        type="string", fallback="ClusterIP", default="ClusterIP", enum=("ClusterIP", "NodePort", "NodePortLocal"),
        meaning="Where pool members come from: pod addresses, node ports, or Antrea's NodePortLocal.",
    ),
    Setting(
        name="shardVSSize", attribute="shard_vs_size", section="Layer 7", since=EARLY,
        helm="L7Settings.shardVSSize", env="SHARD_VS_SIZE",
        type="string", fallback="SMALL", default="LARGE", enum=("LARGE", "MEDIUM", "SMALL", "DEDICATED"),
        meaning="Number of shared layer 7 virtual services: 8, 4, 1, or one per host name.",
    ),
    Setting(
        name="passthroughShardSize", attribute="passthrough_shard_size", section="Layer 7", since=EARLY,
        helm="L7Settings.passthroughShardSize", env="PASSTHROUGH_SHARD_SIZE",
        type="string", fallback="SMALL", default="SMALL", enum=("LARGE", "MEDIUM", "SMALL"),
        meaning="Number of shared virtual services for TLS passthrough: 8, 4 or 1.",
    ),
    Setting(
        name="enableMCI", attribute="enable_mci", section="Layer 7", since=EARLY, honoured=False,
        helm="L7Settings.enableMCI", env="MCI_ENABLED",
        type="boolean", fallback=False, default=False,
        meaning="Serve MultiClusterIngress and ServiceImport. Needs enableEVH and serviceType NodePort.",
    ),
    Setting(
        name="fqdnReusePolicy", attribute="fqdn_reuse_policy", section="Layer 7", since="1.13.1",
        helm="L7Settings.fqdnReusePolicy", env="FQDN_REUSE_POLICY",
        type="string", fallback="InterNamespaceAllowed", default="InterNamespaceAllowed",
        enum=("InterNamespaceAllowed", "Strict"),
        meaning="Strict gives a host name to the namespace that claims it first. Only with enableEVH.",
    ),
    Setting(
        name="nodeKey", attribute="node_key", section="Layer 7", since="1.7.1",
        helm="nodePortSelector.key", env="NODE_KEY",
        type="string", default="",
        meaning="Label key of the nodes that take part in NodePort mode; empty takes all.",
    ),
    Setting(
        name="nodeValue", attribute="node_value", section="Layer 7", since="1.7.1",
        helm="nodePortSelector.value", env="NODE_VALUE",
        type="string", default="",
        meaning="Value that the label of nodeKey must have.",
    ),
)  # fmt: skip

LAYER_4: Final = (
    Setting(
        name="defaultLBController", attribute="default_lb_controller", section="Layer 4", since="1.12.1",
        helm="L4Settings.defaultLBController", env="DEFAULT_LB_CONTROLLER",
        type="boolean", fallback=True, default=True,
        meaning="Serve Services of type LoadBalancer that name no loadBalancerClass.",
    ),
    Setting(
        name="autoFQDN", attribute="auto_fqdn", section="Layer 4", since="1.3.3",
        helm="L4Settings.autoFQDN", env="AUTO_L4_FQDN",
        type="string", fallback="disabled", default="default", enum=("default", "flat", "disabled"),
        meaning="Host name of a layer 4 virtual service: service.namespace.domain (default), service-namespace.domain "
        "(flat), or none.",
    ),
)  # fmt: skip

CONTROLLER: Final = (
    Setting(
        name="controllerIP", attribute="controller_host", section="Controller", since=EARLY, required=True,
        helm="ControllerSettings.controllerHost", env="CTRL_IPADDRESS",
        type="string", default="", pattern=r"[^\s/]+", expected="an address, a host name or host:port, without https://",
        meaning="Where the Avi Controller is: an IPv4 or IPv6 address, a host name, or host:port.",
    ),
    Setting(
        name="controllerVersion", attribute="controller_version", section="Controller", since=EARLY,
        helm="ControllerSettings.controllerVersion", env="CTRL_VERSION",
        type="string", default="", pattern=r"\d+\.\d+\.\d+(\.\d+)?", expected="a version such as 30.2.1",
        meaning="API version to speak. Empty means the controller's own, at most 30.2.1; below 22.1.3 is refused.",
    ),
    Setting(
        name="cloudName", attribute="cloud_name", section="Controller", since=EARLY,
        helm="ControllerSettings.cloudName", env="CLOUD_NAME",
        type="string", default="Default-Cloud",
        meaning="The Avi cloud that virtual services are made in.",
    ),
    Setting(
        name="tenantName", attribute="tenant_name", section="Controller", since="1.3.1",
        helm="ControllerSettings.tenantName", env="TENANT_NAME",
        type="string", default="admin",
        meaning="The Avi tenant that objects are made in, unless a Namespace names another one.",
    ),
    Setting(
        name="serviceEngineGroupName", attribute="service_engine_group_name", section="Controller", since=EARLY,
        helm="ControllerSettings.serviceEngineGroupName", env="SEG_NAME",
        type="string", default="Default-Group",
        meaning="The Service Engine group that virtual services run on, unless an AviInfraSetting names another one.",
    ),
    Setting(
        name="vrfName", attribute="vrf_name", section="Controller", since="1.12.1",
        helm="ControllerSettings.vrfName", env="VRF_NAME",
        type="string", default="",
        meaning="The VRF context of all objects, on vCenter and no-orchestrator clouds. Empty means that of the VIP "
        "network.",
    ),
    Setting(
        name="dedicatedTenantMode", attribute="dedicated_tenant_mode", section="Controller", since="1.13",
        helm="ControllerSettings.dedicatedTenantMode", env="DEDICATED_TENANT_MODE",
        type="boolean", fallback=False, default=False,
        meaning="Read objects of our own tenant only, for a user who may not see the others.",
    ),
)  # fmt: skip

CREDENTIALS: Final = (
    Setting(
        name="username", attribute="username", section="Credentials", since=EARLY, place="secret", live=True,
        helm="avicredentials.username", env="CTRL_USERNAME",
        type="string", default="",
        meaning="User on the Avi Controller.",
    ),
    Setting(
        name="password", attribute="password", section="Credentials", since=EARLY, place="secret", live=True,
        helm="avicredentials.password", env="CTRL_PASSWORD",
        type="string", default="",
        meaning="Password of the user.",
    ),
    Setting(
        name="authtoken", attribute="auth_token", section="Credentials", since="1.5.1", place="secret", live=True,
        helm="avicredentials.authtoken", env="CTRL_AUTHTOKEN",
        type="string", default="",
        meaning="Token instead of the password.",
    ),
    Setting(
        name="certificateAuthorityData", attribute="certificate_authority", section="Credentials", since=EARLY,
        place="secret", live=True, helm="avicredentials.certificateAuthorityData", env="CTRL_CA_DATA",
        type="string", default="", pattern=r"(?s)\s*-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\s*",
        expected="one or more certificates in PEM form",
        meaning="Certificates (PEM) that the controller's certificate is verified with. Empty turns verification off.",
    ),
)  # fmt: skip
