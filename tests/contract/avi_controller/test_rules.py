"""Rules that span objects: virtual services, addresses, names, certificates, license tiers, kinds of clouds."""

import datetime as dt
import json

import pytest
from support.avi_lab.core import Core

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.config import CloudSeed, NetworkSeed, SubnetSeed
from ako_lab.avi_controller.state import snapshot

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
AUTO = {"vip_id": "0", "auto_allocate_ip": True}


@pytest.fixture
def core():
    made = Core()
    made.create("vsvip", {"name": "v", "vip": [AUTO]})
    return made


def refused(core, kind, body) -> str:
    reply = core.call("POST", f"/api/{kind}", body)
    assert reply.status == 400, reply.body
    return json.loads(reply.body)["error"]


def service(name, **fields):
    return {"name": name, "vsvip_ref": "/api/vsvip?name=v", **fields}


# Virtual services


def test_a_virtual_service_gets_what_the_product_adds(core):
    made = core.create("virtualservice", service("s", services=[{"port": 443, "enable_ssl": True}]))
    names = {field: made[field].partition("#")[2] for field in made if field.endswith("_ref") and "#" in made[field]}
    assert names["application_profile_ref"] == "System-HTTP"
    assert names["network_profile_ref"] == "System-TCP-Proxy"
    assert names["se_group_ref"] == "Default-Group"
    assert names["vrf_context_ref"] == "global"
    assert names["ssl_profile_ref"] == "System-Standard"
    assert made["services"][0]["port_range_end"] == 443
    assert made["cloud_type"] == "CLOUD_VCENTER"


def test_ports_conflict_on_one_vip_per_protocol(core):
    core.create("virtualservice", service("s", services=[{"port": 80, "port_range_end": 90}]))
    assert "Port 85 is already used by VirtualService 's'" in refused(
        core, "virtualservice", service("t", services=[{"port": 85}])
    )
    udp = "/api/networkprofile?name=System-UDP-Fast-Path"
    core.create("virtualservice", service("u", services=[{"port": 85}], network_profile_ref=udp))
    overridden = [{"port": 86, "override_network_profile_ref": udp}, {"port": 91}]
    core.create("virtualservice", service("w", services=overridden))
    assert "configured twice" in refused(core, "virtualservice", service("x", services=[{"port": 5}, {"port": 5}]))


@pytest.mark.parametrize("vh_type", ["VS_TYPE_VH_SNI", "VS_TYPE_VH_ENHANCED"])
def test_parents_and_children(core, vh_type):
    parent = core.create(
        "virtualservice", service("parent", type="VS_TYPE_VH_PARENT", vh_type=vh_type, services=[{"port": 80}])
    )
    child = {"type": "VS_TYPE_VH_CHILD", "vh_type": vh_type, "vh_parent_vs_ref": "/api/virtualservice?name=parent"}
    hosts = {"vh_domain_name": ["a.example.com"], "vh_matches": [{"host": "a.example.com"}]}
    made = core.create("virtualservice", {"name": "child", **child, **hosts})
    shown = core.read(f"/api/virtualservice/{parent['uuid']}")
    assert shown["vh_child_vs_uuid"] == [made["uuid"]]
    assert core.call("DELETE", f"/api/virtualservice/{parent['uuid']}").status == 403
    orphan = {**child, "name": "orphan", **hosts}
    del orphan["vh_parent_vs_ref"]
    assert "vh_parent_vs_ref is required" in refused(core, "virtualservice", orphan)
    assert "required" in refused(core, "virtualservice", {"name": "no-host", **child})
    other = "VS_TYPE_VH_SNI" if vh_type == "VS_TYPE_VH_ENHANCED" else "VS_TYPE_VH_ENHANCED"
    assert "must equal that of its parent" in refused(
        core, "virtualservice", {"name": "m", **child, **hosts, "vh_type": other}
    )
    normal = {**shown, "type": "VS_TYPE_NORMAL"}
    reply = core.call("PUT", f"/api/virtualservice/{parent['uuid']}", normal)
    assert (reply.status, "must stay VS_TYPE_VH_PARENT" in reply.body.decode()) == (400, True)
    if vh_type == "VS_TYPE_VH_SNI":
        assert "already used by 'child'" in refused(core, "virtualservice", {"name": "twin", **child, **hosts})
    else:
        core.create("virtualservice", {"name": "twin", **child, **hosts})


