"""Whatever comes in, the answer is an answer: a status below 500 and, from 400 on, an object with `error`."""

import json
import socket
import ssl
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.avi_lab.core import Core

from ako_lab.avi_controller import AviLab
from ako_lab.avi_controller.call import Call
from ako_lab.avi_controller.endpoints import ENDPOINTS as SERVED
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.runtime import INVENTORIES
from ako_lab.avi_controller.schema import load_schema
from ako_lab.avi_controller.state import snapshot

SCHEMA = load_schema()
TYPES = sorted(SCHEMA.types)
ENDPOINTS = [
    *SERVED, *INVENTORIES, "cluster/runtime", "cluster/status", "cluster/version", "user-token/x", "nonsense",
    "vimgrvcenterruntime/initiate/managementservice", "analytics/metrics/virtualservice", "pool/x/runtime",
    "vimgrnwruntime/x", "systemconfiguration", "serviceengine", "tenant/admin", "user/user-1",
]  # fmt: skip
CONTROLS = [
    "requests", "counters", "faults", "state", "ipam", "oper-status", "leader-change", "session-purge", "certificate",
    "nonsense", "",
]  # fmt: skip
PARAMETERS = [
    "name", "name.contains", "name.icontains", "name.in", "uuid.in", "search", "isearch", "refers_to", "referred_by",
    "fields", "include_name", "skip_default", "join_subresources", "cloud_uuid", "cloud_ref.name", "cloud_ref.uuid",
    "limit_by", "exclude", "sort", "page", "page_size", "created_by", "label_key", "label_value", "se_group_ref.name",
    "vrf_context_ref.name", "enabled", "servers", "markers", "vsvip_ref", "a b", "",
]  # fmt: skip
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12),
    st.sampled_from(["", "/api/pool/?name=", "/api/pool?name=x", "https://h/api/tenant/admin#admin", "admin", "0",
                     "true", "/api/", "/api", "///", "\ue000pool/x", "../..", "\x00", "/api/cloud?name=Default-Cloud",
                     "/api/vrfcontext/?name=global", "<sensitive>", "2" * 400]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def shaped(model: str, depth: int = 0) -> st.SearchStrategy:
    """Objects with the fields of a message, right and wrong values mixed."""
    fields = SCHEMA.messages[model].fields
    values = {name: st.one_of(value_of(field, depth), JSON) for name, field in fields.items()}
    names = st.lists(st.sampled_from(sorted(fields)), max_size=6, unique=True)
    required = SCHEMA.messages[model].required
    return names.flatmap(lambda some: st.fixed_dictionaries({name: values[name] for name in {*some, *required}}))


def value_of(field, depth: int) -> st.SearchStrategy:
    if field.type in SCHEMA.messages:
        item = shaped(field.type, depth + 1) if depth < 3 else st.just({})
    elif field.enum:
        item = st.sampled_from(field.enum)
    elif field.type == "b":
        item = st.booleans()
    elif field.type == "s":
        item = SCALARS
    else:
        item = st.integers(min_value=-5, max_value=70000)
    return st.lists(item, max_size=3) if field.repeated else item


@pytest.fixture(scope="module")
def core():
    core = Core()
    core.create("vsvip", {"name": "v", "vip": [{"auto_allocate_ip": True}]})
    core.create("pool", {"name": "p", "servers": [{"ip": {"addr": "10.20.0.1", "type": "V4"}}]})
    core.create("virtualservice", {"name": "s", "vsvip_ref": "/api/vsvip?name=v", "services": [{"port": 80}]})
    core.fresh = snapshot(core.controller)
    return core


def check(reply) -> None:
    assert reply.status < 500, reply.body
    if reply.status >= 400:
        assert set(json.loads(reply.body)) >= {"error"}
    elif reply.body:
        json.loads(reply.body)


def relaxed(examples: int):
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@relaxed(400)
@given(
    method=METHODS,
    path=st.one_of(st.sampled_from(ENDPOINTS), st.sampled_from(TYPES), st.text(max_size=20)),
    query=st.dictionaries(
        st.sampled_from(PARAMETERS),
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(["0", "-1", "99999999999999999999", "2", "true", "pool:x", "virtualservice:", "*"]),
        ),
        max_size=4,
    ),
    body=JSON,
)
def test_random_calls(core, method, path, query, body):  # noqa: PLR0917 - hypothesis fills them by name
    if (method, path) == ("PUT", "useraccount"):
        return
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
    check(core.call(method, f"/api/{quote(path)}?{text}", body))
    if method not in ("GET", "HEAD"):
        core.reset()


