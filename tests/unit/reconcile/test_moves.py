"""A host moves from one key to another: who waits for whom, and what goes over."""

import pytest

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import EMPTY_STACK, Stack, StackKey
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.reconcile.moves import ORPHANS, Moves, names_leaving, without_names

HOST, STAYS = "h.example.com", "s.example.com"
OLD, NEW = (StackKey(kind="shard", namespace="", name=name) for name in ("SMALL-0", "SMALL-0/other"))
OLD_VIP, NEW_VIP, SET = Ref("vsvip", "old", tenant="a"), Ref("vsvip", "new", tenant="a"), Ref("httppolicyset", "p")


def vip(name, *fqdns):
    return avi.VsVip(name=name, dns_info=tuple(avi.DnsInfo(fqdn=one) for one in fqdns))


@pytest.fixture
def inventory():
    found = Inventory()
    found.record(OLD_VIP, Observed(ref=OLD_VIP, uuid="1", content=vip("old", HOST, STAYS)))
    found.claim(OLD, Stack(objects={OLD_VIP: vip("old"), SET: avi_l7.HTTPPolicySet(name="p")}))
    return found


@pytest.fixture
def queue():
    found = KeyQueue()
    found.open()
    return found


@pytest.fixture
def moves(inventory, queue):
    return Moves(inventory=inventory, queue=queue, place_of={HOST: NEW, STAYS: OLD}.get)


LEFT = Stack(objects={OLD_VIP: vip("old", STAYS)})
WANTED = Stack(objects={NEW_VIP: vip("new", HOST)})


def put_off(moves, inventory):
    return moves.puts_off(OLD, LEFT, inventory.view([OLD_VIP]), surplus=frozenset({SET}))


def test_the_old_place_waits_until_the_new_one_has_arrived(moves, inventory, queue):
    assert names_leaving(LEFT, inventory.view([OLD_VIP])) == {HOST}
    assert put_off(moves, inventory)
    assert NEW in queue.known()
    early = moves.early(NEW, WANTED)
    assert early == {HOST: OLD_VIP}
    assert without_names(WANTED, early).objects[NEW_VIP] == avi.VsVip(name="new")
    moves.arrive(NEW, early)
    assert OLD in queue.known()
    assert not put_off(moves, inventory)


def test_a_policy_set_of_the_same_name_goes_over(moves, inventory):
    assert put_off(moves, inventory)
    assert moves.claim(NEW, WANTED, frozenset({SET}))
    assert inventory.owner_of(SET) == NEW
    assert inventory.surplus(OLD, LEFT) == frozenset()
    assert inventory.surplus(NEW, EMPTY_STACK) == {SET}


def test_nobody_waits_for_a_place_that_needs_what_there_is_one_of(moves, inventory):
    assert not moves.claim(NEW, WANTED, frozenset({OLD_VIP}))
    assert not put_off(moves, inventory)


def test_what_is_wanted_again_is_not_given_away(moves, inventory):
    assert put_off(moves, inventory)
    assert moves.claim(OLD, LEFT, frozenset())
    assert not moves.claim(NEW, WANTED, frozenset({SET}))
    assert inventory.owner_of(SET) == OLD


def test_a_host_that_nobody_serves_any_more_is_let_go_at_once(inventory, queue):
    moves = Moves(inventory=inventory, queue=queue, place_of=lambda _name: None)
    assert not put_off(moves, inventory)
    assert not moves.puts_off(ORPHANS, EMPTY_STACK, inventory.view([OLD_VIP]), surplus=frozenset({OLD_VIP}))


CHILD, PARENT = (Ref("virtualservice", name, tenant="a") for name in ("child", "parent"))


def service(name, kind):
    return avi.VirtualService(name=name, type=kind)


