"""Run-time end points: operational status and inventories, derived from the configuration.

What Service Engines report counts. Where none runs, the status says what a healthy data plane would report: a server is
up when it is enabled, a pool when it has such a server, a virtual service when enough of its pools are. `oper_status`
may be forced per object through the control API, for tests of what a client does when something is down.
"""

from collections.abc import Iterable, Iterator

from ako_lab.avi_controller.rendering import vip_ids
from ako_lab.avi_controller.reports import Reports, ServerState
from ako_lab.avi_controller.store import Record, Store, stored_reference, target_key
from ako_lab.avi_controller.values import Document, Json

INVENTORIES = {
    "virtualservice-inventory": "virtualservice",
    "pool-inventory": "pool",
    "poolgroup-inventory": "poolgroup",
    "vsvip-inventory": "vsvip",
    "cloud-inventory": "cloud",
    "serviceengine-inventory": "serviceengine",
    "serviceenginegroup-inventory": "serviceenginegroup",
    "network-inventory": "network",
}
_CONFIG_FIELDS = [
    "enabled",
    "name",
    "tenant_ref",
    "cloud_ref",
    "se_group_ref",
    "vsvip_ref",
    "pool_ref",
    "pool_group_ref",
    "services",
    "type",
    "vh_type",
    "servers",
    "vip",
    "dns_info",
    "vtype",
    "application_profile_ref",
    "vrf_context_ref",
    "vrf_ref",
    "default_server_port",
    "vh_parent_vs_ref",
]


class States:
    """Operational states by key: those that somebody forced, and what Service Engines report."""

    def __init__(self) -> None:
        self.forced: dict[str, tuple[str, str]] = {}
        self.reports = Reports()


def subresource(store: Store, record: Record, path: list[str], states: States | None = None) -> Json:
    """What stands under an object's address, e.g. `runtime` or `runtime/summary`; None when there is no such thing."""
    if path and path[0] == "runtime":
        return _runtime(store, record, path[1:], states)
    if path == ["status"] and record.type == "cloud":
        return _cloud_status(record)
    if path == ["vs"] and record.type == "pool":
        services = (stored_reference(r.key) for r in _virtual_services(store, record))
        return {"count": 0, "results": [{"virtualservice_ref": s} for s in services]}
    if path[:1] == ["placement"] and record.type == "virtualservice":
        return [{"vip_id": vip_id, "se_list": []} for vip_id in vip_ids(store, record)]
    return None


def _runtime(store: Store, record: Record, rest: list[str], states: States | None) -> Json:
    summary: Document = {"uuid": record.uuid, "name": record.name, "oper_status": oper_status(store, record, states)}
    if record.type == "virtualservice":
        summary.update(
            {
                "percent_ses_up": 100,
                "vip_summary": [
                    {"vip_id": vip_id, "oper_status": summary["oper_status"], "num_se_assigned": 1}
                    for vip_id in vip_ids(store, record)
                ],
            }
        )
    if record.type == "pool":
        servers = list(_servers(record))
        seen = states.reports.servers(record.key) if states else ()
        summary.update(
            {
                "num_servers": len(servers),
                "num_servers_enabled": sum(enabled for _, enabled in servers),
                "num_servers_up": sum(_server_state(*one, seen=seen) == "OPER_UP" for one in servers),
                "percent_servers_up_total": 100 if servers else 0,
            }
        )
        if rest[:1] == ["server"]:
            return [_server_runtime(server, _server_state(server, enabled, seen=seen)) for server, enabled in servers]
    if rest and rest[0] not in ("summary", "detail", "internal"):
        return None
    return [summary] if rest[:1] == ["detail"] else summary


def _server_state(server: Document, enabled: bool, *, seen: Iterable[ServerState]) -> str:  # noqa: FBT001 - a pair
    """What a Service Engine sees of a server; without one, what a healthy data plane would report."""
    if not enabled:
        return "OPER_DISABLED"
    place = (server["ip"]["addr"], server.get("port", 80))
    return next((one.state for one in seen if (one.address, one.port) == place), "OPER_UP")


def _server_runtime(server: Document, state: str) -> Document:
    return {"ip_addr": server["ip"], "port": server.get("port", 80), "oper_status": {"state": state}}


