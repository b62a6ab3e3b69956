"""Which Ingresses and which hosts belong to a key.

Which hosts a key has follows from the Ingresses themselves: those in the buckets of the shard, those that name the
host, those of the namespace. A key that no host has any more (another size, another tenant) is empty.
"""

import re
from collections.abc import Iterable, Iterator

from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.names import MAX_NAME_LENGTH, fnv1a
from ako_runtime.model.stack import Diagnostic, Outcome, StackKey
from ako_runtime.resources.index_l7 import (
    BUCKETS,
    HOSTLESS,
    INGRESSES_OF_BUCKET,
    INGRESSES_OF_HOST,
    INGRESSES_OF_NAMESPACE,
    makes_host,
    written_hosts,
)
from ako_runtime.resources.ingress_annotations import ENABLE_TLS
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.modes import tls_secret_namespaces
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.resources.sso import CLIENT_SECRETS
from ako_runtime.settings import Settings
from ako_runtime.translate.ingress.frame import namer_for
from ako_runtime.translate.ingress.hosts import Host, claim_on, hosts_of, ingress_ref, rules_of
from ako_runtime.translate.ingress.nameable import nameable_host
from ako_runtime.translate.ingress.ownership import class_ownership, is_ours
from ako_runtime.translate.ingress.rule_effects import without_effect
from ako_runtime.translate.ingress.script import out_of_reach
from ako_runtime.translate.ingress.site import HOST, NAMESPACE_VIP, SHARDS, THROUGH, Site, key_for, site_of
from ako_runtime.translate.ingress.task import Hosting, KeyParts, Seat, Task
from ako_runtime.translate.ingress.unserved import class_problem
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.recall import NOTHING
from ako_runtime.translate.unknown_annotations import foreign_annotations, unknown_annotations
from ako_runtime.translate.verdict import refusal, remark

# What a path of a URL does not have, or hardly ever: a set of letters, repetitions, alternatives, the end of the text.
_PATTERN = re.compile(r"[|^\\*]|\.\+|\[[^]]*\]|\{[^}]*\}|\([^)]*[.?+][^)]*\)|\$$")
_INGRESS_KINDS = ("ingresses", "ingressclasses", "hostrules", "httprules", "l7rules", "ssorules")


def parts_of(key: StackKey) -> KeyParts:
    """The key, taken apart."""
    first, _, second = key.name.partition("/")
    if key.kind == NAMESPACE_VIP:
        return KeyParts(kind=key.kind, namespace=key.namespace, infra=first.removeprefix("-"), tenant=second)
    if key.kind == HOST:
        return KeyParts(kind=key.kind, tenant=key.namespace, host=first, infra=second)
    size, _, number = first.partition("-")
    return KeyParts(kind=key.kind, tenant=key.namespace, size=size, number=int(number), infra=second)


def missing_kinds(snapshot: Snapshot, settings: Settings) -> str:
    """Kinds that must be listed before anything about hosts is decided, and are not; empty if all are."""
    needed = [*_INGRESS_KINDS]
    if settings.enable_evh and tls_secret_namespaces(settings) and snapshot.of("ssorules"):
        # Without a look at them a host would be closed that need not be.
        needed.append(CLIENT_SECRETS)
    missing = [resource for resource in needed if resource not in snapshot.complete]
    return f"not listed yet: {', '.join(missing)}" if missing else ""


def wants_tls(ingress: Ingress) -> bool:
    """Whether Secrets have a say in the Ingress."""
    return bool(ingress.spec.tls) or ENABLE_TLS in ingress.metadata.annotations


def candidates(parts: KeyParts, snapshot: Snapshot) -> Iterator[Ingress]:
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


def is_near(ingress: Ingress, parts: KeyParts) -> bool:
    """Whether the Ingress is among the `candidates`."""
    if parts.kind == NAMESPACE_VIP:
        return ingress.namespace == parts.namespace
    if makes_host(ingress):
        return True
    if parts.kind == HOST:
        return parts.host in written_hosts(ingress)
    return any(fnv1a(host) % SHARDS[parts.size] == parts.number for host in written_hosts(ingress))


def seat_of(ingress: Ingress, snapshot: Snapshot, *, context: L4Context) -> Seat:
    """Whose the Ingress is, and where its hosts belong."""
    if not is_ours(ingress, snapshot, context.settings):
        problem = class_problem(ingress, snapshot, context.settings)
        speaks = placed_hosts(ingress, snapshot, context=context)[0][1] if problem is not None else None
        class_ours = class_ownership(ingress, snapshot).ours
        return Seat(ours=False, class_ours=class_ours, problem=problem, problem_at=speaks)
    site = site_of(ingress, snapshot, context.settings)
    return Seat(ours=True, class_ours=True, site=site, hosts=_hosts_at(site, ingress, context))


def placed_hosts(ingress: Ingress, snapshot: Snapshot, *, context: L4Context) -> tuple[tuple[str, StackKey], ...]:
    """The hosts of an Ingress, each with the key that serves it if the Ingress is ours.

    Of an Ingress that is not ours the same keys take back what it may show from before.
    """
    return _hosts_at(site_of(ingress, snapshot, context.settings), ingress, context)


def _hosts_at(site: Site, ingress: Ingress, context: L4Context) -> tuple[tuple[str, StackKey], ...]:
    return tuple((host, key_for(host, site, context.settings)) for host in hosts_of(ingress, context) or ("",))


