"""Settings of the operator itself: who it is, what it watches, how it runs, which features are on."""

from typing import Final

from ako_runtime.settings.description import EARLY, OURS, Setting

CNI_PLUGINS: Final = ("", "calico", "canal", "flannel", "openshift", "antrea", "ncp", "ovn-kubernetes", "cilium")

GENERAL: Final = (
    Setting(
        name="clusterName", attribute="cluster_name", section="General", since=EARLY,
        helm="AKOSettings.clusterName", env="CLUSTER_NAME",
        type="string", default="my-cluster", pattern=r"[A-Za-z0-9_-]+", expected="letters, digits, '-' and '_'",
        meaning="Name of this Kubernetes cluster on the Avi Controller, unique per Avi cloud. It begins the name of "
        "every object and is part of the ownership mark, so changing it leaves the old objects behind.",
    ),
    Setting(
        name="primaryInstance", attribute="primary_instance", section="General", since="1.7.1",
        helm="AKOSettings.primaryInstance", env="PRIMARY_AKO_FLAG",
        type="boolean", fallback=True, default=True,
        meaning="True on exactly one of several instances in a cluster. Only the primary writes static routes and "
        "owns the cluster-wide classes.",
    ),
    Setting(
        name="logLevel", attribute="log_level", section="General", since=EARLY, live=True,
        helm="AKOSettings.logLevel",
        type="string", fallback="WARN", default="WARN", enum=("DEBUG", "INFO", "WARN", "ERROR"),
        meaning="Least important level that is logged.",
    ),
    Setting(
        name="enableEvents", attribute="enable_events", section="General", since="1.7.1", live=True,
        helm="AKOSettings.enableEvents",
        type="boolean", fallback=False, default=True,
        meaning="Write Kubernetes Events of type Normal. Warnings are always written.",
    ),
    Setting(
        name="fullSyncFrequency", attribute="full_sync_frequency", section="General", since=EARLY,
        helm="AKOSettings.fullSyncFrequency", env="FULL_SYNC_INTERVAL",
        type="integer", fallback=1800, default=1800, minimum=0, maximum=31_536_000, unit="seconds",
        meaning="Time between two full comparisons with the Avi Controller, which also repair what was changed there "
        "by hand. 0 turns them off.",
    ),
    Setting(
        name="apiServerPort", attribute="api_server_port", section="General", since=EARLY,
        helm="AKOSettings.apiServerPort", env="AKO_API_PORT",
        type="integer", default=8080, minimum=1, maximum=65535,
        meaning="TCP port of the operator's own HTTP server: probes, status and metrics.",
    ),
    Setting(
        name="deleteConfig", attribute="delete_config", section="General", since=EARLY, live=True,
        helm="AKOSettings.deleteConfig",
        type="boolean", fallback=False, default=False,
        meaning="True deletes every object of this cluster from the Avi Controller and stops syncing until it is "
        "false again.",
    ),
    Setting(
        name="disableStaticRouteSync", attribute="disable_static_route_sync", section="General", since=EARLY,
        helm="AKOSettings.disableStaticRouteSync", env="DISABLE_STATIC_ROUTE_SYNC",
        type="boolean", fallback=False, default=False,
        meaning="True if Service Engines reach the pod networks without help. Otherwise a static route per node is "
        "kept in the VRF.",
    ),
    Setting(
        name="cniPlugin", attribute="cni_plugin", section="General", since=EARLY,
        helm="AKOSettings.cniPlugin", env="CNI_PLUGIN",
        type="string", fallback="", default="", enum=CNI_PLUGINS,
        meaning="The cluster's network plugin; it decides where pod CIDRs and node addresses are read from. "
        "NodePortLocal needs antrea.",
    ),
    Setting(
        name="enableEVH", attribute="enable_evh", section="General", since="1.4.1",
        helm="AKOSettings.enableEVH", env="ENABLE_EVH",
        type="boolean", fallback=False, default=False,
        meaning="Use enhanced virtual hosting instead of SNI. Object names are hashed in this mode, those of layer 4 "
        "too.",
    ),
    Setting(
        name="layer7Only", attribute="layer7_only", section="General", since="1.3.4",
        helm="AKOSettings.layer7Only",
        type="boolean", fallback=False, default=False,
        meaning="True leaves Services of type LoadBalancer to somebody else; existing layer 4 virtual services are "
        "deleted.",
    ),
    Setting(
        name="nsSyncLabelKey", attribute="ns_sync_label_key", section="General", since="1.3.1",
        helm="AKOSettings.namespaceSelector.labelKey", env="NAMESPACE_SYNC_LABEL_KEY",
        type="string", default="",
        meaning="Label key that a Namespace must carry to be served. Needs the value too; both empty serves all.",
    ),
    Setting(
        name="nsSyncLabelValue", attribute="ns_sync_label_value", section="General", since="1.3.1",
        helm="AKOSettings.namespaceSelector.labelValue", env="NAMESPACE_SYNC_LABEL_VALUE",
        type="string", default="",
        meaning="Value that the label of nsSyncLabelKey must have.",
    ),
    Setting(
        name="servicesAPI", attribute="services_api", section="General", since="1.4.1",
        helm="AKOSettings.servicesAPI", env="SERVICES_API",
        type="boolean", fallback=False, default=False,
        meaning="Serve Gateway and GatewayClass of networking.x-k8s.io/v1alpha1: several Services share the Gateway's "
        "virtual address.",
    ),
    Setting(
        name="vipPerNamespace", attribute="vip_per_namespace", section="General", since=EARLY,
        helm="AKOSettings.vipPerNamespace", env="VIP_PER_NAMESPACE",
        type="boolean", fallback=False, default=False,
        meaning="One parent virtual service per namespace instead of sharding. Only with enableEVH.",
    ),
    Setting(
        name="istioEnabled", attribute="istio_enabled", section="General", since="1.8.1", honoured=False,
        helm="AKOSettings.istioEnabled", env="ISTIO_ENABLED",
        type="boolean", fallback=False, default=False,
        meaning="Talk mutual TLS to the pods of an Istio mesh with the certificates of the sidecar.",
    ),
    Setting(
        name="blockedNamespaceList", attribute="blocked_namespaces", section="General", since="1.8.1",
        helm="AKOSettings.blockedNamespaceList", env="BLOCKED_NS_LIST",
        type="list", fallback=(), default=(),
        meaning="Namespaces whose objects are never served.",
    ),
    Setting(
        name="ipFamily", attribute="ip_family", section="General", since="1.8.1",
        helm="AKOSettings.ipFamily", env="IP_FAMILY",
        type="string", default="", enum=("", "V4", "V6", "V4_V6"),
        meaning="Address families of pool members. Empty means both on vCenter, NSX-T and no-orchestrator clouds, "
        "V4 on all others. The family of the virtual address comes from vipNetworkList.",
    ),
    Setting(
        name="useDefaultSecretsOnly", attribute="use_default_secrets_only", section="General", since="1.9.2",
        honoured=False, helm="AKOSettings.useDefaultSecretsOnly", env="USE_DEFAULT_SECRETS_ONLY",
        type="boolean", fallback=False, default=False,
        meaning="Read Secrets only in the operator's own namespace (OpenShift).",
    ),
    Setting(
        name="vpcMode", attribute="vpc_mode", section="General", since="1.13.3", honoured=False,
        helm="AKOSettings.vpcMode", env="VPC_MODE",
        type="boolean", fallback=False, default=False,
        meaning="Work inside an NSX VPC: nsxtT1LR holds the VPC's path and vipNetworkList is empty. NSX-T only.",
    ),
    Setting(
        name="maxRequestsInFlight", attribute="max_requests_in_flight", section="General", since=OURS,
        helm="AKOSettings.maxRequestsInFlight", env="MAX_REQUESTS_IN_FLIGHT",
        type="integer", default=32, minimum=1, maximum=256,
        meaning="Most requests that are open towards the Avi Controller at a time.",
    ),
    Setting(
        name="holdoffMilliseconds", attribute="holdoff_milliseconds", section="General", since=OURS,
        helm="AKOSettings.holdoffMilliseconds", env="HOLDOFF_MILLISECONDS",
        type="integer", default=2, minimum=0, maximum=10000, unit="milliseconds",
        meaning="How long a changed object waits for further changes of the same kind of work before it is programmed.",
    ),
    Setting(
        name="kubeAPIQPS", attribute="kube_api_qps", section="General", since=OURS,
        helm="AKOSettings.kubeAPIQPS", env="KUBE_API_QPS",
        type="integer", default=1000, minimum=1, maximum=100_000, unit="requests a second",
        meaning="Most requests a second to the Kubernetes API server on average. Renewing the Lease is not counted.",
    ),
    Setting(
        name="kubeAPIBurst", attribute="kube_api_burst", section="General", since=OURS,
        helm="AKOSettings.kubeAPIBurst", env="KUBE_API_BURST",
        type="integer", default=1000, minimum=1, maximum=100_000, unit="requests",
        meaning="Most requests to the Kubernetes API server at once, above kubeAPIQPS.",
    ),
    Setting(
        name="tlsSecretsScope", attribute="tls_secrets_scope", section="General", since=OURS,
        helm="rbac.tlsSecrets.scope", env="TLS_SECRETS_SCOPE",
        type="string", default="cluster", enum=("none", "namespaces", "cluster"),
        meaning="Where Secrets with TLS certificates, and those that SSORules name, are read: nowhere, in the "
        "namespaces of tlsSecretsNamespaces, or everywhere (as the official operator does). The chart grants exactly "
        "these rights.",
    ),
    Setting(
        name="tlsSecretsNamespaces", attribute="tls_secrets_namespaces", section="General", since=OURS,
        helm="rbac.tlsSecrets.namespaces", env="TLS_SECRETS_NAMESPACES",
        type="list", default=(), pattern=r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", expected="names of Namespaces",
        meaning="Namespaces whose TLS Secrets are read when tlsSecretsScope is `namespaces`.",
    ),
)  # fmt: skip

FEATURES: Final = (
    Setting(
        name="enableGatewayAPI", attribute="enable_gateway_api", section="Features", since=OURS, honoured=False,
        helm="featureGates.GatewayAPI", env="ENABLE_GATEWAY_API",
        type="boolean", default=False,
        meaning="Serve GatewayClass, Gateway and routes of gateway.networking.k8s.io. The official chart starts a "
        "second container for this (since 1.11.1); here it is part of the one process.",
    ),
    Setting(
        name="enablePrometheus", attribute="enable_prometheus", section="Features", since="1.12.1",
        helm="featureGates.EnablePrometheus", env="PROMETHEUS_ENABLED",
        type="boolean", fallback=False, default=False,
        meaning="Annotate the pod for Prometheus and declare the metrics port.",
    ),
    Setting(
        name="akoCRDOperatorEnabled", attribute="crd_operator_enabled", section="Features", since="2.1.1",
        helm="ako-crd-operator.enabled", env="AKO_CRD_OPERATOR_ENABLED",
        type="boolean", fallback=False, default=True,
        meaning="Serve the HealthMonitor, ApplicationProfile, PKIProfile and RouteBackendExtension resources.",
    ),
)  # fmt: skip
