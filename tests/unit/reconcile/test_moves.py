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
    assert moves.claim(NEW, frozenset({SET}))
    assert inventory.owner_of(SET) == NEW
    assert inventory.surplus(OLD, LEFT) == frozenset()
    assert inventory.surplus(NEW, EMPTY_STACK) == {SET}


def test_nobody_waits_for_a_place_that_needs_what_there_is_one_of(moves, inventory):
    assert not moves.claim(NEW, frozenset({OLD_VIP}))
    assert not put_off(moves, inventory)


def test_what_is_wanted_again_is_not_given_away(moves, inventory):
    assert put_off(moves, inventory)
    assert moves.claim(OLD, frozenset())
    assert not moves.claim(NEW, frozenset({SET}))
    assert inventory.owner_of(SET) == OLD


def test_a_host_that_nobody_serves_any_more_is_let_go_at_once(inventory, queue):
    moves = Moves(inventory=inventory, queue=queue, place_of=lambda _name: None)
    assert not put_off(moves, inventory)
    assert not moves.puts_off(ORPHANS, EMPTY_STACK, inventory.view([OLD_VIP]), surplus=frozenset({OLD_VIP}))