def test_only_parents_have_children(core):
    core.create("virtualservice", service("s"))
    child = {
        "name": "c",
        "type": "VS_TYPE_VH_CHILD",
        "vh_parent_vs_ref": "/api/virtualservice?name=s",
        "vh_domain_name": ["a"],
    }
    assert "is not of type VS_TYPE_VH_PARENT" in refused(core, "virtualservice", child)
    assert "is required for a VirtualService that is not a child" in refused(core, "virtualservice", {"name": "x"})


def test_what_belongs_together_lies_in_one_cloud_and_vrf(core):
    core.create("cloud", {"name": "far", "vtype": "CLOUD_NONE"})
    core.create("vrfcontext", {"name": "global", "cloud_ref": "/api/cloud?name=far"})
    far = core.create("pool", {"name": "far", "cloud_ref": "/api/cloud?name=far"})
    assert "another cloud" in refused(core, "virtualservice", service("s", pool_ref=far["url"]))
    assert "another cloud" in refused(core, "poolgroup", {"name": "g", "members": [{"pool_ref": far["url"]}]})
    core.create("vrfcontext", {"name": "blue"})
    core.create("pool", {"name": "blue", "vrf_ref": "/api/vrfcontext?name=blue"})
    assert "another VRF" in refused(core, "virtualservice", service("s", pool_ref="/api/pool?name=blue"))
    core.create("vsvip", {"name": "blue", "vrf_context_ref": "/api/vrfcontext?name=blue", "vip": []})
    body = service("s", vsvip_ref="/api/vsvip?name=blue", vrf_context_ref="/api/vrfcontext?name=global")
    assert "another VRF" in refused(core, "virtualservice", body)
    inherited = core.create("virtualservice", service("t", vsvip_ref="/api/vsvip?name=blue"))
    assert inherited["vrf_context_ref"].endswith("#blue")
    members = [{"pool_ref": "/api/pool?name=blue"}]
    core.create("poolgroup", {"name": "blue", "members": members})
    assert "another VRF" in refused(core, "virtualservice", service("g", pool_group_ref="/api/poolgroup?name=blue"))
    pool = core.create("pool", {"name": "used"})
    group = core.create("poolgroup", {"name": "used", "members": [{"pool_ref": pool["url"]}]})
    core.create("virtualservice", service("user", pool_group_ref=group["url"], services=[{"port": 99}]))
    for target, body in (
        (f"/api/pool/{pool['uuid']}", {"name": "used", "vrf_ref": "/api/vrfcontext?name=blue"}),
        (f"/api/poolgroup/{group['uuid']}", {"name": "used", "members": members}),
    ):
        reply = core.call("PUT", target, body)
        assert (reply.status, b"VRF" in reply.body) == (400, True)


def test_references_by_uuid_stay_within_cloud_and_tenant():
    core = Core(LabConfig(tenants=("blue", "red")))
    core.create("cloud", {"name": "far", "vtype": "CLOUD_NONE"})
    vrf = core.create("vrfcontext", {"name": "far", "cloud_ref": "/api/cloud?name=far"})
    network = core.create("network", {"name": "far", "cloud_ref": "/api/cloud?name=far", "vrf_context_ref": vrf["url"]})
    placed = {"network_ref": network["uuid"], "subnet": {"ip_addr": {"addr": "10.0.0.0", "type": "V4"}, "mask": 8}}
    assert "another cloud" in refused(core, "pool", {"name": "p", "vrf_ref": vrf["uuid"]})
    assert "another cloud" in refused(core, "pool", {"name": "p", "placement_networks": [placed]})
    monitor = {"name": "m", "type": "HEALTH_MONITOR_TCP"}
    red = core.create("healthmonitor", monitor, X_Avi_Tenant="red")
    blue = core.create("healthmonitor", monitor, X_Avi_Tenant="blue")
    shared = core.create("healthmonitor", {**monitor, "name": "s"})
    for form in (red["uuid"], red["url"], f"/api/healthmonitor/{red['uuid']}"):
        reply = core.call("POST", "/api/pool", {"name": "p", "health_monitor_refs": [form]}, X_Avi_Tenant="blue")
        assert (reply.status, b"HealthMonitor object not found!" in reply.body) == (400, True)
    both = [blue["uuid"], shared["uuid"]]
    core.create("pool", {"name": "p", "health_monitor_refs": both}, X_Avi_Tenant="blue")


