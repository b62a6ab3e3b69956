"""A pass over a shard of which it is known what changed: costs what changed, not what is beside it.

The page says which pieces asked about something that changed. Of a changed Ingress the seat is taken anew, hence its
hosts, hence their objects, names, remarks, and the statuses of the Ingresses that name them. What all hosts share is
made anew only if what it takes from a host differs.

A turn gives up, and leaves it to a pass that looks at everything, when something happens that concerns all hosts: the
names or rules of two hosts collide, a tenant or setting is missing, the common frame changes, the last host goes.
"""

import functools
from collections.abc import Iterable, Mapping

from ako_runtime.model.avi import AviObject
from ako_runtime.model.intents import NodePortLocalMark
from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Delta, Diagnostic, Outcome, Stack
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST
from ako_runtime.resources.modes import tls_secret_namespaces
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Identity
from ako_runtime.translate.ingress.antrea import antrea_marks
from ako_runtime.translate.ingress.build import build_of, built_host, mode_of, placed_by, refs_and_objects
from ako_runtime.translate.ingress.hosts import Host
from ako_runtime.translate.ingress.seats import (
    hosting_of,
    is_near,
    name_problems,
    names_of,
    refusal_of,
    seat_of,
    wants_tls,
)
from ako_runtime.translate.ingress.shard_remarks import shard_remarks
from ako_runtime.translate.ingress.site import THROUGH
from ako_runtime.translate.ingress.statuses import ingress_status, released
from ako_runtime.translate.ingress.task import Build, Shard, Task


class _TooWideError(Exception):
    """The change concerns all hosts."""


def turned(task: Task) -> Outcome | None:
    """The outcome after the changes that the page knows; None if only a pass that looks at everything can tell."""
    shard = task.page.whole
    if not isinstance(shard, Shard):
        return None
    try:
        return _outcome(task, shard)
    except _TooWideError:
        return None


def _outcome(task: Task, shard: Shard) -> Outcome:
    changed_ones = (one for change in task.page.changes or () for one in (change.old, change.new))
    ingresses = {one.identity for one in changed_ones if isinstance(one, Ingress)}
    ingresses |= _touched(task, "seat")
    hosts = _touched_hosts(task, "host")
    for identity in ingresses:
        hosts |= _take_seat(task, shard, identity)
    _take_oldest(shard, ingresses)
    before = {host: _shape(shard, host) for host in hosts}
    concerned = ingresses | _touched(task, "status")
    for host in hosts:
        concerned |= _take_host(task, shard, host)
    _take_names(task, shard, hosts)
    statuses = tuple(one for identity in concerned if (one := _take_status(task, shard, identity)) is not None)
    marks = _take_marks(task, shard, {*hosts, *_touched_hosts(task, "marks")})
    changed, gone = _take_objects(task, shard, before)
    since, shard.token = shard.token, object()
    return Outcome(
        key=task.key,
        stack=Stack(objects=shard.objects),
        statuses=shard.shown,
        diagnostics=shard.said,
        placed_by=placed_by(shard.build, shard.sites[shard.oldest][1]) if shard.build is not None else (),
        delta=Delta(token=shard.token, since=since, changed=changed, gone=gone, statuses=(*statuses, *marks)),
    )


def _touched(task: Task, kind: str) -> set[Identity]:
    return {name for own, name in task.page.touched if own == kind and isinstance(name, tuple)}


def _touched_hosts(task: Task, kind: str) -> set[str]:
    return {name for own, name in task.page.touched if own == kind and isinstance(name, str)}


def _take_seat(task: Task, shard: Shard, identity: Identity) -> frozenset[str]:
    """Take an Ingress as it is now; its hosts, those from before included."""
    key, page, context = task.key, task.page, task.context
    before = shard.seats[identity].hosts_at(key) if identity in shard.sites else ()
    for host in before:
        shard.named[host] -= 1
    shard.sites.pop(identity, None)
    one = task.snapshot.of("ingresses").get(identity)
    if not isinstance(one, Ingress) or not is_near(one, task.parts):
        shard.near.pop(identity, None)
        shard.seats.pop(identity, None)
        page.forget(("seat", identity))
        return frozenset(before)
    seat = page.piece(("seat", identity), task.snapshot, functools.partial(seat_of, one, context=context), one)
    shard.near[identity], shard.seats[identity] = one, seat
    listed = "secrets" in task.snapshot.complete or not tls_secret_namespaces(context.settings)
    if seat.ours and not listed and wants_tls(one):
        raise _TooWideError
    after = seat.hosts_at(key) if seat.ours else ()
    if seat.site is not None and after:
        if seat.site.needs or refusal_of(key, ((one, seat.site),)) is not None:
            raise _TooWideError
        shard.sites[identity] = (one, seat.site)
        for host in after:
            shard.named[host] = shard.named.get(host, 0) + 1
    return frozenset((*before, *after))


def _take_oldest(shard: Shard, ingresses: Iterable[Identity]) -> None:
    """The oldest Ingress decides what all have in common."""
    held = shard.sites.get(shard.oldest)
    near = [shard.sites[identity][0] for identity in ingresses if identity in shard.sites]
    if held is None or shard.oldest in ingresses:
        near = [one for one, _ in shard.sites.values()]
    elif near:
        near.append(held[0])
    if near:
        shard.oldest = min(near, key=lambda one: one.metadata.age_key).identity


