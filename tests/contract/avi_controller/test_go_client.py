"""What the official controller for Kubernetes and the Go SDK beneath it were seen to send, and what they need back.

Their programs are not part of these tests; their requests are: doubled slashes, JSON log-in with the version 18.2.6,
cookies that are taken from the log-in alone, sorted and escaped queries with flags without a value, gzip, nine sessions
at once. The steps are those of a recorded boot, in its order.
"""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from support.avi_lab.client import Answer, Client

from ako_lab.avi_controller import AviLab, Fault, LabConfig

OURS = {"include_name": "true", "page_size": "100"}
BY_CREATOR = {"created_by": "ako-c", **OURS}
BY_CREATOR_AND_CLOUD = {"cloud_ref.name": "Default-Cloud", **BY_CREATOR}
BY_PREFIX = {"name.contains": "c--", **OURS}
# Step 12 of the boot: what is loaded, with which question, in all tenants.
LOADED = [
    ("pkiprofile", BY_CREATOR),
    ("sslkeyandcertificate", BY_CREATOR),
    ("vsvip", {"cloud_ref.name": "Default-Cloud", **BY_PREFIX}),
    ("serviceenginegroup", {"cloud_ref.name": "Default-Cloud", **OURS}),
    ("applicationpersistenceprofile", BY_PREFIX),
    ("network", {"cloud_ref.name": "Default-Cloud", **OURS}),
    ("pool", BY_CREATOR_AND_CLOUD),
    ("poolgroup", BY_CREATOR_AND_CLOUD),
    ("stringgroup", {"label_key": "created_by", "label_value": "ako-c", **OURS}),
    ("l4policyset", BY_CREATOR),
    ("vsdatascriptset", {"created_by": "ako-c", "include_name": "true"}),
    ("httppolicyset", BY_CREATOR),
    ("virtualservice", BY_CREATOR_AND_CLOUD),
]
VIP = {"vip_id": "0", "auto_allocate_ip": True}


class Go(Client):
    """A session as the Go SDK keeps it."""

    def __init__(self, lab: AviLab, *, tenant: str = "admin") -> None:
        super().__init__(lab, tenant=tenant, version="18.2.6")
        self.headers |= {"X-Avi-UserAgent": "AKO", "Accept-Encoding": "gzip", "Referer": lab.url + "/"}

    def request(self, method: str, path: str, body=None, **headers: str) -> Answer:
        kept = dict(self.cookies)
        answer = super().request(method, path if path == "/login" else "/" + path, body, **headers)
        if path != "/login":
            self.cookies = kept
        if answer.headers.get("Content-Encoding") == "gzip":
            return Answer(status=answer.status, body=gzip.decompress(answer.body), headers=answer.headers)
        return answer

    def found(self, path: str, **query: str) -> list[dict]:
        answer = self.get(f"/api/{path}?{urlencode(sorted(query.items()))}" if query else f"/api/{path}")
        assert answer.status == 200, answer.body
        assert answer.json["count"] >= len(answer.json["results"])
        return answer.json["results"]


@pytest.fixture
def lab():
    with AviLab(LabConfig(tenants=("blue",))) as running:
        yield running


@pytest.fixture
def go(lab):
    with Go(lab) as client:
        client.headers["X-Avi-Version"] = client.get("/api/initial-data").json["version"]["Version"]
        yield client


def test_nine_sessions_log_in_and_read_at_once(lab):
    def work(number: int) -> list[int]:
        kind, question = LOADED[number]
        with Go(lab, tenant="*") as client:
            assert {"csrftoken", "avi-sessionid"} <= client.cookies.keys()
            return [client.get(f"/api/{kind}?{urlencode(sorted(question.items()))}").status for _ in range(5)]

    with ThreadPoolExecutor(max_workers=9) as workers:
        assert list(workers.map(work, range(9))) == [[200] * 5] * 9
    assert lab.counters["POST /login 200"] == 9


