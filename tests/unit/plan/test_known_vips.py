"""A `vip_id` says which VIP is which and cannot be exchanged: whoever counted otherwise keeps addresses and numbers."""

import msgspec
from msgspec import UNSET

from ako_runtime.model import avi
from ako_runtime.model.observed import observed_from
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack
from ako_runtime.plan.operations import plan_for

REF = Ref("vsvip", "web", tenant="admin")


def wish(*ids, fqdn=""):
    vips = tuple(avi.Vip(vip_id=name, auto_allocate_ip=True, subnet_uuid=f"subnet-{name}") for name in ids)
    return avi.VsVip(name="web", vip=vips, dns_info=(avi.DnsInfo(fqdn=fqdn),) if fqdn else UNSET)


def held(*ids):
    vips = [
        {"vip_id": new, "auto_allocate_ip": True, "subnet_uuid": f"subnet-{old}"} | address(new) for new, old in ids
    ]
    body = msgspec.json.encode({"uuid": "vsvip-1", "name": "web", "_last_modified": "1", "vip": vips})
    return observed_from("vsvip", body, tenant="admin", interned={})


def address(name):
    return {"ip_address": {"addr": f"10.8.0.{name}", "type": "V4"}}


def planned(wanted, there):
    return plan_for(Stack(objects={REF: wanted}), {REF: there}, surplus=frozenset())


def test_other_numbers_are_no_difference():
    assert planned(wish("1", "2"), held(("0", "1"), ("1", "2"))) == ()
    assert planned(wish("1"), held(("0", "1"))) == ()
    assert planned(wish("1", "2"), held(("7", "1"), ("8", "2"))) == ()


def test_an_update_hands_numbers_and_addresses_back():
    (operation,) = planned(wish("1", fqdn="a.example.com"), held(("0", "1")))
    assert operation.fields == ("dns_info",)
    (vip,) = operation.body["vip"]
    assert (vip["vip_id"], vip["ip_address"]["addr"]) == ("0", "10.8.0.0")


def test_another_number_of_vips_is_a_difference():
    (operation,) = planned(wish("1", "2"), held(("1", "1")))
    assert [vip["vip_id"] for vip in operation.body["vip"]] == ["1", "2"]


def test_one_more_network_keeps_the_old_numbers():
    (operation,) = planned(wish("1", "2", "3"), held(("0", "1"), ("1", "2")))
    assert [(vip["vip_id"], vip["subnet_uuid"]) for vip in operation.body["vip"]] == [
        ("0", "subnet-1"),
        ("1", "subnet-2"),
        ("2", "subnet-3"),
    ]


def test_another_subnet_is_a_difference_under_the_old_number():
    (operation,) = planned(wish("1"), held(("0", "9")))
    assert [(vip["vip_id"], vip["subnet_uuid"]) for vip in operation.body["vip"]] == [("0", "subnet-1")]


def test_the_vrf_that_the_controller_takes_is_no_difference():
    router = "/infra/tier-1s/t1"
    body = {"uuid": "p", "name": "p", "tier1_lr": router, "vrf_ref": "https://a/api/vrfcontext/v#t1"}
    there = observed_from("pool", msgspec.json.encode(body), tenant="admin", interned={})
    pool = avi.Pool(name="p", tier1_lr=router)
    ref = Ref("pool", "p", tenant="admin")
    assert plan_for(Stack(objects={ref: pool}), {ref: there}, surplus=frozenset()) == ()
    other = msgspec.structs.replace(pool, tier1_lr="/infra/tier-1s/t2")
    (operation,) = plan_for(Stack(objects={ref: other}), {ref: there}, surplus=frozenset())
    # Another router means another VRF: the one that is there is not handed back.
    assert (operation.fields, "vrf_ref" in operation.body) == (("tier1_lr",), False)
