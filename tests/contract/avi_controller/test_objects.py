"""Objects: defaults, references, filters, paging, shapes of answers, PATCH, macro, run-time end points."""

import json
from urllib.parse import quote

import pytest
from support.avi_lab.core import Core

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.state import snapshot


@pytest.fixture
def core():
    return Core(LabConfig(tenants=("blue",)))


def error(reply) -> str:
    return json.loads(reply.body)["error"]


@pytest.fixture
def monitored(core):
    monitor = core.read("/api/healthmonitor?name=System-TCP")["results"][0]
    core.create("healthmonitor", {"name": "a b/c*&d+e#f", "type": "HEALTH_MONITOR_TCP"})
    return monitor


@pytest.mark.parametrize(
    "form",
    ["/api/healthmonitor/?name=System-TCP", "/api/healthmonitor?name=System-TCP", "{url}", "{url}#System-TCP",
     "/api/healthmonitor/{uuid}", "{uuid}", "api/healthmonitor/{uuid}", "https://elsewhere/api/healthmonitor/{uuid}#x",
     "//api/healthmonitor/{uuid}"],
)  # fmt: skip
def test_forms_of_a_reference(core, monitored, form):
    text = form.format(**monitored)
    made = core.create("pool", {"name": "p", "health_monitor_refs": [text]})
    assert made["health_monitor_refs"] == [f"{monitored['url']}#System-TCP"]


@pytest.mark.parametrize("escape", [str, quote, lambda name: quote(name).replace("%20", "+")])
def test_names_with_every_kind_of_character(core, monitored, escape):
    text = f"/api/healthmonitor/?name={escape('a b/c*&d+e#f')}"
    made = core.create("pool", {"name": "p", "health_monitor_refs": [text]})
    assert made["health_monitor_refs"][0].endswith("#a b/c*&d+e#f")


def test_unset_and_broken_references(core):
    assert "ssl_profile_ref" not in core.create("pool", {"name": "p", "ssl_profile_ref": ""})
    service = {"name": "v", "vip": [{"auto_allocate_ip": True}], "bot_policy_ref": "/api/botpolicy?name="}
    assert "bot_policy_ref" not in core.create("virtualservice", service)
    reply = core.call("POST", "/api/pool", {"name": "q", "vrf_ref": "/api/vrfcontext/?name=none"})
    assert (reply.status, error(reply)) == (400, "VrfContext object not found! (field vrf_ref)")
    reply = core.call("POST", "/api/pool", {"name": "q", "vrf_ref": "/api/network/?name=vip-network"})
    assert reply.status == 400


def test_references_resolve_in_the_tenant_first_then_in_admin(core):
    core.create("stringgroup", {"name": "s", "type": "SG_TYPE_STRING"})
    own = core.create("stringgroup", {"name": "s", "type": "SG_TYPE_STRING"}, X_Avi_Tenant="blue")
    match = {"path": {"match_criteria": "EQUALS", "string_group_refs": ["/api/stringgroup?name=s"]}}
    rule = {"name": "r", "index": 1, "enable": True, "match": match}
    body = {"name": "h", "http_request_policy": {"rules": [rule]}}
    made = core.create("httppolicyset", body, X_Avi_Tenant="blue")
    shown = made["http_request_policy"]["rules"][0]["match"]["path"]["string_group_refs"]
    assert shown == [own["url"]]
    body = {"name": "p", "health_monitor_refs": ["/api/healthmonitor?name=System-TCP"]}
    assert core.create("pool", body, X_Avi_Tenant="blue")["health_monitor_refs"][0].endswith("#System-TCP")