def _take_host(task: Task, shard: Shard, host: str) -> set[Identity]:
    """Find out anew what becomes of a host; the Ingresses whose status may say otherwise now."""
    concerned = {one.identity for one in task.snapshot.found(INGRESSES_OF_HOST, ("", host))}
    old, was_said = shard.hosts.pop(host, None), shard.remarks.pop(host, ())
    new: Host | None = None
    said: tuple[Diagnostic, ...] = ()
    if shard.named[host] > 0:
        make = functools.partial(hosting_of, host, task.key, context=task.context)
        one = task.page.piece(("host", host), task.snapshot, make)
        if one.needs:
            raise _TooWideError
        new, said = one.host, one.remarks
        shard.remarks[host] = said
        if one.here:
            shard.hosts[host] = new
    else:
        del shard.named[host]
        task.page.forget(("host", host))
    concerned |= {(one.object.namespace, one.object.name) for one in (*was_said, *said)}
    return concerned | {one.identity for served in (old, new) if served is not None for one in served.ingresses}


def _take_names(task: Task, shard: Shard, hosts: set[str]) -> None:
    """Take the names of hosts anew: all are given back before any is taken."""
    for name in hosts:
        before = task.page.value(("names", name))
        for one in before if isinstance(before, frozenset) else ():
            shard.names.pop(one, None)
    for name in hosts:
        host = shard.hosts.get(name)
        if host is None:
            task.page.forget(("names", name))
            continue
        names = names_of(task, host, shard.sites[host.ingresses[0].identity][1])
        if name_problems(host, names, taken=any(one in shard.names for one in names)):
            raise _TooWideError
        shard.names |= dict.fromkeys(names, name)


def _take_status(task: Task, shard: Shard, identity: Identity) -> IngressStatus | None:
    """Take the status of an Ingress anew; None if this key has nothing to say about it."""
    if identity in shard.sites:
        shard.statuses[identity] = ingress_status(task, shard, identity)
        return shard.statuses[identity]
    for kind in ("status", "remarks", "hosts"):
        task.page.forget((kind, identity))
    seat = shard.seats.get(identity)
    if seat is None or seat.class_ours:
        shard.statuses.pop(identity, None)
        return None
    shard.statuses[identity] = released(shard.near[identity])
    return shard.statuses[identity]


def _take_marks(task: Task, shard: Shard, hosts: set[str]) -> tuple[NodePortLocalMark, ...]:
    """Take anew what Antrea is to be told for these hosts."""
    for name in hosts:
        shard.marks.pop(name, None)
        host = shard.hosts.get(name)
        marks = antrea_marks(task, host) if host is not None else ()
        if marks:
            shard.marks[name] = marks
        else:
            task.page.forget(("marks", name))
    return tuple(dict.fromkeys(one for name in hosts for one in shard.marks.get(name, ())))


def _take_objects(
    task: Task, shard: Shard, before: Mapping[str, tuple[object, ...]]
) -> tuple[frozenset[Ref], frozenset[Ref]]:
    """Make the objects of hosts anew; what changed, and what is gone."""
    build = _same_build(task, shard)
    old: dict[Ref, AviObject] = {}
    new: dict[Ref, AviObject] = {}
    for name in before:
        built = shard.built.pop(name, None)
        old |= refs_and_objects(built.others if built is not None else (), build.tenant)
        host = shard.hosts.get(name)
        if host is None:
            task.page.forget(("objects", name))
            continue
        shard.built[name] = built_host(task, host, build)
        new |= refs_and_objects(shard.built[name].others, build.tenant)
    if not shard.built or shard.crown is None:
        raise _TooWideError
    if any(shape != _shape(shard, name) for name, shape in before.items()):
        found = {name: (host, shard.built[name]) for name, host in sorted(shard.hosts.items()) if host is not None}
        together = [host for host, _ in found.values()]
        shared = task.key.kind != THROUGH
        if shared and any(shard_remarks(together, enhanced=task.context.settings.enable_evh)):
            raise _TooWideError
        old |= refs_and_objects(shard.crown.objects, build.tenant)
        shard.crown = mode_of(task).shared(build.name, build.fqdn, found, build.frame)
        new |= refs_and_objects(shard.crown.objects, build.tenant)
    changed = frozenset(ref for ref, obj in new.items() if shard.objects.get(ref) != obj)
    gone = old.keys() - new.keys()
    if changed or gone:
        # Outcomes of earlier passes hold the old one.
        shard.objects = dict(shard.objects)
        for ref in gone:
            shard.objects.pop(ref, None)
        shard.objects |= {ref: new[ref] for ref in changed}
    return changed, frozenset(gone)


def _same_build(task: Task, shard: Shard) -> Build:
    """What the virtual services have in common, if it is as it was."""
    if shard.oldest not in shard.sites or not shard.hosts:
        raise _TooWideError
    served = next((host for host in shard.hosts.values() if host is not None), None)
    if served is None:
        raise _TooWideError
    build = build_of(task, shard.sites[shard.oldest][1], served)
    if build is not shard.build or not isinstance(build, Build):
        raise _TooWideError
    return build


def _shape(shard: Shard, name: str) -> tuple[object, ...]:
    """What the objects that all hosts share take from a host."""
    host, built = shard.hosts.get(name), shard.built.get(name)
    if host is None or built is None:
        return ()
    return (host.names, host.tls, host.transport, host.rules, built.keys, built.members)
