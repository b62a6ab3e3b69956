"""A host without those backends whose objects can have no name: the controller refuses names above 255 characters.

Names are made of the host, its path, the Ingress and (in EVH mode hashed, so always short) the Service. One path that
is too long must not take the other paths of its host away, nor one Ingress with a long name the path that it shares
with another: the backend is left out and its Ingress is told.
"""

from collections.abc import Iterator

import msgspec

from ako_runtime.model.names import MAX_NAME_LENGTH
from ako_runtime.model.stack import Diagnostic
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.ingress.frame import namer_for
from ako_runtime.translate.ingress.hosts import Backend, Claim, Host, Path, host_for, ingress_ref
from ako_runtime.translate.ingress.naming import IngressNamer
from ako_runtime.translate.ingress.rule_choice import HostRules
from ako_runtime.translate.ingress.site import HOST, site_of
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.verdict import remark


def nameable_host(
    host: str, claim: Claim, rules: HostRules, *, snapshot: Snapshot, context: L4Context
) -> tuple[Host | None, tuple[Diagnostic, ...]]:
    """The host as it is served (None: it cannot be), and every remark about it."""
    whole, remarks = host_for(host, claim, rules, snapshot=snapshot, context=context)
    if whole is None:
        return None, remarks
    site = site_of(claim.ingresses[0], snapshot, context.settings)
    namer = namer_for(site.infra_name, context, dedicated=claim.key.kind == HOST)
    excess = tuple(_excess(whole, namer, through=claim.passthrough))
    if not excess:
        return whole, remarks
    gone = {id(backend) for _, backend, _ in excess}
    paths = (
        msgspec.structs.replace(path, backends=tuple(one for one in path.backends if id(one) not in gone))
        for path in whole.paths
    )
    left = tuple(path for path in paths if path.backends)
    told = tuple(_told(whole, path, backend, length) for path, backend, length in excess)
    return (msgspec.structs.replace(whole, paths=left) if left else None), (*remarks, *told)


def _excess(host: Host, namer: IngressNamer, *, through: bool) -> Iterator[tuple[Path, Backend, int]]:
    """Backends with a name that is too long, and how long it is."""
    for path in host.paths:
        for backend in path.backends:
            longest = max(map(len, namer.backend_names(host, path, backend, through=through)))
            if longest > MAX_NAME_LENGTH:
                yield path, backend, longest


def _told(host: Host, path: Path, backend: Backend, length: int) -> Diagnostic:
    about = next(one for one in host.ingresses if one.identity == backend.ingress)
    text = (
        f"path '{path.key.text}' of host '{host.name}' is not served: an Avi object would have a name of {length} "
        f"characters, at most {MAX_NAME_LENGTH} are possible; shorten the path, the host or the name of the Ingress"
    )
    return remark(ingress_ref(about), "NameTooLong", text, field="spec.rules")
