"""The HTTP surface: addresses, sessions, CSRF, versions, tenants, rights, compression, limits."""

import gzip
import http.client
import json
import socket
import ssl
from urllib.parse import quote

import pytest
from support.avi_lab.client import Client

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.config import GrantSeed, RoleSeed, UserSeed
from ako_runtime.errors import UserError

CONFIG = LabConfig(
    tenants=("blue", "red"),
    roles=(
        RoleSeed(name="pools", privileges={"PERMISSION_POOL": "WRITE_ACCESS", "PERMISSION_NETWORK": "READ_ACCESS"}),
        RoleSeed(name="watcher", privileges={"PERMISSION_POOL": "READ_ACCESS", "PERMISSION_TENANT": "READ_ACCESS"}),
        RoleSeed(name="monitors", privileges={"PERMISSION_HEALTHMONITOR": "READ_ACCESS"}),
    ),
    users=(
        UserSeed(name="worker", password="w", grants=(GrantSeed(role="pools", tenant="blue"),)),
        UserSeed(
            name="both",
            password="b",
            grants=(GrantSeed(role="watcher", tenant="blue"), GrantSeed(role="monitors", tenant="red")),
        ),
        UserSeed(
            name="mixed",
            password="m",
            grants=(GrantSeed(role="Application-Operator", tenant="*"), GrantSeed(role="pools", tenant="blue")),
        ),
        UserSeed(name="reader", password="r", grants=(GrantSeed(role="Application-Operator", tenant="*"),)),
    ),
    session_idle_seconds=60,
    session_maximum_seconds=300,
    maximum_body_bytes=1024 * 1024,
)


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lab(clock):
    with AviLab(CONFIG, clock=clock) as running:
        yield running


@pytest.fixture
def client(lab):
    with Client(lab) as connected:
        yield connected


@pytest.mark.parametrize(
    "path",
    ["//api/pool", "/api/pool/", "//api//pool//", "/api/pool?include_name=", "/api/pool/?&name=p&", "/api/pool#x",
     "/api/pool/?include_name=True&page_size=100", "/%61pi/pool"],
)  # fmt: skip
def test_spellings_of_an_address_are_answered_without_a_redirect(client, path):
    client.created("pool", {"name": "p"})
    answer = client.get(path)
    assert (answer.status, answer.json["count"]) == (200, 1)


def test_login_by_form_and_by_json(lab):
    with Client(lab, login=False) as client:
        form = client.request(
            "POST", "/login", b"username=admin&password=admin", Content_Type="application/x-www-form-urlencoded"
        )
        assert form.status == 200
        assert form.json["session_cookie_name"] == "avi-sessionid"
        assert {"csrftoken", "avi-sessionid", "sessionid"} <= client.cookies.keys()
        assert client.get("/api/pool").status == 200
        assert client.request("POST", "/login", {"username": "admin", "password": "no"}).status == 401


def test_login_by_token_in_both_forms(lab, client, clock):
    token = client.post("/api/user-token", {"hours": 1}).json["token"]
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    with Client(lab, login=False) as other:
        assert other.request("POST", "/login", {"username": "admin", "token": token}).status == 200
        assert other.request("POST", "/login", f"username=admin&token={token}".encode(), **form).status == 200
        assert other.request("POST", "/login", {"username": "worker", "token": token}).status == 401
        assert other.request("POST", "/login", {"username": "admin", "token": "t\u00f6ken"}).status == 401
        clock.now += 3601
        assert other.request("POST", "/login", {"username": "admin", "token": token}).status == 401


def test_no_session_and_no_csrf_token(lab, client):
    with Client(lab, login=False) as stranger:
        assert stranger.get("/api/pool").status == 401
        assert stranger.get("/api/initial-data").json["version"]["Version"] == "30.2.1"
    refused = client.post("/api/pool", {"name": "p"}, X_CSRFToken="wrong")
    assert refused.status == 401
    assert "CSRF token missing or incorrect" in refused.json["error"]


def test_many_sessions_live_side_by_side(lab, client):
    before = dict(client.cookies)
    for _ in range(300):
        client.login("admin", "admin")
    client.cookies = before
    assert client.get("/api/pool").status == 200


