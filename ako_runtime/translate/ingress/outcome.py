"""Translation of the three kinds of key: a shard, a dedicated host, the VIP of a namespace.

Which hosts a key has follows from the Ingresses themselves: those in the buckets of the shard, those that name the
host, those of the namespace. A key that does not fit the settings (another size, another tenant) has none, and is
answered at once.

Every Ingress with a host here gets its whole status, hosts of other keys included; what is wrong with it is told by the
key of its first host alone.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from ako_runtime.model.intents_l7 import IngressStatus, ServedHost
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
from ako_runtime.settings import Settings
from ako_runtime.translate.infra import infra_named
from ako_runtime.translate.ingress.certificates import ENABLE_TLS
from ako_runtime.translate.ingress.frame import frame_for, namer_for, parent_name, refs_of, shared_fqdn
from ako_runtime.translate.ingress.hosts import (
    Claim,
    Host,
    claim_on,
    host_for,
    host_problem,
    hosts_of,
    ingress_ref,
    rules_of,
    tls_for,
)
from ako_runtime.translate.ingress.modes import dedicated_objects, evh_objects, sni_objects
from ako_runtime.translate.ingress.ownership import class_ownership, is_ours
from ako_runtime.translate.ingress.passthrough import passthrough_objects
from ako_runtime.translate.ingress.rule_choice import rules_for_parent
from ako_runtime.translate.ingress.rule_effects import without_effect
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
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.verdict import refusal, remark, unknown_kinds

_INGRESS_KINDS = ("ingresses", "ingressclasses", "hostrules", "httprules", "l7rules")


class KeyParts(Struct, frozen=True, kw_only=True):
    """What a key says; `number` is the shard's."""

    kind: str
    tenant: str = ""
    namespace: str = ""
    infra: str = ""
    size: str = ""
    number: int = 0
    host: str = ""


class Found(Struct, frozen=True, kw_only=True):
    """Ingresses of a key with their sites, the hosts that it serves, and remarks."""

    sites: dict[tuple[str, str], tuple[Ingress, Site]]
    hosts: dict[str, Host | None]
    remarks: tuple[Diagnostic, ...] = ()
    # What rules name on the controller and nobody has looked up yet.
    needs: frozenset[Ref] = frozenset()


def ingress_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """What the key should have."""
    unknown = unknown_kinds(snapshot, context.settings) or missing_kinds(snapshot)
    if unknown:
        return Outcome(key=key, held=unknown)
    parts = parts_of(key)
    if not _fits(parts, snapshot, context.settings):
        return Outcome(key=key)
    near = tuple(_candidates(parts, snapshot))
    mine = [one for one in near if is_ours(one, snapshot, context.settings)]
    released = tuple(
        IngressStatus(about=ingress_ref(one), speaks=True) for one in near if not class_ownership(one, snapshot).ours
    )
    listed = "secrets" in snapshot.complete or not tls_secret_namespaces(context.settings)
    if not listed and any(map(_wants_tls, mine)):
        return Outcome(key=key, held="not listed yet: secrets, which Ingresses with TLS need")
    sites = _sites(key, mine, snapshot, context)
    needs = frozenset(ref for _, site in sites.values() for ref in site.needs)
    refused = None if needs else _refused(key, sites, context)
    if refused is not None:
        return refused
    found = Found(sites={}, hosts={}, needs=needs) if needs else _found(key, sites, snapshot, context)
    if found.needs:
        return Outcome(key=key, needs=found.needs)
    return _served(key, parts, found, snapshot=snapshot, context=context, released=released)


def parts_of(key: StackKey) -> KeyParts:
    """The key, taken apart."""
    first, _, infra = key.name.partition("/")
    if key.kind == NAMESPACE_VIP:
        return KeyParts(kind=key.kind, namespace=key.namespace, infra="" if key.name == "-" else key.name)
    if key.kind == HOST:
        return KeyParts(kind=key.kind, tenant=key.namespace, host=first, infra=infra)
    size, _, number = first.partition("-")
    return KeyParts(kind=key.kind, tenant=key.namespace, size=size, number=int(number), infra=infra)