def test_names_are_unique_within_tenant_and_cloud(core):
    core.create("pool", {"name": "p"})
    reply = core.call("POST", "/api/pool", {"name": "p"})
    assert (reply.status, error(reply)) == (409, "Pool with this Name, Tenant ref and Cloud ref already exists.")
    core.create("pool", {"name": "p"}, X_Avi_Tenant="blue")
    core.create("cloud", {"name": "other", "vtype": "CLOUD_NONE"})
    core.create("vrfcontext", {"name": "global", "cloud_ref": "/api/cloud?name=other"})
    core.create("pool", {"name": "p", "cloud_ref": "/api/cloud?name=other"})
    core.create("stringgroup", {"name": "p", "type": "SG_TYPE_STRING"})
    reply = core.call("POST", "/api/stringgroup", {"name": "p", "type": "SG_TYPE_STRING"})
    assert error(reply) == "StringGroup with this Name, Tenant ref already exists."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "p", "lb_algorithm": "LB_NONSENSE"}, "Invalid enum value 'LB_NONSENSE'"),
        ({"name": "p", "servers": {}}, "expected a list, not an object (field servers)"),
        ({"name": "p", "servers": [{"ip": {"addr": "x", "type": "V4"}}]}, "'x' is not an address of type V4"),
        ({"name": "p", "servers": [{"port": 1}]}, "Bad pb: Server is missing required field: ip (field servers[])"),
        ({"name": "p", "default_server_port": 0}, "0 is out of range, allowed: 1-65535"),
        ({"name": "p", "default_server_port": "eighty"}, "expected an integer"),
        ({"name": "p", "enabled": 1}, "expected true or false"),
        ({"name": 5}, "expected a string"),
        ({}, "Bad pb: Pool is missing required field: name"),
        ([], "The body must be a JSON object"),
    ],
)
def test_wrong_content_is_refused_with_its_place(core, body, said):
    reply = core.call("POST", "/api/pool", body)
    assert reply.status == 400
    assert said in error(reply)


def test_the_lenient_mode_takes_what_some_clients_send():
    core = Core(LabConfig(lenient=True))
    made = core.create("pool", {"name": "p", "lb_algorithm": "HTTP_REDIRECT_302", "default_server_port": 0})
    assert made["lb_algorithm"] == "HTTP_REDIRECT_302"
    assert core.call("POST", "/api/pool", {"name": "q", "servers": "text"}).status == 400


def test_unknown_and_null_fields_are_dropped_and_text_is_converted(core):
    made = core.create(
        "pool",
        {"name": "p", "application_profile_name": "x", "ratio": None, "enabled": "false", "default_server_port": "81"},
    )
    assert "application_profile_name" not in made
    assert (made["enabled"], made["default_server_port"]) == (False, 81)


def test_filters(core):
    for number in range(30):
        body = {"name": f"cl--p{number:02}", "created_by": "ako-cl" if number % 2 else "other"}
        if number < 3:
            body["markers"] = [{"key": "clustername", "values": ["cl", "two"]}]
        core.create("pool", body)
    names = lambda query: [pool["name"] for pool in core.read(f"/api/pool?{query}")["results"]]  # noqa: E731
    count = lambda query: core.read(f"/api/pool?{query}")["count"]  # noqa: E731
    uuids = {pool["name"]: pool["uuid"] for pool in core.read("/api/pool?page_size=100")["results"]}
    cloud = core.read("/api/cloud")["results"][0]["uuid"]
    assert names("name=cl--p07") == ["cl--p07"]
    assert count("name.contains=--p1") == 10
    assert count("name.icontains=CL--P1") == 10
    assert names("name.in=cl--p03,cl--p01,nothing") == ["cl--p03", "cl--p01"]
    assert names(f"uuid.in={uuids['cl--p05']},pool-none") == ["cl--p05"]
    assert count("created_by=ako-cl&cloud_ref.name=Default-Cloud") == 15
    assert count(f"cloud_uuid={cloud}") == count(f"cloud_ref.uuid={cloud}") == 30
    assert count("cloud_ref.name=other") == 0
    assert count("label_key=clustername&label_value=cl") == 3
    assert count("label_key=clustername&label_value=none") == 0
    assert count("search=cl--p2") == 10
    assert count("search=ako-cl") == 15
    assert count("search=(created_by,ako-cl)") == 15
    assert count("search=(name,ako-cl)") == 0
    assert count("isearch=(name,CL--P2)") == 10
    assert count("isearch=CL--P2") == 10
    assert names("sort=created_by,-name&page_size=2") == ["cl--p29", "cl--p27"]
    assert names("sort=-created_by,name&limit_by=2") == ["cl--p00", "cl--p02"]
    assert count(f"cloud_ref=/api/cloud/{cloud}") == count("cloud_ref=Default-Cloud") == 30
    assert count("se_group_ref.name=none") == 30
    assert count("enabled=true") == 30
    assert count("vrf_ref.name=global") == 30
    assert names("sort=-name&page_size=2") == ["cl--p29", "cl--p28"]
    assert names("name=cl--p01&created_by=other") == []
    group = core.create("poolgroup", {"name": "g", "members": [{"pool_ref": f"/api/pool/{uuids['cl--p09']}"}]})
    assert names(f"referred_by=poolgroup:{group['uuid']}") == ["cl--p09"]
    assert core.read(f"/api/poolgroup?refers_to=pool:{uuids['cl--p09']}")["count"] == 1
    assert core.read(f"/api/poolgroup?refers_to=pool:{uuids['cl--p08']}")["count"] == 0
    assert core.read(f"/api/poolgroup?name=g&refers_to=pool:{uuids['cl--p08']}")["count"] == 0