def test_other_secrets_are_not_shown_either(core):
    cloud = core.read("/api/cloud?name=Default-Cloud")["results"][0]
    cloud["vcenter_configuration"]["password"] = "hush"
    assert core.call("PUT", f"/api/cloud/{cloud['uuid']}", cloud).status == 200
    shown = core.read(f"/api/cloud/{cloud['uuid']}")
    assert shown["vcenter_configuration"]["password"] == "<sensitive>"
    assert "hush" not in json.dumps(snapshot(core.controller))


def test_pools_are_attached_once(core):
    core.create("pool", {"name": "p"})
    twice = [{"pool_ref": "/api/pool?name=p"}] * 2
    assert "a member of the PoolGroup twice" in refused(core, "poolgroup", {"name": "g", "members": twice})
    core.create("poolgroup", {"name": "g", "members": twice[:1]})
    both = service("s", pool_ref="/api/pool?name=p", pool_group_ref="/api/poolgroup?name=g")
    assert "cannot both be configured" in refused(core, "virtualservice", both)
    server = {"ip": {"addr": "10.0.0.1", "type": "V4"}}
    assert "configured twice" in refused(core, "pool", {"name": "q", "servers": [server, {**server, "port": 80}]})


def test_inline_vips_become_a_vsvip_that_goes_with_its_virtual_service(core):
    made = core.create("virtualservice", {"name": "s", "vip": [AUTO], "services": [{"port": 80}]})
    assert made["vsvip_ref"].endswith("#vsvip-s-Default-Cloud")
    assert core.call("POST", "/api/virtualservice", {"name": "s", "vip": [AUTO]}).status == 409
    assert core.read("/api/vsvip")["count"] == 2
    assert core.call("DELETE", f"/api/virtualservice/{made['uuid']}").status == 204
    assert core.read("/api/vsvip")["count"] == 1


def test_a_later_put_changes_the_inline_vip(core):
    made = core.create("virtualservice", {"name": "s", "vip": [AUTO], "services": [{"port": 80}]})
    target = f"/api/virtualservice/{made['uuid']}"
    wider = {"name": "s", "vip": [{**AUTO, "auto_allocate_ip_type": "V4_V6"}], "services": [{"port": 81}]}
    reply = core.call("PUT", target, wider)
    assert reply.status == 200, reply.body
    changed = json.loads(reply.body)
    assert (changed["vsvip_ref"], changed["services"][0]["port"]) == (made["vsvip_ref"], 81)
    own = core.read("/api/vsvip?name=vsvip-s-Default-Cloud")["results"][0]
    ((first, second),) = addresses(own)
    assert (first, second) == ("10.10.0.11", "fd00:10:10::10")
    # What is refused leaves both as they were.
    broken = {**wider, "vip": [*wider["vip"], {**AUTO, "vip_id": "1"}], "services": [{"port": 5}, {"port": 5}]}
    assert core.call("PUT", target, broken).status == 400
    again = core.read("/api/vsvip?name=vsvip-s-Default-Cloud")["results"][0]
    assert again == own
    assert len(core.controller.ipam.holders) == 3


def test_an_inline_vip_goes_when_its_virtual_service_turns_to_another(core):
    made = core.create("virtualservice", {"name": "s", "vip": [AUTO], "services": [{"port": 80}]})
    kept = core.create("virtualservice", {"name": "t", "vip": [AUTO], "services": [{"port": 80}]})
    core.create("virtualservice", {"name": "u", "vsvip_ref": kept["vsvip_ref"], "services": [{"port": 81}]})
    for turned, port in ((made, 80), (kept, 90)):
        body = {"name": turned["name"], "vsvip_ref": "/api/vsvip?name=v", "services": [{"port": port}]}
        assert core.call("PUT", f"/api/virtualservice/{turned['uuid']}", body).status == 200
        # The second one stays: somebody else has come to use it.
        assert core.read("/api/vsvip")["count"] == 2
    assert not core.controller.objects.inline_vips.owners
    assert len(core.controller.ipam.holders) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": [{"port": 5}, {"port": 5}]},
        {"pool_ref": "/api/pool?name=p", "pool_group_ref": "/api/poolgroup?name=g"},
        {"vh_parent_vs_ref": "/api/virtualservice?name=s"},
        {"vip": [{**AUTO, "auto_allocate_floating_ip": True}], "services": [{"port": 9, "port_range_end": 8}]},
    ],
)
def test_a_refused_virtual_service_leaves_no_vip(core, wrong):
    core.create("virtualservice", service("s"))
    core.create("pool", {"name": "p"})
    core.create("poolgroup", {"name": "g"})
    before = snapshot(core.controller)
    held, floating = dict(core.controller.ipam.holders), dict(core.controller.ipam.floating_holders)
    refused(core, "virtualservice", {"name": "t", "vip": [AUTO], **wrong})
    assert snapshot(core.controller) == before
    assert (core.controller.ipam.holders, core.controller.ipam.floating_holders) == (held, floating)
    assert addresses(core.create("vsvip", {"name": "w", "vip": [AUTO]})) == [("10.10.0.11", None)]


