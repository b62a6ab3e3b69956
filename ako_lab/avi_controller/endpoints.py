"""End points that are not configuration objects: login, cluster, initial data, tokens, account, what clouds found.

Each is a function of the controller's parts and a call. `ENDPOINTS` maps the first path segment to its function, to the
methods that it has and to the rights that it needs; what is not there and is a known type is a configuration object.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.accounts import Session, Token
from ako_lab.avi_controller.call import Call, Reply, json_reply, page_reply
from ako_lab.avi_controller.macro import macro
from ako_lab.avi_controller.query import part_of
from ako_lab.avi_controller.rendering import View
from ako_lab.avi_controller.schema import version_of
from ako_lab.avi_controller.store import Record, stored_reference
from ako_lab.avi_controller.system import System
from ako_lab.avi_controller.values import Document, Json

Endpoint = Callable[[System, Call], Reply]
_TOKEN_HOURS = 87600
_MANAGEMENT_SERVICES = frozenset({"managementservice", "managementserviceaccessgrant"})


def login(controller: System, call: Call) -> tuple[Reply, Session]:
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


def initial_data(controller: System, call: Call) -> Reply:
    """GET /api/initial-data, readable without a session."""
    del call
    return json_reply({"version": controller.version_document(), "user_initialized": True, "setup_failed": False})


def cluster(controller: System, call: Call) -> Reply:
    """`/api/cluster` with its status, runtime and version."""
    rest = call.segments[2:]
    record = next(iter(controller.store.tables["cluster"].records.values()))
    if not rest:
        if call.method == "PUT":
            return controller.objects.replaced("cluster", record.uuid, call)
        return controller.objects.item("cluster", record.uuid, call)
    if call.method == "PUT":
        raise errors.no_such_path(call.path)
    if rest == ("version",):
        return json_reply(controller.version_document())
    if rest in (("runtime",), ("status",)):
        return json_reply(controller.cluster_runtime())
    if rest in (("nodes", "status"), ("runtime", "summary")):
        return json_reply(controller.cluster_runtime()["node_states"])
    raise errors.no_such_path(call.path)


def user_token(controller: System, call: Call) -> Reply:
    """`/api/user-token`: create, list, delete."""
    tokens = controller.accounts.tokens
    if call.method == "POST":
        return _new_token(controller, call)
    mine = [token for token in tokens.values() if token.user == call.user]
    if len(call.segments) == 2 and call.method != "DELETE":
        return _listed(controller, call, [_described_token(token) for token in mine])
    found = next((token for token in mine if call.segments[2:] == (token.uuid,)), None)
    if found is None:
        raise errors.not_found("UserToken")
    if call.method == "DELETE":
        del tokens[found.uuid]
        return Reply(204)
    return json_reply(_described_token(found))


def _listed(controller: System, call: Call, results: list[Json]) -> Reply:
    """A page of results that are no objects of the store."""
    part = part_of(results, call.parameters)
    view = View(base=call.base, version=call.version, parameters=call.parameters)
    return page_reply(call, part, [controller.objects.renderer.addressed(item, view) for item in part.items])


def _new_token(controller: System, call: Call) -> Reply:
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


def user_account(controller: System, call: Call) -> Reply:
    """`/api/useraccount`: a user changes the own password."""
    record = controller.accounts.record(call.user)
    if call.method != "PUT":
        return controller.objects.item("user", record.uuid if record else "", call)
    sent = call.document()
    old, new = sent.get("old_password"), sent.get("password")
    if not isinstance(new, str) or not new:
        raise errors.bad_request("password is required")
    if not isinstance(old, str) or not controller.accounts.password_is(call.user, old):
        raise errors.bad_request("old_password is not correct")
    controller.accounts.set_password(call.user, new)
    return Reply(200)


def dns_domains(controller: System, call: Call) -> Reply:
    """`/api/ipamdnsproviderprofiledomainlist?cloud_uuid=`: the DNS domains of a cloud."""
    wanted = call.parameters.get("cloud_uuid", "")
    clouds = controller.store.tables["cloud"].records
    if wanted and wanted not in clouds:
        raise errors.not_found("Cloud")
    domains = [d for uuid in ([wanted] if wanted else clouds) for d in controller.dns.domains(f"cloud/{uuid}") or []]
    return json_reply({"domains": list(dict.fromkeys(domains))})


def licensing(controller: System, call: Call) -> Reply:
    """`/api/licensing`: the tier."""
    del call
    return json_reply({"license_tier": controller.objects.semantics.tier, "licenses": [], "count": 0})


def network_runtime(controller: System, call: Call) -> Reply:
    """`/api/vimgrnwruntime[/uuid]`: the networks that a vCenter cloud found, with the hosts that have them."""
    networks = controller.store.tables["network"].records
    if len(call.segments) > 2:
        record = networks.get(call.segments[2])
        if record is None:
            raise errors.not_found("VIMgrNWRuntime")
        return Reply(200, _addressed(controller, call, _network_runtime(record)))
    return _listed(controller, call, [_network_runtime(r) for r in networks.values() if _wanted(r, call.parameters)])


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


def _addressed(controller: System, call: Call, value: Json) -> bytes:
    view = View(base=call.base, version=call.version, parameters=call.parameters)
    return controller.objects.renderer.addressed(value, view)


def segment_runtime(controller: System, call: Call) -> Reply:
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
    return _listed(controller, call, results)


def management_service(controller: System, call: Call) -> Reply:
    """`/api/vimgrvcenterruntime/{initiate,delete}/managementservice[accessgrant]`: accepted, nothing follows."""
    rest = call.segments[2:]
    if not (len(rest) == 2 and rest[0] in ("initiate", "delete") and rest[1] in _MANAGEMENT_SERVICES):
        raise errors.no_such_path(call.path)
    call.document()
    del controller
    return json_reply({"status": "accepted"})


def metrics(controller: System, call: Call) -> Reply:
    """`/api/analytics/metrics/TYPE/UUID`: series of the right shape, all zero: nothing flows through a simulator."""
    rest = call.segments[2:]
    if len(rest) < 2 or rest[0] != "metrics":
        raise errors.no_such_path(call.path)
    kind = controller.schema.type_name(rest[1])
    if kind is not None:
        controller.accounts.check(call.user, kind, write=False, tenant=call.tenant)
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


class EndPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What answers under a path, with which methods, and the type whose permission reading and writing need."""

    answer: Endpoint
    methods: frozenset[str]
    reads: str = ""
    writes: str = ""


