"""From status intents to the smallest patches.

A patch is None when the object already shows what it should. Of a Service we own the addresses that came from our
VsVips, one condition (`ako.vmware.com/Accepted`) and three annotations, in NodePortLocal mode also the one that Antrea
reads; everything else stays untouched. Addresses are in the order of the Service's IP families. The condition appears
only when there is something to say: a Service that was never refused has none, as under the official AKO; once refused,
it turns True when the reason is gone.

A merge patch replaces a list as a whole, so a patch that touches `conditions` carries the resource version that it was
computed from: the API server refuses it if somebody else was quicker, and the key is tried again.
"""

import json
from collections.abc import Sequence

from ako_runtime.model.intents import NodePortLocalMark
from ako_runtime.model.observed import Observed
from ako_runtime.model.patch import Applied, Patch
from ako_runtime.model.stack import ServiceStatus
from ako_runtime.resources.core import IngressAddress, Service
from ako_runtime.resources.marks import CLUSTER_UUID, HOST_MAP, TENANT
from ako_runtime.resources.meta import Condition
from ako_runtime.status.conditions import accepted_condition, condition_document, conditions_with

HOST_MAP_BYTES = 128 * 1024
NODE_PORT_LOCAL = "nodeportlocal.antrea.io/enabled"


def service_patches(intent: ServiceStatus, service: Service, applied: Applied) -> tuple[Patch, ...]:
    """Patches that make the Service show the intent; empty if it does."""
    if intent.elsewhere and not applied.withdrawn:
        return ()
    status: dict[str, object] = {}
    held = service.status.load_balancer.ingress
    wanted = _addresses(intent, service, applied)
    if wanted != held:
        status["loadBalancer"] = {"ingress": [_entry(entry) for entry in wanted]} if wanted else {"ingress": None}
    conditions = _conditions(service, intent, now=applied.now)
    metadata: dict[str, object] = {}
    if conditions is not None:
        status["conditions"] = [condition_document(condition) for condition in conditions]
        metadata["resourceVersion"] = service.metadata.resource_version
    patches = []
    if status:
        body: dict[str, object] = {"status": status}
        if metadata:
            body["metadata"] = metadata
        patches.append(Patch(about=intent.about, subresource="status", body=body))
    annotations = _annotations(intent, service, applied)
    if annotations:
        patches.append(Patch(about=intent.about, body={"metadata": {"annotations": annotations}}))
    return tuple(patches)


def _addresses(intent: ServiceStatus, service: Service, applied: Applied) -> tuple[IngressAddress, ...]:
    """What the status should show."""
    held = service.status.load_balancer.ingress
    vsvip = applied.observed.get(intent.vsvip) if intent.vsvip is not None else None
    # An address without a listener behind it is not announced.
    if vsvip is not None and intent.virtualservice in applied.observed:
        # Behind a Gateway a Service may be of another type, and the API server keeps no addresses for those.
        return _ingress(vsvip, intent) if service.spec.type == "LoadBalancer" else held
    if intent.withdrawn:
        return ()
    if intent.problem is not None:
        return held
    return tuple(entry for entry in held if entry.ip not in applied.withdrawn)


def _ingress(vsvip: Observed, intent: ServiceStatus) -> tuple[IngressAddress, ...]:
    """Public addresses in place of private ones where there are any; families in the order of the Service."""
    addresses = vsvip.public_addresses or vsvip.addresses
    hostname = intent.hostnames[0] if intent.hostnames else ""
    order = {family: rank for rank, family in enumerate(intent.families)}
    ranked = sorted(addresses, key=lambda address: order.get("IPv6" if ":" in address else "IPv4", len(order)))
    return tuple(IngressAddress(ip=address, hostname=hostname) for address in ranked)


def _entry(entry: IngressAddress) -> dict[str, str]:
    return {"ip": entry.ip, "hostname": entry.hostname} if entry.hostname else {"ip": entry.ip}


def _conditions(service: Service, intent: ServiceStatus, *, now: str) -> tuple[Condition, ...] | None:
    """The new list of conditions, or None if it need not change."""
    held = service.status.conditions
    wanted = accepted_condition(intent.problem)
    if intent.problem is None and all(condition.type != wanted.type for condition in held):
        return None
    changed = conditions_with(held, (wanted,), now=now)
    return None if changed == held else changed


def _annotations(intent: ServiceStatus, service: Service, applied: Applied) -> dict[str, str | None]:
    """Changes to the annotations that AMKO reads (they exist only where there is a host name) and to that of Antrea."""
    held = service.metadata.annotations
    virtualservice = applied.observed.get(intent.virtualservice) if intent.virtualservice is not None else None
    if intent.problem is not None and virtualservice is None and not intent.withdrawn:
        return {}
    wanted: dict[str, str | None] = dict.fromkeys((CLUSTER_UUID, HOST_MAP, TENANT))
    if intent.node_port_local is not None:
        wanted[NODE_PORT_LOCAL] = "true" if intent.node_port_local else None
    if virtualservice is not None and intent.hostnames:
        wanted |= {
            CLUSTER_UUID: applied.cluster_uuid,
            HOST_MAP: _json(intent.hostnames, virtualservice.uuid),
            TENANT: virtualservice.ref.tenant,
        }
    return {key: value for key, value in wanted.items() if held.get(key) != value}


def mark_patches(intent: NodePortLocalMark, service: Service) -> tuple[Patch, ...]:
    """The patch that tells Antrea about a Service; empty if it is told."""
    wanted = "true" if intent.told else None
    if service.metadata.annotations.get(NODE_PORT_LOCAL) == wanted:
        return ()
    return (Patch(about=intent.about, body={"metadata": {"annotations": {NODE_PORT_LOCAL: wanted}}}),)


def _json(hostnames: Sequence[str], uuid: str) -> str:
    """As many hosts as fit: an object has 256 KiB for all its annotations, and what is above is refused for good."""
    room, fitting = HOST_MAP_BYTES, []
    for hostname in hostnames:
        room -= len(hostname) + len(uuid) + 6
        if room < 0:
            break
        fitting.append(hostname)
    return json.dumps(dict.fromkeys(fitting, uuid), separators=(",", ":"))
