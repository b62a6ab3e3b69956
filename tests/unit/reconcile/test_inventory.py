from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.model import avi
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack, StackKey
from ako_runtime.reconcile.inventory import Inventory

KEY = StackKey(kind="service", namespace="ns", name="a")
OTHER = StackKey(kind="service", namespace="ns", name="b")
POOL = Ref("pool", "p", tenant="admin")
VS = Ref("virtualservice", "v", tenant="admin")


def seen(ref, content=None, stamp="1"):
    return Observed(ref=ref, uuid=ref.name, content=content, last_modified=stamp)


def test_claims_surplus_and_release():
    inventory = Inventory()
    inventory.load([seen(POOL)])
    stack = Stack(objects={POOL: avi.Pool(name="p")})
    assert inventory.claim(KEY, stack) == frozenset()
    assert inventory.claim(OTHER, stack) == {POOL}
    assert inventory.surplus(KEY, Stack()) == {POOL}
    inventory.release(KEY, [POOL])
    assert inventory.claim(OTHER, stack) == frozenset()


def test_orphans_are_what_nobody_claims():
    inventory = Inventory()
    inventory.load([seen(POOL), seen(VS)])
    inventory.claim(KEY, Stack(objects={POOL: avi.Pool(name="p")}))
    orphans = StackKey(kind="orphans", namespace="", name="")
    inventory.adopt_orphans(orphans)
    assert inventory.surplus(orphans, Stack()) == {VS}


def test_what_hangs_from_a_root_is_kept():
    inventory = Inventory()
    content = avi.VirtualService(name="v", pool_ref=Ref("pool", "p"))
    inventory.load([seen(POOL), seen(VS, content)])
    inventory.claim_reachable(KEY, [VS])
    inventory.adopt_orphans(OTHER)
    assert inventory.surplus(KEY, Stack()) == {POOL, VS}
    assert inventory.surplus(OTHER, Stack()) == frozenset()


def test_a_root_is_found_in_whatever_tenant_it_is():
    inventory = Inventory()
    inventory.load([seen(POOL), seen(VS, avi.VirtualService(name="v", pool_ref=Ref("pool", "p")))])
    inventory.claim_reachable(KEY, [VS.within("misspelt")])
    inventory.adopt_orphans(OTHER)
    assert inventory.surplus(KEY, Stack()) == {POOL, VS}
    later = Ref("virtualservice", "w", tenant="gold")
    inventory.record(later, seen(later))
    inventory.claim_reachable(OTHER, [later.within("misspelt")])
    assert inventory.surplus(OTHER, Stack()) == {later}


def test_what_is_only_kept_goes_to_the_key_that_wants_it():
    """A parent is looked for in every tenant by a key whose tenant is wrong; another one has hosts there."""
    inventory = Inventory()
    inventory.load([seen(POOL), seen(VS, avi.VirtualService(name="v", pool_ref=Ref("pool", "p")))])
    assert inventory.claim_reachable(KEY, [VS]) == {POOL, VS}
    assert inventory.claim(OTHER, Stack(objects={VS: avi.VirtualService(name="v")})) == frozenset()
    assert inventory.surplus(KEY, Stack()) == {POOL}
    assert inventory.surplus(OTHER, Stack()) == {VS}
    assert inventory.claim_reachable(KEY, [VS]) == {POOL, VS}
    assert inventory.surplus(OTHER, Stack()) == {VS}
    assert inventory.claim(KEY, Stack(objects={VS: avi.VirtualService(name="v")})) == {VS}


def test_an_own_write_during_a_reading_is_newer_than_the_reading():
    inventory = Inventory()
    inventory.load([seen(POOL)])
    inventory.claim(KEY, Stack(objects={POOL: avi.Pool(name="p")}))
    inventory.begin_reading()
    inventory.record(POOL, seen(POOL, stamp="2"))
    inventory.record(VS, None)
    assert inventory.load([seen(POOL, stamp="1"), seen(VS)]) == frozenset()
    assert inventory.view([POOL, VS]) == {POOL: seen(POOL, stamp="2")}


def test_drift_names_the_keys_whose_objects_changed():
    inventory = Inventory()
    inventory.load([seen(POOL), seen(VS)])
    inventory.claim(KEY, Stack(objects={POOL: avi.Pool(name="p")}))
    inventory.claim(OTHER, Stack(objects={VS: avi.VirtualService(name="v")}))
    inventory.begin_reading()
    assert inventory.load([seen(POOL, stamp="9"), seen(VS)]) == {KEY}
    inventory.begin_reading()
    assert inventory.load([seen(POOL, stamp="9")]) == {OTHER}


NAMES = ("a.example.com", "b.example.com", "c.example.com")
VIPS = tuple(Ref("vsvip", name, tenant="admin") for name in ("one", "two", "three"))


def vip_with(names):
    return avi.VsVip(name="v", dns_info=tuple(avi.DnsInfo(fqdn=name) for name in names))


@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.sampled_from(VIPS), st.none() | st.lists(st.sampled_from(NAMES), unique=True))
    )
)
def test_names_in_dns_are_found_as_by_looking_through_everything(steps):
    inventory = Inventory()
    for anew, ref, names in steps:
        observed = None if names is None else seen(ref, vip_with(names))
        if anew:
            inventory.begin_reading()
            inventory.load([one for one in inventory.objects() if one.ref != ref] + [observed] * (observed is not None))
        else:
            inventory.record(ref, observed)
    held = {one.ref: [entry.fqdn for entry in one.content.dns_info] for one in inventory.objects()}
    for mine in VIPS:
        found = inventory.registered_elsewhere(Stack(objects={mine: vip_with(NAMES)}))
        assert found.keys() == {name for ref, names in held.items() if ref != mine for name in names}
        assert all(name in held[ref] and ref != mine for name, ref in found.items())
