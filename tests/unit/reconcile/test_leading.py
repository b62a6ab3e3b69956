"""A model checker for leadership: two replicas, one Lease, and everything that may happen in between.

The replicas decide by the functions of the product (`candidacy`, `leading`); the world around them is a model whose
clock moves in whole seconds. A *state* is all that decides what may happen next, with times as ages and terms as "the
same or not", so their number is bounded. Those of one replica are all visited; those of two are visited breadth first
up to a bound, and by thousands of long random runs beyond it. Three things hold in each:

- Nobody writes while another one may, and a write that began in time has ended before another one begins.
- Whoever writes has read the inventory after the last write of the other one.
- Nobody is deaf: from each state, as soon as the API server and the controller answer, one replica works within three
  times the lease.
"""

import random
from collections import deque

import msgspec
import pytest

from ako_runtime.kube.candidacy import (
    Candidacy,
    Holder,
    LeaseTimes,
    after_reading,
    after_renewal,
    held_term,
    write_seconds,
)
from ako_runtime.reconcile.leading import Effect, Leading, Looked, NotRead, Read, Stage, hurried, step

TIMES = LeaseTimes(duration=4.0, renew_deadline=2.0, retry_period=1.0)
PATIENCE = 1.0
AGO = 6.0
"""Ages above this make no difference to anyone."""
PAIR = ("ako-0", "ako-1")


class Asked(msgspec.Struct, frozen=True):
    """A guarded write that is under way: when its request began, and of which version of the Lease."""

    at: float
    version: int


class Replica(msgspec.Struct, frozen=True):
    candidacy: Candidacy = Candidacy()
    leading: Leading = Leading()
    asked: Asked | None = None
    # Whether the inventory was read after the last write of the other one.
    knows: bool = False


class World(msgspec.Struct, frozen=True):
    """The Lease with its version, the replicas, the time, and until when each replica's last write may last."""

    now: float = 10.0
    version: int = 0
    holder: str = ""
    # A renewal changes this, as the time in the Lease does.
    stamp: int = 0
    replicas: tuple[Replica, ...] = (Replica(), Replica())
    busy: tuple[float, ...] = (0.0, 0.0)

    def with_replica(self, at, replica, **others):
        replicas = tuple(replica if number == at else one for number, one in enumerate(self.replicas))
        return msgspec.structs.replace(self, replicas=replicas, **others)


def term(world, at):
    return held_term(world.replicas[at].candidacy, now=world.now, times=TIMES)


def passed(world):
    """A second goes by."""
    return msgspec.structs.replace(world, now=world.now + 1)


def asked(world, at):
    """The replica reads the Lease and, if it may, sends the guarded write; its answer comes later."""
    replica = world.replicas[at]
    held = Holder(identity=world.holder, renew_time=str(world.stamp), duration=TIMES.duration) if world.holder else None
    candidacy, free = after_reading(replica.candidacy, held, identity=PAIR[at], now=world.now, times=TIMES)
    under_way = Asked(world.now, world.version) if free else None
    return world.with_replica(at, msgspec.structs.replace(replica, candidacy=candidacy, asked=under_way))


def arrived(world, at):
    """The guarded write meets the Lease and its answer comes back."""
    replica = world.replicas[at]
    sent = replica.asked
    replica = msgspec.structs.replace(replica, asked=None)
    if sent.version != world.version:
        return world.with_replica(at, replica)
    candidacy = after_renewal(replica.candidacy, asked_at=sent.at, now=world.now, times=TIMES)
    replica = msgspec.structs.replace(replica, candidacy=candidacy)
    stored = {"version": world.version + 1, "stamp": world.stamp + 1, "holder": PAIR[at]}
    return world.with_replica(at, replica, **stored)


def stored_unheard(world, at):
    """The guarded write meets the Lease and its answer is lost."""
    replica = world.replicas[at]
    taken = replica.asked.version == world.version
    stored = {"version": world.version + 1, "stamp": world.stamp + 1, "holder": PAIR[at]} if taken else {}
    return world.with_replica(at, msgspec.structs.replace(replica, asked=None), **stored)