FAULT_LIKE = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["status", "delay", "reset", "upgrade", "x"]) | JSON,
        **dict.fromkeys(("method", "path", "tenant", "status", "error", "retryAfter", "after", "count"), JSON),
        **dict.fromkeys(("probability", "delay", "delayMaximum", "distribution", "applied"), JSON),
    },
)


@relaxed(300)
@given(
    method=METHODS,
    name=st.sampled_from(CONTROLS) | st.text(max_size=10),
    query=st.sampled_from(["", "?since=1", "?since=-1", "?since=\u00b2", "?since=x", "?since=" + "9" * 40, "?a=&&="]),
    body=JSON | FAULT_LIKE | st.lists(FAULT_LIKE, max_size=2) | st.binary(max_size=20),
)
def test_the_control_api(core, method, name, query, body):  # noqa: PLR0917 - hypothesis fills them by name
    reply = core.control(method, f"/lab/{quote(name)}{quote(query, safe='?=&')}", body)
    if reply.content_type == "application/json":
        check(reply)
    core.controller.faults.clear()


@relaxed(200)
@given(data=st.data())
def test_states_that_are_none(core, data):
    """A snapshot with something wrong anywhere is refused and changes nothing, or it is one."""
    document = json.loads(json.dumps(core.fresh))
    place, key = document, data.draw(st.sampled_from(["objects", "beside", "format"]))
    for _ in range(data.draw(st.integers(min_value=0, max_value=4))):
        if not isinstance(place[key], dict) or not place[key]:
            break
        place, key = place[key], data.draw(st.sampled_from(sorted(place[key])))
    place[key] = data.draw(JSON)
    before = snapshot(core.controller)
    reply = core.control("PUT", "/lab/state", document)
    check(reply)
    if reply.status >= 400:
        assert snapshot(core.controller) == before
    else:
        core.reset()
        for kind in ("virtualservice", "vsvip", "pool", "network"):
            check(core.call("GET", f"/api/{kind}?include_name"))
    core.reset()


@pytest.fixture(scope="module")
def served():
    with AviLab() as lab:
        yield lab


@relaxed(150)
@given(
    method=st.sampled_from([b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"BREW", b""]),
    target=st.sampled_from([b"/api/pool", b"//login", b"/lab/requests?since=", b"*", b"", b"/%", b"/api/pool?a=%zz"])
    | st.binary(max_size=30).map(lambda raw: b"/" + raw),
    name=st.sampled_from([b"X-Avi-Tenant", b"X-Avi-Version", b"Cookie", b"Content-Encoding", b"Transfer-Encoding"]),
    value=st.sampled_from([b"gzip", b"chunked", b"br", b"a\r\nEvil: 1", b"*", b"1" * 9000]) | st.binary(max_size=20),
    body=st.binary(max_size=60),
)
def test_raw_requests(served, method, target, name, value, body):  # noqa: PLR0917 - filled by name
    address, _, port = served.host.partition(":")
    context = ssl.create_default_context(cadata=served.certificate_pem)
    head = b"%s %s HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nContent-Length: %d\r\n%s: %s\r\n\r\n"
    sent = head % (method, target, len(body), name, value)
    with (
        socket.create_connection((address, int(port)), timeout=60) as raw,
        context.wrap_socket(raw, server_hostname=address) as connection,
    ):
        # What is asked for is complete, or nothing more will come: either way there is an answer.
        connection.sendall(sent + body)
        raw_answer = connection.makefile("rb").read()
    start, _, content = raw_answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.")
    status = int(start.split()[1])
    assert status < 500, raw_answer
    assert b"Evil" not in start
    if status >= 400:
        assert isinstance(json.loads(content)["error"], str)


