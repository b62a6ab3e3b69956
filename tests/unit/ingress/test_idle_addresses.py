"""Which VsVip a key without hosts keeps, and who is asked for it."""

import msgspec
import pytest
from support.golden_cases import context_of, snapshot_of
from support.ingress.objects import ingress_class

from ako_runtime.model.avi import DnsInfo, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Outcome, StackKey
from ako_runtime.plan.idle import with_idle
from ako_runtime.resources.journal import Change
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.ingress.idle import idle_places
from ako_runtime.translate.keys import outcome_for

EVH = {"enableEVH": "true", "shardVSSize": "MEDIUM"}


def vsvip(name, tenant="admin"):
    return Ref("vsvip", f"cluster-a--{name}", tenant=tenant)


def namespace(name="default", **annotations):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations}}


RED = {"ako.vmware.com/tenant-name": "red"}
GOLD = {"aviinfrasetting.ako.vmware.com/name": "gold"}


def gold_class():
    parameters = {"apiGroup": "ako.vmware.com", "kind": "AviInfraSetting", "name": "gold"}
    held = ingress_class("gold")
    return held | {"spec": held["spec"] | {"parameters": parameters}}


def infra(name, size):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": name},
        "spec": {"l7Settings": {"shardSize": size}},
    }


def kept(ref, given, settings):
    """Names in DNS of the VsVip if it stays; None if it goes."""
    snapshot = snapshot_of(given, None, {})
    context = context_of(settings, snapshot)
    found = {}
    for key in idle_places({ref}, snapshot, context):
        found |= outcome_for(snapshot, key, context).idle
    assert found.keys() <= {ref}
    return found.get(ref)


@pytest.mark.parametrize(
    ("ref", "given", "settings", "names"),
    [
        (vsvip("Shared-L7-EVH-3"), [], EVH, ("cluster-a--Shared-L7-EVH-3.admin.example.com",)),
        (vsvip("Shared-L7-EVH-4"), [], EVH, None),
        (vsvip("Shared-L7-3"), [], EVH, None),
        (vsvip("Shared-L7-EVH-3"), [], EVH | {"autoFQDN": "disabled"}, ()),
        (vsvip("Shared-L7-EVH-0"), [], EVH | {"shardVSSize": "DEDICATED"}, None),
        (vsvip("Shared-L7-EVH-0"), [namespace()], EVH | {"vipPerNamespace": "true"}, None),
        (vsvip("Shared-L7-EVH-NS-default"), [namespace()], EVH | {"vipPerNamespace": "true"}, ()),
        (vsvip("Shared-L7-EVH-NS-gone"), [namespace()], EVH | {"vipPerNamespace": "true"}, None),
        (vsvip("Shared-L7-EVH-NS-default"), [namespace()], EVH, None),
        (vsvip("Shared-L7-EVH-0", "red"), [namespace()], EVH, None),
        (
            vsvip("Shared-L7-EVH-0", "red"),
            [namespace(**RED)],
            EVH,
            ("cluster-a--Shared-L7-EVH-0.red.example.com",),
        ),
        (vsvip("Shared-L7-EVH-gold-1"), [infra("gold", "LARGE")], EVH, None),
        (vsvip("Shared-L7-EVH-gold-1"), [gold_class()], EVH, None),
        (
            vsvip("Shared-L7-EVH-gold-7"),
            [gold_class(), infra("gold", "LARGE")],
            EVH,
            ("cluster-a--Shared-L7-EVH-gold-7.admin.example.com",),
        ),
        (vsvip("Shared-L7-EVH-gold-1"), [gold_class(), infra("gold", "SMALL")], EVH, None),
        # A setting that a Namespace names is in no name, but says how many there are.
        (
            vsvip("Shared-L7-EVH-7"),
            [namespace(**GOLD), infra("gold", "LARGE")],
            EVH,
            ("cluster-a--Shared-L7-EVH-7.admin.example.com",),
        ),
    ],
)
def test_a_vsvip_stays_as_long_as_a_host_may_come_to_it(ref, given, settings, names):
    assert kept(ref, given, settings) == names


@pytest.mark.parametrize(
    ("ref", "given", "change"),
    [
        (vsvip("Shared-L7-EVH-0", "red"), [namespace(**RED)], "namespaces"),
        (vsvip("Shared-L7-EVH-gold-1"), [gold_class(), infra("gold", "LARGE")], "ingressclasses"),
        (vsvip("Shared-L7-EVH-gold-1"), [gold_class(), infra("gold", "LARGE")], "aviinfrasettings"),
    ],
)
def test_who_keeps_it_is_asked_when_what_it_stays_for_goes(ref, given, change):
    snapshot = snapshot_of(given, None, {})
    context = context_of(EVH, snapshot)
    (key,) = idle_places({ref}, snapshot, context)
    assert outcome_for(snapshot, key, context).idle
    (gone,) = snapshot.of(change).values()
    after = snapshot.without_object(change, gone.identity)
    assert key in keys_touched_by(Change(resource=change, old=gone), after, context)
    assert not outcome_for(after, key, context).idle


def observed(*names):
    content = VsVip(name="x", dns_info=tuple(DnsInfo(fqdn=name) for name in names))
    return Observed(ref=vsvip("x"), uuid="vsvip-1", last_modified="1", content=content)


@pytest.mark.parametrize(
    ("held", "left"),
    [(("own", "a", "b"), ("own",)), (("a",), ()), ((), ()), (("own",), ("own",))],
)
def test_names_of_hosts_go_and_nothing_is_added(held, left):
    key = StackKey(kind="shard", namespace="", name="SMALL-0")
    one = observed(*held)
    outcome = with_idle(Outcome(key=key, idle={one.ref: ("own",)}), {one.ref: one})
    entries = outcome.stack.objects[one.ref].dns_info
    assert entries == (tuple(DnsInfo(fqdn=name) for name in left) or msgspec.UNSET)


def test_a_vsvip_is_never_made_to_be_idle():
    key = StackKey(kind="shard", namespace="", name="SMALL-0")
    assert not with_idle(Outcome(key=key, idle={vsvip("x"): ("own",)}), {}).stack.objects
