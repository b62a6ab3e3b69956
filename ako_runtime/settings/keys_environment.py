"""Environment variables that have no key in the ConfigMap: where the process runs, and legacy ones.

The legacy variables select modes that this project does not have (Supervisor, VKS, VCF) or have been replaced. They are
known, so that a pod specification taken over from the official operator is not reported as wrong, and have no effect.
"""

from typing import Final

from ako_runtime.settings.description import EARLY, Setting


def _legacy(variable: str, meaning: str) -> Setting:
    return Setting(
        name=variable, attribute="", section="Process", since=EARLY, place="environment", env=variable,
        type="string", default="", honoured=False, meaning=f"Legacy, no effect: {meaning}.",
    )  # fmt: skip


PROCESS: Final = (
    Setting(
        name="podName", attribute="pod_name", section="Process", since=EARLY, place="environment", env="POD_NAME",
        type="string", default="",
        meaning="Name of our own pod (downward API): identity in the leader election and source of Events.",
    ),
    Setting(
        name="podNamespace", attribute="pod_namespace", section="Process", since=EARLY, place="environment",
        env="POD_NAMESPACE", type="string", default="",
        meaning="Our own namespace (downward API): where ConfigMap, Secret and Lease are.",
    ),
    Setting(
        name="autoAnnotateService", attribute="auto_annotate_service", section="Process", since=EARLY,
        place="environment", env="AUTO_ANNOTATE_SERVICE", type="boolean", default=True, fallback=True,
        meaning="In NodePortLocal mode: annotate the Services that need it for Antrea.",
    ),
)  # fmt: skip

LEGACY: Final = (
    _legacy("USE_PVC", "logs go to standard output, never to a volume"),
    _legacy("LOG_FILE_PATH", "logs go to standard output"),
    _legacy("LOG_FILE_NAME", "logs go to standard output"),
    _legacy("CTRL_ADDRESS", "replaced by CTRL_IPADDRESS"),
    _legacy("SYNC_NAMESPACE", "replaced by the namespace selector"),
    _legacy("INGRESS_API", "networking.k8s.io/v1 is the only Ingress API"),
    _legacy("GATEWAY_API_V2", "replaced by featureGates.GatewayAPI"),
    _legacy("ADVANCED_L4", "Supervisor mode"),
    _legacy("CLUSTER_ID", "Supervisor mode"),
    _legacy("VCF_CLUSTER", "VCF mode"),
    _legacy("MANAGED", "VKS mode"),
    _legacy("ROOT_CA_CERT_PATH", "VKS mode"),
    _legacy("VKS_WEBHOOK_CERT_DIR", "VKS mode"),
    _legacy("VKS_WEBHOOK_CERT_SECRET", "VKS mode"),
    _legacy("VKS_WEBHOOK_PORT", "VKS mode"),
)
