"""What an Ingress should show.

An Ingress may have hosts on several virtual services, so several keys speak for it. Each says all of its hosts, and the
addresses of all come from the inventory at the moment of writing: whoever writes last writes the whole truth.
"""

from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StatusIntent


class ServedHost(Struct, frozen=True, kw_only=True):
    """A host, the virtual service that serves it, and where its addresses are."""

    host: str
    vsvip: Ref
    virtualservice: Ref


class IngressStatus(StatusIntent, frozen=True, kw_only=True):
    """Status of one Ingress; without hosts, whatever we wrote is taken back."""

    hosts: tuple[ServedHost, ...] = ()
    # Exactly one of several keys tells what is wrong with the Ingress (and that nothing is, any more).
    speaks: bool = False

    @property
    def sources(self) -> tuple[Ref, ...]:
        """VsVips and virtual services of the hosts."""
        return tuple(ref for one in self.hosts for ref in (one.vsvip, one.virtualservice))