def test_logout_ends_a_session(client):
    assert client.post("/logout", {}).status == 200
    assert client.get("/api/pool").status == 401


def test_sessions_expire_when_idle_and_when_old(client, clock):
    clock.now += 59
    assert client.get("/api/pool").status == 200
    clock.now += 61
    assert client.get("/api/pool").status == 419
    client.login("admin", "admin")
    for _ in range(6):
        clock.now += 50
        last = client.get("/api/pool").status
    assert last == 200
    clock.now += 50
    assert client.get("/api/pool").status == 419


def test_versions(client):
    assert client.get("/api/pool", X_Avi_Version="99.9.9").status == 400
    assert "Invalid version" in client.get("/api/pool", X_Avi_Version="nonsense").json["error"]
    refused = client.post("/api/pool", {"name": "p", "append_port": "NEVER"}, X_Avi_Version="20.1.1")
    assert refused.status == 400
    assert "request (v20.1.1) has field (append_port) introduced in later versions(v21.1.1)" in refused.json["error"]
    made = client.created("pool", {"name": "p", "append_port": "NEVER"})
    assert "append_port" not in client.get(f"/api/pool/{made['uuid']}", X_Avi_Version="20.1.1").json
    branch = client.get(f"/api/pool/{made['uuid']}", X_Avi_Version="18.2.10").json
    assert "routing_pool" not in branch
    patched = client.request(
        "PATCH", f"/api/pool/{made['uuid']}", {"replace": {"enabled": False}}, X_Avi_Version="20.1.1"
    )
    assert patched.status == 200
    assert client.get(f"/api/pool/{made['uuid']}").json["append_port"] == "NEVER"
    policy = {"name": "h", "http_request_policy": {"rules": [{"name": "r", "index": 1, "enable": True}]}}
    made_policy = client.created("httppolicyset", policy)
    policy["http_request_policy"]["rules"][0]["match"] = {"source_ip": {"match_criteria": "IS_IN"}}
    for target, patch in (
        (f"/api/pool/{made['uuid']}", {"add": {"append_port": "ALWAYS"}}),
        (f"/api/pool/{made['uuid']}", {"json_patch": [{"op": "add", "path": "/append_port", "value": "ALWAYS"}]}),
        (
            f"/api/httppolicyset/{made_policy['uuid']}",
            {"replace": {"http_request_policy": policy["http_request_policy"]}},
        ),
        (
            f"/api/httppolicyset/{made_policy['uuid']}",
            {"json_patch": [{"op": "add", "path": "/http_request_policy/rules/0/match", "value": {"source_ip": {}}}]},
        ),
    ):
        newer = client.request("PATCH", target, patch, X_Avi_Version="20.1.1")
        assert (newer.status, "introduced in later versions" in newer.json["error"]) == (400, True), patch


def test_tenants(client):
    client.created("pool", {"name": "p"}, X_Avi_Tenant="blue")
    assert client.get("/api/pool").json["count"] == 0
    assert client.get("/api/pool", X_Avi_Tenant="*").json["count"] == 1
    uuid = client.get("/api/tenant?name=blue").json["results"][0]["uuid"]
    assert client.get("/api/pool", X_Avi_Tenant="", X_Avi_Tenant_UUID=uuid).json["count"] == 1
    assert client.get("/api/pool", X_Avi_Tenant="green").json == {"error": "Tenant 'green' does not exist!"}
    pool = client.get("/api/pool", X_Avi_Tenant="*").json["results"][0]["uuid"]
    assert client.get(f"/api/pool/{pool}").status == 404
    # Infrastructure of the admin tenant is seen by all and changed by admin only.
    vrf = client.get("/api/vrfcontext?name=global", X_Avi_Tenant="blue").json["results"][0]
    refused = client.put(f"/api/vrfcontext/{vrf['uuid']}", vrf, X_Avi_Tenant="blue")
    assert (refused.status, "Cannot modify VrfContext" in refused.json["error"]) == (400, True)
    elsewhere = client.post("/api/pool", {"name": "x", "tenant_ref": "/api/tenant/?name=red"}, X_Avi_Tenant="blue")
    assert elsewhere.status == 400