def test_small_license_tiers_refuse_what_they_do_not_have():
    core = Core(LabConfig(license_tier="ESSENTIALS"))
    core.create("vsvip", {"name": "v", "vip": [AUTO]})
    assert core.create("pool", {"name": "d"})["append_port"] == "NEVER"
    core.create("pool", {"name": "p", "lb_algorithm": "LB_ALGORITHM_ROUND_ROBIN"})
    said = refused(core, "pool", {"name": "q", "lb_algorithm": "LB_ALGORITHM_FEWEST_TASKS"})
    assert "not allowed in ESSENTIALS license tier" in said
    enhanced = service("s", type="VS_TYPE_VH_PARENT", vh_type="VS_TYPE_VH_ENHANCED")
    assert "ESSENTIALS license tier" in refused(core, "virtualservice", enhanced)


# Addresses and names


@pytest.fixture
def small():
    subnets = (
        SubnetSeed(prefix="10.1.0.0/24", begin="10.1.0.5", end="10.1.0.6"),
        SubnetSeed(prefix="fd00:1::/64", begin="fd00:1::5", end="fd00:1::9"),
    )
    networks = (
        NetworkSeed(name="n", subnets=subnets),
        NetworkSeed(name="m", usable=False, subnets=(SubnetSeed(prefix="10.2.0.0/24", begin="10.2.0.5"),)),
    )
    return Core(LabConfig(clouds=(CloudSeed(networks=networks, dns_domains=("example.com",)),), dns_domain_check=True))


def addresses(made):
    return [(vip.get("ip_address", {}).get("addr"), vip.get("ip6_address", {}).get("addr")) for vip in made["vip"]]


def test_families(small):
    for family, expected in [
        ("V4_ONLY", ("10.1.0.5", None)),
        ("V6_ONLY", (None, "fd00:1::5")),
        ("V4_V6", ("10.1.0.6", "fd00:1::6")),
    ]:
        made = small.create("vsvip", {"name": family, "vip": [{**AUTO, "auto_allocate_ip_type": family}]})
        assert addresses(made) == [expected]
    said = refused(small, "vsvip", {"name": "full", "vip": [{**AUTO, "auto_allocate_ip_type": "V4_V6"}]})
    assert said == "No available free IPs"
    # The v6 address that the refused VsVip took on the way is free again.
    assert ("", "fd00:1::7") not in small.controller.ipam.holders
    assert len(small.controller.ipam.holders) == 4


def test_an_address_stays_with_its_vip(small):
    made = small.create("vsvip", {"name": "v", "vip": [AUTO]})
    target = f"/api/vsvip/{made['uuid']}"

    def changed(body):
        reply = small.call("PUT", target, {"name": "v", **body})
        return reply.status, json.loads(reply.body)

    status, kept = changed({"vip": [AUTO], "dns_info": [{"fqdn": "a.example.com"}]})
    assert (status, addresses(kept)) == (200, [("10.1.0.5", None)])
    status, said = changed({"vip": [{**AUTO, "vip_id": "1"}]})
    assert (status, said["error"]) == (400, "Changing an existing VIP's vip_id is not supported")
    status, said = changed({"vip": [{**AUTO, "ip_address": {"addr": "10.1.0.6", "type": "V4"}}]})
    assert status == 400
    assert "If a new preferred IP is needed, please recreate the VIP" in said["error"]
    status, wider = changed({"vip": [{**AUTO, "auto_allocate_ip_type": "V4_V6"}]})
    assert addresses(wider) == [("10.1.0.5", "fd00:1::5")]
    status, more = changed({"vip": [AUTO, {**AUTO, "vip_id": "1"}]})
    assert addresses(more) == [("10.1.0.5", None), ("10.1.0.6", None)]
    status, fewer = changed({"vip": [{**AUTO, "vip_id": "1"}]})
    assert addresses(fewer) == [("10.1.0.6", None)]
    assert small.call("DELETE", target).status == 204
    assert not small.controller.ipam.holders


