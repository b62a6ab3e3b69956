"""Where a virtual service lives: Service Engine group, VIP networks, routing.

A `Placement` is the effective answer after every source has been asked (the ConfigMap is the baseline, an
AviInfraSetting lies on top); the shapers below never look at a setting again.
"""

from msgspec import Struct

from ako_runtime.model.environment import Environment
from ako_runtime.settings import NodeNetwork, Settings, VipNetwork


class Placement(Struct, frozen=True, kw_only=True):
    """Effective networking of one virtual service."""

    se_group: str
    vip_networks: tuple[VipNetwork, ...] = ()
    node_networks: tuple[NodeNetwork, ...] = ()
    enable_rhi: bool = False
    bgp_peer_labels: tuple[str, ...] = ()
    tier1: str = ""
    vrf: str = ""
    # On public clouds, if a setting says it.
    public_ip: bool | None = None
    # What the controller calls node networks that are given by name: pairs of name and UUID.
    node_network_uuids: tuple[tuple[str, str], ...] = ()
    # Whether an AviInfraSetting has said any of it.
    by_infra: bool = False


PUBLIC_CLOUDS = frozenset({"CLOUD_AWS", "CLOUD_AZURE", "CLOUD_GCP"})


def global_placement(settings: Settings, environment: Environment, *, tenant: str = "") -> Placement:
    """What the ConfigMap says for everything that names no AviInfraSetting."""
    return Placement(
        se_group=settings.service_engine_group_name,
        vip_networks=settings.vip_networks,
        node_networks=settings.node_networks,
        enable_rhi=settings.enable_rhi,
        bgp_peer_labels=settings.bgp_peer_labels if settings.enable_rhi else (),
        tier1=settings.nsxt_t1_lr,
        vrf="" if settings.nsxt_t1_lr else vrf_of(environment, tenant or settings.tenant_name),
    )


def vrf_of(environment: Environment, tenant: str) -> str:
    """The VRF of the objects of a tenant; on OpenStack each tenant but `admin` has its own."""
    own = environment.cloud_type == "CLOUD_OPENSTACK" and tenant != "admin"
    return f"{tenant}-default" if own else environment.vrf


def takes_node_networks(place: Placement, environment: Environment) -> bool:
    """Whether the cloud places Service Engines on the nodes' networks: vCenter, and NSX-T without a tier-1 router."""
    return environment.cloud_type == "CLOUD_VCENTER" or (environment.cloud_type == "CLOUD_NSXT" and not place.tier1)