def test_rights(lab):
    with Client(lab, user="worker", password="w", tenant="blue") as worker:
        assert worker.post("/api/pool", {"name": "p"}).status == 201
        assert worker.get("/api/network").status == 200
        refused = worker.get("/api/virtualservice")
        assert refused.status == 403
        expected = "User 'worker' is not authorized to read on resource PERMISSION_VIRTUALSERVICE in tenant blue"
        assert refused.json["error"] == expected
        assert worker.get("/api/pool", X_Avi_Tenant="admin").status == 403
        assert worker.get("/api/pool", X_Avi_Tenant="*").json["count"] == 1
        assert worker.post("/api/macro", {"model_name": "VsVip", "data": {"name": "v"}}).status == 403
    with Client(lab, user="reader", password="r") as reader:
        assert reader.get("/api/virtualservice").status == 200
        assert reader.post("/api/pool", {"name": "q"}).status == 403
        assert reader.get("/api/cluster").status == 200
        assert reader.put("/api/cluster", {"name": "mine", "nodes": []}).status == 403
        grant = reader.post("/api/vimgrvcenterruntime/initiate/managementserviceaccessgrant", {})
        assert grant.status == 403


def test_all_tenants_are_those_in_which_the_role_allows_it(lab, client):
    for tenant in ("blue", "red"):
        client.created("pool", {"name": f"in-{tenant}"}, X_Avi_Tenant=tenant)
    with Client(lab, user="both", password="b", tenant="*") as both:
        assert [pool["name"] for pool in both.get("/api/pool").json["results"]] == ["in-blue"]
        assert [pool["config"]["name"] for pool in both.get("/api/pool-inventory").json["results"]] == ["in-blue"]
        uuid = client.get("/api/pool", X_Avi_Tenant="red").json["results"][0]["uuid"]
        assert both.get(f"/api/pool/{uuid}").status == 404
        assert both.get("/api/pool", X_Avi_Tenant="red").status == 403
        assert both.get("/api/analytics/metrics/virtualservice").status == 403
        assert both.get("/api/vimgrnwruntime").status == 403
        assert both.delete("/api/pool/x").status == 403
    with Client(lab, user="both", password="b", tenant="blue") as both:
        assert {tenant["name"] for tenant in both.get("/api/tenant").json["results"]} == {"blue", "red"}
        assert both.get("/api/tenant?name=admin").json["count"] == 0
        assert both.get("/api/tenant/admin").status == 404
    assert client.get("/api/tenant", X_Avi_Tenant="blue").json["count"] == 3


def test_a_right_in_one_tenant_is_none_in_all(lab, client):
    uuids = {t: client.created("pool", {"name": "p"}, X_Avi_Tenant=t)["uuid"] for t in ("blue", "red")}
    with Client(lab, user="mixed", password="m", tenant="*") as mixed:
        assert mixed.get("/api/pool").json["count"] == 2
        assert mixed.put(f"/api/pool/{uuids['blue']}", {"name": "q"}).status == 200
        assert mixed.put(f"/api/pool/{uuids['red']}", {"name": "q"}).status == 404
        assert mixed.post("/api/pool", {"name": "in-admin"}).status == 400
        assert mixed.post("/api/macro", {"model_name": "Pool", "data": {"name": "in-admin"}}).status == 403
        in_blue = {"name": "p2", "tenant_ref": "/api/tenant/?name=blue"}
        assert mixed.post("/api/macro", {"model_name": "Pool", "data": in_blue}).status == 201
    assert client.get("/api/pool?name=in-admin").json["count"] == 0


