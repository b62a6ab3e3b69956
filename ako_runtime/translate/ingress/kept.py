"""What follows of an Ingress that is kept as it is: where its objects hang, and the members of its pools.

While the tenant does not exist or the AviInfraSetting is rejected, nothing that a user says is carried out. Pods come
and go all the same, so pools get the members that the Ingresses and their Services have now (ADR 78, ADR 58). Nothing
else is known: neither the rules nor the certificates of the host, for which the tenant would have to be asked. So a
pool is looked for under every name that its backend may have, and what is not there is not made.

Children refer to their parent, not the other way round: the virtual service of each host is a root of its own. A start
that finds the setting rejected would take those that it does not find for orphans.
"""

from collections.abc import Iterator

import msgspec

from ako_runtime.model.avi import Server
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Outcome, StackKey
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.ingress.frame import namer_for, parent_name
from ako_runtime.translate.ingress.hosts import Backend, claim_on, paths_of
from ako_runtime.translate.ingress.naming import IngressNamer
from ako_runtime.translate.ingress.passthrough import INSECURE, named_backends
from ako_runtime.translate.ingress.site import HOST, THROUGH, Site
from ako_runtime.translate.ingress.task import Shard
from ako_runtime.translate.l4 import L4Context


def kept(refused: Outcome, shard: Shard, snapshot: Snapshot, context: L4Context) -> Outcome:
    """The outcome of a key that is refused, with what follows all the same."""
    key, site = refused.key, next(site for _, site in shard.sites.values())
    hosts = tuple(dict.fromkeys(host for one in shard.sites for host in shard.seats[one].hosts_at(key)))
    namer = namer_for(site.infra_name, context, dedicated=key.kind == HOST)
    found = (pair for host in hosts for pair in _backends(host, key, namer, snapshot, context=context))
    members: dict[str, tuple[Server, ...]] = {}
    for name, backend in found:
        # Of two hosts with objects of one name the older has them.
        members.setdefault(name, backend.servers)
    return msgspec.structs.replace(refused, members=members, roots=tuple(_roots(key, site, hosts, context)))


def _roots(key: StackKey, site: Site, hosts: tuple[str, ...], context: L4Context) -> Iterator[Ref]:
    name, tenant = parent_name(key, site.infra_name, context), site.tenant.name
    names = [name]
    if key.kind == THROUGH:
        names.append(name + INSECURE)
    elif key.kind != HOST:
        namer = namer_for(site.infra_name, context, dedicated=False)
        names += map(namer.host, hosts)
    yield from (Ref("virtualservice", one, tenant=tenant) for one in names)


def _backends(
    host: str, key: StackKey, namer: IngressNamer, snapshot: Snapshot, *, context: L4Context
) -> Iterator[tuple[str, Backend]]:
    """Names that pools of the host may have, and what is behind them; nothing where its members cannot be known."""
    claim = claim_on(host, snapshot, context)
    if claim is None or claim.key != key:
        return
    paths, _ = paths_of(host, claim.ingresses, snapshot, context)
    if key.kind == THROUGH:
        found = [(name, backend) for name, _, backend in named_backends(host, paths, namer)]
    else:
        found = [
            (name, backend)
            for path in paths
            for backend in path.backends
            for name in sorted(namer.pools(host, path, backend))
        ]
    yield from ((name, backend) for name, backend in found if not (backend.missing or backend.unknown))
