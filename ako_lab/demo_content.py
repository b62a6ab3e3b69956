"""What fits the samples: a controller that has what they name, and the configuration with which `ako run` serves them.

The samples name a Service Engine group and a network of their own (an AviInfraSetting does), so the simulated
controller is seeded with them. The configuration is for a lab without a chart: `ako lab up`.
"""

import json

import msgspec

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.config import NetworkSeed, SubnetSeed
from ako_lab.manifests import Document

_SIGNALLING = NetworkSeed(
    name="signalling-network",
    subnets=(
        SubnetSeed(prefix="10.11.0.0/24", begin="10.11.0.10", end="10.11.0.250"),
        SubnetSeed(prefix="fd00:10:11::/64", begin="fd00:10:11::10", end="fd00:10:11::ffff"),
    ),
)
_SIGNALLING_ENGINES = "signalling-engines"


_VIPS = "10.10.0.0/24"
_LOOPBACK_VIPS = "127.10.0.0/24"


def controller(*, port: int = 0, loopback: bool = False) -> LabConfig:
    """A controller that has what the samples name, beside what every lab has; its VIPs may be loopback addresses."""
    config = LabConfig(port=port)
    cloud, *others = config.clouds
    if loopback:
        subnet = SubnetSeed(prefix=_LOOPBACK_VIPS, begin="127.10.0.10", end="127.10.0.250")
        vips, *rest = cloud.networks
        cloud = msgspec.structs.replace(cloud, networks=(msgspec.structs.replace(vips, subnets=(subnet,)), *rest))
    cloud = msgspec.structs.replace(
        cloud, networks=(*cloud.networks, _SIGNALLING), se_groups=(*cloud.se_groups, _SIGNALLING_ENGINES)
    )
    return msgspec.structs.replace(config, clouds=(cloud, *others))


def configuration(avi: AviLab, *, namespace: str, cluster: str, loopback: bool = False) -> tuple[Document, ...]:
    """Namespace, ConfigMap and Secret with which `ako run` works against this controller."""
    data = {
        "clusterName": cluster,
        "controllerIP": avi.host,
        "cloudName": "Default-Cloud",
        "vipNetworkList": json.dumps([{"networkName": "vip-network", "cidr": _LOOPBACK_VIPS if loopback else _VIPS}]),
        "servicesAPI": "true",
        "logLevel": "INFO",
        # There are no nodes whose Pod networks could be routed to.
        "disableStaticRouteSync": "true",
    }
    credentials = {
        "username": avi.username,
        "password": avi.password,
        "certificateAuthorityData": avi.certificate_pem,
    }
    place = {"namespace": namespace}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "avi-k8s-config", **place}, "data": data},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "avi-secret", **place}, "stringData": credentials},
    )