def test_users_roles_and_passwords_can_be_managed(lab, client):
    role = client.created("role", {"name": "r", "privileges": [{"resource": "PERMISSION_POOL", "type": "READ_ACCESS"}]})
    access = [{"role_ref": role["url"], "all_tenants": True}]
    made = client.created("user", {"name": "ann", "password": "first", "access": access})
    assert "password" not in made
    with Client(lab, user="ann", password="first") as ann:
        assert ann.get("/api/pool").status == 200
        assert ann.put("/api/useraccount", {"old_password": "wrong", "password": "second"}).status == 400
        assert ann.put("/api/useraccount", {"old_password": "first", "password": "second"}).status == 200
    with Client(lab, user="ann", password="second") as ann:
        assert ann.post("/api/pool", {"name": "p"}).status == 403
    renamed = client.request(
        "PATCH", f"/api/user/{made['uuid']}", {"replace": {"name": "anna", "username": "anna", "password": "third"}}
    )
    assert (renamed.status, "password" in renamed.json) == (200, False)
    anna = Client(lab, user="anna", password="third")
    assert anna.get("/api/pool").status == 200
    assert client.delete(f"/api/role/{role['uuid']}").status == 403
    assert client.delete(f"/api/user/{made['uuid']}").status == 204
    assert anna.get("/api/pool").status == 401
    anna.close()
    with Client(lab, login=False) as gone:
        assert gone.request("POST", "/login", {"username": "anna", "password": "third"}).status == 401


def test_a_login_name_may_differ_from_the_name(lab, client):
    access = [{"role_ref": "/api/role?name=Application-Operator", "all_tenants": True}]
    client.created("user", {"name": "Ann Example", "username": "ann", "password": "a", "access": access})
    with Client(lab, user="ann", password="a") as ann:
        assert ann.get("/api/useraccount").json["name"] == "Ann Example"
        assert ann.post("/api/pool", {"name": "p"}).status == 403


def test_long_answers_are_compressed_when_wanted(client):
    plain = client.get("/api/applicationprofile")
    packed = client.get("/api/applicationprofile", Accept_Encoding="gzip, deflate")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


def test_large_bodies_are_refused(lab):
    with Client(lab) as client:
        large = client.post("/api/pool", b'{"name": "' + b"x" * 2_000_000 + b'"}')
        assert large.status == 413
        assert "error" in large.json
    address, _, port = lab.host.partition(":")
    context = ssl.create_default_context(cadata=lab.certificate_pem)
    connection = http.client.HTTPSConnection(address, int(port), context=context)
    connection.request("POST", "/login", body=iter([b"x" * 900_000] * 2), headers={"X-Avi-Version": "30.2.1"})
    response = connection.getresponse()
    assert response.status == 413
    response.read()
    connection.close()


def test_fifty_megabytes_are_refused(lab):
    with Client(lab) as client:
        assert client.post("/api/pool", b" " * 50_000_000).status == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404), ("GET", "/api", 404), ("GET", "/api/nonsense", 404), ("GET", "/api/pool/none", 404),
        ("GET", "/other/pool", 404), ("OPTIONS", "/api/pool", 405), ("DELETE", "/api/pool", 405),
        ("GET", "/login", 405), ("POST", "/api/systemconfiguration", 405), ("GET", "/api/pool?page=0", 400),
        ("POST", "/api/initial-data", 405), ("POST", "/api/vimgrnwruntime", 405), ("DELETE", "/api/licensing", 405),
        ("PUT", "/api/user-token", 405), ("POST", "/api/pool-inventory", 405), ("DELETE", "/api/user-token", 404),
        ("POST", "/api/vimgrvcenterruntime/initiate/nonsense", 404), ("DELETE", "/api/analytics/metrics/pool", 405),
        ("GET", "/api/user-token?page=9", 404), ("PUT", "/lab/faults", 404), ("POST", "/lab/state", 404),
        ("GET", "/api/pool?page=two", 400), ("GET", "/api/pool?page=7", 404), ("GET", "/api/pool/%2e%2e/x", 404),
    ],
)  # fmt: skip
def test_errors_have_the_shape_that_clients_read(client, method, path, status):
    answer = client.request(method, path, {} if method == "POST" else None)
    assert answer.status == status
    assert isinstance(answer.json["error"], str)


def test_one_connection_serves_many_requests(lab):
    with Client(lab) as client:
        client.get("/api/pool")
        used = client._connection.sock
        for _ in range(20):
            assert client.get("/api/pool").status == 200
        assert client.post("/api/pool", {"name": 5}).status == 400
        assert client.get("/api/nonsense").status == 404
        assert client._connection.sock is used


