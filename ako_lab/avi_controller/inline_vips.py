"""Virtual services that bring their VIPs along instead of naming a VsVip.

Such a virtual service gets a VsVip of its own (recorded: it is named `vsvip-NAME-CLOUD`), a later PUT that brings VIPs
again changes that one, and it goes when its virtual service goes or turns to another. Who made which VsVip cannot be
read off the objects, so it is remembered here and is part of a snapshot. Two objects change in one request: `Objects`
wraps these calls so that both are written or neither.
"""

from typing import Protocol

from ako_lab.avi_controller.call import Call
from ako_lab.avi_controller.references import parse_reference
from ako_lab.avi_controller.schema import Version
from ako_lab.avi_controller.store import Record, Store, stored_reference, target_key
from ako_lab.avi_controller.values import Document

# What of a virtual service is said about its VIPs.
_SHARED_FIELDS = ("dns_info", "vrf_context_ref", "cloud_ref", "tenant_ref")


class Vips(Protocol):
    """What is needed of the objects: VsVips come, change and go."""

    def create(self, kind: str, sent: Document, call: Call) -> Record:
        """Add an object from what a client sent."""
        ...

    def as_sent(self, record: Record) -> Document:
        """The stored document in the form in which a client would send it."""
        ...

    def update(self, record: Record, sent: Document, *, version: Version) -> Record:
        """Replace the content of an object by what a client sent."""
        ...

    def delete(self, record: Record) -> None:
        """Take an object away unless something refers to it."""
        ...


class InlineVips:
    """The VsVips that were made for virtual services, and whose they are."""

    def __init__(self, *, store: Store, objects: Vips) -> None:
        self._store = store
        self._objects = objects
        # Key of a VsVip -> key of the virtual service that it was made for.
        self.owners: dict[str, str] = {}

    def brought(self, kind: str, document: Document) -> bool:
        """Whether a new object brings VIPs that need a VsVip."""
        return kind == "virtualservice" and bool(document.get("vip")) and not document.get("vsvip_ref")

    def make(self, key: str, sent: Document, document: Document, call: Call) -> None:
        """Create the VsVip of a new virtual service and let the document refer to it."""
        cloud = self._store.records.get(target_key(document.get("cloud_ref", "")))
        name = f"vsvip-{document.get('name', '')}-{cloud.name if cloud else ''}"
        vip = self._objects.create("vsvip", {"name": name, **_about_vips(sent)}, call)
        self.owners[vip.key] = key
        document["vsvip_ref"] = stored_reference(vip.key)
        del document["vip"]

    def own(self, record: Record, sent: Document) -> Record | None:
        """The VsVip that a change of a virtual service brings new VIPs for; None when it brings none."""
        if record.type != "virtualservice" or not sent.get("vip"):
            return None
        key = target_key(record.document().get("vsvip_ref", ""))
        if self.owners.get(key) != record.key:
            return None
        text = sent.get("vsvip_ref")
        named = parse_reference(text) if isinstance(text, str) else None
        return self._store.records.get(key) if named is None or named.uuid == key.partition("/")[2] else None

    def change(self, vip: Record, sent: Document, *, version: Version) -> Document:
        """Give the VsVip what its virtual service brings; the rest is the new content of the virtual service."""
        now = self._objects.as_sent(vip)
        self._objects.update(vip, {**now, **_about_vips(sent)}, version=version)
        return {**{name: value for name, value in sent.items() if name != "vip"}, "vsvip_ref": f"/api/{vip.key}"}

    def leave(self, record: Record) -> None:
        """A virtual service went or turned to another VsVip: what was made for it goes unless somebody else uses it."""
        key = target_key(record.document().get("vsvip_ref", ""))
        vip = self._store.records.get(key)
        if self.owners.pop(key, "") == record.key and vip is not None and not any(self._store.referrers(key)):
            self._objects.delete(vip)


def _about_vips(sent: Document) -> Document:
    shared = {field: sent[field] for field in _SHARED_FIELDS if field in sent}
    return {**shared, "vip": sent["vip"]}