def failed(world, at):
    """The request comes to nothing."""
    return world.with_replica(at, msgspec.structs.replace(world.replicas[at], asked=None))


def looked(world, at, *, listed, readable):
    """The main thread looks, and carries out what the step asks for."""
    replica = world.replicas[at]
    state, effects = step(replica.leading, Looked(now=world.now, term=term(world, at), listed=listed))
    knows = replica.knows
    if Effect.READ_INVENTORY in effects:
        knows = knows or readable
        told = Read(now=world.now, patience=PATIENCE) if readable else NotRead(again_at=world.now + 1)
        state, more = step(state, told)
        assert not more
    return world.with_replica(at, msgspec.structs.replace(replica, leading=state, knows=knows))


def wrote(world, at):
    """A worker begins a write that takes as long as it may; checked on the way."""
    other, replica = 1 - at, world.replicas[at]
    assert not world.replicas[other].leading.writes_in(term(world, other)), "two may write"
    assert world.busy[other] <= world.now, "a write meets another one"
    assert replica.knows, "a write by what was known before the other one wrote"
    lasts = world.now + write_seconds(replica.candidacy, now=world.now, times=TIMES)
    busy = tuple(lasts if number == at else until for number, until in enumerate(world.busy))
    ignorant = msgspec.structs.replace(world.replicas[other], knows=False)
    return msgspec.structs.replace(world.with_replica(other, ignorant), busy=busy)


def may_write(world, at):
    return world.replicas[at].leading.writes_in(term(world, at))


def successors(world):
    """Everything that may happen next."""
    yield passed(world)
    for at, replica in enumerate(world.replicas):
        if replica.asked is None:
            yield asked(world, at)
        else:
            yield arrived(world, at)
            yield stored_unheard(world, at)
            yield failed(world, at)
        for listed, readable in ((True, True), (False, True), (True, False)):
            yield looked(world, at, listed=listed, readable=readable)
        if may_write(world, at):
            yield wrote(world, at)


def essence(world):
    """What decides about the future: ages instead of times, "the present one" instead of numbers."""

    def age(moment):
        return min(AGO, world.now - moment)

    def of(at, replica):
        candidacy, leading = replica.candidacy, replica.leading
        seen = candidacy.seen
        return (
            None if candidacy.renewed_at is None else age(candidacy.renewed_at),
            None if seen is None else (seen.identity, seen.renew_time == str(world.stamp), age(candidacy.seen_at)),
            leading.stage,
            leading.term == candidacy.term,
            max(-1.0, leading.due - world.now) if leading.stage in (Stage.PREPARING, Stage.LISTING) else None,
            None if replica.asked is None else (age(replica.asked.at), replica.asked.version == world.version),
            replica.knows,
            max(0.0, world.busy[at] - world.now),
        )

    return (world.holder, *(of(at, replica) for at, replica in enumerate(world.replicas)))


def worked_in_time(world):
    """From here on everything answers, and each second has one request and two looks a replica; does one work?"""
    end = world.now + 3 * TIMES.duration
    while world.now < end:
        for at in range(len(PAIR)):
            if world.replicas[at].asked is None:
                world = asked(world, at)
            if world.replicas[at].asked is not None:
                world = arrived(world, at)
            for _ in Stage:
                world = looked(world, at, listed=True, readable=True)
            if may_write(world, at):
                wrote(world, at)
                return True
        world = passed(world)
    return False


@pytest.fixture(scope="module")
def states():
    """The states of two replicas that are reached first."""
    first = World()
    found, queue = {essence(first): first}, deque([first])
    while queue and len(found) < 30_000:
        for world in successors(queue.popleft()):
            key = essence(world)
            if key not in found:
                found[key] = world
                queue.append(world)
    return list(found.values())


def test_all_interleavings_keep_two_from_writing_and_none_is_deaf(states):
    assert len(states) >= 30_000
    assert {one.leading.stage for world in states for one in world.replicas} == set(Stage)
    assert all(worked_in_time(world) for world in states[::7])