def test_the_boot_finds_what_it_needs(lab, go):
    assert go.headers["X-Avi-Version"] == "30.2.1"
    runtime = go.get("/api/cluster/runtime").json
    leader = next(node for node in runtime["node_states"] if node["role"] == "CLUSTER_LEADER")
    assert leader["name"]
    assert leader["up_since"]
    assert runtime["cluster_state"]["state"].startswith("CLUSTER_UP_")
    assert go.get("/api/systemconfiguration").json["default_license_tier"] == "ENTERPRISE"
    assert len(go.found("tenant/", include_name="", name="admin")) == 1
    (cloud,) = go.found("cloud/", include_name="", name="Default-Cloud")
    assert cloud["vtype"] == "CLOUD_VCENTER"
    assert cloud["tenant_ref"].partition("#")[0].endswith("/admin")
    assert "#" in cloud["ipam_provider_ref"]
    (network,) = go.found(
        "network/", **{"cloud_ref.name": "Default-Cloud", "include_name": "true", "name": "vip-network"}
    )
    assert network["vrf_context_ref"].endswith("#global")
    assert network["configured_subnets"]
    question = {"cloud_ref.name": "Default-Cloud", "include_name": "", "name.in": "Default-Group", "page_size": "100"}
    (group,) = go.found("serviceenginegroup/", **question)
    labelled = {**group, "labels": [{"key": "clustername", "value": "c"}]}
    assert go.put(f"/api/serviceenginegroup/{group['uuid']}", labelled).status == 200
    assert go.put(f"/api/serviceenginegroup/{group['uuid']}", labelled).status == 412
    vrf = {"cloud_ref.name": "Default-Cloud", "include_name": "true", "name": "global"}
    assert len(go.found("vrfcontext", **vrf)) == 1
    profile = cloud["ipam_provider_ref"].partition("#")[2]
    assert len(go.found("ipamdnsproviderprofile/", name=profile)) == 1
    domains = go.get(f"/api/ipamdnsproviderprofiledomainlist?cloud_uuid={cloud['uuid']}").json
    assert domains == {"domains": ["lab.example.com"]}
    assert go.get("/api/cluster").json["uuid"]
    assert {tenant["name"] for tenant in go.found("tenant")} == {"admin", "blue"}
    with Go(lab, tenant="*") as everywhere:
        everywhere.headers["X-Avi-Version"] = "30.2.1"
        loaded = {kind: everywhere.found(kind, **question) for kind, question in LOADED}
    assert {kind for kind, results in loaded.items() if results} == {"serviceenginegroup", "network"}


def test_what_was_written_is_found_again_in_all_tenants(lab, go):
    with Go(lab, tenant="blue") as blue:
        blue.headers["X-Avi-Version"] = "30.2.1"
        for client in (go, blue):
            client.created("vsvip", {"name": "c--v", "cloud_ref": "/api/cloud?name=Default-Cloud", "vip": [VIP]})
            for number in range(120):
                body = {"name": f"c--p{number}", "created_by": "ako-c", "cloud_ref": "/api/cloud?name=Default-Cloud"}
                client.created("pool/", body)
    with Go(lab, tenant="*") as everywhere:
        everywhere.headers["X-Avi-Version"] = "30.2.1"
        names, target = [], f"/api/pool?{urlencode(sorted(BY_CREATOR_AND_CLOUD.items()))}"
        while target:
            page = everywhere.get(target).json
            assert page["count"] == 240
            names += [pool["name"] for pool in page["results"]]
            target = page.get("next", "").removeprefix(lab.url)
        assert sorted(names) == sorted([f"c--p{number}" for number in range(120)] * 2)
        vips = everywhere.found("vsvip", **{"cloud_ref.name": "Default-Cloud", **BY_PREFIX})
        assert len({vip["vip"][0]["ip_address"]["addr"] for vip in vips}) == 2