@relaxed(500)
@given(data=st.data())
def test_shaped_objects(core, data):
    kind = data.draw(st.sampled_from([name for name in TYPES if not SCHEMA.types[name].open]))
    body = data.draw(shaped(SCHEMA.types[kind].model))
    method = data.draw(st.sampled_from(["POST", "POST", "PUT", "PATCH", "MACRO"]))
    target = f"/api/{kind}"
    if method == "MACRO":
        method, target, body = "POST", "/api/macro", {"model_name": SCHEMA.types[kind].model, "data": body}
    if method in ("PUT", "PATCH"):
        records = list(core.controller.store.tables[kind].records)
        if not records:
            return
        target += f"/{data.draw(st.sampled_from(records))}"
    if method == "PATCH":
        form = data.draw(st.sampled_from(["add", "replace", "delete", "remove"]))
        body = {form: body}
    before = core.written()
    reply = core.call(method, target, body)
    check(reply)
    if reply.status >= 400:
        assert core.written() == before
    else:
        for shown in ("", "?include_name", "?skip_default=true&fields=name"):
            check(core.call("GET", f"/api/{kind}{shown}"))
        check(core.call("GET", f"/api/{kind}", X_Avi_Version="18.2.6"))
        core.reset()


@relaxed(200)
@given(
    operations=st.lists(
        st.one_of(
            JSON,
            st.fixed_dictionaries(
                {
                    "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]),
                    "path": st.sampled_from(
                        [
                            "",
                            "/",
                            "/name",
                            "/servers/0",
                            "/servers/-",
                            "/servers/9",
                            "/servers/0/ip",
                            "/a/b",
                            "x",
                            "/servers/x",
                        ]
                    ),
                },
                optional={"value": JSON, "from": st.sampled_from(["/name", "/servers/0", "", "/servers", "/x"])},
            ),
        ),
        max_size=4,
    )
)
def test_json_patches(core, operations):
    uuid = next(iter(core.controller.store.tables["pool"].records))
    check(core.call("PATCH", f"/api/pool/{uuid}", {"json_patch": operations}))
    core.reset()


@relaxed(200)
@given(
    body=st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"[" * 5000,
                b'{"name":' * 3000,
                b'{"name":"a"',
                b"\xff\xfe",
                b'"x"',
                b"null",
                b"1e999",
                b'{"a":NaN}',
                b'{"name":"\\ud800"}',
            ]
        ),
    ),
    path=st.sampled_from(["/login", "/api/pool", "/api/macro", "/api/user-token", "/logout", "/api/virtualservice"]),
)
def test_broken_bodies(core, body, path):
    check(core.call("POST", path, body))
    core.reset()


@relaxed(200)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                "X-Avi-Tenant",
                "X-Avi-Tenant-UUID",
                "X-Avi-Version",
                "Cookie",
                "X-CSRFToken",
                "Host",
                "Slug",
                "Authorization",
                "Content-Type",
            ]
        ),
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                ["*", "20_1_1", "99.1", "1" * 500, "Basic !!", "Basic YQ==", "a=b; =; ;;", "evil\r\nX: y", "30.2.1\n"]
            ),
        ),
        max_size=4,
    ),
    method=st.sampled_from(["GET", "POST"]),
)
def test_headers(core, headers, method):
    reply = core.call(method, "/api/pool", {"name": "h"}, **headers)
    check(reply)
    for name, value in reply.headers.items():
        assert "\n" not in f"{name}{value}"
        assert "\r" not in f"{name}{value}"
    core.reset()


def test_many_query_parameters_are_refused():
    with pytest.raises(Refusal) as refused:
        Call(method="GET", target="/api/pool?" + "&".join(f"a{n}=1" for n in range(2000)), headers={}, body=b"")
    assert refused.value.status == 400
