"""Translation of the kinds of key that serve Ingresses: a shard, a dedicated host, the VIP of a namespace, passthrough.

A pass that knows nothing looks at every Ingress near the key; what it finds is the *shard* (`task.Shard`), which is
remembered. A pass that knows what changed since (`turn`) looks at that alone. Both call the same functions for a seat,
a host, a status and the objects, so they cannot differ in what they answer, only in how much they ask.

Every Ingress with a host here gets its whole status, hosts of other keys included; what is wrong with it is told by the
key of its first host alone.
"""

import functools

import msgspec

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Delta, ObjectRef, Outcome, Stack, StackKey
from ako_runtime.resources.modes import tls_secret_namespaces
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.addresses import NOT_IN_NETWORK, address_problem
from ako_runtime.translate.ingress.antrea import antrea_marks
from ako_runtime.translate.ingress.build import build_of, built_host, mode_of, placed_by, refs_and_objects
from ako_runtime.translate.ingress.idle import idle_vsvips
from ako_runtime.translate.ingress.kept import kept
from ako_runtime.translate.ingress.modes import asked_address, dedicated_objects
from ako_runtime.translate.ingress.seats import (
    candidates,
    hosting_of,
    missing_kinds,
    name_problems,
    names_of,
    parts_of,
    refusal_of,
    seat_of,
    wants_tls,
)
from ako_runtime.translate.ingress.shard_remarks import shard_remarks
from ako_runtime.translate.ingress.site import HOST, NAMESPACE_VIP, SHARD, THROUGH
from ako_runtime.translate.ingress.statuses import ingress_status, released
from ako_runtime.translate.ingress.task import Build, Shard, Task
from ako_runtime.translate.ingress.turn import turned
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.recall import unwatched
from ako_runtime.translate.verdict import remark, unknown_kinds


def ingress_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """What the key should have."""
    unknown = unknown_kinds(snapshot, context.settings) or missing_kinds(snapshot, context.settings)
    if unknown:
        return Outcome(key=key, held=unknown)
    scope = (context.settings, context.environment, context.ownership, snapshot.environment, snapshot.complete)
    page = context.recall.page(key, snapshot, *scope)
    task = Task(key=key, parts=parts_of(key), snapshot=unwatched(snapshot), context=context, page=page)
    outcome = turned(task) if page.changes is not None else None
    if outcome is None:
        page.read()
        outcome = _outcome(msgspec.structs.replace(task, snapshot=snapshot))
    context.recall.keep(key, page, *scope)
    return outcome


def _outcome(task: Task) -> Outcome:
    key, snapshot, context, page = task.key, task.snapshot, task.context, task.page
    near = {one.identity: one for one in candidates(task.parts, snapshot)}
    make = functools.partial(seat_of, context=context)
    seats = {
        identity: page.piece(("seat", identity), snapshot, functools.partial(make, one), one)
        for identity, one in near.items()
    }
    shard = Shard(key, near, seats)
    ours = [one for identity, one in near.items() if seats[identity].ours]
    listed = "secrets" in snapshot.complete or not tls_secret_namespaces(context.settings)
    if not listed and any(map(wants_tls, ours)):
        return Outcome(key=key, held="not listed yet: secrets, which Ingresses with TLS need")
    for one in sorted(ours, key=lambda ingress: ingress.metadata.age_key):
        seat = seats[one.identity]
        if seat.site is not None and seat.hosts_at(key):
            shard.sites[one.identity] = (one, seat.site)
    needs = frozenset(ref for _, site in shard.sites.values() for ref in site.needs)
    if needs:
        return Outcome(key=key, needs=needs)
    refused = refusal_of(key, shard.sites.values())
    if refused is not None:
        return kept(refused, shard, snapshot, context)
    needs = _take_hosts(task, shard)
    if needs:
        return Outcome(key=key, needs=needs)
    return _served(task, shard)


def _take_hosts(task: Task, shard: Shard) -> frozenset[Ref]:
    """Find out what becomes of every host; the objects on the controller that must be known first."""
    needs: set[Ref] = set()
    for identity in shard.sites:
        for host in shard.seats[identity].hosts_at(task.key):
            shard.named[host] = shard.named.get(host, 0) + 1
            if host in shard.remarks:
                continue
            make = functools.partial(hosting_of, host, task.key, context=task.context)
            one = task.page.piece(("host", host), task.snapshot, make)
            shard.remarks[host] = one.remarks
            needs |= one.needs
            if one.here:
                shard.hosts[host] = one.host
    _take_names(task, shard)
    if task.key.kind not in (HOST, THROUGH):
        together = [host for _, host in sorted(shard.hosts.items()) if host is not None]
        for name, said in shard_remarks(together, enhanced=task.context.settings.enable_evh):
            shard.remarks[name] = (*shard.remarks[name], said)
            shard.contested = True
    return frozenset(needs)


