"""The official Python SDK against the simulated controller: every public method of its session."""

import ast
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from avi.sdk.avi_api import APIError, ApiSession, AviCredentials, ObjectNotFound
from support.avi_lab.sdk import Sdk, said, trusting  # noqa: F401 - a fixture
from support.skips import Missing, skip_without

from ako_lab.avi_controller import AviLab, LabConfig

POOL = {"name": "p", "servers": [{"ip": {"addr": "10.20.0.1", "type": "V4"}, "port": 8080}]}


def test_every_public_name_of_the_session_is_used_by_a_test():
    """Enumerated from the installed package: a new method of the SDK fails here until a test calls it."""
    public = {name for name in vars(ApiSession) if not name.startswith("_") and not name.isupper()}
    module = ast.parse(Path(__file__).read_text())
    tests = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    used = {node.attr for test in tests for node in ast.walk(test) if isinstance(node, ast.Attribute)}
    assert len(public) > 25
    assert public - used == set()


@pytest.fixture
def lab():
    with AviLab(LabConfig(tenants=("blue",), use_uuid_from_input=True)) as running:
        yield running


@pytest.fixture
def sdk(lab, tmp_path, trusting):  # noqa: F811 - the fixture
    opener = Sdk(lab, tmp_path)
    yield opener
    opener.close()


def test_create_read_change_delete(sdk):
    api = sdk()
    created = api.post("pool", data=POOL)
    assert created.status_code == 201
    assert created.count() == 1
    uuid = api.get_obj_uuid(created.json())
    assert api.get_obj_ref(created.json()).endswith(f"/api/pool/{uuid}#p")
    assert api.get_slug_from_uri(api.get_obj_ref(created.json())) == uuid
    assert api.get(f"pool/{uuid}").json()["default_server_port"] == 80
    assert api.get("pool", params={"name": "p"}).count() == 1
    changed = api.put(f"pool/{uuid}", data={**POOL, "default_server_port": 81})
    assert changed.json()["default_server_port"] == 81
    patched = api.patch(f"pool/{uuid}", data={"replace": {"default_server_port": 82}})
    assert patched.json()["default_server_port"] == 82
    assert patched.json()["servers"][0]["port"] == 8080
    assert api.delete(f"pool/{uuid}").status_code == 204
    with pytest.raises(ObjectNotFound):
        api.get(f"pool/{uuid}").json()


def test_methods_that_take_names(sdk):
    api = sdk()
    api.post("pool", data=POOL)
    found = api.get_object_by_name("pool", "p")
    assert found["name"] == "p"
    assert api.get_object_by_name("pool", "nothing") is None
    assert api.put_by_name("pool", "p", data={**POOL, "enabled": False}).json()["enabled"] is False
    with pytest.raises(ObjectNotFound):
        api.put_by_name("pool", "nothing", data=POOL)
    assert api.delete_by_name("pool", "p").status_code == 204
    with pytest.raises(ObjectNotFound):
        api.delete_by_name("pool", "p")


def test_objects_iter_follows_pages(sdk):
    api = sdk()
    for number in range(23):
        api.post("pool", data={"name": f"p{number}"})
    names = [pool["name"] for pool in api.get_objects_iter("pool", params={"page_size": 5, "fields": "name"})]
    assert names == [f"p{number}" for number in range(23)]
    assert len(list(api.get_objects_iter("cluster"))) == 1


def test_forced_uuid(sdk):
    api = sdk()
    made = api.post("pool", data=POOL, force_uuid="pool-force-42")
    assert made.json()["uuid"] == "pool-force-42"
    assert api.get("pool/pool-force-42").json()["name"] == "p"


def test_tenants_are_apart(sdk):
    api, blue = sdk(), sdk(tenant="blue")
    api.post("pool", data=POOL)
    assert blue.get("pool").count() == 0
    assert blue.post("pool", data=POOL).status_code == 201
    uuid = api.get_object_by_name("tenant", "blue")["uuid"]
    assert api.get("pool", tenant_uuid=uuid).count() == 1
    assert api.get("pool", tenant="*").count() == 2
    with_uuid = sdk(tenant_uuid=uuid)
    assert with_uuid.get("pool", tenant_uuid=uuid).count() == 1
    refused = api.get("pool", tenant="green")
    assert refused.status_code == 403
    assert said(refused) == {"error": "Tenant 'green' does not exist!"}


