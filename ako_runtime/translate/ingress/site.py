"""Where a host of an Ingress is served: tenant, AviInfraSetting, and which virtual service.

A *site* is the answer for an Ingress (tenant, setting, sharding), a *key* the one for a host of it. Hosts are spread by
FNV-1a of their name over 1, 4 or 8 shared virtual services; DEDICATED gives each host its own, `vipPerNamespace` each
namespace. A key says all of this in its name, so that a changed size is simply another set of keys: what the old ones
had is let go, what the new ones want is made.

A setting that a Namespace names does not become part of object names, one that a class names does (ako-behaviour 4.1).
"""

from msgspec import Struct

from ako_runtime.model.names import fnv1a
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey
from ako_runtime.resources.ako import AviInfraSetting, InfraListener
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate.infra import SHARD_SIZES, InfraChoice, infra_choice, infra_named
from ako_runtime.translate.ingress.ownership import class_ownership, wants_passthrough
from ako_runtime.translate.tenancy import TenantChoice, tenant_for

SHARDS = {"SMALL": 1, "MEDIUM": 4, "LARGE": 8}
DEDICATED = "DEDICATED"
SHARD, HOST, NAMESPACE_VIP, THROUGH = "shard", "host", "namespace-vip", "passthrough"


class Site(Struct, frozen=True, kw_only=True):
    """Tenant and setting of an Ingress."""

    tenant: TenantChoice
    infra: InfraChoice
    # As it appears in names: empty for the global settings and for a setting of the Namespace.
    infra_name: str = ""
    size: str = DEDICATED
    listeners: tuple[InfraListener, ...] = ()
    namespace: str = ""
    class_problem: str = ""
    # TLS goes through to the pods, by so many shared virtual services.
    passthrough: bool = False
    passthrough_size: str = "SMALL"

    @property
    def needs(self) -> frozenset[Ref]:
        """Objects on the controller that must be known first."""
        return self.tenant.needs | self.infra.needs


def site_of(ingress: Ingress, snapshot: Snapshot, settings: Settings) -> Site:
    """The site of an Ingress of ours."""
    owner = class_ownership(ingress, snapshot)
    tenant = tenant_for(ingress.namespace, snapshot, settings)
    choice = infra_choice(snapshot, settings, named=owner.infra, namespace=ingress.namespace, tenant=tenant.name)
    infra = infra_named(choice.name, snapshot) if choice.name else None
    size = size_of(infra, settings)
    return Site(
        tenant=tenant,
        infra=choice,
        infra_name=owner.infra if owner.infra and not choice.missing else "",
        size=size,
        listeners=infra.spec.network.listeners if infra is not None else (),
        namespace=ingress.namespace,
        class_problem=owner.problem,
        passthrough=wants_passthrough(ingress),
        passthrough_size=size if infra is not None and size in SHARDS else settings.passthrough_shard_size,
    )


def size_of(infra: AviInfraSetting | None, settings: Settings) -> str:
    """The number of shared virtual services, as a word, under an AviInfraSetting if there is one.

    It counts also if the setting is rejected for something else: nobody is to move because of that.
    """
    size = infra.spec.l7_settings.shard_size if infra is not None and infra.spec.l7_settings is not None else ""
    return size if size in SHARD_SIZES else settings.shard_vs_size


def shard_keys(size: str, *, infra: str, tenant: str) -> tuple[StackKey, ...]:
    """The keys of all shared virtual services of a size; none if each host has its own.

    `infra` as in names, `tenant` empty for that of the settings.
    """
    suffix = f"/{infra}" if infra else ""
    numbers = range(SHARDS.get(size, 0))
    return tuple(StackKey(kind=SHARD, namespace=tenant, name=f"{size}-{number}{suffix}") for number in numbers)


def key_for(host: str, site: Site, settings: Settings) -> StackKey:
    """The key that serves a host."""
    tenant = "" if site.tenant.name == settings.tenant_name else site.tenant.name
    suffix = f"/{site.infra_name}" if site.infra_name else ""
    if site.passthrough:
        return _shard_key(host, site.passthrough_size, tenant=tenant, suffix=suffix, kind=THROUGH)
    if settings.vip_per_namespace:
        return namespace_key(site.namespace, site.infra_name, tenant=tenant)
    if site.size == DEDICATED:
        return StackKey(kind=HOST, namespace=tenant, name=f"{host}{suffix}")
    return _shard_key(host, site.size, tenant=tenant, suffix=suffix)


def namespace_key(namespace: str, infra: str, *, tenant: str) -> StackKey:
    """The key of a namespace with a VIP of its own; `infra` and `tenant` as in `shard_keys`."""
    return StackKey(kind=NAMESPACE_VIP, namespace=namespace, name=f"{infra or '-'}{'/' if tenant else ''}{tenant}")


def _shard_key(host: str, size: str, *, tenant: str, suffix: str, kind: str = SHARD) -> StackKey:
    return StackKey(kind=kind, namespace=tenant, name=f"{size}-{fnv1a(host) % SHARDS[size]}{suffix}")