def test_a_standing_query_follows_every_write(core):
    count = lambda: core.read("/api/pool?created_by=me")["count"]  # noqa: E731
    assert count() == 0
    made = core.create("pool", {"name": "p", "created_by": "me"})
    assert count() == 1
    core.call("PUT", f"/api/pool/{made['uuid']}", {"name": "p", "created_by": "you"})
    assert count() == 0
    core.call("PUT", f"/api/pool/{made['uuid']}", {"name": "p", "created_by": "me"})
    assert count() == 1
    core.call("DELETE", f"/api/pool/{made['uuid']}")
    assert count() == 0


def test_pages(core):
    for number in range(60):
        core.create("pool", {"name": f"p{number}"})
    seen, target = [], "/api/pool?fields=name&include_name=true"
    while target:
        page = core.read(target)
        assert page["count"] == 60
        seen += [pool["name"] for pool in page["results"]]
        target = page.get("next", "").removeprefix("https://lab")
    assert seen == [f"p{number}" for number in range(60)]
    assert len(core.read("/api/pool?page_size=1000")["results"]) == 60
    assert len(core.read("/api/pool")["results"]) == 25


def test_shapes_of_an_answer(core):
    made = core.create("pool", {"name": "p", "servers": [{"ip": {"addr": "10.0.0.1", "type": "V4"}}]})
    target = f"/api/pool/{made['uuid']}"
    assert core.read(f"{target}?fields=enabled").keys() == {"name", "uuid", "url", "enabled"}
    assert "#" not in core.read(target)["cloud_ref"]
    assert core.read(f"{target}?include_name")["cloud_ref"].endswith("#Default-Cloud")
    lean = core.read(f"{target}?skip_default=true")
    assert "enabled" not in lean
    assert lean["servers"] == [{"ip": {"addr": "10.0.0.1", "type": "V4"}, "hostname": "10.0.0.1"}]
    assert "servers" not in core.read(f"{target}?exclude=servers")
    joined = core.read(f"{target}?join_subresources=runtime")
    assert joined["runtime"]["oper_status"]["state"] == "OPER_UP"
    assert core.control("PUT", "/lab/oper-status", {"key": f"pool/{made['uuid']}", "state": "OPER_DOWN"}).status == 204
    for query in (f"/{made['uuid']}?", "?name=p&"):
        shown = core.read(f"/api/pool{query}join_subresources=runtime,vs")
        shown = shown if query.startswith("/") else shown["results"][0]
        assert shown["runtime"]["oper_status"]["state"] == "OPER_DOWN"
        assert shown["vs"]["results"] == []
    reply = core.call("POST", "/api/pool", {"name": "q"})
    assert reply.headers["Location"].startswith("https://lab/api/pool/pool-")


def test_put_replaces_and_keeps_what_is_read_only(core):
    made = core.create("pool", {"name": "p", "default_server_port": 81, "created_by": "me"})
    changed = json.loads(core.call("PUT", f"/api/pool/{made['uuid']}", {"name": "p2", "uuid": "pool-x"}).body)
    assert (changed["name"], changed["uuid"], changed["default_server_port"]) == ("p2", made["uuid"], 80)
    assert changed["created_by"] == "me"
    assert int(changed["_last_modified"]) > int(made["_last_modified"])
    assert core.read("/api/pool?name=p")["count"] == 0
    assert core.read("/api/pool?name=p2")["count"] == 1


def test_stale_updates_are_refused_where_the_product_compares(core):
    for kind in ("vsvip", "vrfcontext", "serviceenginegroup"):
        made = core.create(kind, {"name": "x"})
        target = f"/api/{kind}/{made['uuid']}"
        assert core.call("PUT", target, made).status == 200
        reply = core.call("PUT", target, made)
        model = core.controller.schema.types[kind].model
        assert (reply.status, error(reply)) == (412, f"Need to reload object data {model}")
        assert core.call("PUT", target, {"name": "x"}).status == 200
    pool = core.create("pool", {"name": "x"})
    assert core.call("PUT", f"/api/pool/{pool['uuid']}", {**pool, "_last_modified": "1"}).status == 200