def test_an_expired_session_is_renewed(sdk):
    api = sdk()
    before = api.session_id
    sdk.lab.expire_sessions()
    assert api.get("pool").status_code == 200
    assert api.session_id != before
    statuses = [entry.status for entry in sdk.lab.requests() if entry.path == "/api/pool"]
    assert statuses == [419, 200]


def test_reset_and_delete_session(sdk):
    api = sdk()
    before = api.get_context()
    api.reset_session()
    assert api.connected
    assert api.get_context()["session_id"] != before["session_id"]
    api.delete_session()
    assert api.get_context() == {"session_id": None, "csrftoken": None}
    # It logs in again by itself.
    assert api.get("pool").status_code == 200


def test_cached_sessions_and_shared_contexts(sdk):
    first = ApiSession.get_session(**sdk.arguments)
    assert ApiSession.get_session(**sdk.arguments) is first
    context = first.get_context()
    ApiSession.clear_cached_sessions()
    other = sdk(session_id=context["session_id"], csrftoken=context["csrftoken"])
    assert other.get("pool").status_code == 200
    logins = [entry for entry in sdk.lab.requests() if entry.path == "/login"]
    assert len(logins) == 1


def test_authenticating_again_gives_a_new_session(sdk):
    api = sdk()
    before = api.session_id
    api.authenticate_session()
    assert api.session_id != before
    assert api.get_context()["session_id"] == api.session_id
    assert api.get("pool").status_code == 200
    assert [entry.path for entry in sdk.lab.requests()] == ["/login", "/login", "/api/pool"]


def test_a_session_is_told_another_tenant(sdk):
    api = sdk()
    uuid = api.get_object_by_name("tenant", "blue")["uuid"]
    api.tenant = "blue"
    assert api.post("pool", data=POOL).json()["tenant_ref"].endswith("#blue")
    api.tenant = ""
    assert api.tenant == "admin"
    assert api.get("pool").count() == 0
    api.tenant_uuid = uuid
    assert api.get("pool").count() == 1


def test_a_session_is_told_another_user(sdk):
    api = sdk()
    access = [{"role_ref": "/api/role?name=Application-Operator", "all_tenants": True}]
    api.post("user", data={"name": "ann", "password": "secret", "access": access})
    api.username, api.password = "ann", "secret"
    api.authenticate_session()
    assert api.get("pool").status_code == 200
    assert api.post("pool", data=POOL).status_code == 403
    assert {entry.user for entry in sdk.lab.requests() if entry.path == "/api/pool"} == {"ann"}


def test_a_wrong_csrf_token_is_replaced_by_logging_in_again(sdk):
    api = sdk()
    assert api.keystone_token == api.get_context()["csrftoken"]
    api.keystone_token = "wrong"
    assert api.post("pool", data=POOL).status_code == 201
    assert [entry.status for entry in sdk.lab.requests() if entry.path == "/api/pool"] == [401, 201]
    assert api.keystone_token != "wrong"


def test_a_session_speaks_the_version_that_it_is_told(sdk):
    api = sdk(api_version="18.2.6")
    api.api_version = "20.1.1"
    made = api.post("pool", data={**POOL, "append_port": "NEVER"})
    assert made.status_code == 400
    assert "introduced in later versions" in said(made)["error"]
    api.api_version = "30.2.1"
    assert api.post("pool", data={**POOL, "append_port": "NEVER"}).status_code == 201
    assert "append_port" not in api.get("pool", api_version="20.1.1").json()["results"][0]


