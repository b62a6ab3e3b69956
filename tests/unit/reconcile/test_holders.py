"""A refusal that names an Avi object of ours names the Kubernetes object behind it."""

import pytest

from ako_runtime.errors import Refused, RetryLater
from ako_runtime.model.avi import DnsInfo, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack, StackKey
from ako_runtime.reconcile.holders import with_holders
from ako_runtime.reconcile.inventory import Inventory

ASKING = StackKey(kind="service", namespace="default", name="web")
NAME = "cluster-a--other"


def held_by(key, *, hosts=(), tenant="admin"):
    ref = Ref("vsvip", NAME, tenant=tenant)
    vsvip = VsVip(name=NAME, dns_info=tuple(DnsInfo(fqdn=host) for host in hosts))
    inventory = Inventory()
    inventory.load([Observed(ref=ref, uuid="vsvip-1", content=vsvip)])
    if key is not None:
        inventory.claim(key, Stack(objects={ref: vsvip}))
    return inventory


def taken(name=NAME):
    return Refused(f"10.0.0.1 is already used by VsVip '{name}'", reason="AlreadyInUse", named=frozenset({name}))


@pytest.mark.parametrize(
    ("key", "hosts", "told"),
    [
        (StackKey(kind="service", namespace="red", name="db"), (), "Service red/db"),
        (StackKey(kind="gateway", namespace="red", name="gw"), (), "Gateway red/gw"),
        (StackKey(kind="shared-vip", namespace="red", name="sig"), (), "the Services of the shared VIP red/sig"),
        (StackKey(kind="shard", namespace="admin", name="SMALL-0"), ("a.x", "b.x"), "the Ingresses of a.x, b.x"),
        (
            StackKey(kind="shard", namespace="admin", name="SMALL-0"),
            ("a.x", "b.x", "c.x", "d.x", "e.x"),
            "the Ingresses of a.x, b.x, c.x and 2 more",
        ),
    ],
)
@pytest.mark.parametrize("tenant", ["admin", "blue"])
def test_what_is_ours_is_named_as_its_users_know_it(key, hosts, told, tenant):
    error = with_holders(taken(), ASKING, held_by(key, hosts=hosts, tenant=tenant))
    assert str(error) == f"{taken()}, which belongs to {told}"
    assert (type(error), error.reason, error.named) == (Refused, "AlreadyInUse", frozenset({NAME}))


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (taken("cluster-b--other"), StackKey(kind="service", namespace="red", name="db")),
        (taken(), None),
        (taken(), ASKING),
        (RetryLater(f"'{NAME}'"), StackKey(kind="service", namespace="red", name="db")),
    ],
)
def test_what_nobody_here_has_stays_as_the_controller_says(error, key):
    assert with_holders(error, ASKING, held_by(key)) is error