def test_deletion_is_refused_while_referred_to(core):
    core.create("vsvip", {"name": "v", "vip": [{"auto_allocate_ip": True}]})
    vip = core.read("/api/vsvip?name=v")["results"][0]
    core.create("virtualservice", {"name": "s", "vsvip_ref": vip["url"]})
    reply = core.call("DELETE", f"/api/vsvip/{vip['uuid']}")
    expected = {"error": "Cannot delete, object is referred by: ['VirtualService s']", "obj_name": "v"}
    assert (reply.status, json.loads(reply.body)) == (403, expected)
    network = core.read("/api/network?name=vip-network")["results"][0]
    reply = core.call("DELETE", f"/api/network/{network['uuid']}")
    assert (reply.status, json.loads(reply.body)["obj_name"]) == (400, "vip-network")


def test_patch_forms(core):
    server = lambda last: {"ip": {"addr": f"10.0.0.{last}", "type": "V4"}, "port": 80}  # noqa: E731
    made = core.create("pool", {"name": "p", "servers": [server(1), server(2)]})
    target = f"/api/pool/{made['uuid']}"

    def patched(body):
        reply = core.call("PATCH", target, body)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    addresses = lambda pool: [item["ip"]["addr"] for item in pool["servers"]]  # noqa: E731
    assert addresses(patched({"add": {"servers": [server(3), {**server(1), "ratio": 5}]}})) == [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
    ]
    assert core.read(target)["servers"][0]["ratio"] == 5
    assert addresses(patched({"delete": {"servers": [server(2)]}})) == ["10.0.0.1", "10.0.0.3"]
    assert patched({"replace": {"description": "new", "enabled": False}})["enabled"] is False
    assert "description" not in patched({"remove": {"description": ""}})
    assert (
        patched(
            {
                "json_patch": [
                    {"op": "replace", "path": "/servers/0/port", "value": 99},
                    {"op": "remove", "path": "/servers/1"},
                ]
            }
        )["servers"][0]["port"]
        == 99
    )
    assert core.call("PATCH", target, {"json_patch": [{"op": "test", "path": "/name", "value": "x"}]}).status == 400
    assert core.call("PATCH", target, {"nonsense": {}}).status == 400
    monitors = ["/api/healthmonitor?name=System-TCP"]
    assert len(patched({"add": {"health_monitor_refs": monitors}})["health_monitor_refs"]) == 1
    url = core.read("/api/healthmonitor?name=System-TCP")["results"][0]["url"]
    assert (
        "health_monitor_refs" not in patched({"delete": {"health_monitor_refs": [url]}})
        or not core.read(target)["health_monitor_refs"]
    )


def test_macro_creates_and_updates_a_tree(core):
    data = {
        "name": "s",
        "services": [{"port": 80}],
        "pool_ref": {"name": "p"},
        "vsvip_ref": {"name": "v", "vip": [{"auto_allocate_ip": True}]},
    }
    reply = core.call("POST", "/api/macro", {"model_name": "VirtualService", "data": data})
    assert reply.status == 201, reply.body
    data["pool_ref"] = {"name": "p", "enabled": False}
    assert core.call("POST", "/api/macro", {"model_name": "VirtualService", "data": data}).status == 201
    assert core.read("/api/pool")["count"] == core.read("/api/virtualservice")["count"] == 1
    assert core.read("/api/pool?name=p")["results"][0]["enabled"] is False
    assert core.call("POST", "/api/macro", {"model_name": "Nonsense", "data": {}}).status == 400


def test_macro_reaches_into_messages_and_finds_what_is_there(core):
    member = {"pool_ref": {"name": "p", "default_server_port": 81}, "ratio": 3}
    data = {"name": "g", "members": [member, {"pool_ref": {"name": "q"}}]}
    for _ in range(2):
        reply = core.call("POST", "/api/macro", {"model_name": "PoolGroup", "data": data})
        assert reply.status == 201, reply.body
        members = json.loads(reply.body)["members"]
        assert [item["pool_ref"].partition("#")[2] for item in members] == ["p", "q"]
        assert core.read("/api/pool")["count"] == 2
    assert core.read("/api/pool?name=p")["results"][0]["default_server_port"] == 81
    tier = {"model_name": "SystemConfiguration", "data": {"default_license_tier": "ESSENTIALS"}}
    assert core.call("POST", "/api/macro", tier).status == 201
    assert core.read("/api/systemconfiguration")["default_license_tier"] == "ESSENTIALS"
    assert len(core.controller.store.tables["systemconfiguration"].records) == 1