def missing_kinds(snapshot: Snapshot) -> str:
    """Kinds that must be listed before anything about hosts is decided, and are not; empty if all are."""
    missing = [resource for resource in _INGRESS_KINDS if resource not in snapshot.complete]
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


def _sites(
    key: StackKey, ingresses: Iterable[Ingress], snapshot: Snapshot, context: L4Context
) -> dict[tuple[str, str], tuple[Ingress, Site]]:
    """Ingresses with a host that belongs here, oldest first."""
    found = {}
    for one in sorted(ingresses, key=lambda ingress: ingress.metadata.age_key):
        site = site_of(one, snapshot, context.settings)
        hosts = hosts_of(one, context) or ("",)
        if any(key_for(host, site, context.settings) == key for host in hosts):
            found[one.identity] = (one, site)
    return found


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
    key: StackKey,
    sites: dict[tuple[str, str], tuple[Ingress, Site]],
    snapshot: Snapshot,
    context: L4Context,
) -> Found:
    hosts: dict[str, Host | None] = {}
    remarks: list[Diagnostic] = []
    needs: set[Ref] = set()
    for ingress, site in sites.values():
        for host in hosts_of(ingress, context):
            if host in hosts or key_for(host, site, context.settings) != key:
                continue
            claim = claim_on(host, snapshot, context)
            if claim is None or claim.key != key:
                remarks += claim.refused if claim is not None else ()
                continue
            rules = rules_of(host, claim, snapshot, context)
            needs |= rules.needs
            hosts[host], about = host_for(host, claim, rules, snapshot=snapshot, context=context)
            remarks += (*about, *_out_of_reach(hosts[host], key, context), *_without_effect(hosts[host], key, context))
    remarks += _without_names(key, hosts, sites, context)
    return Found(sites=sites, hosts=hosts, remarks=tuple(dict.fromkeys(remarks)), needs=frozenset(needs))


def _without_names(
    key: StackKey,
    hosts: dict[str, Host | None],
    sites: dict[tuple[str, str], tuple[Ingress, Site]],
    context: L4Context,
) -> list[Diagnostic]:
    """Leave out hosts whose objects can have no names: too long, or those of an older host."""
    taken: set[str] = set()
    remarks = []
    for name, host in hosts.items():
        if host is None:
            continue
        first = host.ingresses[0]
        _, site = sites[first.identity]
        names = namer_for(site, context, dedicated=key.kind == HOST).own_names(host)
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
    text = without_effect(chosen)
    if not (host.secure or context.settings.enable_evh):
        text = f"HostRule {chosen.text} has no effect on insecure host '{host.name}' in SNI mode; use TLS or EVH mode"
    if text:
        yield remark(ingress_ref(host.ingresses[0]), "RuleWithoutEffect", text, field="spec.rules")


def _served(
    key: StackKey,
    parts: KeyParts,
    found: Found,
    *,
    snapshot: Snapshot,
    context: L4Context,
    released: tuple[StatusIntent, ...],
) -> Outcome:
    hosts = tuple(host for _, host in sorted(found.hosts.items()) if host is not None)
    said: list[Diagnostic] = list(found.remarks)
    statuses: list[StatusIntent] = []
    for ingress, site in found.sites.values():
        status = _status(key, ingress, site, found, snapshot=snapshot, context=context)
        statuses.append(status)
        if status.problem is not None and status.problem not in said:
            said.append(status.problem)
    if not hosts:
        return Outcome(key=key, statuses=(*statuses, *released), diagnostics=tuple(said))
    _, site = found.sites[hosts[0].ingresses[0].identity] if parts.kind == HOST else next(iter(found.sites.values()))
    name, tenant = parent_name(key, site, context), site.tenant.name
    fqdn = shared_fqdn(name, tenant, context)
    rules = hosts[0].rules
    if parts.kind not in (HOST, THROUGH):
        rules = rules_for_parent(name, fqdn, snapshot, context, tenant=tenant)
        if rules.needs:
            return Outcome(key=key, needs=rules.needs)
    frame = frame_for(site, context, dedicated=parts.kind == HOST, rule=rules.chosen)
    if parts.kind == HOST:
        objects = dedicated_objects(hosts[0], frame)
    elif parts.kind == THROUGH:
        objects = passthrough_objects(name, fqdn, hosts, frame)
    else:
        shape = evh_objects if context.settings.enable_evh else sni_objects
        objects = shape(name, fqdn, hosts, frame)
    stack = Stack(objects={Ref(obj.kind, obj.name, tenant=site.tenant.name): obj for obj in objects})
    return Outcome(key=key, stack=stack, statuses=(*statuses, *released), diagnostics=tuple(said))


