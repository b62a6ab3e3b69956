"""An object as the controller has it.

`content` is what we manage, decoded to the model class; `foreign` is the JSON of the rest, without identity and
checksums. Foreign parts repeat from object to object (the controller's defaults), so equal ones share one bytes value:
the caller passes an intern table. `addresses` are the allocated VIPs, with which statuses are written.
"""

from collections.abc import Mapping, MutableMapping

import msgspec
from msgspec import Struct

from ako_runtime.model.avi import AviObject
from ako_runtime.model.refs import Ref, parse_ref
from ako_runtime.model.wire import BOOKKEEPING, KINDS, decoded, managed_fields


class Observed(Struct, frozen=True, kw_only=True):
    """One object on the controller."""

    ref: Ref
    uuid: str
    content: AviObject | None
    foreign: bytes = b"{}"
    last_modified: str = ""
    addresses: tuple[str, ...] = ()
    public_addresses: tuple[str, ...] = ()


class Served(Struct, frozen=True, kw_only=True):
    """Kubernetes objects (`namespace/name`) that the metadata of a virtual service names."""

    sso_rule: str = ""
    gateway: str = ""
    namespace_svc_name: tuple[str, ...] | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """The Services behind it."""
        return self.namespace_svc_name or ()


def served_in(service_metadata: object) -> Served:
    """What the metadata of a virtual service names; nothing where it is no metadata of an AKO."""
    if not isinstance(service_metadata, str) or not service_metadata:
        return Served()
    try:
        return msgspec.json.decode(service_metadata, type=Served)
    except msgspec.DecodeError:
        return Served()


_foreign_encoder = msgspec.json.Encoder(order="deterministic")


def observed_from(
    kind: str, answer: bytes | msgspec.Raw, *, tenant: str, interned: MutableMapping[bytes, bytes]
) -> Observed:
    """The observed value of an answer, which is the JSON of one object.

    An answer that does not have the shape of its kind is kept with `content` None: it differs from every wish, so it
    is written anew rather than trusted.
    """
    model = KINDS[kind]
    document = msgspec.json.decode(answer, type=dict[str, object])
    tenant_ref = document.get("tenant_ref")
    owner = parse_ref(tenant_ref).name if isinstance(tenant_ref, str) else tenant
    try:
        content: AviObject | None = decoded(answer, model)
    except msgspec.ValidationError:
        content = None
    ours = managed_fields(model)
    foreign = _foreign_encoder.encode(
        {name: value for name, value in document.items() if name not in ours and name not in BOOKKEEPING}
    )
    return Observed(
        ref=Ref(kind, str(document.get("name", "")), tenant=owner),
        uuid=str(document.get("uuid", "")),
        content=content,
        foreign=interned.setdefault(foreign, foreign),
        last_modified=str(document.get("_last_modified", "")),
        addresses=_addresses(document, ("ip_address", "ip6_address")),
        public_addresses=_addresses(document, ("floating_ip", "floating_ip6")),
    )


def _addresses(document: Mapping[str, object], fields: tuple[str, ...]) -> tuple[str, ...]:
    vips = document.get("vip")
    if not isinstance(vips, list):
        return ()
    return tuple(
        str(address["addr"])
        for vip in vips
        if isinstance(vip, dict)
        for field in fields
        if isinstance(address := vip.get(field), dict) and address.get("addr")
    )
