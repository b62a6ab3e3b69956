"""Pools that are kept get the members of today, and nothing else of them or beside them changes."""

from ako_runtime.model.avi import IpAddr, Pool, Server, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.plan.members import kept_plan, kept_stack

POOL, OTHER, VIP = (Ref(kind, name, tenant="gold") for kind, name in (("pool", "p"), ("pool", "q"), ("vsvip", "v")))


def member(address):
    return Server(ip=IpAddr(addr=address, type="V4"), port=8080)


def pool(name, *addresses):
    return Pool(name=name, lb_algorithm="LB_ALGORITHM_ROUND_ROBIN", servers=tuple(map(member, addresses)))


HELD = {
    POOL: Observed(ref=POOL, uuid="1", content=pool("p", "10.0.0.1")),
    OTHER: Observed(ref=OTHER, uuid="2", content=pool("q", "10.0.0.7")),
    VIP: Observed(ref=VIP, uuid="3", content=VsVip(name="v")),
}


def planned(members):
    return kept_plan(members, HELD)


def test_members_follow_and_the_rest_stays():
    (operation,) = planned({"p": (member("10.0.0.2"),), "gone": (member("10.0.0.3"),)})
    assert (operation.verb, operation.ref, operation.fields) == ("update", POOL, ("servers",))
    assert operation.body["lb_algorithm"] == "LB_ALGORITHM_ROUND_ROBIN"
    assert [one["ip"]["addr"] for one in operation.body["servers"]] == ["10.0.0.2"]


def test_members_of_today_need_no_write():
    assert planned({"p": (member("10.0.0.1"),)}) == ()
    assert planned({}) == ()


def test_what_does_not_have_the_shape_of_a_pool_is_left_alone():
    strange = {POOL: Observed(ref=POOL, uuid="1", content=None)}
    assert kept_stack({"p": ()}, strange).objects == {}