def test_chosen_networks_subnets_and_addresses(small):
    elsewhere = {
        "network_ref": "/api/network?name=m",
        "subnet": {"ip_addr": {"addr": "10.2.0.0", "type": "V4"}, "mask": 24},
    }
    made = small.create("vsvip", {"name": "m", "vip": [{**AUTO, "ipam_network_subnet": elsewhere}]})
    assert addresses(made) == [("10.2.0.5", None)]
    assert (
        refused(small, "vsvip", {"name": "m2", "vip": [{**AUTO, "ipam_network_subnet": elsewhere}]})
        == "No available free IPs"
    )
    static = {"vip_id": "0", "ip_address": {"addr": "10.1.0.5", "type": "V4"}}
    small.create("vsvip", {"name": "static", "vip": [static]})
    assert "already used by VsVip 'static'" in refused(small, "vsvip", {"name": "s2", "vip": [static]})
    assert addresses(small.create("vsvip", {"name": "auto", "vip": [AUTO]})) == [("10.1.0.6", None)]
    floating = small.create(
        "vsvip",
        {
            "name": "f",
            "vip": [{**static, "ip_address": {"addr": "192.0.2.9", "type": "V4"}, "auto_allocate_floating_ip": True}],
        },
    )
    assert floating["vip"][0]["floating_ip"]["addr"] == "203.0.113.1"


def test_an_address_is_held_once_in_a_vrf(small):
    static = {"vip_id": "0", "ip_address": {"addr": "10.1.0.5", "type": "V4"}}
    dual = {**static, "vip_id": "1", "ip6_address": {"addr": "fd00:1::5", "type": "V6"}}
    small.create("vrfcontext", {"name": "blue"})
    one = small.create("vsvip", {"name": "one", "vip": [static]})
    assert "already used by VsVip 'one'" in refused(small, "vsvip", {"name": "two", "vip": [static]})
    said = refused(small, "vsvip", {"name": "twice", "vip": [static, dual]})
    assert "10.1.0.5 is already used by VsVip" in said
    two = small.create("vsvip", {"name": "two", "vip": [dual], "vrf_context_ref": "/api/vrfcontext?name=blue"})
    assert addresses(two) == [("10.1.0.5", "fd00:1::5")]
    # A VsVip that moves to another VRF takes its address along, if it is free there.
    moved = {"name": "one", "vip": [static], "vrf_context_ref": "/api/vrfcontext?name=blue"}
    assert small.call("PUT", f"/api/vsvip/{one['uuid']}", moved).status == 400
    assert small.call("DELETE", f"/api/vsvip/{two['uuid']}").status == 204
    assert small.call("PUT", f"/api/vsvip/{one['uuid']}", moved).status == 200
    assert [scope.partition("/")[0] for scope, _ in small.controller.ipam.holders] == ["vrfcontext"]
    small.create("vsvip", {"name": "three", "vip": [static]})
    for name in ("one", "three"):
        uuid = small.read(f"/api/vsvip?name={name}")["results"][0]["uuid"]
        assert small.call("DELETE", f"/api/vsvip/{uuid}").status == 204
    assert not small.controller.ipam.holders


def test_a_preferred_address_is_given_and_kept(small):
    wanted = {**AUTO, "ip_address": {"addr": "10.1.0.6", "type": "V4"}}
    made = small.create("vsvip", {"name": "v", "vip": [wanted]})
    assert addresses(made) == [("10.1.0.6", None)]
    assert addresses(small.create("vsvip", {"name": "w", "vip": [AUTO]})) == [("10.1.0.5", None)]
    again = small.call("PUT", f"/api/vsvip/{made['uuid']}", {"name": "v", "vip": [AUTO]})
    assert addresses(json.loads(again.body)) == [("10.1.0.6", None)]


