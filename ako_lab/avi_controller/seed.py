"""The objects of a fresh controller: what the product ships, and what the configuration asks for.

Everything is created through the same code as a client's objects, so seeds have every default and pass every check. A
client's unknown fields are dropped; those of a seed are refused, since a misspelt seed is worse than none.
"""

import datetime as dt
from ipaddress import ip_network

from ako_lab.avi_controller.accounts import DEFAULT_PROFILE
from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.config import CloudSeed, LabConfig, NetworkSeed, RoleSeed, SubnetSeed, UserSeed
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.schema import SMALL_TIERS
from ako_lab.avi_controller.shipped import CERTIFICATES, PORTAL_PROFILE, ROLES, shipped_objects
from ako_lab.avi_controller.store import Record, stored_reference
from ako_lab.avi_controller.system import System, system_call
from ako_lab.avi_controller.values import Document
from ako_runtime.errors import UserError

_MANAGEMENT_NETWORK = "management"


class Seeder:
    """Creates the first objects of a controller."""

    def __init__(self, *, controller: System) -> None:
        self._controller = controller
        self._call = system_call(controller.schema.release)

    def seed(self) -> None:
        """Create everything that the configuration describes."""
        try:
            self._seed()
        except Refusal as refusal:
            raise UserError(f"{_said(refusal)}; correct the configuration") from refusal

    def _seed(self) -> None:
        config = self._controller.config
        # What the product ships is there in every tier; `settings_changed` puts the configured tier into force.
        self._controller.objects.semantics.tier = "ENTERPRISE"
        admin = self._fixed("tenant", "admin", {"name": "admin"}).document()
        # Recorded: this tenant shows nothing but what it is.
        shown = {name: admin[name] for name in ("url", "uuid", "name", "local")}
        self._controller.store.put(Record(key="tenant/admin", document=shown))
        self._system_objects()
        self._system_configuration(config)
        self._roles(config.roles)
        for name in config.tenants:
            self._add("tenant", {"name": name})
        for cloud in config.clouds:
            self._cloud(cloud)
        self._user(UserSeed(name=config.username, password=config.password, superuser=True), uuid="user-1")
        for user in config.users:
            self._user(user)
        for seed in config.objects:
            tenant = self._reference("tenant", seed.tenant)
            self._add(seed.type, {"tenant_ref": tenant, **seed.data})
        self._controller.settings_changed()
        self._controller.ipam.rebuild()
        self._controller.dns.rebuild()

    def _add(self, kind: str, data: Document) -> Record:
        objects = self._controller.objects
        if kind not in self._controller.schema.types:
            raise UserError(f"objects: there is no type {kind!r}; name a type such as 'pool'")
        seed = f"seed {kind} {data.get('name', '')!r}"
        self._refuse_unknown(kind, data, seed=seed)
        try:
            return objects.create(kind, data, self._call)
        except Refusal as refusal:
            raise UserError(f"{seed}: {_said(refusal)}; correct the configuration") from refusal

    def _refuse_unknown(self, kind: str, data: Document, *, seed: str) -> None:
        schema = self._controller.schema
        unknown = next(schema.unknown_fields(schema.types[kind].model, data), "")
        if unknown:
            raise UserError(f"{seed}: release {schema.release} has no field {unknown}; correct the configuration")

    def _fixed(self, kind: str, uuid: str, data: Document) -> Record:
        """An object with a uuid that every controller has."""
        self._refuse_unknown(kind, data, seed=f"seed {kind} {data.get('name', uuid)!r}")
        call = system_call(self._controller.schema.release)
        call.headers = {"Slug": uuid}
        self._controller.objects.use_uuid_from_input = True
        try:
            return self._controller.objects.create(kind, data, call)
        finally:
            self._controller.objects.use_uuid_from_input = False

    def _reference(self, kind: str, name: str) -> str:
        return f"/api/{kind}/?name={name}"

    def _system_objects(self) -> None:
        # Three refused log-ins in a row lock an account for half an hour.
        profile: Document = {"name": DEFAULT_PROFILE, "max_login_failure_count": 3, "account_lock_timeout": 30}
        self._add("useraccountprofile", profile)
        for kind, data in shipped_objects():
            self._add(kind, data)
        now = dt.datetime.fromtimestamp(self._controller.clock(), tz=dt.UTC)
        for name in CERTIFICATES:
            certificate, key = self_made_certificate(name.lower(), now=now)
            self._add("sslkeyandcertificate", {"name": name, "certificate": {"certificate": certificate}, "key": key})

    def _system_configuration(self, config: LabConfig) -> None:
        portal = {
            "allow_basic_authentication": config.allow_basic_authentication,
            "use_uuid_from_input": config.use_uuid_from_input,
            "sslkeyandcertificate_refs": [self._reference("sslkeyandcertificate", name) for name in CERTIFICATES[:2]],
            "sslprofile_ref": self._reference("sslprofile", PORTAL_PROFILE),
        }
        self._fixed(
            "systemconfiguration",
            "default",
            {
                "default_license_tier": config.license_tier,
                "dns_configuration": {"search_domain": ""},
                "portal_configuration": portal,
                "global_tenant_config": {},
                "email_configuration": {
                    "smtp_type": "SMTP_LOCAL_HOST",
                    "from_email": "admin@avicontroller.net",
                    "mail_server_name": "localhost",
                    "mail_server_port": 25,
                },
                "ssh_ciphers": ["aes128-ctr", "aes256-ctr"],
                "ssh_hmacs": ["hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512"],
                "secure_channel_configuration": {
                    "sslkeyandcertificate_refs": [self._reference("sslkeyandcertificate", CERTIFICATES[4])]
                },
            },
        )
        nodes = [
            {"name": f"node{number}.controller.local", "ip": {"addr": f"192.0.2.{10 + number}", "type": "V4"}}
            for number in (1, 2, 3)
        ]
        self._add("cluster", {"name": "cluster-0-1", "nodes": nodes})

    def _roles(self, roles: tuple[RoleSeed, ...]) -> None:
        resources = self._controller.schema.messages["Permission"].fields["resource"].enum
        for name, access in ROLES.items():
            self._add("role", {"name": name, "privileges": [{"resource": r, "type": access} for r in resources]})
        for role in roles:
            privileges = [{"resource": resource, "type": access} for resource, access in role.privileges.items()]
            self._add("role", {"name": role.name, "privileges": privileges})

    def _user(self, user: UserSeed, *, uuid: str = "") -> None:
        access = [
            {"all_tenants": True, "role_ref": self._reference("role", grant.role)}
            if grant.tenant == "*"
            else {
                "tenant_ref": self._reference("tenant", grant.tenant),
                "role_ref": self._reference("role", grant.role),
            }
            for grant in user.grants
        ]
        full_name = "System Administrator" if uuid else user.name
        data: Document = {
            "name": user.name,
            "username": user.name,
            "full_name": full_name,
            "email": "",
            "local": True,
            "is_superuser": user.superuser,
            "access": access,
        }
        if uuid:
            self._fixed("user", uuid, data)
        else:
            self._add("user", data)
        self._controller.accounts.set_password(user.name, user.password)

    def _cloud(self, cloud: CloudSeed) -> None:
        tier = {"license_type": "LIC_CORES", "license_tier": self._controller.config.license_tier}
        data: Document = {"name": cloud.name, "vtype": cloud.kind, **tier, **_CLOUD_DETAILS.get(cloud.kind, {})}
        if cloud.kind == "CLOUD_NSXT":
            data["nsxt_configuration"] = _nsxt(cloud)
        record = self._add("cloud", data)
        place = {"cloud_ref": self._reference("cloud", cloud.name)}
        if cloud.kind == "CLOUD_NSXT":
            vcenter = {"vcenter_url": "vcenter.lab.example.com", "content_lib": {"id": "lab", "name": "lab"}}
            self._add("vcenterserver", {"name": f"{cloud.name}-vcenter", **vcenter, **place})
        for name in cloud.vrfs:
            self._add("vrfcontext", {"name": name, "system_default": name in ("global", "management"), **place})
        for name, path in _router_vrfs(cloud).items():
            attribute = {"key": "tier1path", "value": path}
            self._add("vrfcontext", {"name": name, "attrs": [attribute], **place})
        for name in cloud.se_groups:
            self._add("serviceenginegroup", {"name": name, **place})
        usable = [self._network(network, record, cloud) for network in cloud.networks if network.usable]
        for network in cloud.networks:
            if not network.usable:
                self._network(network, record, cloud)
        self._providers(cloud, record, usable)
        if cloud.kind == "CLOUD_VCENTER":
            self._management(cloud, record)

    def _network(self, network: NetworkSeed, cloud: Record, described: CloudSeed) -> Record:
        data: Document = {
            "name": network.name,
            "cloud_ref": f"/api/cloud/{cloud.uuid}",
            "dhcp_enabled": network.dhcp,
            "vrf_context_ref": self._reference("vrfcontext", network.vrf),
            "configured_subnets": [_subnet(subnet) for subnet in network.subnets],
            **(
                {"attrs": [{"key": key, "value": value} for key, value in network.attributes.items()]}
                if network.attributes
                else {}
            ),
        }
        if described.kind == "CLOUD_VCENTER":
            number = len(self._controller.store.tables["network"].records) + 1
            return self._fixed("network", f"dvportgroup-{number}-{cloud.uuid}", data)
        return self._add("network", data)

    def _providers(self, cloud: CloudSeed, record: Record, usable: list[Record]) -> None:
        """IPAM and DNS profiles, wired to the cloud."""
        document = record.document()
        if cloud.ipam:
            networks = [{"nw_ref": f"/api/{network.key}"} for network in usable]
            profile = {
                "name": f"{cloud.name}-ipam",
                "type": "IPAMDNS_TYPE_INTERNAL",
                "internal_profile": {"usable_networks": networks},
            }
            document["ipam_provider_ref"] = stored_reference(self._add("ipamdnsproviderprofile", profile).key)
        # The small tiers have no DNS providers, and so no names of virtual services either.
        if cloud.dns_domains and self._controller.config.license_tier not in SMALL_TIERS:
            domains = [{"domain_name": domain} for domain in cloud.dns_domains]
            profile = {
                "name": f"{cloud.name}-dns",
                "type": "IPAMDNS_TYPE_INTERNAL_DNS",
                "internal_profile": {"dns_service_domain": domains},
            }
            document["dns_provider_ref"] = stored_reference(self._add("ipamdnsproviderprofile", profile).key)
        self._controller.store.put(Record(key=record.key, document=document))

    def _management(self, cloud: CloudSeed, record: Record) -> None:
        """The network on which a vCenter cloud manages its Service Engines; clients read it at their start."""
        networks = self._controller.store.tables["network"].records.values()
        names = [network.name for network in cloud.networks if not network.usable] or [_MANAGEMENT_NETWORK]
        chosen = next((one for one in networks if one.cloud == record.uuid and one.name == names[0]), None)
        chosen = chosen or self._network(NetworkSeed(name=_MANAGEMENT_NETWORK, usable=False), record, cloud)
        # Read again: the providers are written into it by now.
        document = self._controller.store.records[record.key].document()
        document["vcenter_configuration"]["management_network"] = f"/api/vimgrnwruntime/{chosen.uuid}"
        self._controller.store.put(Record(key=record.key, document=document))