def test_a_name_that_is_taken_leads_to_its_object(go):
    made = go.created("pool/", {"name": "c--p", "created_by": "ako-c"})
    refused = go.post("/api/pool/", {"name": "c--p", "created_by": "ako-c"})
    assert refused.status == 409
    assert "already exists" in refused.json["error"]
    (found,) = go.found("pool/", include_name="", name="c--p")
    assert found["uuid"] == made["uuid"]
    assert go.put(f"/api/pool/{found['uuid']}", {"name": "c--p", "default_server_port": 81}).status == 200
    gone = go.put("/api/pool/pool-gone", {"name": "c--p"})
    assert (gone.status, gone.json) == (404, {"error": "Pool object not found!"})
    assert go.delete("/api/pool/pool-gone").status == 404


def test_a_vsvip_is_read_changed_and_written_back(go):
    made = go.created("vsvip", {"name": "c--v", "vip": [VIP], "dns_info": [{"fqdn": "a.lab.example.com"}]})
    address = made["vip"][0]["ip_address"]
    read = go.get(f"/api/vsvip/{made['uuid']}/?include_name=").json
    # The list of VIPs is built anew, without the address.
    changed = {**read, "vip": [VIP], "dns_info": [*read["dns_info"], {"fqdn": "b.lab.example.com"}]}
    written = go.put(f"/api/vsvip/{made['uuid']}", changed)
    assert (written.status, written.json["vip"][0]["ip_address"]) == (200, address)
    stale = go.put(f"/api/vsvip/{made['uuid']}", changed)
    assert (stale.status, stale.json) == (412, {"error": "Need to reload object data VsVip"})


def test_an_expired_session_collects_new_cookies(lab, go):
    before = dict(go.cookies)
    lab.expire_sessions()
    assert go.get("/api/pool").status == 419
    go.login("admin", "admin")
    assert go.cookies != before
    assert go.get("/api/pool").status == 200


def test_errors_are_objects_that_the_client_can_print(lab, go):
    lab.faults.add(Fault(kind="upgrade", count=1))
    upgrade = go.post("/api/vsvip", {"name": "v", "vip": [VIP]})
    assert (upgrade.status, upgrade.json["error"]) == (403, "Configuration is disallowed during upgrade")
    go.created("vsvip", {"name": "v", "vip": [VIP]})
    go.created("virtualservice", {"name": "s", "vsvip_ref": "/api/vsvip/?name=v", "services": [{"port": 80}]})
    (vip,) = go.found("vsvip", name="v")
    refused = go.delete(f"/api/vsvip/{vip['uuid']}")
    assert refused.status == 403
    assert refused.json == {
        "error": "Cannot delete, object is referred by: ['VirtualService s']",
        "obj_name": "v",
    }
    unknown = go.post("/api/pool", {"name": "p", "vrf_ref": "/api/vrfcontext/?name=none"})
    assert (unknown.status, "VrfContext object not found!" in unknown.json["error"]) == (400, True)
    with Go(lab) as lost:
        lost.headers["X-Avi-Tenant"] = "green"
        assert json.loads(lost.get("/api/pool").body) == {"error": "Tenant 'green' does not exist!"}


def test_tokens_are_listed_in_pages_and_replaced(lab, go):
    made = [go.post("/api/user-token", {"hours": "240"}).json for _ in range(3)]
    assert all(token["token"] for token in made)
    seen, target = [], "/api/user-token?page_size=2"
    while target:
        page = go.get(target).json
        seen += [item["uuid"] for item in page["results"]]
        assert all({"token", "expires_at"} <= item.keys() for item in page["results"])
        target = page.get("next", "").removeprefix(lab.url)
    assert seen == [token["uuid"] for token in made]
    assert go.delete(f"/api/user-token/{seen[0]}").status == 204
    with Go(lab) as other:
        body = {"username": "admin", "token": made[1]["token"]}
        assert other.request("POST", "/login", body).status == 200
        assert other.request("POST", "/login", {**body, "token": made[0]["token"]}).status == 401
