"""Keys that releases of the official chart had once, with what took their place.

They are named by their path in the values; in a ConfigMap the last part of the path was the key. Source: the values
files of the official chart since its first release.
"""

from collections.abc import Mapping
from typing import Final

_NETWORKS: Final = "NetworkSettings.vipNetworkList"
_SHARDING: Final = "is gone: hosts are always spread by name; remove it"

RETIRED: Final[Mapping[str, str]] = {
    "NetworkSettings.subnetIP": f"was replaced by {_NETWORKS}[].cidr, together with subnetPrefix",
    "NetworkSettings.subnetPrefix": f"was replaced by {_NETWORKS}[].cidr, together with subnetIP",
    "NetworkSettings.networkName": f"was replaced by {_NETWORKS}[].networkName",
    "ControllerSettings.controllerIP": "was replaced by ControllerSettings.controllerHost",
    "ControllerSettings.tenantsPerCluster": "was replaced by ControllerSettings.tenantName",
    "L7Settings.l7ShardingScheme": _SHARDING,
    "L7Settings.L7ShardingScheme": _SHARDING,
    "L7Settings.FQDNReusePolicy": "was replaced by L7Settings.fqdnReusePolicy",
    "L4Settings.advancedL4": "is gone: it belonged to Supervisor clusters; remove it",
    "AKOSettings.GRBAC": "is gone: markers are always written; remove it",
    "AKOSettings.ServicesAPI": "was replaced by AKOSettings.servicesAPI",
    "AKOSettings.handleSecretsFromAKONSOnly": "was replaced by AKOSettings.useDefaultSecretsOnly",
    "AKOSettings.ipScheme": "was replaced by AKOSettings.ipFamily",
    "AKOSettings.nameSpaceSelector.labelKey": "was replaced by AKOSettings.namespaceSelector.labelKey",
    "AKOSettings.nameSpaceSelector.labelValue": "was replaced by AKOSettings.namespaceSelector.labelValue",
    "AKOSettings.namespaceSyncLabel": "was replaced by AKOSettings.namespaceSelector",
    "avicredentials.rootca": "was replaced by avicredentials.certificateAuthorityData",
    "service.type": "is gone: nothing of the operator is reached through a Service of this kind; remove it",
    "service.port": "is gone: nothing of the operator is reached through a Service of this kind; remove it",
}

RETIRED_KEYS: Final[Mapping[str, str]] = {
    "subnetIP": "was replaced by vipNetworkList[].cidr, together with subnetPrefix",
    "subnetPrefix": "was replaced by vipNetworkList[].cidr, together with subnetIP",
    "networkName": "was replaced by vipNetworkList[].networkName",
    "nodeNetworkName": "was replaced by nodeNetworkList[].networkName",
    "nodeNetworkCIDRs": "was replaced by nodeNetworkList[].cidrs",
    "shardVSNum": "was replaced by shardVSSize",
    "vrfRefName": "was replaced by vrfName",
    "l7ShardingScheme": _SHARDING,
    "L7ShardingScheme": _SHARDING,
    "advancedL4": "is gone: it belonged to Supervisor clusters; remove it",
    "ingressApi": "is gone: networking.k8s.io/v1 is the only Ingress API; remove it",
    "cloudVRF": "was replaced by vrfName",
}
"""The same for keys of the ConfigMap."""
