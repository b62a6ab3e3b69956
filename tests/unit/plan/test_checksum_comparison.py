"""Of checksums only that there is none makes a difference."""

from ako_runtime.model.avi import Pool
from ako_runtime.model.checksum import checksum_of
from ako_runtime.model.observed import observed_from
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack
from ako_runtime.model.wire import encoded
from ako_runtime.plan.compare import differences
from ako_runtime.plan.describe import described, diff_lines
from ako_runtime.plan.operations import plan_for

REF = Ref("pool", "cluster-a--red-web", tenant="admin")


def pool(number):
    return Pool(name=REF.name, cloud_config_cksum=checksum_of(int, number))


def held(**fields):
    answer = encoded({"name": REF.name, "uuid": "pool-1", "servers": [], **fields})
    return observed_from("pool", answer, tenant="admin", interned={})


def planned(wish, observed):
    return plan_for(Stack(objects={REF: wish}), {REF: observed}, surplus=frozenset())


def test_another_checksum_is_no_difference():
    assert pool(1) != pool(2)
    assert differences(pool(1), held(cloud_config_cksum="2").content) == ()
    assert planned(pool(1), held(cloud_config_cksum="text")) == ()


def test_a_missing_checksum_is_written_and_shown():
    (operation,) = planned(pool(7), held())
    assert operation.fields == ("cloud_config_cksum",)
    assert operation.body["cloud_config_cksum"] == "7"
    assert list(described(operation)["changes"]) == [{"field": "cloud_config_cksum", "before": None, "after": "7"}]
    assert list(diff_lines([operation]))[1:] == ['    + cloud_config_cksum: "7"']


def test_a_write_for_another_reason_carries_the_new_checksum_and_does_not_show_it():
    wish = Pool(name=REF.name, sni_enabled=False, cloud_config_cksum=checksum_of(int, 7))
    (operation,) = planned(wish, held(cloud_config_cksum="6"))
    assert operation.body["cloud_config_cksum"] == "7"
    assert [one["field"] for one in described(operation)["changes"]] == ["sni_enabled"]


def test_a_wish_without_a_checksum_takes_none_away():
    assert differences(Pool(name=REF.name), held(cloud_config_cksum="2").content) == ()