def _said(refusal: Refusal) -> str:
    return ", ".join(f"{name}: {text}" for name, text in refusal.body.items())


_CLOUD_DETAILS: dict[str, Document] = {
    "CLOUD_VCENTER": {
        "dhcp_enabled": False,
        "vcenter_configuration": {
            "vcenter_url": "vcenter.lab.example.com",
            "username": "administrator@vsphere.local",
            "datacenter": "lab-datacenter",
            "privilege": "WRITE_ACCESS",
        },
    },
    "CLOUD_AWS": {"aws_configuration": {"region": "eu-central-1", "vpc_id": "vpc-0lab", "use_iam_roles": True}},
    "CLOUD_AZURE": {
        "azure_configuration": {"location": "westeurope", "subscription_id": "lab", "resource_group": "lab"}
    },
    "CLOUD_GCP": {},
}


def _routers(cloud: CloudSeed) -> tuple[str, ...]:
    """Tier-1 routers of an NSX-T overlay; on VLANs there are none."""
    return cloud.tier1_routers if cloud.kind == "CLOUD_NSXT" and cloud.transport_zone == "OVERLAY" else ()


def _router_vrfs(cloud: CloudSeed) -> dict[str, str]:
    """Name and router of the VRFs that an NSX-T cloud makes, one a router; clients find them by the attribute."""
    found: dict[str, str] = {}
    for path in _routers(cloud):
        name = path.rpartition("/")[2]
        found[path if name in cloud.vrfs or name in found else name] = path
    return found


