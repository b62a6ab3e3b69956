"""What translation must know of the Avi Controller: facts about the installation, not about our objects.

Read at start and again on every resync by `ako_runtime.avi`; part of the snapshot, so a changed fact re-queues what
depends on it.
"""

from msgspec import Struct

# Licences that allow the full TCP proxy for L4 (ako-behaviour 5.1), and answers of a pool that is down (swagger).
_PROXY_LICENCES = frozenset({"ENTERPRISE", "ENTERPRISE_WITH_CLOUD_SERVICES"})
# Clouds that allocate addresses themselves, from subnets that the controller knows as no networks of its own.
_SUBNET_CLOUDS = frozenset({"CLOUD_AWS", "CLOUD_AZURE", "CLOUD_OPENSTACK"})
_IPV6_CLOUDS = frozenset({"CLOUD_VCENTER", "CLOUD_NONE", "CLOUD_NSXT"})


class Environment(Struct, frozen=True, kw_only=True):
    """Facts about controller and cloud."""

    cluster_uuid: str = ""
    version: str = ""
    licence: str = "ENTERPRISE"
    cloud_type: str = "CLOUD_NONE"
    # VRF of our objects and routes; with a tier-1 router the one that stands for it (only routes go there).
    vrf: str = "global"
    # Domains of the cloud's DNS profile in alphabetical order; empty: no names are generated.
    dns_domains: tuple[str, ...] = ()

    @property
    def tcp_profile(self) -> str:
        """Network profile of TCP virtual services under this licence."""
        return "System-TCP-Proxy" if self.licence in _PROXY_LICENCES else "System-TCP-Fast-Path"

    @property
    def answers_for_pools(self) -> bool:
        """Whether the licence lets the controller answer requests while a pool is down, instead of closing."""
        return self.licence in _PROXY_LICENCES

    @property
    def names_subnets(self) -> bool:
        """Whether `networkName` is a subnet of the cloud provider rather than a network of the controller."""
        return self.cloud_type in _SUBNET_CLOUDS

    @property
    def supports_ipv6(self) -> bool:
        """Whether the cloud type can carry IPv6."""
        return self.cloud_type in _IPV6_CLOUDS


class Reference(Struct, frozen=True, kw_only=True):
    """An object on the controller that a user names: enough of it to say whether it may be used.

    `exists` False is an answer too (asked, and not there). `type` is its `type` field, or `profile.type` of a network
    profile; `labels` are those of a Service Engine group.
    """

    exists: bool
    # Its name, where a user gave the UUID.
    name: str = ""
    uuid: str = ""
    type: str = ""
    created_by: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    # Of a virtual service: the SSORule (`namespace/name`) in force.
    sso_rule: str = ""
    # Of a virtual service of layer 4: the Services and the Gateway (`namespace/name`) that its metadata names.
    services: tuple[str, ...] = ()
    gateway: str = ""
    # `V4` and `V6`, as far as a network has subnets of them.
    families: tuple[str, ...] = ()