def test_a_smaller_network_keeps_what_is_held(small):
    made = small.create("vsvip", {"name": "v", "vip": [AUTO]})
    network = small.read("/api/network?name=n")["results"][0]
    del network["configured_subnets"][0]["static_ip_ranges"]
    assert small.call("PUT", f"/api/network/{network['uuid']}", network).status == 200
    assert refused(small, "vsvip", {"name": "w", "vip": [AUTO]}) == "No available free IPs"
    kept = small.call("PUT", f"/api/vsvip/{made['uuid']}", {"name": "v", "vip": [AUTO]})
    assert addresses(json.loads(kept.body)) == [("10.1.0.5", None)]


def test_an_empty_subnet6_is_refused_as_a_broken_message(small):
    vip = {**AUTO, "ipam_network_subnet": {"subnet6": {}}}
    assert refused(small, "vsvip", {"name": "v", "vip": [vip]}).startswith("Bad pb: ")


def test_names_belong_to_one_vsvip(small):
    first = small.create("vsvip", {"name": "a", "vip": [], "dns_info": [{"fqdn": "A.example.com"}]})
    body = {"name": "b", "vip": [AUTO], "dns_info": [{"fqdn": "a.example.com"}]}
    assert "already registered by VsVip 'a'" in refused(small, "vsvip", body)
    assert not small.controller.ipam.holders
    assert "lies in no domain" in refused(
        small, "vsvip", {"name": "c", "vip": [], "dns_info": [{"fqdn": "a.other.org"}]}
    )
    assert small.call("PUT", f"/api/vsvip/{first['uuid']}", {"name": "a", "vip": []}).status == 200
    small.create("vsvip", body)


def test_usable_networks_by_label():
    core = Core()
    network = core.read("/api/network?name=node-network")["results"][0]
    subnet = {"prefix": {"ip_addr": {"addr": "10.20.0.0", "type": "V4"}, "mask": 24}}
    ends = {"begin": {"addr": "10.20.0.100", "type": "V4"}, "end": {"addr": "10.20.0.101", "type": "V4"}}
    core.call(
        "PATCH",
        f"/api/network/{network['uuid']}",
        {"replace": {"configured_subnets": [{**subnet, "static_ip_ranges": [{"range": ends}]}]}},
    )
    profile = core.read("/api/ipamdnsproviderprofile?name=Default-Cloud-ipam")["results"][0]
    profile["internal_profile"]["usable_networks"].append(
        {"nw_ref": network["url"], "labels": [{"key": "zone", "value": "edge"}]}
    )
    assert core.call("PUT", f"/api/ipamdnsproviderprofile/{profile['uuid']}", profile).status == 200
    selector = {"type": "SELECTOR_IPAM", "labels": [{"key": "zone", "value": "edge"}]}
    made = core.create("vsvip", {"name": "edge", "vip": [AUTO], "ipam_selector": selector})
    assert addresses(made) == [("10.20.0.100", None)]


# Certificates


def test_certificates_are_parsed_and_keys_are_hidden(core):
    certificate, key = self_made_certificate("www.example.com", now=NOW)
    body = {"name": "c", "certificate": {"certificate": certificate}, "key": key}
    made = core.create("sslkeyandcertificate", body)
    assert "key" not in made
    assert "certificate" not in made["certificate"]
    target = f"/api/sslkeyandcertificate/{made['uuid']}"
    shown = core.read(target)
    assert shown["key"] == "<sensitive>"
    assert shown["certificate"]["certificate"] == certificate
    assert shown["certificate"]["subject"]["common_name"] == "www.example.com"
    assert shown["certificate"]["self_signed"] is True
    assert shown["key_params"] == {
        "algorithm": "SSL_KEY_ALGORITHM_EC",
        "ec_params": {"curve": "SSL_KEY_EC_CURVE_SECP256R1"},
    }
    assert core.call("PUT", target, shown).status == 200
    assert core.read(target)["key"] == "<sensitive>"
    assert (
        key.encode()
        not in json.dumps(core.controller.store.records[f"sslkeyandcertificate/{made['uuid']}"].document()).encode()
    )


