"""Leadership at the pace of production: interruptions of the lease, and answers about it that are none."""

import threading
import urllib.error
import urllib.request

import pytest
from support.runtime.faults import QUICK, TAKING_OVER, World, foreign, identities, plant_foreign
from support.runtime.lab import runtime_lab, worked_off

from ako_lab.kube_api.faults import Fault
from ako_runtime.reconcile.pace import Pace

UNAVAILABLE = Fault(action="answer", resource="leases", status=503, times=None)


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def health(app):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{app.http_port}/healthz", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_leader_whose_lease_lapsed_for_a_moment_works_again(lab):
    """Once with the real times, ten seconds and two: the renewal that follows comes right after the deadline."""
    world = World(lab)
    world.put("stays", "10.244.1.5")
    with lab.running(pace=Pace()) as app:
        world.until_settled()
        lab.kube.wait_for(lambda _kube: worked_off(app))
        kept = identities(lab, "stays")
        lab.kube.faults.add(UNAVAILABLE)
        # Requests that fail are what goes on meanwhile; each wakes this wait.
        lab.kube.wait_for(lambda _kube: not app.may_write, timeout=60)
        lab.kube.faults.clear()
        world.put("stays", "10.244.1.6")
        world.put("later", "10.244.1.7")
        world.until_settled()
        assert app.may_write
        assert identities(lab, "stays") == kept
        assert health(app) == (200, "ok\n")


@pytest.mark.parametrize("turns", [8])
def test_a_lease_that_lapses_again_and_again_never_makes_a_leader_deaf(lab, turns):
    world = World(lab)
    theirs = plant_foreign(lab)
    as_it_was = foreign(lab, theirs)
    world.put("stays", "10.244.1.5")
    with lab.running(pace=TAKING_OVER) as app:
        world.until_settled()
        kept = identities(lab, "stays")
        for turn in range(turns):
            lab.kube.faults.add(UNAVAILABLE)
            lab.kube.wait_for(lambda _kube: not app.may_write, timeout=60)
            lab.kube.faults.clear()
            world.put("stays", f"10.244.2.{turn + 1}")
            world.until_settled()
    assert identities(lab, "stays") == kept
    assert foreign(lab, theirs) == as_it_was


@pytest.mark.parametrize("action", ["truncate", "drop", "answer"])
def test_odd_answers_about_the_lease_are_got_over(lab, action):
    world = World(lab)
    world.put("stays", "10.244.1.5")
    with lab.running(pace=TAKING_OVER) as app:
        world.until_settled()
        lab.kube.faults.add(Fault(action=action, resource="leases", status=204, times=6))
        lab.kube.wait_for(lambda _kube: lab.kube.requests()[-1].resource == "leases", timeout=60)
        world.put("later", "10.244.1.7")
        world.until_settled()
        assert health(app)[0] == 200


def test_a_replica_that_does_not_work_is_red_and_is_replaced(lab, monkeypatch):
    monkeypatch.setattr("ako_runtime.observe.watchdog.LIMIT", 8.0)
    monkeypatch.setattr("ako_runtime.observe.watchdog.LOOK", 0.05)
    world = World(lab)
    world.put("stays", "10.244.1.5")
    with lab.running(pod="ako-0", pace=TAKING_OVER) as first:
        world.until_settled()
        kept = identities(lab, "stays")
        with lab.running(pod="ako-1", pace=TAKING_OVER) as second:
            lab.kube.wait_for(lambda _kube: second.ready)
            # The thread that takes keys is held up for ever by something that nobody thought of.
            released = threading.Event()
            first._queue.take = lambda: (released.wait(), None)[1]
            # It waits in the real `take`, which hands out one more key.
            world.put("last", "10.244.1.6")
            world.until_settled()
            world.put("later", "10.244.1.7")
            answers = []
            lab.kube.wait_for(lambda _kube: answers.append(health(first)) or answers[-1][0] == 503, timeout=60)
            assert "none is taken" in answers[-1][1]
            world.until_settled()
            assert second.may_write
            assert health(second)[0] == 200
            released.set()
    assert identities(lab, "stays") == kept


def test_surprises_in_the_main_thread_are_counted_and_got_over(lab):
    world = World(lab)
    world.put("stays", "10.244.1.5")
    with lab.running(pace=QUICK) as app:
        world.until_settled()
        for _ in range(3):
            app._mail.put(_surprise)
        world.put("later", "10.244.1.6")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: app._health.main.failures == 3)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{app.http_port}/metrics", timeout=30) as answer:
            assert 'ako_thread_failures_total{thread="main"} 3.0' in answer.read().decode()


def _surprise():
    raise ValueError("odd")
