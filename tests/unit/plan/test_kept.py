"""A stack whose placement the controller refuses to change."""

import msgspec

from ako_runtime.model.avi import IpAddr, Pool, Vip, VirtualService, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack
from ako_runtime.model.wire import KINDS
from ako_runtime.plan.kept import PLACEMENT, placed_as_held, placement_of


def ref(kind, name):
    return Ref(kind, name, tenant="admin")


def vsvip(address, tier1="/t1"):
    return VsVip(name="front", tier1_lr=tier1, vip=(Vip(vip_id="0", ip_address=IpAddr(addr=address, type="V4")),))


def stack(address="10.0.0.2", tier1="/t2", **more):
    service = VirtualService(
        name="front", se_group_ref=Ref("serviceenginegroup", "new"), vsvip_ref=Ref("vsvip", "front")
    )
    objects = {
        ref("vsvip", "front"): vsvip(address, tier1),
        ref("pool", "old"): Pool(name="old", tier1_lr=tier1),
        ref("virtualservice", "front"): service,
    }
    return Stack(objects={**objects, **{ref("pool", name): Pool(name=name, tier1_lr=tier1) for name in more}})


def held(*contents):
    return {ref(one.kind, one.name): Observed(ref=ref(one.kind, one.name), uuid="u", content=one) for one in contents}


def test_every_field_of_a_placement_is_one_that_we_manage():
    for kind, fields in PLACEMENT.items():
        assert fields <= {field.name for field in msgspec.structs.fields(KINDS[kind])}


def test_hosts_come_and_go_without_another_placement():
    assert placement_of(stack()) == placement_of(stack(new=1))
    assert placement_of(stack()) != placement_of(stack(address="10.0.0.3"))


def test_everything_stays_where_it_is_and_what_is_new_joins_it():
    group = Ref("serviceenginegroup", "present")
    there = VirtualService(name="front", se_group_ref=group, vsvip_ref=Ref("vsvip", "front"))
    placed = placed_as_held(stack(new=1), held(vsvip("10.0.0.1"), Pool(name="old", tier1_lr="/t1"), there)).objects
    assert placed[ref("vsvip", "front")] == vsvip("10.0.0.1")
    assert placed[ref("virtualservice", "front")].se_group_ref == group
    assert {placed[ref("pool", name)].tier1_lr for name in ("old", "new")} == {"/t1"}