def test_a_refused_macro_leaves_nothing(core):
    core.create("pool", {"name": "old", "default_server_port": 80})
    before = snapshot(core.controller)
    data = {
        "name": "s",
        "vsvip_ref": {"name": "v", "vip": [{"auto_allocate_ip": True}], "dns_info": [{"fqdn": "a.lab.example.com"}]},
        "pool_ref": {"name": "old", "default_server_port": 81},
        "pool_group_ref": {"name": "g", "members": [{"pool_ref": {"name": "new"}}]},
        "services": [{"port": 80}],
    }
    reply = core.call("POST", "/api/macro", {"model_name": "VirtualService", "data": data})
    assert (reply.status, "cannot both be configured" in error(reply)) == (400, True)
    assert snapshot(core.controller) == before
    assert not core.controller.ipam.holders
    assert not core.controller.dns.holders
    del data["pool_group_ref"]
    assert core.call("POST", "/api/macro", {"model_name": "VirtualService", "data": data}).status == 201


def test_run_time_and_inventories(core):
    core.create("vsvip", {"name": "v", "vip": [{"auto_allocate_ip": True}]})
    pool = core.create("pool", {"name": "p", "servers": [{"ip": {"addr": "10.0.0.1", "type": "V4"}, "enabled": False}]})
    service = core.create(
        "virtualservice", {"name": "s", "vsvip_ref": "/api/vsvip?name=v", "pool_ref": "/api/pool?name=p"}
    )
    assert core.read(f"/api/virtualservice/{service['uuid']}/runtime")["oper_status"]["state"] == "OPER_DOWN"
    core.call(
        "PATCH", f"/api/pool/{pool['uuid']}", {"replace": {"servers": [{"ip": {"addr": "10.0.0.1", "type": "V4"}}]}}
    )
    for tail in ("runtime", "runtime/", "runtime/summary"):
        assert core.read(f"/api/virtualservice/{service['uuid']}/{tail}")["oper_status"]["state"] == "OPER_UP"
    assert core.read(f"/api/pool/{pool['uuid']}/runtime/server/")[0]["oper_status"]["state"] == "OPER_UP"
    entry = core.read("/api/virtualservice-inventory?include_name")["results"][0]
    assert entry["runtime"]["oper_status"]["state"] == "OPER_UP"
    assert entry["pools"][0].endswith("#p")
    for kind in ("pool", "vsvip", "cloud"):
        assert core.read(f"/api/{kind}-inventory")["count"] == 1
    assert core.read("/api/cloud-inventory", X_Avi_Tenant="blue")["count"] == 1
    assert core.read("/api/pool-inventory", X_Avi_Tenant="blue")["count"] == 0
    core.create("pool", {"name": "q"})
    seen, target = [], "/api/pool-inventory?page_size=1"
    while target:
        page = core.read(target)
        seen += [entry["config"]["name"] for entry in page["results"]]
        target = page.get("next", "").removeprefix("https://lab")
    assert seen == ["p", "q"]
    networks = core.read("/api/vimgrnwruntime?page_size=1")
    assert (networks["count"], len(networks["results"])) == (2, 1)
    assert "page=2" in networks["next"]
    cloud = core.read("/api/cloud")["results"][0]
    assert core.read(f"/api/cloud/{cloud['uuid']}/status")["state"] == "CLOUD_STATE_PLACEMENT_READY"
    assert core.read("/api/vimgrnwruntime?name=vip-network")["results"][0]["host_refs"]
    assert core.read(f"/api/ipamdnsproviderprofiledomainlist?cloud_uuid={cloud['uuid']}") == {
        "domains": ["lab.example.com"]
    }
    assert core.read("/api/cluster/runtime")["cluster_state"]["state"] == "CLUSTER_UP_HA_ACTIVE"
    assert core.read("/api/cluster")["uuid"].startswith("cluster-")
    assert core.read("/api/systemconfiguration")["default_license_tier"] == "ENTERPRISE"
    assert core.read("/api/analytics/metrics/virtualservice?metric_id=l4_client.avg_bandwidth")["series"]
