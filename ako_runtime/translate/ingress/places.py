"""Where a host is served now, whatever its virtual service was before.

An alias is served where its host is: a VsVip registers both, and lets go of both when the host moves.
"""

from collections.abc import Iterator

from ako_runtime.model.stack import StackKey
from ako_runtime.resources.index_rules import HOST_RULES_OF_ALIAS
from ako_runtime.resources.rules import HostRule
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate.ingress.hosts import claim_on
from ako_runtime.translate.ingress.seats import hosting_of
from ako_runtime.translate.l4 import L4Context


def place_of(name: str, snapshot: Snapshot, context: L4Context) -> StackKey | None:
    """The key that serves a host or an alias; None if no Ingress of ours names it or it cannot be served."""
    for host in _hosts_named(name, snapshot):
        claim = claim_on(host, snapshot, context)
        served = hosting_of(host, claim.key, snapshot, context=context).host if claim is not None else None
        if claim is not None and served is not None and name in served.names:
            return claim.key
    return None


def _hosts_named(name: str, snapshot: Snapshot) -> Iterator[str]:
    yield name
    for rule in only(snapshot.found(HOST_RULES_OF_ALIAS, ("", name)), HostRule):
        yield rule.spec.virtualhost.fqdn