def _servers(record: Record) -> Iterator[tuple[Document, bool]]:
    for server in record.document().get("servers", ()):
        yield server, bool(server.get("enabled", True))


def oper_status(store: Store, record: Record, states: States | None = None) -> Document:
    """State and reason of an object."""
    forced = states.forced.get(record.key) if states else None
    if forced is not None:
        return {"state": forced[0], "reason": [forced[1]] if forced[1] else []}
    reported = states.reports.state(record.key) if states else None
    state, reason = reported or _state(store, record)
    seconds = int(record.modified or "0") // 1_000_000
    status: Document = {"state": state, "last_changed_time": {"secs": seconds, "usecs": 0}}
    if reason:
        status["reason"] = [reason]
    return status


def _state(store: Store, record: Record) -> tuple[str, str]:
    document = record.document()
    if document.get("enabled") is False:
        return "OPER_DISABLED", "disabled by the user"
    if record.type == "pool":
        up = any(enabled for _, enabled in _servers(record))
        return ("OPER_UP", "") if up else ("OPER_DOWN", "No servers are up")
    if record.type == "poolgroup":
        pools = _pools_of_group(store, record)
        return ("OPER_UP", "") if any(_is_up(store, pool) for pool in pools) else ("OPER_DOWN", "No pools are up")
    if record.type == "virtualservice":
        pools = list(_pools(store, record))
        wanted = max(1, document.get("min_pools_up", 1))
        if pools and sum(_is_up(store, pool) for pool in pools) < min(wanted, len(pools)):
            return "OPER_DOWN", "Too few pools are up"
    return "OPER_UP", ""


def _is_up(store: Store, record: Record) -> bool:
    return _state(store, record)[0] == "OPER_UP"


def _pools(store: Store, record: Record) -> Iterator[Record]:
    """Pools that a virtual service reaches, directly, through groups and through policies."""
    seen: set[str] = set()
    for key in _reached(store, record):
        if key not in seen and key.startswith("pool/"):
            seen.add(key)
            yield store.records[key]


def _reached(store: Store, record: Record) -> Iterable[str]:
    through = ("poolgroup/", "httppolicyset/", "l4policyset/", "vsdatascriptset/")
    waiting, found = list(record.references), []
    visited: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in visited:
            continue
        visited.add(key)
        found.append(key)
        if key.startswith(through) and key in store.records:
            waiting.extend(store.records[key].references)
    return sorted(found)


def _pools_of_group(store: Store, record: Record) -> list[Record]:
    keys = (target_key(member.get("pool_ref", "")) for member in record.document().get("members", ()))
    return [store.records[key] for key in keys if key in store.records]


def _virtual_services(store: Store, record: Record) -> list[Record]:
    waiting, found, visited = [record], [], {record.key}
    while waiting:
        for user in store.referrers(waiting.pop().key):
            if user.key in visited:
                continue
            visited.add(user.key)
            if user.type == "virtualservice":
                found.append(user)
            else:
                waiting.append(user)
    return found


def _cloud_status(record: Record) -> Document:
    return {
        "uuid": record.uuid,
        "name": record.name,
        "state": "CLOUD_STATE_PLACEMENT_READY",
        "reason": "",
        "vtype": record.document().get("vtype"),
    }


def inventory_entry(store: Store, record: Record, states: States) -> Document:
    """One result of an inventory: a part of the configuration, the status, a health score."""
    document = record.document()
    config: Document = {"url": stored_reference(record.key), "uuid": record.uuid, "name": record.name}
    config.update({field: document[field] for field in _CONFIG_FIELDS if field in document})
    entry: Document = {
        "uuid": record.uuid,
        "config": config,
        "runtime": {"oper_status": oper_status(store, record, states)},
        "health_score": {"health_score": 100.0, "anomaly_penalty": 0, "resources_penalty": 0, "security_penalty": 0},
        "alert": {"low": 0, "medium": 0, "high": 0},
        "faults": {},
    }
    if record.type == "virtualservice":
        entry["pools"] = [stored_reference(pool.key) for pool in _pools(store, record)]
    if record.type == "pool":
        entry["virtualservices"] = [stored_reference(r.key) for r in _virtual_services(store, record)]
    if record.type == "cloud":
        entry["status"] = _cloud_status(record)
    return entry
