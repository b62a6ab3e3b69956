"""The objects of a fresh controller: what the product ships, and what the configuration asks for.

Everything is created through the same code as a client's objects, so seeds have every default and pass every check.
Names and kinds of the system objects are those of release 30.2.1 that clients refer to.
"""

import datetime as dt
from ipaddress import ip_network

from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.config import CloudSeed, LabConfig, NetworkSeed, RoleSeed, SubnetSeed, UserSeed
from ako_lab.avi_controller.controller import Controller, system_call
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.store import Record, stored_reference
from ako_lab.avi_controller.values import Document
from ako_runtime.errors import UserError

_APPLICATION_PROFILES = {
    "System-HTTP": "APPLICATION_PROFILE_TYPE_HTTP",
    "System-Secure-HTTP": "APPLICATION_PROFILE_TYPE_HTTP",
    "System-L4-Application": "APPLICATION_PROFILE_TYPE_L4",
    "System-SSL-Application": "APPLICATION_PROFILE_TYPE_SSL",
    "System-DNS": "APPLICATION_PROFILE_TYPE_DNS",
}
_NETWORK_PROFILES = {
    "System-TCP-Proxy": ("PROTOCOL_TYPE_TCP_PROXY", "tcp_proxy_profile", {"automatic": True}),
    "System-TCP-Fast-Path": ("PROTOCOL_TYPE_TCP_FAST_PATH", "tcp_fast_path_profile", {}),
    "System-UDP-Fast-Path": ("PROTOCOL_TYPE_UDP_FAST_PATH", "udp_fast_path_profile", {}),
    "System-UDP-Per-Pkt": ("PROTOCOL_TYPE_UDP_FAST_PATH", "udp_fast_path_profile", {"per_pkt_loadbalance": True}),
    "System-SCTP-Proxy": ("PROTOCOL_TYPE_SCTP_PROXY", "sctp_proxy_profile", {}),
}
_HEALTH_MONITORS: dict[str, Document] = {
    "System-TCP": {"type": "HEALTH_MONITOR_TCP", "tcp_monitor": {}},
    "System-UDP": {"type": "HEALTH_MONITOR_UDP", "udp_monitor": {}},
    "System-SCTP": {"type": "HEALTH_MONITOR_SCTP", "sctp_monitor": {}},
    "System-HTTP": {
        "type": "HEALTH_MONITOR_HTTP",
        "http_monitor": {"http_request": "HEAD / HTTP/1.0", "http_response_code": ["HTTP_2XX", "HTTP_3XX"]},
    },
    "System-HTTPS": {
        "type": "HEALTH_MONITOR_HTTPS",
        "https_monitor": {"http_request": "HEAD / HTTP/1.0", "http_response_code": ["HTTP_2XX", "HTTP_3XX"]},
    },
    "System-Ping": {"type": "HEALTH_MONITOR_PING"},
}
_PERSISTENCE: dict[str, Document] = {
    "System-Persistence-Client-IP": {
        "persistence_type": "PERSISTENCE_TYPE_CLIENT_IP_ADDRESS",
        "ip_persistence_profile": {},
    },
    "System-Persistence-Http-Cookie": {
        "persistence_type": "PERSISTENCE_TYPE_HTTP_COOKIE",
        "http_cookie_persistence_profile": {},
    },
    "System-Persistence-App-Cookie": {
        "persistence_type": "PERSISTENCE_TYPE_APP_COOKIE",
        "app_cookie_persistence_profile": {"prst_hdr_name": "JSESSIONID"},
    },
    "System-Persistence-TLS": {"persistence_type": "PERSISTENCE_TYPE_TLS"},
}
_CERTIFICATES = (
    "System-Default-Portal-Cert",
    "System-Default-Portal-Cert-EC256",
    "System-Default-Cert",
    "System-Default-Cert-EC",
    "System-Default-Secure-Channel-Cert",
)
_ROLES = {"System-Admin": "WRITE_ACCESS", "Tenant-Admin": "WRITE_ACCESS", "Application-Operator": "READ_ACCESS"}