def _take_names(task: Task, shard: Shard) -> None:
    """Leave out hosts whose objects can have no names."""
    for name, host in shard.hosts.items():
        if host is None:
            continue
        names = names_of(task, host, shard.sites[host.ingresses[0].identity][1])
        problems = name_problems(host, names, taken=any(one in shard.names for one in names))
        if not problems:
            shard.names |= dict.fromkeys(names, name)
        else:
            shard.hosts[name] = None
            shard.remarks[name] = (*shard.remarks[name], *problems)
            shard.contested = True


def _served(task: Task, shard: Shard) -> Outcome:
    key, snapshot, context = task.key, task.snapshot, task.context
    shard.statuses = {identity: ingress_status(task, shard, identity) for identity in shard.sites}
    shard.statuses |= {
        identity: released(one) for identity, one in shard.near.items() if not shard.seats[identity].class_ours
    }
    hosts = {name: host for name, host in sorted(shard.hosts.items()) if host is not None}
    if not hosts:
        idle = idle_vsvips(snapshot, key, context) if key.kind in (SHARD, NAMESPACE_VIP) else {}
        return Outcome(key=key, statuses=tuple(shard.statuses.values()), diagnostics=shard.said, idle=idle)
    oldest = next(iter(hosts.values())).ingresses[0].identity if key.kind == HOST else next(iter(shard.sites))
    build = build_of(task, shard.sites[oldest][1], next(iter(hosts.values())))
    if not isinstance(build, Build):
        return Outcome(key=key, needs=build)
    _tell_address(shard, build)
    shard.marks = {name: marks for name, host in hosts.items() if (marks := antrea_marks(task, host))}
    statuses = shard.shown
    if key.kind == HOST:
        objects = dedicated_objects(next(iter(hosts.values())), build.frame)
        stack = Stack(objects=refs_and_objects(objects, build.tenant))
        return Outcome(
            key=key,
            stack=stack,
            statuses=statuses,
            diagnostics=shard.said,
            placed_by=placed_by(build, shard.sites[oldest][1]),
        )
    shard.built = {name: built_host(task, host, build) for name, host in hosts.items()}
    found = {name: (host, shard.built[name]) for name, host in hosts.items()}
    shard.crown = mode_of(task).shared(build.name, build.fqdn, found, build.frame)
    shard.objects = refs_and_objects(shard.crown.around(shard.built.values()), build.tenant)
    shard.oldest, shard.build, shard.token = oldest, build, object()
    if not shard.contested:
        task.page.whole = shard
    return Outcome(
        key=key,
        stack=Stack(objects=shard.objects),
        statuses=statuses,
        diagnostics=shard.said,
        placed_by=placed_by(build, shard.sites[oldest][1]),
        delta=Delta(token=shard.token),
    )


def _tell_address(shard: Shard, build: Build) -> None:
    """Say at the HostRule and at each Ingress that the address which the rule asks for cannot be had."""
    asked, rule = asked_address(build.frame), build.frame.rule
    text = address_problem((asked,) if asked else (), build.frame.placement)
    if not text or rule is None:
        return
    # It concerns all hosts: a pass that looks at what changed would forget it.
    shard.contested = True
    about = ObjectRef(resource="hostrules", namespace=rule.namespace, name=rule.name)
    host = next(iter(shard.remarks))
    shard.remarks[host] = (*shard.remarks[host], remark(about, NOT_IN_NETWORK, text, field="spec.virtualhost"))
    for identity, status in shard.statuses.items():
        if status.problem is None and identity in shard.sites:
            said = remark(status.about, NOT_IN_NETWORK, f"HostRule {rule.namespace}/{rule.name}: {text}")
            shard.statuses[identity] = msgspec.structs.replace(status, problem=said)


INGRESS_TRANSLATIONS = {
    THROUGH: ingress_outcome,
    SHARD: ingress_outcome,
    HOST: ingress_outcome,
    NAMESPACE_VIP: ingress_outcome,
}
