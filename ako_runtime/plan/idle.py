"""VsVips that stay although no host is served on them: the next host gets the same address.

They are never made for that. One that is there keeps everything but the names in DNS of the hosts that left it, and
goes to whoever wants it.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from ako_runtime.model.avi import DnsInfo, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Outcome, Stack


def with_idle(outcome: Outcome, observed: Mapping[Ref, Observed]) -> Outcome:
    """The outcome that wants those of its idle VsVips which are observed, each without the names of its hosts."""
    found = {
        ref: msgspec.structs.replace(held.content, dns_info=_entries(held.content, names))
        for ref, names in outcome.idle.items()
        if (held := observed.get(ref)) is not None and isinstance(held.content, VsVip)
    }
    return msgspec.structs.replace(outcome, stack=Stack(objects={**outcome.stack.objects, **found}))


def _entries(content: VsVip, names: tuple[str, ...]) -> tuple[DnsInfo, ...] | UnsetType:
    """Of the entries in DNS those with these names, as they are; a name that is not there is not added."""
    held = () if isinstance(content.dns_info, UnsetType) else content.dns_info
    return tuple(entry for entry in held if entry.fqdn in names) or UNSET
