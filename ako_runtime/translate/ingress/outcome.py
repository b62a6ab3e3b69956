"""Translation of the three kinds of key: a shard, a dedicated host, the VIP of a namespace.

Which hosts a key has follows from the Ingresses themselves: those in the buckets of the shard, those that name the
host, those of the namespace. A key that does not fit the settings (another size, another tenant) has none, and is
answered at once.

Every Ingress with a host here gets its whole status, hosts of other keys included; what is wrong with it is told by the
key of its first host alone.
"""

import functools
from collections.abc import Iterator, Mapping

from msgspec import Struct

from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.names import MAX_NAME_LENGTH
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, Outcome, Stack, StackKey, StatusIntent
from ako_runtime.resources.index import NAMESPACES_OF_INFRA
from ako_runtime.resources.index_l7 import (
    BUCKETS,
    HOSTLESS,
    INGRESSES_OF_BUCKET,
    INGRESSES_OF_HOST,
    INGRESSES_OF_NAMESPACE,
)
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.modes import tls_secret_namespaces
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.resources.sso import CLIENT_SECRETS
from ako_runtime.settings import Settings
from ako_runtime.translate.infra import infra_named
from ako_runtime.translate.ingress.certificates import ENABLE_TLS
from ako_runtime.translate.ingress.frame import frame_for, namer_for, parent_name, shared_fqdn
from ako_runtime.translate.ingress.hosts import (
    Host,
    claim_on,
    host_for,
    hosts_of,
    ingress_ref,
    rules_of,
)
from ako_runtime.translate.ingress.modes import dedicated_objects, evh_objects, sni_objects
from ako_runtime.translate.ingress.naming import IngressNamer
from ako_runtime.translate.ingress.ownership import class_ownership, is_ours
from ako_runtime.translate.ingress.passthrough import passthrough_objects
from ako_runtime.translate.ingress.rule_choice import rules_for_parent
from ako_runtime.translate.ingress.rule_effects import without_effect
from ako_runtime.translate.ingress.shard_remarks import shard_remarks
from ako_runtime.translate.ingress.site import (
    DEDICATED,
    HOST,
    NAMESPACE_VIP,
    SHARD,
    SHARDS,
    THROUGH,
    Site,
    key_for,
    site_of,
)
from ako_runtime.translate.ingress.statuses import ingress_statuses
from ako_runtime.translate.ingress.task import Found, Task
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.recall import NOTHING
from ako_runtime.translate.verdict import refusal, remark, unknown_kinds

_INGRESS_KINDS = ("ingresses", "ingressclasses", "hostrules", "httprules", "l7rules", "ssorules")


class KeyParts(Struct, frozen=True, kw_only=True):
    """What a key says; `number` is the shard's."""

    kind: str
    tenant: str = ""
    namespace: str = ""
    infra: str = ""
    size: str = ""
    number: int = 0
    host: str = ""


class Seat(Struct, frozen=True, kw_only=True):
    """Whether an Ingress, or only its class, is ours; its site, and the key of each of its hosts."""

    ours: bool
    class_ours: bool
    site: Site | None = None
    hosts: tuple[tuple[str, StackKey], ...] = ()


class Hosting(Struct, frozen=True, kw_only=True):
    """What becomes of a host here: not `here` if another key serves it, or nobody."""

    here: bool
    host: Host | None = None
    remarks: tuple[Diagnostic, ...] = ()
    needs: frozenset[Ref] = frozenset()


def ingress_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """What the key should have."""
    unknown = unknown_kinds(snapshot, context.settings) or missing_kinds(snapshot, context.settings)
    if unknown:
        return Outcome(key=key, held=unknown)
    parts = parts_of(key)
    scope = (context.settings, context.environment, context.ownership, snapshot.environment, snapshot.complete)
    task = Task(key=key, snapshot=snapshot, context=context, page=context.recall.page(key, *scope))
    outcome = _outcome(task, parts) if _fits(parts, snapshot, context.settings) else Outcome(key=key)
    context.recall.keep(key, task.page, *scope)
    return outcome