def test_compressed_requests(client):
    body = gzip.compress(b'{"name": "packed"}')
    assert client.post("/api/pool", body, Content_Encoding="gzip").status == 201
    broken = client.post("/api/pool", b"not gzip at all", Content_Encoding="gzip")
    assert (broken.status, "error" in broken.json) == (400, True)


def test_no_name_and_no_query_writes_a_header(lab, client):
    evil = "a\r\nX-Evil: 1\r\n\r\n{}"
    made = client.post("/api/pool", {"name": evil})
    assert made.status == 201
    assert "X-Evil" not in made.headers
    assert "\r" not in made.headers["Location"]
    assert made.json["name"] == evil
    client.created("pool", {"name": "b", "created_by": evil})
    client.created("pool", {"name": "c", "created_by": evil})
    target = f"/api/pool?created_by={quote(evil)}&page_size=1"
    first = client.get(target)
    assert "X-Evil" not in first.headers
    second = client.get(first.json["next"].removeprefix(lab.url))
    assert [pool["name"] for answer in (first, second) for pool in answer.json["results"]] == ["b", "c"]
    assert (
        client.get("/api/pool", Host="evil.example.com/\\x").json["results"][0]["url"].startswith("https://localhost/")
    )


@pytest.mark.parametrize("request_line", [b"BREW /api/pool HTTP/1.1", b"GET /api/pool HTTP/9.9", b"nonsense"])
def test_what_is_hardly_http_gets_the_same_shape(lab, request_line):
    address, _, port = lab.host.partition(":")
    context = ssl.create_default_context(cadata=lab.certificate_pem)
    with (
        socket.create_connection((address, int(port)), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname=address) as connection,
    ):
        connection.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert head.split()[1] == b"400"
    assert isinstance(json.loads(body)["error"], str)


def test_the_log_knows_who_did_what_and_no_secret(lab, client):
    client.post("/api/pool", {"name": "p"})
    client.put("/api/useraccount", {"old_password": "admin", "password": "changed"})
    login, create, change = lab.requests()
    assert (login.path, login.status) == ("/login", 200)
    assert (create.user, create.method, create.path, create.status) == ("admin", "POST", "/api/pool", 201)
    assert create.body == {"name": "p"}
    assert lab.requests(since=create.sequence) == (change,)
    assert "changed" not in json.dumps(change.body)
    assert lab.counters["POST pool 201"] == 1
    over_http = client.get(f"/lab/requests?since={login.sequence}").json
    assert [entry["path"] for entry in over_http] == ["/api/pool", "/api/useraccount"]
    asked = lambda query: [entry["sequence"] for entry in client.get(f"/lab/requests?{query}").json]  # noqa: E731
    assert asked("path=/api/.*&method=POST&status=201&user=admin&tenant=admin") == [create.sequence]
    assert asked("user=nobody") == asked("status=500") == []
    assert client.get("/lab/requests?path=(").status == 400
    assert client.get("/lab/requests?stauts=200").status == 400
    marked = client.created("pool", {"name": "m", "markers": [{"key": "clustername", "values": ["c"]}]})
    assert lab.requests()[-1].body["markers"] == marked["markers"]


def test_the_certificate_of_a_lab_is_served_for_its_clients(lab, client):
    answer = client.get("/lab/certificate")
    assert (answer.body.decode(), answer.headers["Content-Type"]) == (lab.certificate_pem, "application/x-pem-file")


def test_files_that_are_no_certificate_are_told(lab, tmp_path):
    (tmp_path / "c.pem").write_text(lab.certificate_pem)
    (tmp_path / "k.pem").write_text("nonsense")
    with pytest.raises(UserError, match="do not fit together"):
        AviLab(LabConfig(certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem")))
    with pytest.raises(UserError, match="give both certificate and key"):
        AviLab(LabConfig(certificate=str(tmp_path / "c.pem")))


def test_a_given_certificate_is_used(lab, tmp_path):
    (tmp_path / "c.pem").write_text(lab.certificate_pem)
    (tmp_path / "k.pem").write_text(lab._key_pem)
    config = LabConfig(certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem"))
    with AviLab(config) as other, Client(other) as client:
        assert other.certificate_pem == lab.certificate_pem
        assert client.get("/api/pool").status == 200
