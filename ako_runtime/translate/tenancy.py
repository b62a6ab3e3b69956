"""In which tenant the objects of a namespace live: that of its annotation, else the configured one.

An annotated tenant must exist; it is looked up once, and a Service in a namespace whose tenant does not exist keeps
what it has.
"""

from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate.annotations import TENANT, text_of
from ako_runtime.translate.front import is_served_namespace


class TenantChoice(Struct, frozen=True, kw_only=True):
    """The tenant, what must be looked up first, and what is wrong with it."""

    name: str
    needs: frozenset[Ref] = frozenset()
    problem: str = ""


def is_of_tenant(namespace: str, snapshot: Snapshot, settings: Settings, *, tenant: str) -> bool:
    """Whether what is in `namespace` counts in the tenant: the namespace is served, and is of that tenant."""
    served = is_served_namespace(namespace, snapshot, settings)
    return served and tenant_for(namespace, snapshot, settings).name == tenant


def tenant_for(namespace: str, snapshot: Snapshot, settings: Settings) -> TenantChoice:
    """The tenant of everything in `namespace`."""
    held = snapshot.namespace(namespace)
    wanted = text_of(held.metadata.annotations, TENANT) if held is not None else ""
    if not wanted or wanted == settings.tenant_name:
        return TenantChoice(name=settings.tenant_name)
    ref = Ref("tenant", wanted)
    known = snapshot.reference(ref)
    if known is None:
        return TenantChoice(name=wanted, needs=frozenset({ref}))
    if not known.exists:
        return TenantChoice(
            name=wanted,
            problem=f"{TENANT} of namespace {namespace} is '{wanted}', which the controller does not have; "
            "create the tenant or correct the annotation",
        )
    return TenantChoice(name=wanted)