def _status(
    key: StackKey, ingress: Ingress, site: Site, found: Found, *, snapshot: Snapshot, context: L4Context
) -> IngressStatus:
    """The whole status of an Ingress."""
    names = hosts_of(ingress, context)
    speaks = key_for(names[0] if names else "", site, context.settings) == key
    served, problems = [], _own_problems(ingress, site, context) if speaks else []
    for host in names:
        claim = claim_on(host, snapshot, context)
        if claim is None:
            continue
        if host in found.hosts:
            there, about = found.hosts[host], found.remarks
            secure = there is not None and there.secure
        elif speaks:
            rules = rules_of(host, claim, snapshot, context)
            there, about = host_for(host, claim, rules, snapshot=snapshot, context=context)
            secure = there is not None and there.secure
        else:
            tls = tls_for(host, claim, snapshot, context)
            there, about, secure = None, (), tls is not None
            if tls is None or tls.usable:
                served += _served_host(host, claim, ingress, snapshot=snapshot, context=context, secure=secure)
        if there is not None:
            served += _served_host(host, claim, ingress, snapshot=snapshot, context=context, secure=secure)
        if speaks:
            problems += [one for one in (*claim.refused, *about) if one.object == ingress_ref(ingress)]
    return IngressStatus(
        about=ingress_ref(ingress), hosts=tuple(served), problem=problems[0] if problems else None, speaks=speaks
    )


def _served_host(
    host: str, claim: Claim, ingress: Ingress, *, snapshot: Snapshot, context: L4Context, secure: bool
) -> list[ServedHost]:
    if not any(one.identity == ingress.identity for one in claim.ingresses):
        return []
    site = site_of(claim.ingresses[0], snapshot, context.settings)
    vsvip, service = refs_of(host, claim.key, site, context, secure=secure)
    return [ServedHost(host=host, vsvip=vsvip, virtualservice=service)]


def _own_problems(ingress: Ingress, site: Site, context: L4Context) -> list[Diagnostic]:
    """What is wrong with the Ingress apart from its paths and certificates."""
    about = ingress_ref(ingress)
    found = [
        remark(about, "HostRefused", problem, field="spec.rules")
        for host in hosts_of(ingress, context)
        if (problem := host_problem(host, context))
    ]
    if not hosts_of(ingress, context):
        text = "it names no host, and without DNS domains in the cloud none can be made; name a host in its rules"
        found.append(remark(about, "NoHost", text, field="spec.rules"))
    if not ingress.spec.rules and ingress.spec.default_backend is None:
        found.append(remark(about, "NoRules", "it has neither rules nor a default backend", field="spec.rules"))
    if site.infra.missing:
        found.append(remark(about, "InfraSettingNotFound", site.infra.missing, field="spec.ingressClassName"))
    if site.infra.rejected:
        found.append(remark(about, "InfraSettingRejected", site.infra.rejected, field="metadata.namespace"))
    if site.class_problem:
        found.append(remark(about, "ClassParameters", site.class_problem, field="spec.ingressClassName"))
    return found


INGRESS_TRANSLATIONS = {
    THROUGH: ingress_outcome,
    SHARD: ingress_outcome,
    HOST: ingress_outcome,
    NAMESPACE_VIP: ingress_outcome,
}
