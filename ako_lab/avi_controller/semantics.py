"""What a controller adds to an object of a type, and what it refuses because of other objects.

One function per type takes the converted document (and the old one on an update) and completes it in place: default
references to system objects, derived fields, rules that span several objects. Addresses and names in the DNS are the
business of `ipam` and `dns`. The rules are those that clients depend on; where no recording or document settles a
detail the choice is ours and the documentation page says so.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.certificates import described_key, imported_certificate
from ako_lab.avi_controller.config import Assumptions
from ako_lab.avi_controller.private_keys import PrivateKeys
from ako_lab.avi_controller.schema import SMALL_TIERS
from ako_lab.avi_controller.sign_on import complete_sign_on
from ako_lab.avi_controller.store import ADMIN, Record, Store, stored_reference, target_key
from ako_lab.avi_controller.values import REDACTED, Document, Json

DEFAULT_CLOUD = "Default-Cloud"


class Semantics:
    """Completes and checks documents against the store."""

    def __init__(
        self,
        *,
        store: Store,
        tier: str,
        import_error_status: int,
        strict: bool,
        assumptions: Assumptions,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self.tier = tier
        self._import_error_status = import_error_status
        self._strict = strict
        self._assumptions = assumptions
        self.private_keys = PrivateKeys()
        self._by_type: Mapping[str, Callable[[str, Document, Document | None], None]] = {
            "virtualservice": self._virtual_service,
            "vsvip": self._vs_vip,
            "pool": self._pool,
            "poolgroup": self._pool_group,
            "sslkeyandcertificate": self._certificate,
            "pkiprofile": self._pki_profile,
            "tenant": self._tenant,
            "network": self._network,
            "vrfcontext": self._vrf_context,
            "user": self._user,
        }

    def complete(self, key: str, document: Document, old: Document | None) -> None:
        """Add what the controller adds to a document, or refuse it."""
        kind = key.partition("/")[0]
        rule = self._by_type.get(kind)
        if rule is not None:
            rule(key, document, old)

    def facts(self, kind: str, document: Document) -> tuple[Json, ...]:
        """What a record keeps decoded because questions about it are frequent."""
        if kind == "virtualservice":
            return (document.get("type", ""), self.listeners(document))
        return ()

    def system(self, kind: str, name: str, *, cloud: str = "") -> str:
        """The stored reference to an object of the admin tenant, empty when there is none."""
        record = self._store.named(kind, name, tenant=ADMIN, cloud=cloud)
        return stored_reference(record.key) if record else ""

    def _default(self, document: Document, field: str, kind: str, name: str, *, cloud: str = "") -> None:
        if not document.get(field):
            reference = self.system(kind, name, cloud=cloud)
            if reference:
                document[field] = reference

    def _default_vrf(self, document: Document, field: str) -> None:
        """The VRF of the object's tier-1 router; without a router, or where no VRF stands for it, the global one."""
        cloud = self._cloud_of(document)
        router = document.get("tier1_lr")
        if router and not document.get(field):
            attribute = {"key": "tier1path", "value": router}
            for vrf in self._store.tables["vrfcontext"].records.values():
                if cloud is not None and vrf.cloud == cloud.uuid and attribute in vrf.document().get("attrs", ()):
                    document[field] = stored_reference(vrf.key)
                    return
        self._default(document, field, "vrfcontext", "global", cloud=cloud.uuid if cloud else "")

    # Virtual services

    def _virtual_service(self, key: str, document: Document, old: Document | None) -> None:
        cloud = self._cloud_of(document)
        document["cloud_type"] = cloud.document().get("vtype", "CLOUD_NONE") if cloud else "CLOUD_NONE"
        cloud_uuid = cloud.uuid if cloud else ""
        for field, kind, name in (
            ("application_profile_ref", "applicationprofile", "System-HTTP"),
            ("network_profile_ref", "networkprofile", "System-TCP-Proxy"),
            ("analytics_profile_ref", "analyticsprofile", "System-Analytics-Profile"),
        ):
            self._default(document, field, kind, name)
        self._default(document, "se_group_ref", "serviceenginegroup", "Default-Group", cloud=cloud_uuid)
        self._inherit_network(document, cloud_uuid)
        for service in document.get("services", ()):
            service.setdefault("port_range_end", service["port"])
            if service["port_range_end"] < service["port"]:
                raise errors.bad_request(
                    f"port_range_end {service['port_range_end']} lies before port {service['port']}"
                )
        if any(service.get("enable_ssl") for service in document.get("services", ())):
            self._default(document, "ssl_profile_ref", "sslprofile", "System-Standard")
            if not document.get("ssl_key_and_certificate_refs"):
                default = self.system("sslkeyandcertificate", "System-Default-Cert")
                document["ssl_key_and_certificate_refs"] = [default] if default else []
        if document.get("pool_ref") and document.get("pool_group_ref"):
            raise errors.bad_request("pool_ref and pool_group_ref cannot both be configured on a VirtualService")
        complete_sign_on(document)
        self._check_family(key, document, old)
        self._check_places(document)
        self._check_listeners(key, document)

    def _inherit_network(self, document: Document, cloud: str) -> None:
        vip = self._store.records.get(target_key(document.get("vsvip_ref", "")))
        if vip is not None and not document.get("vrf_context_ref"):
            inherited = vip.document().get("vrf_context_ref")
            if inherited:
                document["vrf_context_ref"] = inherited
        self._default(document, "vrf_context_ref", "vrfcontext", "global", cloud=cloud)

    def _check_family(self, key: str, document: Document, old: Document | None) -> None:
        kind = document.get("type", "VS_TYPE_NORMAL")
        if old is not None and kind != old.get("type") and "VS_TYPE_VH_CHILD" in (kind, old.get("type")):
            raise errors.bad_request(
                "Changing the type of a VirtualService to or from VS_TYPE_VH_CHILD is not supported"
            )
        if document.get("vh_type") == "VS_TYPE_VH_ENHANCED" and self.tier in SMALL_TIERS:
            raise errors.bad_request(f"vh_type VS_TYPE_VH_ENHANCED is not allowed in {self.tier} license tier")
        if kind == "VS_TYPE_VH_CHILD":
            self._check_child(key, document)
        elif document.get("vh_parent_vs_ref"):
            raise errors.bad_request("vh_parent_vs_ref is allowed on a VirtualService of type VS_TYPE_VH_CHILD only")
        elif not document.get("vsvip_ref") and self._strict:
            raise errors.bad_request("vsvip_ref or vip is required for a VirtualService that is not a child")
        if old is not None and kind != "VS_TYPE_VH_PARENT":
            children = [r for r in self._store.referrers(key, "virtualservice") if r.facts[0] == "VS_TYPE_VH_CHILD"]
            if children:
                raise errors.bad_request(f"VirtualService has {len(children)} children and must stay VS_TYPE_VH_PARENT")

    def _check_child(self, key: str, document: Document) -> None:
        parent = self._store.records.get(target_key(document.get("vh_parent_vs_ref", "")))
        if parent is None:
            raise errors.bad_request("vh_parent_vs_ref is required for a VirtualService of type VS_TYPE_VH_CHILD")
        above = parent.document()
        if above.get("type") != "VS_TYPE_VH_PARENT":
            raise errors.bad_request(f"VirtualService {parent.name!r} is not of type VS_TYPE_VH_PARENT")
        if above.get("vh_type", "VS_TYPE_VH_SNI") != document.get("vh_type", "VS_TYPE_VH_SNI"):
            raise errors.bad_request(f"vh_type of a child must equal that of its parent {parent.name!r}")
        if document.get("vh_type", "VS_TYPE_VH_SNI") == "VS_TYPE_VH_ENHANCED":
            if not document.get("vh_matches") and not document.get("vh_domain_name") and self._strict:
                raise errors.bad_request("vh_matches is required for a child of an enhanced virtual hosting parent")
            return
        domains = document.get("vh_domain_name", [])
        if not domains and self._strict:
            raise errors.bad_request("vh_domain_name is required for an SNI child VirtualService")
        for domain in domains:
            for sibling in self._store.claimants(parent.key, domain):
                if sibling.key != key:
                    raise errors.bad_request(f"vh_domain_name {domain} is already used by {sibling.name!r}")

    def _check_places(self, document: Document) -> None:
        """All that a virtual service hangs on lies in its VRF; that it lies in its cloud its references saw to."""
        if not self._assumptions.one_vrf:
            return
        vrf = document.get("vrf_context_ref")
        vip = self._store.records.get(target_key(document.get("vsvip_ref", "")))
        placed = [(vip, "vrf_context_ref")] if vip is not None else []
        placed += [(pool, "vrf_ref") for pool in self._pools_of(document)]
        for record, field in placed:
            other = record.document().get(field)
            if vrf and other and vrf != other:
                model = self._store.schema.types[record.type].model
                raise errors.bad_request(f"{model} {record.name!r} belongs to another VRF than the VirtualService")

    def _pools_of(self, document: Document) -> list[Record]:
        """The pools of a virtual service, its own and those of its pool group."""
        group = self._store.records.get(target_key(document.get("pool_group_ref", "")))
        members = group.document().get("members", ()) if group else ()
        keys = [target_key(document.get("pool_ref", "")), *(target_key(m.get("pool_ref", "")) for m in members)]
        return [self._store.records[key] for key in keys if key in self._store.records]

    def _check_users(self, key: str, vrf: str | None) -> None:
        """What virtual services use does not go to another VRF than theirs."""
        if not self._assumptions.one_vrf:
            return
        users = list(self._store.referrers(key, "virtualservice"))
        for group in self._store.referrers(key, "poolgroup"):
            users += self._store.referrers(group.key, "virtualservice")
        for user in users:
            other = user.document().get("vrf_context_ref")
            if vrf and other and vrf != other:
                raise errors.bad_request(f"VRF cannot differ from that of VirtualService {user.name!r}, which uses it")

    def _check_listeners(self, key: str, document: Document) -> None:
        listeners = self.listeners(document)
        for index, one in enumerate(listeners):
            if any(_overlap(one, other) for other in listeners[index + 1 :]):
                raise errors.bad_request(f"Port {one[1]} is configured twice in services of the VirtualService")
        vip = target_key(document.get("vsvip_ref", ""))
        if not vip or not listeners or not self._assumptions.one_listener_per_port:
            return
        for other in self._store.referrers(vip, "virtualservice"):
            if other.key == key:
                continue
            for one in listeners:
                if any(_overlap(one, two) for two in other.facts[1]):
                    raise errors.bad_request(
                        f"Port {one[1]} is already used by VirtualService {other.name!r} on the same VsVip"
                    )

    def listeners(self, document: Document) -> list[tuple[str, int, int]]:
        """Protocol and port range of each service."""
        default = document.get("network_profile_ref", "")
        return [
            (
                self._protocol(service.get("override_network_profile_ref") or default),
                service["port"],
                service.get("port_range_end", service["port"]),
            )
            for service in document.get("services", ())
            if "port" in service
        ]

    def _protocol(self, reference: str) -> str:
        record = self._store.records.get(target_key(reference))
        if record is None:
            return "TCP"
        kind = (record.document().get("profile") or {}).get("type", "")
        return next((word for word in ("UDP", "SCTP") if word in kind), "TCP")

    # What virtual services refer to

    def _vs_vip(self, key: str, document: Document, old: Document | None) -> None:
        del old
        self._default_vrf(document, "vrf_context_ref")
        self._check_users(key, document.get("vrf_context_ref"))

    def _pool(self, key: str, document: Document, old: Document | None) -> None:
        del old
        self._default_vrf(document, "vrf_ref")
        self._default(document, "analytics_profile_ref", "analyticsprofile", "System-Analytics-Profile")
        self._check_users(key, document.get("vrf_ref"))
        seen: set[tuple[str, int]] = set()
        default_port = document.get("default_server_port", 80)
        for server in document.get("servers", ()):
            address = server["ip"]["addr"]
            server.setdefault("hostname", address)
            place = (address, server.get("port", default_port))
            if place in seen and self._strict:
                raise errors.bad_request(f"Server {place[0]}:{place[1]} is configured twice in the Pool")
            seen.add(place)

    def _pool_group(self, key: str, document: Document, old: Document | None) -> None:
        del old
        users = [user.document() for user in self._store.referrers(key, "virtualservice")]
        seen: set[str] = set()
        for member in document.get("members", ()):
            pool = self._store.records.get(target_key(member.get("pool_ref", "")))
            if pool is None:
                continue
            if pool.key in seen:
                raise errors.bad_request(f"Pool {pool.name!r} is a member of the PoolGroup twice")
            seen.add(pool.key)
            vrf = pool.document().get("vrf_ref")
            others = users if self._assumptions.one_vrf else ()
            if any(vrf and user.get("vrf_context_ref") not in (None, vrf) for user in others):
                raise errors.bad_request(f"Pool {pool.name!r} belongs to another VRF than the users of the PoolGroup")

    def _certificate(self, key: str, document: Document, old: Document | None) -> None:
        del key
        certificate = document.get("certificate") or {}
        before = (old or {}).get("certificate") or {}
        secret = document.get("key", "")
        if certificate.get("certificate"):
            known = old if before.get("certificate") == certificate["certificate"] else None
            private = "" if secret == REDACTED else secret
            passphrase = document.get("key_passphrase", "")
            certificate.update(self._imported(certificate["certificate"], key=private, passphrase=passphrase))
            if private:
                self.private_keys.keep(certificate["certificate"], private, passphrase)
            document["key_params"] = described_key(certificate["certificate"])
            secret = REDACTED if private or (known or {}).get("key") else ""
        document["certificate"] = certificate
        document.pop("key", None)
        if secret:
            document["key"] = REDACTED
        document["key_passphrase"] = ""
        document.setdefault("type", "SSL_CERTIFICATE_TYPE_VIRTUALSERVICE")

    def _pki_profile(self, key: str, document: Document, old: Document | None) -> None:
        del key, old
        for certificate in document.get("ca_certs", ()):
            if certificate.get("certificate"):
                certificate.update(self._imported(certificate["certificate"]))

    def _imported(self, pem: str, *, key: str = "", passphrase: str = "") -> Document:
        now = dt.datetime.fromtimestamp(self._clock(), tz=dt.UTC)
        status = self._import_error_status
        return imported_certificate(pem, key=key, passphrase=passphrase, error_status=status, now=now)

    # Infrastructure

    def _tenant(self, key: str, document: Document, old: Document | None) -> None:
        del key, old
        settings = document.setdefault("config_settings", {})
        settings.setdefault("tenant_vrf", False)
        settings.setdefault("se_in_provider_context", True)
        settings.setdefault("tenant_access_to_provider_se", True)

    def _network(self, key: str, document: Document, old: Document | None) -> None:
        del key, old
        cloud = self._cloud_of(document)
        self._default(document, "vrf_context_ref", "vrfcontext", "global", cloud=cloud.uuid if cloud else "")

    def _vrf_context(self, key: str, document: Document, old: Document | None) -> None:
        del key, old
        document.setdefault("system_default", False)
        _unique(document.get("static_routes", ()), "route_id", "static_routes")

    def _user(self, key: str, document: Document, old: Document | None) -> None:
        del key, old
        document.setdefault("username", document["name"])
        document.setdefault("default_tenant_ref", stored_reference("tenant/admin"))

    def _cloud_of(self, document: Document) -> Record | None:
        return self._store.records.get(target_key(document.get("cloud_ref", "")))


def _overlap(one: tuple[str, int, int], two: tuple[str, int, int]) -> bool:
    return one[0] == two[0] and one[1] <= two[2] and two[1] <= one[2]


def _unique(items: Iterable[Document], field: str, where: str) -> None:
    seen: set[str] = set()
    for item in items:
        value = msgspec.json.encode(item.get(field)).decode()
        if value in seen:
            raise errors.bad_request(f"{where}: {field} {value} is used twice")
        seen.add(value)
