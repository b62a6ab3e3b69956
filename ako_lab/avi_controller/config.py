"""Configuration of a simulated controller: one Struct, all defaulted, decodable from one YAML file.

YAML keys are camelCase as in Kubernetes files; unknown keys are errors, because a misspelt seed is worse than none.
What is not configured is what a fresh controller has, plus one vCenter cloud with a network for virtual IPs, a network
for nodes, and IPAM and DNS profiles, so that a client works against it without any preparation.
"""

import math
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

import msgspec

from ako_lab.avi_controller.faults import Fault
from ako_lab.avi_controller.values import Json
from ako_runtime.errors import UserError

_LEAST_FLOATING = 4
CloudKind = Literal["CLOUD_VCENTER", "CLOUD_NSXT", "CLOUD_NONE", "CLOUD_AWS", "CLOUD_AZURE", "CLOUD_GCP"]


class _Described(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of what the YAML file can hold."""


class SubnetSeed(_Described, frozen=True, kw_only=True):
    """A configured subnet and the static range addresses are taken from; no range means none is free."""

    prefix: str
    begin: str = ""
    end: str = ""


class NetworkSeed(_Described, frozen=True, kw_only=True):
    """A network; `usable` puts it into the IPAM profile of its cloud."""

    name: str
    subnets: tuple[SubnetSeed, ...] = ()
    vrf: str = "global"
    usable: bool = True
    dhcp: bool = False
    attributes: dict[str, str] = msgspec.field(default_factory=dict)


class CloudSeed(_Described, frozen=True, kw_only=True):
    """A cloud with what lies in it."""

    name: str = "Default-Cloud"
    kind: CloudKind = "CLOUD_VCENTER"
    networks: tuple[NetworkSeed, ...] = ()
    dns_domains: tuple[str, ...] = ()
    ipam: bool = True
    vrfs: tuple[str, ...] = ("global", "management")
    se_groups: tuple[str, ...] = ("Default-Group",)
    # Of an NSX-T cloud: the kind of its transport zones, and the tier-1 routers of an overlay.
    transport_zone: Literal["OVERLAY", "VLAN"] = "OVERLAY"
    tier1_routers: tuple[str, ...] = ("/infra/tier-1s/lab-t1",)


class GrantSeed(_Described, frozen=True, kw_only=True):
    """A role of a user in a tenant; `*` means all tenants."""

    role: str
    tenant: str = "admin"


class UserSeed(_Described, frozen=True, kw_only=True):
    """A user; a superuser needs no grants."""

    name: str
    password: str
    superuser: bool = False
    grants: tuple[GrantSeed, ...] = ()


class RoleSeed(_Described, frozen=True, kw_only=True):
    """A role: a permission such as PERMISSION_POOL, and what it allows."""

    name: str
    privileges: dict[str, Literal["NO_ACCESS", "READ_ACCESS", "WRITE_ACCESS"]] = msgspec.field(default_factory=dict)


class ObjectSeed(_Described, frozen=True, kw_only=True):
    """Json object, created as a client would create it."""

    type: str
    data: dict[str, Json]
    tenant: str = "admin"


class Assumptions(_Described, frozen=True, kw_only=True):
    """Rules of the simulator that no source proves: each can be turned off, and a client has to live with both."""

    # An FQDN belongs to one VsVip of a cloud with a DNS provider; off: several may hold it.
    one_vsvip_per_fqdn: bool = True
    # A new object is checked for its content (400) before its name (409); off: the name is checked first.
    content_before_name: bool = True
    # A virtual service, its VsVip and its pools lie in one VRF; off: nobody compares.
    one_vrf: bool = True
    # A port and protocol of a VsVip belong to one virtual service; off: several may listen there.
    one_listener_per_port: bool = True


def _default_cloud() -> CloudSeed:
    return CloudSeed(
        networks=(
            NetworkSeed(
                name="vip-network",
                subnets=(
                    SubnetSeed(prefix="10.10.0.0/24", begin="10.10.0.10", end="10.10.0.250"),
                    SubnetSeed(prefix="fd00:10:10::/64", begin="fd00:10:10::10", end="fd00:10:10::ffff"),
                ),
            ),
            NetworkSeed(name="node-network", subnets=(SubnetSeed(prefix="10.20.0.0/24"),), usable=False),
        ),
        dns_domains=("lab.example.com",),
    )


class LabConfig(_Described, frozen=True, kw_only=True):
    """Everything that can be chosen about a simulated controller."""

    host: str = "127.0.0.1"
    port: int = 0
    certificate: str = ""
    key: str = ""
    username: str = "admin"
    password: str = "admin"  # noqa: S105 - the documented default of a lab
    version: str = "30.2.1"
    license_tier: str = "ENTERPRISE"
    clouds: tuple[CloudSeed, ...] = msgspec.field(default_factory=lambda: (_default_cloud(),))
    tenants: tuple[str, ...] = ()
    roles: tuple[RoleSeed, ...] = ()
    users: tuple[UserSeed, ...] = ()
    objects: tuple[ObjectSeed, ...] = ()
    lenient: bool = False
    assumptions: Assumptions = Assumptions()
    allow_basic_authentication: bool = False
    use_uuid_from_input: bool = False
    dns_domain_check: bool = False
    # Clients of the product look for 500 here; 400 is the honest answer to bad input, so that is the default.
    import_error_status: int = 400
    session_idle_seconds: float = 900.0
    session_maximum_seconds: float = 86400.0
    # What a real controller allows here is not known: fields by type that an update may not change, and whether a VsVip
    # takes another address or network in place.
    fixed_fields: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    vip_addresses_change: bool = False
    maximum_body_bytes: int = 32 * 1024 * 1024
    request_log_size: int = 100_000
    floating_prefix: str = "203.0.113.0/24"
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    state_file: str = ""

    def __post_init__(self) -> None:
        """Refuse what no lab can be, so that a mistake in a file is told where it is read."""
        if not re.fullmatch(r"\d{1,4}(\.\d{1,4}){1,4}", self.version):
            raise ValueError(f"version {self.version!r} is not a release such as 30.2.1")
        for name, value, low, high in (
            ("port", self.port, 0, 65535),
            ("importErrorStatus", self.import_error_status, 400, 599),
            ("requestLogSize", self.request_log_size, 0, math.inf),
            ("maximumBodyBytes", self.maximum_body_bytes, 1, math.inf),
            ("sessionIdleSeconds", self.session_idle_seconds, 1, math.inf),
            ("sessionMaximumSeconds", self.session_maximum_seconds, 1, math.inf),
        ):
            if not low <= value <= high:
                limit = f"{low}-{high}" if high < math.inf else f"{low} or more"
                raise ValueError(f"{name} is {value}, allowed: {limit}")
        if ip_network(self.floating_prefix).num_addresses < _LEAST_FLOATING:
            raise ValueError(f"floatingPrefix {self.floating_prefix} holds less than {_LEAST_FLOATING} addresses")


def load_config(path: Path) -> LabConfig:
    """Read the YAML file of a lab."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a readable YAML file") from error
    return parse_config(text, source=str(path))


def parse_config(text: bytes, *, source: str) -> LabConfig:
    """The configuration that a YAML text holds."""
    try:
        return msgspec.convert(msgspec.yaml.decode(text) or {}, LabConfig)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{source}: {' '.join(str(error).split())}; correct the file") from error
