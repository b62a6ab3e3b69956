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
