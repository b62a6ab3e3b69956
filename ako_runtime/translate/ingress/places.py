"""Where a host is served now, whatever its virtual service was before."""

from ako_runtime.model.stack import StackKey
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.ingress.hosts import claim_on
from ako_runtime.translate.ingress.seats import hosting_of
from ako_runtime.translate.l4 import L4Context


def place_of(host: str, snapshot: Snapshot, context: L4Context) -> StackKey | None:
    """The key that serves a host; None if no Ingress of ours names it or it cannot be served."""
    claim = claim_on(host, snapshot, context)
    if claim is None or hosting_of(host, claim.key, snapshot, context=context).host is None:
        return None
    return claim.key