def test_an_ipv6_address_of_a_controller(sdk, tmp_path):
    assert not sdk().is_ipv6_address("127.0.0.1")
    assert sdk().is_ipv6_address("::1")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        skip_without(Missing.KERNEL, f"no IPv6: {error}")
    with AviLab(LabConfig(host="::1")) as lab:
        bundle = tmp_path / "six.pem"
        bundle.write_text(lab.certificate_pem)
        port = int(lab.host.rpartition(":")[2])
        api = ApiSession("::1", "admin", "admin", port=port, verify=str(bundle), api_version="30.2.1")
        assert api.get("pool").status_code == 200
        api.close()


def test_lazy_authentication(sdk):
    api = sdk(lazy_authentication=True)
    assert not sdk.lab.requests()
    assert api.get("pool").status_code == 200
    assert api.connected


def test_wrong_password(sdk):
    with pytest.raises(APIError) as refused:
        sdk(password="wrong")
    assert refused.value.rsp.status_code == 401
    assert refused.value.rsp.json() == {"error": "Invalid credentials"}


def test_token_login_and_logout(sdk):
    api = sdk()
    token = api.post("user-token", data={"hours": "240"}).json()
    listed = api.get("user-token").json()
    assert [item["uuid"] for item in listed["results"]] == [token["uuid"]]
    other = sdk(token=token["token"], password=None)
    assert other.get("pool").status_code == 200
    assert other.post("logout").status_code == 200
    assert api.delete(f"user-token/{token['uuid']}").status_code == 204
    ApiSession.clear_cached_sessions()
    with pytest.raises(APIError):
        sdk(token=token["token"], password=None)


def test_details_credentials_and_properties(sdk):
    api = sdk()
    assert api.get_controller_details()["controller_api_version"]["Version"] == "30.2.1"
    assert (api.controller_ip, api.username, api.password) == ("127.0.0.1", "admin", "admin")
    api.controller_ip, api.port = "localhost", 443
    assert api.controller_ip == "localhost"
    assert (api.tenant, api.api_version, api.port) == ("admin", "30.2.1", None)
    credentials = AviCredentials(**{**sdk.arguments, "controller": "127.0.0.1"})
    ApiSession.clear_cached_sessions()
    other = ApiSession(avi_credentials=credentials, port=credentials.port, verify=credentials.verify)
    assert other.get("pool").status_code == 200


def test_basic_authentication(tmp_path, trusting):  # noqa: F811 - the fixture
    with AviLab(LabConfig(allow_basic_authentication=True)) as lab:
        sdk = Sdk(lab, tmp_path)
        api = sdk(user_hdrs={"Authorization": "Basic YWRtaW46YWRtaW4="})
        assert api.post("pool", data=POOL).status_code == 201
        wrong = sdk(user_hdrs={"Authorization": "Basic YWRtaW46d3Jvbmc="}, max_api_retries=1)
        with pytest.raises(APIError):
            wrong.get("pool")
        sdk.close()


def test_sessions_in_parallel(sdk):
    def work(number: int) -> int:
        api = sdk()
        for item in range(5):
            assert api.post("pool", data={"name": f"p-{number}-{item}"}).status_code == 201
        return api.get("pool", params={"name.contains": f"p-{number}-"}).count()

    with ThreadPoolExecutor(max_workers=9) as workers:
        assert list(workers.map(work, range(9))) == [5] * 9
    assert len(sdk.lab.objects("pool")) == 45


def test_an_object_graph(sdk):
    api = sdk()
    api.post("vsvip", data={"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True}]})
    api.post("pool", data=POOL)
    service = {
        "name": "s",
        "vsvip_ref": "/api/vsvip/?name=v",
        "pool_ref": "/api/pool?name=p",
        "services": [{"port": 80}],
    }
    made = api.post("virtualservice", data=service).json()
    assert made["vsvip_ref"].endswith("#v")
    refused = api.delete_by_name("pool", "p")
    assert refused.status_code == 403
    assert said(refused) == {"error": "Cannot delete, object is referred by: ['VirtualService s']", "obj_name": "p"}
    shown = api.get("vsvip", params={"name": "v"}).json()["results"][0]
    assert shown["vs_refs"] == [made["url"].partition("#")[0]]
    assert json.dumps(shown["vip"][0]["ip_address"]) == '{"addr": "10.10.0.10", "type": "V4"}'