def _nsxt(cloud: CloudSeed) -> Document:
    """What an NSX-T cloud says of its transport zones; clients read `data_network_config.tz_type` at their start."""
    zone: Document = {"tz_type": cloud.transport_zone, "transport_zone": f"/infra/{cloud.transport_zone.lower()}-tz"}
    routers = _routers(cloud)
    management, data = f"/infra/segments/{cloud.name}-management", f"/infra/segments/{cloud.name}-data"
    if not routers:
        networks = {
            "management_network_config": {**zone, "vlan_segment": management},
            "data_network_config": {**zone, "vlan_segments": [data]},
        }
    else:
        segments = [{"tier1_lr_id": path, "segment_id": f"{data}-{number}"} for number, path in enumerate(routers)]
        manual = {"segment_config_mode": "TIER1_SEGMENT_MANUAL", "manual": {"tier1_lrs": segments}}
        overlay = {"tier1_lr_id": routers[0], "segment_id": management}
        networks = {
            "management_network_config": {**zone, "overlay_segment": overlay},
            "data_network_config": {**zone, "tier1_segment_config": manual},
        }
    return {"nsxt_url": "nsx.lab.example.com", **networks}


def _subnet(subnet: SubnetSeed) -> Document:
    try:
        network = ip_network(subnet.prefix)
    except ValueError as error:
        raise UserError(f"subnet {subnet.prefix!r}: {error}; write it as 10.10.0.0/24") from error
    kind = "V4" if network.version == 4 else "V6"
    described: Document = {
        "prefix": {"ip_addr": {"addr": str(network.network_address), "type": kind}, "mask": network.prefixlen}
    }
    if subnet.begin:
        ends = {"begin": subnet.begin, "end": subnet.end or subnet.begin}
        described["static_ip_ranges"] = [
            {"range": {name: {"addr": address, "type": kind} for name, address in ends.items()}}
        ]
    return described
