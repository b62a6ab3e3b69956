"""End points that are not configuration objects: login, cluster, initial data, tokens, account, IPAM domains, macro.

Each is a function of the controller's parts and a call. `ENDPOINTS` maps the first path segment to its function;
what is not here and is a known type is a configuration object.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.accounts import Session, Token
from ako_lab.avi_controller.call import Call, Reply, json_reply
from ako_lab.avi_controller.rendering import View
from ako_lab.avi_controller.schema import version_of
from ako_lab.avi_controller.store import ADMIN, Record, stored_reference
from ako_lab.avi_controller.values import Document, Json

if TYPE_CHECKING:
    from ako_lab.avi_controller.controller import Controller

Endpoint = Callable[["Controller", Call], Reply]
_TOKEN_HOURS = 87600


def login(controller: "Controller", call: Call) -> tuple[Reply, Session]:
    """POST /login with JSON or a form, with a password or a token."""
    fields = _credentials(call)
    session = controller.accounts.login(
        user=str(fields.get("username", "")),
        password=str(fields.get("password", "")),
        token=str(fields.get("token", "")),
    )
    view = View(base=call.base, version=call.version, parameters={})
    record = controller.accounts.record(session.user)
    user: Document = record.document() if record else {}
    allowed = controller.accounts.tenants(session.user)
    tenants = [r for r in controller.store.tables["tenant"].records.values() if allowed is None or r.uuid in allowed]
    system = controller.store.records["systemconfiguration/default"]
    # Recorded: whatever version the client speaks, these are shown whole; the system configuration without a host.
    version = version_of(controller.config.version)
    newest, plain = (View(base=base, version=version, parameters={}) for base in (call.base, ""))
    body = {
        "user_initialized": True,
        "version": controller.version_document(),
        "user": _described_user(user),
        "tenants": [controller.objects.renderer.document(tenant, newest) for tenant in tenants],
        "system_config": controller.objects.renderer.document(system, plain),
        "controller": {"api_idle_timeout": max(1, int(controller.config.session_idle_seconds // 60))},
        "session_cookie_name": "avi-sessionid",
    }
    return Reply(200, controller.objects.renderer.addressed(body, view)), session


def _credentials(call: Call) -> Document:
    content_type = call.headers.get("Content-Type", "")
    if "json" in content_type or call.body[:1] == b"{":
        return call.document()
    try:
        form = parse_qs(call.body.decode(), keep_blank_values=True, max_num_fields=20)
    except (UnicodeDecodeError, ValueError) as error:
        raise errors.bad_request("The form cannot be read") from error
    return {name: values[-1] for name, values in form.items()}


def _described_user(user: Document) -> Document:
    return {
        "is_superuser": user.get("is_superuser", False),
        "default_tenant_ref": user.get("default_tenant_ref", ""),
        "name": user.get("name", ""),
        "username": user.get("username", ""),
        "full_name": user.get("full_name", ""),
        "email": user.get("email", ""),
        "local": user.get("local", True),
        "uuid": user.get("uuid", ""),
        "ui_property": user.get("ui_property", "{}"),
    }


def initial_data(controller: "Controller", call: Call) -> Reply:
    """GET /api/initial-data, readable without a session."""
    del call
    return json_reply({"version": controller.version_document(), "user_initialized": True, "setup_failed": False})


def cluster(controller: "Controller", call: Call) -> Reply:
    """`/api/cluster` with its status, runtime and version."""
    rest = call.segments[2:]
    record = next(iter(controller.store.tables["cluster"].records.values()))
    if not rest:
        if call.method == "PUT":
            return controller.objects.replaced("cluster", record.uuid, call)
        return controller.objects.item("cluster", record.uuid, call)
    if call.method != "GET":
        raise errors.no_such_path(call.path)
    if rest == ("version",):
        return json_reply(controller.version_document())
    if rest in (("runtime",), ("status",)):
        return json_reply(controller.cluster_runtime())
    if rest in (("nodes", "status"), ("runtime", "summary")):
        return json_reply(controller.cluster_runtime()["node_states"])
    raise errors.no_such_path(call.path)


def user_token(controller: "Controller", call: Call) -> Reply:
    """`/api/user-token`: create, list, delete."""
    tokens = controller.accounts.tokens
    if call.method == "POST":
        return _new_token(controller, call)
    mine = [token for token in tokens.values() if token.user == call.user]
    if call.method == "GET":
        results = [_described_token(token) for token in mine]
        if len(call.segments) > 2:
            found = [item for item in results if item["uuid"] == call.segments[2]]
            if not found:
                raise errors.not_found("UserToken")
            return json_reply(found[0])
        return json_reply({"count": len(results), "results": results})
    if call.method == "DELETE" and len(call.segments) == 3:
        if not any(token.uuid == call.segments[2] for token in mine):
            raise errors.not_found("UserToken")
        del tokens[call.segments[2]]
        return Reply(204)
    raise errors.no_such_path(call.path)


def _new_token(controller: "Controller", call: Call) -> Reply:
    sent = call.document() if call.body else {}
    hours = sent.get("hours", "1")
    text = str(hours)
    if isinstance(hours, bool) or not text.isdigit() or not 0 < int(text[:9]) <= _TOKEN_HOURS:
        raise errors.bad_request("hours must be a number of hours")
    token = Token(
        uuid=f"authtoken-{controller.accounts.secret()[:12]}",
        token=controller.accounts.secret() + controller.accounts.secret()[:8],
        user=call.user,
        expires=controller.clock() + int(text) * 3600,
    )
    controller.accounts.tokens[token.uuid] = token
    return json_reply({**_described_token(token), "token": token.token}, 201)


def _described_token(token: Token) -> Document:
    expires = dt.datetime.fromtimestamp(token.expires, tz=dt.UTC)
    shown = expires.isoformat(timespec="microseconds")
    return {"uuid": token.uuid, "token": token.token, "username": token.user, "expires_at": shown, "hours": 0}


def user_account(controller: "Controller", call: Call) -> Reply:
    """`/api/useraccount`: a user changes the own password."""
    record = controller.accounts.record(call.user)
    if call.method == "GET":
        return controller.objects.item("user", record.uuid if record else "", call)
    if call.method != "PUT":
        raise errors.no_such_path(call.path)
    sent = call.document()
    old, new = sent.get("old_password"), sent.get("password")
    if not isinstance(new, str) or not new:
        raise errors.bad_request("password is required")
    if old != controller.accounts.passwords.get(call.user):
        raise errors.bad_request("old_password is not correct")
    controller.accounts.passwords[call.user] = new
    return Reply(200)


def dns_domains(controller: "Controller", call: Call) -> Reply:
    """`/api/ipamdnsproviderprofiledomainlist?cloud_uuid=`: the DNS domains of a cloud."""
    wanted = call.parameters.get("cloud_uuid", "")
    clouds = controller.store.tables["cloud"].records
    if wanted and wanted not in clouds:
        raise errors.not_found("Cloud")
    domains = [d for uuid in ([wanted] if wanted else clouds) for d in controller.dns.domains(f"cloud/{uuid}") or []]
    return json_reply({"domains": list(dict.fromkeys(domains))})


def macro(controller: "Controller", call: Call) -> Reply:
    """POST /api/macro: create or update an object together with the objects that its references describe in full."""
    if call.method != "POST":
        raise errors.no_such_path(call.path)
    sent = call.document()
    model, data = sent.get("model_name"), sent.get("data")
    if not isinstance(model, str) or not isinstance(data, dict):
        raise errors.bad_request("model_name and data are required")
    kind = controller.schema.type_name(model.lower())
    if kind is None:
        raise errors.bad_request(f"Unknown model_name {model[:80]!r}")
    record = _upserted(controller, kind, data, call, depth=0)
    view = View(base=call.base, version=call.version, parameters={}, written=True)
    return Reply(201, controller.objects.renderer.rendered(record, view))


def _upserted(controller: "Controller", kind: str, data: Document, call: Call, *, depth: int) -> Record:
    if depth > 8:
        raise errors.bad_request("macro is nested too deep")
    fields = controller.schema.messages[controller.schema.types[kind].model].fields
    flat: Document = {}
    for name, value in data.items():
        field = fields.get(name)
        inner = controller.schema.type_name((field.reference or "").lower()) if field and field.reference else None
        flat[name] = _flattened(controller, inner, value, call, depth=depth) if inner else value
    wanted = flat.get("name")
    tenant = call.tenant or ADMIN
    known = None
    if isinstance(wanted, str):
        found = controller.store.tables[kind].by_name.get(wanted, {}).values()
        known = next((record for record in found if record.tenant == tenant or kind == "tenant"), None)
    controller.accounts.check(call.user, kind, write=True, tenant=call.tenant)
    return (
        controller.objects.update(known, flat, version=call.version)
        if known
        else controller.objects.create(kind, flat, call)
    )


def _flattened(controller: "Controller", kind: str, value: Json, call: Call, *, depth: int) -> Json:
    if isinstance(value, dict):
        return stored_url(_upserted(controller, kind, value, call, depth=depth + 1))
    if isinstance(value, list):
        return [_flattened(controller, kind, item, call, depth=depth) for item in value]
    return value


def stored_url(record: Record) -> str:
    """The address of a record as a client writes it."""
    return f"/api/{record.key}"


def licensing(controller: "Controller", call: Call) -> Reply:
    """`/api/licensing`: the tier."""
    del call
    return json_reply({"license_tier": controller.objects.semantics.tier, "licenses": [], "count": 0})


def network_runtime(controller: "Controller", call: Call) -> Reply:
    """`/api/vimgrnwruntime[/uuid]`: the networks that a vCenter cloud found, with the hosts that have them."""
    networks = controller.store.tables["network"].records
    if len(call.segments) > 2:
        record = networks.get(call.segments[2])
        if record is None:
            raise errors.not_found("VIMgrNWRuntime")
        return Reply(200, _addressed(controller, call, _network_runtime(record)))
    results = [_network_runtime(record) for record in networks.values() if _wanted(record, call.parameters)]
    return Reply(200, _addressed(controller, call, {"count": len(results), "results": results}))


def _wanted(record: Record, parameters: Mapping[str, str]) -> bool:
    return (
        parameters.get("name", record.name) == record.name
        and parameters.get("cloud_uuid", record.cloud) == record.cloud
    )


def _network_runtime(record: Record) -> Document:
    return {
        "url": f"/api/vimgrnwruntime/{record.uuid}",
        "uuid": record.uuid,
        "name": record.name,
        "managed_object_id": record.uuid.partition("-cloud-")[0],
        "host_refs": [f"/api/vimgrhostruntime/host-{number}-{record.cloud}" for number in (1, 2)],
        "ip_subnet": record.document().get("configured_subnets", []),
        "cloud_ref": stored_reference(f"cloud/{record.cloud}"),
    }


def _addressed(controller: "Controller", call: Call, value: Json) -> bytes:
    view = View(base=call.base, version=call.version, parameters=call.parameters)
    return controller.objects.renderer.addressed(value, view)


def segment_runtime(controller: "Controller", call: Call) -> Reply:
    """`/api/nsxtsegmentruntime`: the segments of NSX-T clouds, one for each network."""
    results = []
    for record in controller.store.tables["network"].records.values():
        cloud = controller.store.records.get(f"cloud/{record.cloud}")
        if cloud is None or cloud.document().get("vtype") != "CLOUD_NSXT" or not _wanted(record, call.parameters):
            continue
        attributes = {item["key"]: item.get("value", "") for item in record.document().get("attrs", ())}
        results.append(
            {
                "uuid": f"nsxtsegmentruntime-{record.uuid}",
                "name": record.name,
                "segment_id": attributes.get("segmentid", f"/infra/segments/{record.name}"),
                "tier1_id": attributes.get("tier1path", "/infra/tier-1s/lab-t1"),
                "nw_ref": stored_reference(record.key),
                "vrf_context_ref": record.document().get("vrf_context_ref", ""),
                "cloud_ref": stored_reference(cloud.key),
                "subnet": list(record.document().get("configured_subnets", ())),
            }
        )
    return Reply(200, _addressed(controller, call, {"count": len(results), "results": results}))


def management_service(controller: "Controller", call: Call) -> Reply:
    """`/api/vimgrvcenterruntime/{initiate,delete}/managementservice[accessgrant]`: accepted, nothing follows."""
    rest = call.segments[2:]
    known = len(rest) == 2 and rest[0] in ("initiate", "delete") and rest[1].startswith("managementservice")
    if call.method != "POST" or not known:
        raise errors.no_such_path(call.path)
    call.document()
    del controller
    return json_reply({"status": "accepted"})


def metrics(controller: "Controller", call: Call) -> Reply:
    """`/api/analytics/metrics/TYPE/UUID`: series of the right shape, all zero: nothing flows through a simulator."""
    rest = call.segments[2:]
    if len(rest) < 2 or rest[0] != "metrics":
        raise errors.no_such_path(call.path)
    kind = controller.schema.type_name(rest[1])
    if kind is None or (len(rest) > 2 and f"{kind}/{rest[2]}" not in controller.store.records):
        raise errors.not_found(controller.schema.types[kind].model if kind else "Entity")
    names = [name for name in call.parameters.get("metric_id", "").split(",") if name][:20]
    now = dt.datetime.fromtimestamp(controller.clock(), tz=dt.UTC).isoformat()
    series = [
        {
            "header": {"name": name, "entity_uuid": rest[2] if len(rest) > 2 else "*", "statistics": {"mean": 0.0}},
            "data": [{"timestamp": now, "value": 0.0}],
        }
        for name in names
    ]
    return json_reply({"series": series, "start": now, "stop": now, "step": 300})


ENDPOINTS: Mapping[str, Endpoint] = {
    "initial-data": initial_data,
    "cluster": cluster,
    "user-token": user_token,
    "useraccount": user_account,
    "ipamdnsproviderprofiledomainlist": dns_domains,
    "macro": macro,
    "licensing": licensing,
    "vimgrnwruntime": network_runtime,
    "nsxtsegmentruntime": segment_runtime,
    "vimgrvcenterruntime": management_service,
    "analytics": metrics,
}
# What can be read without a session.
PUBLIC = frozenset({"initial-data"})