def refusal_of(key: StackKey, sites: Iterable[tuple[Ingress, Site]]) -> Outcome | None:
    """The outcome while tenant or setting cannot be used: everything stays as it is (`kept` says what follows).

    A setting that the class names is that of all; of those that Namespaces name the first Ingress has it, the oldest.
    """
    placed = tuple(sites)
    for at, (_, site) in enumerate(placed):
        text = site.tenant.problem or (site.infra.rejected if site.infra_name or not at else "")
        if text:
            reason = "TenantNotFound" if site.tenant.problem else "InfraSettingRejected"
            problems = tuple(refusal(ingress_ref(one), reason, text) for one, _ in placed)
            return Outcome(
                key=key,
                statuses=tuple(IngressStatus(about=one.object, problem=one, speaks=True) for one in problems),
                diagnostics=problems,
                keeps_last_good=True,
            )
    return None


def hosting_of(host: str, key: StackKey, snapshot: Snapshot, *, context: L4Context) -> Hosting:
    """What becomes of a host at a key."""
    claim = claim_on(host, snapshot, context)
    if claim is None or claim.key != key:
        return Hosting(here=False, remarks=claim.refused if claim is not None else ())
    rules = rules_of(host, claim, snapshot, context)
    there, about = nameable_host(host, claim, rules, snapshot=snapshot, context=context)
    remarks = (*about, *_out_of_reach(there, key, context), *_without_effect(there, key, context), *_alone(there))
    remarks += (*_patterns(there), *_ineffective(there, context))
    sought = there.tls.needs if there is not None and there.tls is not None else frozenset()
    return Hosting(here=True, host=there, remarks=remarks, needs=rules.needs | sought)


def names_of(task: Task, host: Host, site: Site) -> frozenset[str]:
    """The names that only this host may have."""
    namer = task.page.same(("namer", ""), namer_for(site.infra_name, task.context, dedicated=task.key.kind == HOST))
    through = task.key.kind == THROUGH
    return task.page.piece(("names", host.name), NOTHING, lambda _: namer.own_names(host, through=through), host, namer)


def name_problems(host: Host, names: frozenset[str], *, taken: bool) -> tuple[Diagnostic, ...]:
    """Why the objects of a host can have no names, told at each of its Ingresses; empty if they can.

    The names are too long, or those of an older host.
    """
    if max(map(len, names), default=0) > MAX_NAME_LENGTH:
        problem = f"host '{host.name}': an Avi object would have a name of more than {MAX_NAME_LENGTH} characters; "
        problem += "shorten the host, or the name of its namespace or of the cluster"
    elif taken:
        problem = f"host '{host.name}': its objects would have the names of another host, whose Ingress is older; "
        problem += "rename the Ingress or its namespace"
    else:
        return ()
    return tuple(remark(ingress_ref(one), "NameConflict", problem, field="spec.rules") for one in host.ingresses)


def _out_of_reach(host: Host | None, key: StackKey, context: L4Context) -> Iterator[Diagnostic]:
    """Paths of an insecure host that the script of an SNI parent does not serve as they say."""
    if host is None or host.secure or context.settings.enable_evh or key.kind in (HOST, THROUGH):
        return
    for path, why in out_of_reach(host):
        text = (
            f"path '{path.key.text}' of insecure host '{host.name}' {why}; in SNI mode requests are told apart by how "
        )
        text += "their path begins. Use TLS, EVH mode or a dedicated virtual service"
        about = next(one for one in host.ingresses if one.identity == path.backends[0].ingress)
        yield remark(ingress_ref(about), "PathOutOfReach", text, field="spec.rules")


def _patterns(host: Host | None) -> Iterator[Diagnostic]:
    """Paths that look like regular expressions and are taken letter by letter."""
    chosen = host.rules.chosen if host is not None else None
    if host is None or (chosen is not None and chosen.host.use_regex):
        return
    for path in host.paths:
        if _PATTERN.search(path.key.text):
            text = f"path '{path.key.text}' of host '{host.name}' looks like a pattern and is taken letter by letter; "
            text += "write a plain path, or set useRegex in a HostRule of the host"
            about = next(one for one in host.ingresses if one.identity == path.backends[0].ingress)
            yield remark(ingress_ref(about), "PatternAsPath", text, field="spec.rules")


def _ineffective(host: Host | None, context: L4Context) -> Iterator[Diagnostic]:
    """Annotations of Ingresses that do nothing, told once: by the first host of each."""
    for one in host.ingresses if host is not None else ():
        if host is not None and host.name == hosts_of(one, context)[0]:
            yield from unknown_annotations(ingress_ref(one), one.metadata.annotations)
            yield from foreign_annotations(ingress_ref(one), one.metadata.annotations)


def _alone(host: Host | None) -> Iterator[Diagnostic]:
    """Default backends without rules, which people mean for every name: a VsVip registers names one by one."""
    for one in host.ingresses if host is not None else ():
        if host is not None and not one.spec.rules:
            text = f"it has no rules: its default backend answers under the name '{host.name}' and no other; name the "
            yield remark(ingress_ref(one), "DefaultBackendOnly", f"{text}hosts in spec.rules", field="spec.rules")


def _without_effect(host: Host | None, key: StackKey, context: L4Context) -> Iterator[Diagnostic]:
    """What a HostRule says that the virtual service of the host cannot have."""
    chosen = host.rules.chosen if host is not None else None
    if host is None or chosen is None or key.kind in (HOST, THROUGH):
        return
    text = without_effect(chosen, enhanced=context.settings.enable_evh, secure=host.secure, host=host.name)
    if text:
        yield remark(ingress_ref(host.ingresses[0]), "RuleWithoutEffect", text, field="spec.rules")