class Seeder:
    """Creates the first objects of a controller."""

    def __init__(self, *, controller: Controller) -> None:
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
        try:
            return objects.create(kind, data, self._call)
        except Refusal as refusal:
            said = f"seed {kind} {data.get('name', '')!r}: {_said(refusal)}"
            raise UserError(f"{said}; correct the configuration") from refusal

    def _fixed(self, kind: str, uuid: str, data: Document) -> Record:
        """An object with a uuid that every controller has."""
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
        for name, kind in _APPLICATION_PROFILES.items():
            self._add("applicationprofile", {"name": name, "type": kind})
        for name, (kind, field, content) in _NETWORK_PROFILES.items():
            self._add("networkprofile", {"name": name, "profile": {"type": kind, field: content}})
        for name, content in _HEALTH_MONITORS.items():
            self._add("healthmonitor", {"name": name, **content})
        for name, content in _PERSISTENCE.items():
            self._add("applicationpersistenceprofile", {"name": name, **content})
        for name in ("System-Standard", "System-Standard-PFS", "System-Standard-Portal"):
            self._add("sslprofile", {"name": name, "accepted_versions": [{"type": "SSL_VERSION_TLS1_2"}]})
        self._add("analyticsprofile", {"name": "System-Analytics-Profile"})
        self._add("protocolparser", {"name": "Default-TLS", "parser_code": "-- the parser that ships with the product"})
        now = dt.datetime.fromtimestamp(self._controller.clock(), tz=dt.UTC)
        for name in _CERTIFICATES:
            certificate, key = self_made_certificate(name.lower(), now=now)
            self._add("sslkeyandcertificate", {"name": name, "certificate": {"certificate": certificate}, "key": key})

    def _system_configuration(self, config: LabConfig) -> None:
        portal = {
            "allow_basic_authentication": config.allow_basic_authentication,
            "use_uuid_from_input": config.use_uuid_from_input,
            "sslkeyandcertificate_refs": [self._reference("sslkeyandcertificate", name) for name in _CERTIFICATES[:2]],
            "sslprofile_ref": self._reference("sslprofile", "System-Standard-Portal"),
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
                    "sslkeyandcertificate_refs": [self._reference("sslkeyandcertificate", _CERTIFICATES[4])]
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
        for name, access in _ROLES.items():
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
        for name in cloud.se_groups:
            self._add("serviceenginegroup", {"name": name, **place})
        usable = [self._network(network, record, cloud) for network in cloud.networks if network.usable]
        for network in cloud.networks:
            if not network.usable:
                self._network(network, record, cloud)
        self._providers(cloud, record, usable)

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
        if cloud.dns_domains:
            domains = [{"domain_name": domain} for domain in cloud.dns_domains]
            profile = {
                "name": f"{cloud.name}-dns",
                "type": "IPAMDNS_TYPE_INTERNAL_DNS",
                "internal_profile": {"dns_service_domain": domains},
            }
            document["dns_provider_ref"] = stored_reference(self._add("ipamdnsproviderprofile", profile).key)
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


def _nsxt(cloud: CloudSeed) -> Document:
    routers = [{"tier1_lr_id": path} for path in cloud.tier1_routers]
    segments = [
        {"tier1_lr_id": path, "segment_id": f"/infra/segments/{cloud.name}-data-{number}"}
        for number, path in enumerate(cloud.tier1_routers)
    ]
    return (
        {
            "nsxt_url": "nsx.lab.example.com",
            "transport_zone": "overlay-tz",
            "management_segment": {
                "tier1_lr_id": cloud.tier1_routers[0],
                "segment_id": f"/infra/segments/{cloud.name}-management",
            },
            "tier1_segment_config": {
                "segment_config_mode": "TIER1_SEGMENT_MANUAL",
                "manual": {"tier1_lrs": segments},
            },
        }
        if routers
        else {}
    )


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
