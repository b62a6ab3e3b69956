"""The address of a shared virtual service that has no host any more: its VsVip stays, idle.

The official AKO keeps the VsVip, under its own name in DNS, so that the next host gets the address that people know.
The empty virtual service stays there as well, until its next start. The runtime deletes it and keeps the
VsVip: a key without hosts names its VsVip, which is never made for that, but stays if it is there. It goes when no host
can come to it any more: with another number of shards, a tenant that no Namespace names, an AviInfraSetting that no
class names, a namespace that is deleted.
"""

from collections.abc import Iterable, Mapping

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey
from ako_runtime.resources.core import Namespace
from ako_runtime.resources.networking import IngressClass
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate.annotations import INFRA, TENANT, text_of
from ako_runtime.translate.front import is_served_namespace
from ako_runtime.translate.infra import infra_named
from ako_runtime.translate.ingress.frame import parent_name, shared_fqdn
from ako_runtime.translate.ingress.ownership import CONTROLLER, class_infra
from ako_runtime.translate.ingress.seats import parts_of
from ako_runtime.translate.ingress.site import SHARD, namespace_key, shard_keys, size_of
from ako_runtime.translate.l4 import L4Context


def idle_vsvips(snapshot: Snapshot, key: StackKey, context: L4Context) -> Mapping[Ref, tuple[str, ...]]:
    """The VsVip that a key without hosts keeps, with the names in DNS that are left to it; empty if it keeps none."""
    parts = parts_of(key)
    tenant = parts.tenant or context.settings.tenant_name
    if key not in _keys_in(tenant, snapshot, context):
        return {}
    name = parent_name(key, parts.infra, context)
    fqdn = shared_fqdn(name, tenant, context) if key.kind == SHARD else ""
    return {Ref("vsvip", name, tenant=tenant): (fqdn,) if fqdn else ()}


def idle_places(refs: Iterable[Ref], snapshot: Snapshot, context: L4Context) -> Mapping[StackKey, Ref]:
    """Which key may keep which of these VsVips, whether or not an Ingress stands for the key."""
    held = frozenset(ref for ref in refs if ref.kind == "vsvip")
    found: dict[StackKey, Ref] = {}
    for tenant in sorted({ref.tenant for ref in held}):
        for key in sorted(_keys_in(tenant, snapshot, context)):
            ref = Ref("vsvip", parent_name(key, parts_of(key).infra, context), tenant=tenant)
            if ref in held:
                found[key] = ref
    return found


def idle_among(refs: Iterable[Ref], snapshot: Snapshot, context: L4Context) -> Mapping[Ref, tuple[str, ...]]:
    """Those of these VsVips that may stay, each with the names in DNS that are left to it."""
    found: dict[Ref, tuple[str, ...]] = {}
    for key in idle_places(refs, snapshot, context):
        found |= idle_vsvips(snapshot, key, context)
    return found


def _keys_in(tenant: str, snapshot: Snapshot, context: L4Context) -> frozenset[StackKey]:
    """Every key of shared virtual services to which a host may come in a tenant."""
    settings = context.settings
    own = "" if tenant == settings.tenant_name else tenant
    namespaces = [
        one
        for one in only(snapshot.of("namespaces").values(), Namespace)
        if (text_of(one.metadata.annotations, TENANT) or settings.tenant_name) == tenant
        and is_served_namespace(one.name, snapshot, settings)
    ]
    if own and not namespaces:
        return frozenset()
    classes = only(snapshot.of("ingressclasses").values(), IngressClass)
    named = {class_infra(one) for one in classes if one.spec.controller == CONTROLLER} - {""}
    infras = {name: held for name in named if (held := infra_named(name, snapshot)) is not None}
    if settings.vip_per_namespace:
        names = ("", *infras)
        return frozenset(namespace_key(one.name, name, tenant=own) for one in namespaces for name in names)
    chosen = (infra_named(name, snapshot) for one in namespaces if (name := text_of(one.metadata.annotations, INFRA)))
    sizes = {("", size) for size in {size_of(None, settings), *(size_of(one, settings) for one in chosen)}}
    sizes |= {(name, size_of(one, settings)) for name, one in infras.items()}
    return frozenset(key for name, size in sizes for key in shard_keys(size, infra=name, tenant=own))
