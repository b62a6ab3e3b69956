"""Faults of both servers at once, in seeded mixtures; and what a server asks us to wait is waited."""

import random
from itertools import pairwise

import msgspec
import pytest
from support.runtime.faults import (
    API_FAULTS,
    CONTROLLER_FAULTS,
    QUICK,
    TAKING_OVER,
    World,
    foreign,
    identities,
    plant_foreign,
)
from support.runtime.lab import agent_of, runtime_lab

from ako_lab.avi_controller.faults import Fault as ControllerFault
from ako_lab.kube_api.faults import Fault as ApiFault
from ako_runtime.reconcile.keys import Backoff

# The servers note times by another clock than the one that waits.
NEARLY_TWO = 1.9
RESYNCING = msgspec.structs.replace(TAKING_OVER, resync=1.0)


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


@pytest.mark.parametrize("seed", range(4))
def test_trouble_on_both_sides_leaves_nothing_wrong(lab, seed):
    chance = random.Random(seed)  # noqa: S311 - a reproducible mixture
    theirs = plant_foreign(lab)
    world = World(lab)
    with lab.running(pod="ako-0", pace=RESYNCING), lab.running(pod="ako-1", pace=RESYNCING):
        world.put("stays", "10.244.1.5")
        world.until_settled()
        kept, as_it_was = identities(lab, "stays"), foreign(lab, theirs)
        mark = lab.mark()
        for turn in range(6):
            lab.avi.faults.add(chance.choice(CONTROLLER_FAULTS))
            lab.kube.faults.add(msgspec.structs.replace(chance.choice(API_FAULTS), skip=chance.randint(0, 3)))
            lab.kube.interrupt_watches(chance.choice(["drop", "end", "gone"]))
            if chance.random() < 0.3:
                lab.avi.expire_sessions()
            world.stir(chance, turn)
            before = lab.mark()
            lab.until(lambda lab, before=before: lab.mark() > before)
        lab.avi.faults.clear()
        lab.kube.faults.clear()
        world.until_settled(timeout=60)
    assert identities(lab, "stays") == kept
    assert foreign(lab, theirs) == as_it_was
    assert len(lab.writes(since=mark)) <= 200 + 3 * sum(lab.avi.faults.struck.values())


@pytest.mark.parametrize("seed", range(2))
def test_a_leader_that_falls_silent_amid_trouble_of_the_controller_is_replaced(lab, seed):
    chance = random.Random(seed)  # noqa: S311 - a reproducible mixture
    world = World(lab)
    with lab.running(pod="ako-0", pace=TAKING_OVER) as first, lab.running(pod="ako-1", pace=TAKING_OVER) as second:
        apps = {"ako-0": first, "ako-1": second}
        world.put("stays", "10.244.1.5")
        world.until_settled()
        kept = identities(lab, "stays")
        for turn in range(2):
            old = until_led(lab, apps)
            lab.kube.faults.add(ApiFault(action="silence", user_agent=agent_of(old), times=None))
            lab.avi.faults.add(chance.choice(CONTROLLER_FAULTS))
            world.stir(chance, turn)
            lab.kube.wait_for(lambda _kube, old=old: not apps[old].may_write, timeout=60)
            until_led(lab, apps)
            lab.kube.faults.clear()
        lab.avi.faults.clear()
        world.until_settled(timeout=60)
    assert identities(lab, "stays") == kept


def until_led(lab, apps):
    """Wait for a leader; its name. It may lose the lease at any moment."""
    leaders = []
    lab.kube.wait_for(
        lambda _kube: leaders.extend(name for name, app in apps.items() if app.may_write) or leaders, timeout=60
    )
    return leaders[-1]


def test_what_the_controller_asks_us_to_wait_is_waited(lab):
    patient = msgspec.structs.replace(QUICK, keys=Backoff(first=0.02, last=0.2))
    world = World(lab)
    with lab.running(pace=patient):
        world.put("web", "10.244.1.5")
        world.until_settled()
        mark = lab.mark()
        lab.avi.faults.add(ControllerFault(status=429, path="/api/pool/.*", method="PUT", retry_after=2, count=3))
        world.put("web", "10.244.1.6")
        world.until_settled()
    times = [one.time for one in lab.avi.requests(since=mark) if one.method == "PUT"]
    assert len(times) >= 4
    # The second change of the test brings the key back at once; then nothing changes. A request is noted when its
    # answer goes out.
    assert all(later - earlier >= NEARLY_TWO for earlier, later in pairwise(times[-3:]))


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_what_the_api_server_asks_us_to_wait_is_waited(lab, verb):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
        since = lab.kube.requests()[-1].sequence
        lab.kube.faults.add(
            ApiFault(action="answer", verb=verb, resource="services", status=429, retry_after=2, times=2)
        )
        if verb == "list":
            lab.kube.compact()
        lab.kube.interrupt_watches("gone" if verb == "list" else "drop", resource="services")
        world.put("other", "10.244.1.6")
        world.until_settled()
    asked = [one for one in lab.kube.requests(since) if one.resource == "services" and one.verb == verb]
    refused = [one for one in asked if one.status == 429]
    assert len(refused) == 2
    times = [one.time for one in asked[asked.index(refused[0]) :]]
    assert all(later - earlier >= NEARLY_TWO for earlier, later in pairwise(times[:3]))
