"""Which rules have come to apply to which hosts, and which no longer do, by what was written.

Virtual services and pools say in their metadata which rule they follow. So a comparison of an object before and after
a write tells it, whatever caused the write (a rule that came, a more particular one, an Ingress that moved), and a
restart, which writes nothing, tells nothing. Objects that are gone tell nothing either: their host is gone, or is
elsewhere.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from ako_runtime.model.avi import AviObject, Pool, VirtualService
from ako_runtime.model.stack import ObjectRef

_RESOURCES = {"HostRule": "hostrules", "HTTPRule": "httprules"}
_PARTS = 2


class Attachment(Struct, frozen=True, kw_only=True, order=True):
    """A rule, and what it applies to: a host, with HTTPRules also a path."""

    rule: ObjectRef
    target: str


class _Crd(Struct, frozen=True, kw_only=True):
    type: str = ""
    value: str = ""


class _Metadata(Struct, frozen=True, kw_only=True):
    hostnames: tuple[str, ...] | None = None
    crd_status: _Crd = _Crd()
    sso_rule: str = ""


def changed_attachments(
    written: Iterable[tuple[AviObject | None, AviObject | None]],
) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """What applies that did not, and what no longer does, by pairs of an object before (None: new) and after."""
    before: set[Attachment] = set()
    after: set[Attachment] = set()
    for old, new in written:
        if new is not None:
            before |= _attachments(old)
            after |= _attachments(new)
    return tuple(sorted(after - before)), tuple(sorted(before - after))


def _attachments(obj: AviObject | None) -> set[Attachment]:
    text = obj.service_metadata if isinstance(obj, VirtualService | Pool) else ""
    if not isinstance(text, str) or not text:
        return set()
    try:
        found = msgspec.json.decode(text, type=_Metadata)
    except msgspec.DecodeError:
        return set()
    host = next(iter(found.hostnames or ()), obj.name if obj is not None else "")
    resource = _RESOURCES.get(found.crd_status.type, "")
    named = ((resource, found.crd_status.value), ("ssorules", found.sso_rule))
    return {one for kind, value in named if kind and value for one in _attachment(kind, value, host)}


def _attachment(resource: str, value: str, host: str) -> Iterable[Attachment]:
    """`value` is namespace/name, with an HTTPRule followed by the target, which begins with a slash of its own."""
    parts = value.split("/", _PARTS)
    if len(parts) >= _PARTS:
        target = f"{host}{parts[_PARTS]}" if len(parts) > _PARTS else host
        yield Attachment(rule=ObjectRef(resource=resource, namespace=parts[0], name=parts[1]), target=target)
