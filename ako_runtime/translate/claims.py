"""Which front end has a virtual service name that several ask for.

Front ends can map to the same virtual service name (`a/b-c` and `a-b/c`, or a shared VIP with the name of a Service).
Who is served under the name on the controller keeps it (ADR 135): the official AKO lets the last writer have it, and a
take-over must not lead an address to other pods. Where the controller serves none of them, the oldest claimant has it;
a shared VIP is as old as its oldest member. The controller is asked only where there are several claimants.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from ako_runtime.model.environment import Reference
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey
from ako_runtime.resources.core import Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway
from ako_runtime.resources.index import GATEWAYS_BY_ROOT, SERVICES_BY_ROOT
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate.front import front_of, is_served_namespace
from ako_runtime.translate.tenancy import tenant_for


class Claim(Struct, frozen=True, kw_only=True, order=True):
    """A front end that wants a virtual service name; older ones sort first."""

    created: datetime
    namespace: str
    name: str
    key: StackKey
    # The virtual service of that name serves it now, whatever its age.
    serves: bool = False


class NameChoice(Struct, frozen=True, kw_only=True):
    """Who has a name: `rival` if it is not the one who asked; `needs` must be looked up before that is known."""

    rival: Claim | None = None
    needs: frozenset[Ref] = frozenset()


def name_choice(key: StackKey, snapshot: Snapshot, settings: Settings, *, virtualservice: str) -> NameChoice:
    """Who has the name `virtualservice`, which `key` wants."""
    claims, services = _claims(key, snapshot, settings)
    if not claims or claims.keys() == {key}:
        return NameChoice()
    needs: set[Ref] = set()
    serving: list[Claim] = []
    for claim in claims.values():
        tenant = tenant_for(claim.namespace, snapshot, settings)
        ref = Ref("virtualservice", virtualservice, tenant=tenant.name)
        held = None if tenant.needs or tenant.problem else snapshot.reference(ref)
        needs |= tenant.needs
        if held is not None and _is_served(claim, held, services.get(claim.key, frozenset())):
            serving.append(claim)
        elif held is None and not (tenant.needs or tenant.problem):
            needs.add(ref)
    if needs:
        return NameChoice(needs=frozenset(needs))
    first = msgspec.structs.replace(min(serving), serves=True) if serving else min(claims.values())
    return NameChoice(rival=None if first.key == key else first)


def _is_served(claim: Claim, held: Reference, services: frozenset[str]) -> bool:
    if held.gateway or claim.key.kind == "gateway":
        return claim.key.kind == "gateway" and held.gateway == f"{claim.key.namespace}/{claim.key.name}"
    return not services.isdisjoint(held.services)


def _claims(
    key: StackKey, snapshot: Snapshot, settings: Settings
) -> tuple[dict[StackKey, Claim], dict[StackKey, frozenset[str]]]:
    """Everybody who wants the name that `key` wants, and the Services (`namespace/name`) of each."""
    root = ("", f"{key.namespace}-{key.name}")
    first: dict[StackKey, Claim] = {}
    services: dict[StackKey, frozenset[str]] = {}
    for service in only(snapshot.found(SERVICES_BY_ROOT, root), Service):
        front = front_of(service, snapshot, settings)
        if front is not None and front.kind != "gateway":
            _keep_older(first, _claim(service, front))
            services[front] = services.get(front, frozenset()) | {f"{service.namespace}/{service.name}"}
    if settings.services_api:
        for gateway in only(snapshot.found(GATEWAYS_BY_ROOT, root), Gateway):
            if is_served_namespace(gateway.namespace, snapshot, settings):
                front = StackKey(kind="gateway", namespace=gateway.namespace, name=gateway.name)
                _keep_older(first, _claim(gateway, front))
    return first, services


def _claim(obj: Service | Gateway, key: StackKey) -> Claim:
    created, namespace, name = obj.metadata.age_key
    return Claim(created=created, namespace=namespace, name=name, key=key)


def _keep_older(first: dict[StackKey, Claim], claim: Claim) -> None:
    if claim.key not in first or claim < first[claim.key]:
        first[claim.key] = claim