def test_one_replica_alone_is_searched_to_the_end_and_is_never_deaf():
    """The fault of the past needs one replica only: it could not renew for a while, and then could again."""
    first = World()
    found, queue = {essence(first): first}, deque([first])
    while queue:
        world = queue.popleft()
        replica = world.replicas[0]
        following = [passed(world), *(looked(world, 0, listed=a, readable=b) for a, b in ((True, True), (False, True)))]
        following.append(looked(world, 0, listed=True, readable=False))
        if replica.asked is None:
            following.append(asked(world, 0))
        else:
            following += [arrived(world, 0), stored_unheard(world, 0), failed(world, 0)]
        if may_write(world, 0):
            following.append(wrote(world, 0))
        for one in following:
            key = essence(one)
            if key not in found:
                found[key] = one
                queue.append(one)
    assert len(found) > 200
    lapsed = [
        world for world in found.values() if world.replicas[0].leading.stage is Stage.LEADING and not term(world, 0)
    ]
    assert lapsed
    assert all(worked_in_time(world) for world in found.values())


def long_run(chance):
    """A world after many seconds in which main threads may be busy and look rarely, and requests come to nothing."""
    world, looks, failures = World(), [chance.choice((0.05, 0.8)) for _ in PAIR], chance.choice((0.1, 0.5))
    for _ in range(chance.randint(30, 120)):
        for at in chance.sample(range(len(PAIR)), len(PAIR)):
            if world.replicas[at].asked is None:
                world = asked(world, at) if chance.random() < 0.8 else world
            elif chance.random() < 0.8:
                world = (
                    chance.choice((failed, stored_unheard))(world, at)
                    if chance.random() < failures
                    else arrived(world, at)
                )
            if chance.random() < looks[at]:
                readable, listed = chance.random() < 0.8, chance.random() < 0.8
                for _ in Stage:
                    world = looked(world, at, listed=listed, readable=readable)
            if may_write(world, at) and chance.random() < 0.7:
                world = wrote(world, at)
        world = passed(world)
    return world


@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_long_runs(seed):
    chance = random.Random(seed)  # noqa: S311 - reproducible
    assert all(worked_in_time(long_run(chance)) for _ in range(750))


def test_an_interruption_that_nobody_saw_is_noticed_by_its_number():
    before = after_renewal(Candidacy(), asked_at=0.0, now=0.5, times=TIMES)
    state = Leading(stage=Stage.LEADING, term=before.term)
    again = after_renewal(before, asked_at=5.0, now=5.5, times=TIMES)
    assert held_term(again, now=5.6, times=TIMES) == before.term + 1
    assert not state.writes_in(again.term)
    stepped, effects = step(state, Looked(now=5.6, term=again.term, listed=True))
    assert (stepped.stage, effects) == (Stage.PREPARING, (Effect.KEEP_KEYS_IN, Effect.READ_INVENTORY))


def test_renewals_in_time_are_one_term():
    candidacy = Candidacy()
    for second in range(5):
        candidacy = after_renewal(candidacy, asked_at=float(second), now=second + 0.5, times=TIMES)
    assert candidacy.term == 1


def test_a_renewal_whose_answer_took_too_long_is_worth_nothing():
    late = after_renewal(Candidacy(), asked_at=0.0, now=3.0, times=TIMES)
    assert held_term(late, now=3.0, times=TIMES) == 0
    assert write_seconds(late, now=3.0, times=TIMES) == 0


def test_what_failed_is_tried_when_it_is_due_or_when_there_is_hope():
    state, _ = step(Leading(), Looked(now=0.0, term=1, listed=False))
    state, _ = step(state, NotRead(again_at=30.0))
    assert step(state, Looked(now=29.0, term=1, listed=False)) == (state, ())
    assert step(state, Looked(now=30.0, term=1, listed=False))[1] == (Effect.READ_INVENTORY,)
    hopeful = hurried(state, 5.0)
    assert step(hopeful, Looked(now=5.0, term=1, listed=False))[1] == (Effect.READ_INVENTORY,)


def test_looking_again_changes_nothing():
    for state in (Leading(), Leading(stage=Stage.LEADING, term=3)):
        assert step(state, Looked(now=1.0, term=state.term, listed=True)) == (state, ())