_READ = frozenset({"GET", "HEAD"})
ENDPOINTS: Mapping[str, EndPoint] = {
    "initial-data": EndPoint(answer=initial_data, methods=_READ),
    "cluster": EndPoint(answer=cluster, methods=_READ | {"PUT"}, writes="cluster"),
    "user-token": EndPoint(answer=user_token, methods=_READ | {"POST", "DELETE"}),
    "useraccount": EndPoint(answer=user_account, methods=_READ | {"PUT"}),
    "ipamdnsproviderprofiledomainlist": EndPoint(answer=dns_domains, methods=_READ, reads="ipamdnsproviderprofile"),
    # Each object that a macro writes is checked for itself.
    "macro": EndPoint(answer=macro, methods=frozenset({"POST"})),
    "licensing": EndPoint(answer=licensing, methods=_READ, reads="licensing"),
    "vimgrnwruntime": EndPoint(answer=network_runtime, methods=_READ, reads="network"),
    "nsxtsegmentruntime": EndPoint(answer=segment_runtime, methods=_READ, reads="network"),
    "vimgrvcenterruntime": EndPoint(answer=management_service, methods=frozenset({"POST"}), writes="cloud"),
    "analytics": EndPoint(answer=metrics, methods=_READ),
}
# What can be read without a session.
PUBLIC = frozenset({"initial-data"})
