"""The whole status of every Ingress with a host at a key, hosts of other keys included.

What is wrong with an Ingress is told by the key of its first host alone.
"""

import functools
from collections.abc import Mapping

from ako_runtime.model.intents_l7 import IngressStatus, ServedHost
from ako_runtime.model.stack import Diagnostic, StackKey
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Identity, Snapshot
from ako_runtime.translate.ingress.frame import refs_of
from ako_runtime.translate.ingress.hosts import (
    Claim,
    Host,
    Serving,
    claim_on,
    host_problem,
    hosts_of,
    ingress_ref,
    rules_of,
    serving_for,
)
from ako_runtime.translate.ingress.nameable import nameable_host
from ako_runtime.translate.ingress.site import Site, key_for, site_of
from ako_runtime.translate.ingress.task import Shard, Task
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.verdict import remark


def ingress_status(task: Task, shard: Shard, identity: Identity) -> IngressStatus:
    """The whole status of an Ingress with a host here."""
    page, context = task.page, task.context
    ingress, site = shard.sites[identity]
    here = shard.seats[identity].hosts_at(task.key)
    about = ingress_ref(ingress)
    found = (one for host in here for one in shard.remarks.get(host, ()) if one.object == about)
    own = page.same(("remarks", identity), tuple(dict.fromkeys(found)))
    hosts = {host: shard.hosts[host] for host in here if host in shard.hosts}
    names = page.same(("hosts", identity), tuple(hosts))
    make = functools.partial(_status, task.key, (ingress, site), hosts=hosts, remarks=own, context=context)
    return page.piece(("status", identity), task.snapshot, make, ingress, site, own, names, *hosts.values())


def released(ingress: Ingress) -> IngressStatus:
    """The status of an Ingress whose class is not ours (any more): what we wrote is taken back."""
    return IngressStatus(about=ingress_ref(ingress), speaks=True)


def _status(
    key: StackKey,
    placed: tuple[Ingress, Site],
    snapshot: Snapshot,
    *,
    hosts: Mapping[str, Host | None],
    remarks: tuple[Diagnostic, ...],
    context: L4Context,
) -> IngressStatus:
    ingress, site = placed
    names = hosts_of(ingress, context)
    speaks = key_for(names[0] if names else "", site, context.settings) == key
    served, problems = [], _own_problems(ingress, site, context) if speaks else []
    for host in names:
        claim = claim_on(host, snapshot, context)
        if claim is None:
            continue
        about: tuple[Diagnostic, ...] = ()
        if host in hosts:
            there, about = hosts[host], remarks
            serving = _serving_of(there)
        elif speaks:
            rules = rules_of(host, claim, snapshot, context)
            there, about = nameable_host(host, claim, rules, snapshot=snapshot, context=context)
            serving = _serving_of(there)
        else:
            serving = serving_for(host, snapshot, context)
        if any(one.identity == ingress.identity for one in serving.ingresses):
            served.append(_served_host(host, claim, serving, snapshot=snapshot, context=context))
        if speaks:
            problems += [one for one in (*claim.refused, *about) if one.object == ingress_ref(ingress)]
    return IngressStatus(
        about=ingress_ref(ingress), hosts=tuple(served), problem=problems[0] if problems else None, speaks=speaks
    )


def _serving_of(there: Host | None) -> Serving:
    return Serving(tls=there.tls, ingresses=there.ingresses) if there is not None else Serving()


def _served_host(host: str, claim: Claim, serving: Serving, *, snapshot: Snapshot, context: L4Context) -> ServedHost:
    site = site_of(claim.ingresses[0], snapshot, context.settings)
    vsvip, service = refs_of(host, claim.key, site, context, secure=serving.tls is not None)
    return ServedHost(host=host, vsvip=vsvip, virtualservice=service)


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
