"""Names: which VsVip registered which FQDN.

A name belongs to one VsVip of a cloud at a time; a second one is refused while the cloud has a DNS provider. No source
proves that, so it is an assumption that can be turned off (`Assumptions`). Whether a name must lie in one of the
provider's domains differs between releases and settings, so it is a setting here, off by default.
"""

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.store import Record, Store, target_key
from ako_lab.avi_controller.values import Document


class Dns:
    """The registered names of a store."""

    def __init__(self, *, store: Store, check_domain: bool, one_holder: bool) -> None:
        self._store = store
        self._one_holder = one_holder
        self._check_domain = check_domain
        self.holders: dict[tuple[str, str], str] = {}

    def rebuild(self) -> None:
        """Learn everything again from the objects."""
        self.holders = {}
        for record in self._store.tables["vsvip"].records.values():
            for name in _names(record.document()):
                self.holders[(record.cloud, name)] = record.key

    def register(self, key: str, document: Document, old: Document | None) -> None:
        """Register the names of a VsVip; on a refusal nothing has changed."""
        names = _names(document)
        cloud_key = target_key(document.get("cloud_ref", ""))
        cloud = cloud_key.partition("/")[2]
        domains = self.domains(cloud_key)
        if len(set(names)) != len(names):
            raise errors.bad_request("dns_info holds an FQDN twice")
        if domains is not None:
            for name in names:
                holder = self.holders.get((cloud, name))
                if self._one_holder and holder is not None and holder != key:
                    owner = self._store.records[holder].name
                    raise errors.bad_request(f"FQDN {name!r} is already registered by VsVip {owner!r}")
                if self._check_domain and not any(name == d or name.endswith("." + d) for d in domains):
                    raise errors.bad_request(
                        f"FQDN {name!r} lies in no domain of the DNS profile: {', '.join(domains)}"
                    )
        for name in _names(old or {}):
            if self.holders.get((cloud, name)) == key:
                del self.holders[(cloud, name)]
        for name in names:
            self.holders[(cloud, name)] = key

    def release(self, record: Record) -> None:
        """A VsVip was deleted."""
        for name in _names(record.document()):
            if self.holders.get((record.cloud, name)) == record.key:
                del self.holders[(record.cloud, name)]

    def domains(self, cloud_key: str) -> list[str] | None:
        """The domains of a cloud's DNS provider, None when it has none."""
        cloud = self._store.records.get(cloud_key)
        provider = target_key(cloud.document().get("dns_provider_ref", "")) if cloud else ""
        profile = self._store.records.get(provider)
        if profile is None:
            return None
        internal = profile.document().get("internal_profile") or {}
        return [item["domain_name"] for item in internal.get("dns_service_domain", ())]


def _names(document: Document) -> list[str]:
    return [item["fqdn"].lower().rstrip(".") for item in document.get("dns_info", ()) if item.get("fqdn")]
