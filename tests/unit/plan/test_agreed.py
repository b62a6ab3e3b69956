"""What was found equal is not compared again, and what changed is."""

import msgspec

from ako_runtime.model.avi import IpAddr, Pool, Server
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack
from ako_runtime.plan.operations import plan_for

REF = Ref("pool", "p", tenant="admin")
NONE = frozenset()


def pool(port):
    return Pool(name="p", servers=(Server(ip=IpAddr(addr="10.0.0.1", type="V4"), port=port),))


def planned(wish, content, agreed):
    observed = {REF: Observed(ref=REF, uuid="u", content=content)}
    operations = plan_for(Stack(objects={REF: wish}), observed, surplus=NONE, agreed=agreed)
    return [(one.verb, one.fields) for one in operations]


def test_equal_objects_are_remembered_and_differing_ones_are_not():
    agreed = {}
    wish, same, other = pool(80), pool(80), pool(81)
    assert planned(wish, same, agreed) == []
    assert agreed[REF] == (wish, same)
    assert planned(wish, other, agreed) == [("update", ("servers",))]
    assert agreed == {}
    assert planned(wish, same, agreed) == []
    assert planned(other, same, agreed) == [("update", ("servers",))]


def test_memory_changes_no_plan():
    agreed = {}
    for wish in (pool(80), pool(81), pool(80)):
        for content in (pool(80), pool(81)):
            assert planned(wish, content, agreed) == planned(wish, content, {})
            assert planned(wish, content, agreed) == planned(msgspec.structs.replace(wish), content, None)