def _outcome(task: Task, parts: KeyParts) -> Outcome:
    key, snapshot, context, page = task.key, task.snapshot, task.context, task.page
    near = tuple(_candidates(parts, snapshot))
    seats = {
        one.identity: page.piece(("seat", one.identity), snapshot, functools.partial(_seat, one, context=context), one)
        for one in near
    }
    mine = [one for one in near if seats[one.identity].ours]
    released = tuple(
        IngressStatus(about=ingress_ref(one), speaks=True) for one in near if not seats[one.identity].class_ours
    )
    listed = "secrets" in snapshot.complete or not tls_secret_namespaces(context.settings)
    if not listed and any(map(_wants_tls, mine)):
        return Outcome(key=key, held="not listed yet: secrets, which Ingresses with TLS need")
    sites = {
        one.identity: (one, seat.site)
        for one in sorted(mine, key=lambda ingress: ingress.metadata.age_key)
        if (seat := seats[one.identity]).site is not None and any(own == key for _, own in seat.hosts)
    }
    needs = frozenset(ref for _, site in sites.values() for ref in site.needs)
    refused = None if needs else _refused(key, sites, context)
    if refused is not None:
        return refused
    if needs:
        return Outcome(key=key, needs=needs)
    found = _found(task, sites, seats)
    if found.needs:
        return Outcome(key=key, needs=found.needs)
    return _served(task, found, released)


def parts_of(key: StackKey) -> KeyParts:
    """The key, taken apart."""
    first, _, infra = key.name.partition("/")
    if key.kind == NAMESPACE_VIP:
        return KeyParts(kind=key.kind, namespace=key.namespace, infra="" if key.name == "-" else key.name)
    if key.kind == HOST:
        return KeyParts(kind=key.kind, tenant=key.namespace, host=first, infra=infra)
    size, _, number = first.partition("-")
    return KeyParts(kind=key.kind, tenant=key.namespace, size=size, number=int(number), infra=infra)


def missing_kinds(snapshot: Snapshot, settings: Settings) -> str:
    """Kinds that must be listed before anything about hosts is decided, and are not; empty if all are."""
    needed = [*_INGRESS_KINDS]
    if settings.enable_evh and tls_secret_namespaces(settings) and snapshot.of("ssorules"):
        # Without a look at them a host would be closed that need not be.
        needed.append(CLIENT_SECRETS)
    missing = [resource for resource in needed if resource not in snapshot.complete]
    return f"not listed yet: {', '.join(missing)}" if missing else ""


def _wants_tls(ingress: Ingress) -> bool:
    return bool(ingress.spec.tls) or ENABLE_TLS in ingress.metadata.annotations


