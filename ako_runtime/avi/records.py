"""The record on the controller that says which Kubernetes cluster a cluster name stands for: a string group.

Two clusters that make it at the same moment in one tenant meet at its name, which the controller gives once; in two
tenants both make one, and each finds the other's when it reads again.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from ako_runtime.avi.client import AviClient
from ako_runtime.avi.verdicts import unclear
from ako_runtime.model.ownership import Ownership
from ako_runtime.model.refs import Ref, parse_ref

KIND: Final = "stringgroup"
_UID: Final = "kubeSystemUid"
_SETTLED: Final = "orphansDeleted"


class Record(Struct, frozen=True, kw_only=True):
    """One record: whose it is, and whether its cluster has cleaned up what nobody wants."""

    uuid: str
    tenant: str
    uid: str
    settled: bool = False


class Records:
    """The records of one cluster name in one cloud."""

    def __init__(self, client: AviClient, ownership: Ownership, *, cloud: str, tenant: str, everywhere: bool) -> None:
        """`tenant`: where a record is made; `everywhere`: whether those of all tenants count, as our objects do."""
        self._client = client
        self._name = f"ako-cluster-identity.{cloud}.{ownership.created_by}"
        self._cluster = ownership.cluster
        self._tenant = tenant
        self._seen = "*" if everywhere else tenant

    def read(self) -> tuple[Record, ...]:
        """Every record of the name."""
        found = self._client.documents(KIND, {"name": self._name}, tenant=self._seen)
        return tuple(self._record(one) for one in found)

    def make(self, uid: str) -> Record:
        """A record of this cluster; raises Stale if somebody was quicker, Refused where it may not be made."""
        return self._record(self._client.write("POST", KIND, self._body(uid, settled=False), tenant=self._tenant))

    def settled(self, record: Record) -> Record:
        """The record, saying that its cluster has cleaned up."""
        return self._changed(record, self._body(record.uid, settled=True))

    def hand_over(self, record: Record, uid: str) -> Record:
        """The record, saying that the name is this cluster's from now on."""
        return self._changed(record, self._body(uid, settled=False))

    def _changed(self, record: Record, body: Mapping[str, object]) -> Record:
        return self._record(self._client.write("PUT", f"{KIND}/{record.uuid}", body, tenant=record.tenant))

    def remove(self, record: Record) -> None:
        """Delete a record."""
        self._client.delete(Ref(KIND, self._name, tenant=record.tenant), record.uuid)

    def _body(self, uid: str, *, settled: bool) -> Mapping[str, object]:
        return {
            "name": self._name,
            "type": "SG_TYPE_KEYVAL",
            "description": f"Says which Kubernetes cluster is called '{self._cluster}'. Made by ako-toolkit; "
            "without it another cluster of that name may delete everything of this one.",
            "kv": [{"key": _UID, "value": uid}, {"key": _SETTLED, "value": "yes" if settled else "no"}],
        }

    def _record(self, document: Mapping[str, object]) -> Record:
        pairs = document.get("kv")
        held = {
            str(one.get("key")): str(one.get("value", ""))
            for one in (pairs if isinstance(pairs, list) else ())
            if isinstance(one, Mapping)
        }
        uuid, uid = document.get("uuid"), held.get(_UID, "")
        if not isinstance(uuid, str) or not uid:
            raise unclear(f"GET {KIND} '{self._name}': it does not say which cluster it is of", write=False)
        owner = document.get("tenant_ref")
        name = parse_ref(owner).name if isinstance(owner, str) else self._tenant
        return Record(uuid=uuid, tenant=name, uid=uid, settled=held.get(_SETTLED) == "yes")