@pytest.mark.parametrize(
    ("days", "status", "left"),
    [(4000, "EXPIRED", 1), (3630, "EXPIRY_WARNING", 20), (3500, "GOOD", 150), (0, "GOOD", 365)],
)
def test_certificates_age(days, status, left):
    core = Core(clock=(NOW + dt.timedelta(days=days)).timestamp)
    certificate, _ = self_made_certificate("a.example.com", addresses=("192.0.2.1",), now=NOW)
    made = core.create("sslkeyandcertificate", {"name": "c", "certificate": {"certificate": certificate}})
    shown = core.read(f"/api/sslkeyandcertificate/{made['uuid']}")["certificate"]
    assert (shown["expiry_status"], shown["days_until_expire"]) == (f"SSL_CERTIFICATE_{status}", left)
    assert shown["subject_alt_names"] == ["a.example.com", "192.0.2.1"]
    assert "Not After : Dec 30 00:00:00 2035 GMT" in shown["text"]
    assert core.call("PUT", f"/api/sslkeyandcertificate/{made['uuid']}", {**made, "certificate": shown}).status == 200


@pytest.mark.parametrize("status", [400, 500])
def test_broken_certificates_are_import_errors(status):
    core = Core(LabConfig(import_error_status=status))
    certificate, _ = self_made_certificate("a.example.com", now=NOW)
    _, foreign = self_made_certificate("b.example.com", now=NOW)
    for body in (
        {"certificate": {"certificate": "nonsense"}},
        {"certificate": {"certificate": certificate}, "key": foreign},
        {"certificate": {"certificate": certificate}, "key": "nonsense"},
    ):
        reply = core.call("POST", "/api/sslkeyandcertificate", {"name": "c", **body})
        assert reply.status == status
        assert "Import error" in reply.body.decode()
        assert "common_name" in reply.body.decode()


# Clouds


@pytest.mark.parametrize("kind", ["CLOUD_VCENTER", "CLOUD_NSXT", "CLOUD_NONE", "CLOUD_AWS", "CLOUD_AZURE", "CLOUD_GCP"])
def test_every_kind_of_cloud_serves_addresses(kind):
    network = NetworkSeed(name="front", subnets=(SubnetSeed(prefix="10.1.0.0/24", begin="10.1.0.5", end="10.1.0.9"),))
    core = Core(LabConfig(clouds=(CloudSeed(kind=kind, networks=(network,), dns_domains=("example.com",)),)))
    cloud = core.read("/api/cloud?name=Default-Cloud&include_name=")["results"][0]
    assert cloud["vtype"] == kind
    assert "#" in cloud["ipam_provider_ref"]
    vip = {**AUTO, "subnet_uuid": "front"} if kind in ("CLOUD_AWS", "CLOUD_AZURE", "CLOUD_GCP") else AUTO
    core.create("vsvip", {"name": "v", "vip": [vip]})
    assert core.create("virtualservice", service("s", services=[{"port": 80}]))["cloud_type"] == kind
    segments = core.read("/api/nsxtsegmentruntime")["count"]
    vcenters = core.read(f"/api/vcenterserver?cloud_ref.uuid={cloud['uuid']}")["count"]
    assert segments == vcenters == (1 if kind == "CLOUD_NSXT" else 0)


def test_routes_labels_and_groups(core):
    vrf = core.read("/api/vrfcontext?name=global")["results"][0]
    route = {
        "route_id": "r-1",
        "prefix": {"ip_addr": {"addr": "10.244.0.0", "type": "V4"}, "mask": 24},
        "next_hop": {"addr": "10.0.0.1", "type": "V4"},
        "labels": [{"key": "clustername", "value": "c"}],
    }
    reply = core.call("PUT", f"/api/vrfcontext/{vrf['uuid']}", {**vrf, "static_routes": [route]})
    assert json.loads(reply.body)["static_routes"][0]["labels"] == [{"key": "clustername", "value": "c"}]
    doubled = {**json.loads(reply.body), "static_routes": [route, route]}
    assert core.call("PUT", f"/api/vrfcontext/{vrf['uuid']}", doubled).status == 400
    group = core.read("/api/serviceenginegroup?name.in=Default-Group")["results"][0]
    reply = core.call(
        "PUT", f"/api/serviceenginegroup/{group['uuid']}", {**group, "labels": [{"key": "clustername", "value": "c"}]}
    )
    assert json.loads(reply.body)["labels"] == [{"key": "clustername", "value": "c"}]