def _fits(parts: KeyParts, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether any host can have this key."""
    if parts.tenant == settings.tenant_name:
        return False
    if parts.kind == THROUGH:
        # Few, and only where an Ingress asks for them.
        return True
    if (parts.kind == NAMESPACE_VIP) != settings.vip_per_namespace:
        return False
    if parts.kind == NAMESPACE_VIP or (not parts.infra and snapshot.indexes.get(NAMESPACES_OF_INFRA.name)):
        # The setting of a Namespace may say another size.
        return True
    infra = infra_named(parts.infra, snapshot) if parts.infra else None
    size: str = settings.shard_vs_size
    if infra is not None and infra.spec.l7_settings is not None and infra.spec.l7_settings.shard_size:
        size = infra.spec.l7_settings.shard_size
    return size == (parts.size or DEDICATED) or size not in {*SHARDS, DEDICATED}


def _candidates(parts: KeyParts, snapshot: Snapshot) -> Iterator[Ingress]:
    """Ingresses that may have a host here, each once."""
    seen = set()
    for one in only(_near(parts, snapshot), Ingress):
        if one.identity not in seen:
            seen.add(one.identity)
            yield one


def _near(parts: KeyParts, snapshot: Snapshot) -> Iterator[Resource]:
    if parts.kind == NAMESPACE_VIP:
        yield from snapshot.found(INGRESSES_OF_NAMESPACE, ("", parts.namespace))
        return
    if parts.kind == HOST:
        yield from snapshot.found(INGRESSES_OF_HOST, ("", parts.host))
    else:
        for bucket in range(parts.number, BUCKETS, SHARDS[parts.size]):
            yield from snapshot.found(INGRESSES_OF_BUCKET, ("", str(bucket)))
    yield from snapshot.found(INGRESSES_OF_BUCKET, ("", HOSTLESS))


def _seat(ingress: Ingress, snapshot: Snapshot, *, context: L4Context) -> Seat:
    """Whose the Ingress is, and where its hosts belong."""
    if not is_ours(ingress, snapshot, context.settings):
        return Seat(ours=False, class_ours=class_ownership(ingress, snapshot).ours)
    site = site_of(ingress, snapshot, context.settings)
    hosts = hosts_of(ingress, context) or ("",)
    return Seat(
        ours=True,
        class_ours=True,
        site=site,
        hosts=tuple((host, key_for(host, site, context.settings)) for host in hosts),
    )


def _refused(key: StackKey, sites: dict[tuple[str, str], tuple[Ingress, Site]], context: L4Context) -> Outcome | None:
    """The outcome while tenant or setting cannot be used: everything stays as it is."""
    for _, site in sites.values():
        named = bool(site.infra_name) and site.infra.rejected
        text = site.tenant.problem or (site.infra.rejected if named else "")
        if text:
            reason = "TenantNotFound" if site.tenant.problem else "InfraSettingRejected"
            problems = tuple(refusal(ingress_ref(one), reason, text) for one, _ in sites.values())
            return Outcome(
                key=key,
                statuses=tuple(_kept(one, context) for one in problems),
                diagnostics=problems,
                keeps_last_good=True,
                roots=(Ref("virtualservice", parent_name(key, site, context), tenant=site.tenant.name),),
            )
    return None


def _kept(problem: Diagnostic, _context: L4Context) -> StatusIntent:
    return IngressStatus(about=problem.object, problem=problem, speaks=True)


def _found(
    task: Task, sites: dict[tuple[str, str], tuple[Ingress, Site]], seats: Mapping[tuple[str, str], Seat]
) -> Found:
    hosts: dict[str, Host | None] = {}
    remarks: list[Diagnostic] = []
    needs: set[Ref] = set()
    for identity in sites:
        for host, own in seats[identity].hosts:
            if host in hosts or own != task.key:
                continue
            make = functools.partial(_hosting, host, task.key, context=task.context)
            one = task.page.piece(("host", host), task.snapshot, make)
            remarks += one.remarks
            needs |= one.needs
            if one.here:
                hosts[host] = one.host
    remarks += _without_names(task, hosts, sites)
    if task.key.kind not in (HOST, THROUGH):
        together = tuple(host for _, host in sorted(hosts.items()) if host is not None)
        remarks += shard_remarks(together, enhanced=task.context.settings.enable_evh)
    return Found(sites=sites, hosts=hosts, remarks=tuple(dict.fromkeys(remarks)), needs=frozenset(needs))


def _hosting(host: str, key: StackKey, snapshot: Snapshot, *, context: L4Context) -> Hosting:
    claim = claim_on(host, snapshot, context)
    if claim is None or claim.key != key:
        return Hosting(here=False, remarks=claim.refused if claim is not None else ())
    rules = rules_of(host, claim, snapshot, context)
    there, about = host_for(host, claim, rules, snapshot=snapshot, context=context)
    remarks = (*about, *_out_of_reach(there, key, context), *_without_effect(there, key, context))
    sought = there.tls.needs if there is not None and there.tls is not None else frozenset()
    return Hosting(here=True, host=there, remarks=remarks, needs=rules.needs | sought)


def _without_names(
    task: Task, hosts: dict[str, Host | None], sites: dict[tuple[str, str], tuple[Ingress, Site]]
) -> list[Diagnostic]:
    """Leave out hosts whose objects can have no names: too long, or those of an older host."""
    taken: set[str] = set()
    remarks = []
    for name, host in hosts.items():
        if host is None:
            continue
        first = host.ingresses[0]
        _, site = sites[first.identity]
        namer = task.page.same("namer", namer_for(site, task.context, dedicated=task.key.kind == HOST))
        own = functools.partial(_names_of, host, namer)
        names = task.page.piece(("names", name), NOTHING, own, host, namer)
        problem = ""
        if max(map(len, names)) > MAX_NAME_LENGTH:
            problem = f"host '{name}': an Avi object would have a name of more than {MAX_NAME_LENGTH} characters; "
            problem += "shorten host, path or the name of the Ingress"
        elif not taken.isdisjoint(names):
            problem = f"host '{name}': its objects would have the names of another host, whose Ingress is older; "
            problem += "rename the Ingress or its namespace"
        if problem:
            hosts[name] = None
            remarks.append(remark(ingress_ref(first), "NameConflict", problem, field="spec.rules"))
        else:
            taken |= names
    return remarks


def _names_of(host: Host, namer: IngressNamer, _snapshot: Snapshot) -> frozenset[str]:
    return namer.own_names(host)


def _out_of_reach(host: Host | None, key: StackKey, context: L4Context) -> Iterator[Diagnostic]:
    """Paths of an insecure host that the script of an SNI parent cannot tell apart: it sees the first segment."""
    if host is None or host.secure or context.settings.enable_evh or key.kind in (HOST, THROUGH):
        return
    for path in host.paths:
        if "/" in path.key.text.strip("/"):
            text = (
                f"path '{path.key.text}' of insecure host '{host.name}' has several segments; in SNI mode requests are "
                "told apart by the first one. Use TLS, EVH mode or a dedicated virtual service"
            )
            about = next(one for one in host.ingresses if one.identity == path.backends[0].ingress)
            yield remark(ingress_ref(about), "PathOutOfReach", text, field="spec.rules")


def _without_effect(host: Host | None, key: StackKey, context: L4Context) -> Iterator[Diagnostic]:
    """What a HostRule says that the virtual service of the host cannot have."""
    chosen = host.rules.chosen if host is not None else None
    if host is None or chosen is None or key.kind in (HOST, THROUGH):
        return
    text = without_effect(chosen, enhanced=context.settings.enable_evh, secure=host.secure, host=host.name)
    if text:
        yield remark(ingress_ref(host.ingresses[0]), "RuleWithoutEffect", text, field="spec.rules")


def _served(task: Task, found: Found, released: tuple[StatusIntent, ...]) -> Outcome:
    key, snapshot, context = task.key, task.snapshot, task.context
    hosts = tuple(host for _, host in sorted(found.hosts.items()) if host is not None)
    statuses = ingress_statuses(task, found)
    problems = (one.problem for one in statuses if one.problem is not None)
    said = list(dict.fromkeys((*found.remarks, *problems)))
    if not hosts:
        return Outcome(key=key, statuses=(*statuses, *released), diagnostics=tuple(said))
    _, site = found.sites[hosts[0].ingresses[0].identity] if key.kind == HOST else next(iter(found.sites.values()))
    name, tenant = parent_name(key, site, context), site.tenant.name
    fqdn = shared_fqdn(name, tenant, context)
    rules = hosts[0].rules
    if key.kind not in (HOST, THROUGH):
        rules = rules_for_parent(name, fqdn, snapshot, context, tenant=tenant)
        if rules.needs:
            return Outcome(key=key, needs=rules.needs)
    frame = task.page.same("frame", frame_for(site, context, dedicated=key.kind == HOST, rule=rules.chosen))
    if key.kind == HOST:
        objects = dedicated_objects(hosts[0], frame)
    elif key.kind == THROUGH:
        objects = passthrough_objects(name, fqdn, hosts, frame)
    else:
        shape = evh_objects if context.settings.enable_evh else sni_objects
        objects = shape(name, fqdn, hosts, frame, page=task.page)
    stack = Stack(objects={Ref(obj.kind, obj.name, tenant=site.tenant.name): obj for obj in objects})
    return Outcome(key=key, stack=stack, statuses=(*statuses, *released), diagnostics=tuple(said))


INGRESS_TRANSLATIONS = {
    THROUGH: ingress_outcome,
    SHARD: ingress_outcome,
    HOST: ingress_outcome,
    NAMESPACE_VIP: ingress_outcome,
}
