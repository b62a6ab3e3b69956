"""Status of an Ingress: addresses of its hosts, and the annotations that AMKO reads.

Ours are the entries of hosts that the Ingress names now or that our annotation names from before; other entries are
left alone. A host whose virtual service is not there (yet) has no entry. An Ingress that is not ours any more is only
touched if the annotation says that we wrote to it.
"""

import json

from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.patch import Applied, Patch
from ako_runtime.resources.core import IngressAddress
from ako_runtime.resources.marks import CLUSTER_UUID, HOST_MAP, INGRESS_PROBLEM, TENANT
from ako_runtime.resources.networking import Ingress


def ingress_patches(intent: IngressStatus, ingress: Ingress, applied: Applied) -> tuple[Patch, ...]:
    """Patches that make the Ingress show the intent; empty if it does."""
    patches = []
    held = ingress.status.load_balancer.ingress
    ours = set(hosts_written(ingress)) | {one.host for one in intent.hosts}
    wanted = tuple(one for one in held if one.hostname not in ours) + _entries(intent, applied)
    if wanted != held and sorted(map(_text, wanted)) != sorted(map(_text, held)):
        entries = [{"ip": one.ip, "hostname": one.hostname} if one.hostname else {"ip": one.ip} for one in wanted]
        body = {"status": {"loadBalancer": {"ingress": entries or None}}}
        patches.append(Patch(about=intent.about, subresource="status", body=body))
    annotations = _annotations(intent, ingress, applied)
    if annotations:
        patches.append(Patch(about=intent.about, body={"metadata": {"annotations": annotations}}))
    return tuple(patches)


def hosts_written(ingress: Ingress) -> tuple[str, ...]:
    """Hosts that our annotation names."""
    try:
        found = json.loads(ingress.metadata.annotations.get(HOST_MAP, "{}"))
    except ValueError:
        return ()
    return tuple(sorted(found)) if isinstance(found, dict) else ()


def _entries(intent: IngressStatus, applied: Applied) -> tuple[IngressAddress, ...]:
    found = []
    for one in intent.hosts:
        vsvip = applied.observed.get(one.vsvip)
        if vsvip is not None and one.virtualservice in applied.observed:
            found += [IngressAddress(ip=ip, hostname=one.host) for ip in vsvip.public_addresses or vsvip.addresses]
    return tuple(found)


def _annotations(intent: IngressStatus, ingress: Ingress, applied: Applied) -> dict[str, str | None]:
    held = ingress.metadata.annotations
    served = {
        one.host: applied.observed[one.virtualservice].uuid
        for one in intent.hosts
        if one.virtualservice in applied.observed
    }
    wanted: dict[str, str | None] = dict.fromkeys((CLUSTER_UUID, HOST_MAP, TENANT))
    if served:
        wanted = {
            CLUSTER_UUID: applied.cluster_uuid,
            HOST_MAP: json.dumps(served, separators=(",", ":"), sort_keys=True),
            TENANT: intent.hosts[0].virtualservice.tenant,
        }
    if intent.speaks or intent.problem is not None:
        wanted[INGRESS_PROBLEM] = (
            f"{intent.problem.reason}: {intent.problem.message}" if intent.problem is not None else None
        )
    return {key: value for key, value in wanted.items() if held.get(key) != value}


def _text(entry: IngressAddress) -> str:
    return f"{entry.hostname} {entry.ip}"