@pytest.fixture
def placed(inventory):
    """The old place has a child, a parent and the VsVip."""
    for ref, kind in ((CHILD, "VS_TYPE_VH_CHILD"), (PARENT, "VS_TYPE_VH_PARENT")):
        inventory.record(ref, Observed(ref=ref, uuid=ref.name, content=service(ref.name, kind)))
    inventory.claim(OLD, Stack(objects={ref: service(ref.name, "") for ref in (CHILD, PARENT)}))
    return inventory


def puts_off(moves, inventory, key, stack):
    surplus = inventory.surplus(key, stack)
    return moves.puts_off(key, stack, inventory.view((*stack.objects, *surplus)), surplus=surplus)


def test_a_child_goes_over_and_what_stands_on_a_vsvip_does_not(moves, placed):
    assert puts_off(moves, placed, OLD, LEFT)
    assert not moves.claim(NEW, WANTED, frozenset({CHILD, PARENT}))
    assert placed.owner_of(CHILD) == OLD
    assert puts_off(moves, placed, OLD, LEFT) is False, "a place that needs the parent is not waited for"


def test_a_child_alone_goes_over(moves, placed):
    assert puts_off(moves, placed, OLD, LEFT)
    assert moves.claim(NEW, WANTED, frozenset({CHILD}))
    assert placed.owner_of(CHILD) == NEW


def test_a_key_that_wants_nothing_any_more_gives_everything(moves, placed):
    assert puts_off(moves, placed, OLD, EMPTY_STACK)
    assert moves.claim(NEW, WANTED, frozenset({CHILD, PARENT, OLD_VIP, SET}))
    assert placed.surplus(OLD, EMPTY_STACK) == frozenset()


def test_a_place_that_lacks_what_others_have_is_waited_for(moves, placed):
    third = StackKey(kind="shard", namespace="", name="SMALL-0/third")
    placed.claim(third, Stack(objects={Ref("pool", "p", tenant="a"): avi.Pool(name="p")}))
    assert not moves.claim(NEW, WANTED, frozenset({CHILD, Ref("pool", "p", tenant="a")}))
    assert puts_off(moves, placed, OLD, LEFT)


def test_a_key_that_lacks_something_offers_what_it_does_not_want(moves, placed):
    policy = Ref("httppolicyset", "q", tenant="a")
    placed.claim(NEW, Stack(objects={policy: avi_l7.HTTPPolicySet(name="q")}))
    assert not moves.claim(OLD, LEFT, frozenset({policy}))
    # The other one can go on with it, and offers its own when it puts off.
    assert moves.claim(NEW, WANTED, frozenset({CHILD}))
    assert placed.owner_of(CHILD) == NEW


@pytest.mark.parametrize("count", [2, 3, 4])
def test_of_places_that_wait_for_each_other_the_first_lets_go(inventory, queue, count):
    keys = [StackKey(kind="shard", namespace="", name=f"SMALL-0/{at}") for at in range(count)]
    places = {f"h{at}": keys[(at + 1) % count] for at in range(count)}
    moves = Moves(inventory=inventory, queue=queue, place_of=places.get)
    vips = [Ref("vsvip", f"v{at}", tenant="a") for at in range(count)]
    stays = [Stack(objects={ref: vip(ref.name, "stays")}) for ref in vips]
    for at, ref in enumerate(vips):
        inventory.record(ref, Observed(ref=ref, uuid=ref.name, content=vip(ref.name, f"h{at}", "stays")))
        inventory.claim(keys[at], stays[at])
    for _ in range(2):
        waiting = [puts_off(moves, inventory, key, stays[at]) for at, key in enumerate(keys)]
    assert waiting == [False, *[True] * (count - 1)]


def test_a_key_that_wants_nothing_but_an_idle_address_gives_everything_else(moves, placed):
    idle = Stack(objects={OLD_VIP: vip("old")})
    surplus = placed.surplus(OLD, idle)
    assert moves.puts_off(OLD, idle, placed.view((OLD_VIP, *surplus)), surplus=surplus, idle={OLD_VIP})
    assert moves.claim(NEW, WANTED, frozenset({CHILD, PARENT, SET}))
    assert placed.surplus(OLD, idle) == frozenset()
