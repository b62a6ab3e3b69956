"""Death in the middle of an apply, at every request, and of the real process; the next start completes the work."""

import os
import subprocess
import sys

import pytest
from support.runtime.faults import KINDS, QUICK, World, identities, ours
from support.runtime.lab import NAMESPACE, endpoints, runtime_lab, service

from ako_lab.avi_controller.faults import Fault

HANGING = 600.0  # Seconds, longer than any test.
MANY = 200
CREATIONS = 9  # The record of the cluster, and four objects for each of two Services.


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def died_after(lab, method, count, *, applied):
    """From here on the controller is out of reach after `count` requests, with or without the next one's effect."""
    if applied:
        lab.avi.faults.add(Fault(kind="reset", method=method, path="/api/.*", after=count, count=1, applied=True))
        count += 1
    lab.avi.faults.add(Fault(kind="reset", method=method, path="/api/.*", after=count))


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 7, 8, CREATIONS])
def test_a_death_while_objects_are_made_leaves_no_orphan_and_no_duplicate(lab, count, applied):
    world = World(lab)
    world.put("one", "10.244.1.5")
    world.put("two", "10.244.1.6")
    died_after(lab, "POST", count, applied=applied)
    with lab.running(pace=QUICK):
        if count < CREATIONS:
            lab.until(lambda lab: lab.avi.faults.struck.get("reset"))
        else:
            world.until_settled()
    lab.avi.faults.clear()
    with lab.running(pod="ako-1", pace=QUICK):
        world.until_settled()


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("count", range(0, 8, 2))
def test_a_death_while_objects_are_deleted_leaves_nothing_behind(lab, count, applied):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("stays", "10.244.1.4")
        world.put("one", "10.244.1.5")
        world.put("two", "10.244.1.6")
        world.until_settled()
        died_after(lab, "DELETE", count, applied=applied)
        world.drop("one")
        world.drop("two")
        lab.until(lambda lab: lab.avi.faults.struck.get("reset"))
    lab.avi.faults.clear()
    with lab.running(pod="ako-1", pace=QUICK):
        world.until_settled()


@pytest.mark.parametrize("count", range(3))
def test_a_death_while_a_service_moves_to_other_ports_is_completed(lab, count):
    with lab.running(pace=QUICK):
        lab.kube.apply(service("web", ports=(80, 443)))
        lab.kube.apply(endpoints("web", "10.244.1.5", ports=(80, 443)))
        lab.until_address("web")
        died_after(lab, "*", count, applied=False)
        moved = service("web", ports=(8080, 443))
        moved["spec"]["ports"].insert(0, {"$patch": "replace"})
        lab.kube.apply(moved)
        lab.until(lambda lab: lab.avi.faults.struck.get("reset"))
    lab.avi.faults.clear()
    with lab.running(pod="ako-1", pace=QUICK):
        pools = {"cluster-a--default-web-TCP-8080", "cluster-a--default-web-TCP-443"}
        lab.until(lambda lab: lab.names("pool") == pools)
        lab.until(lambda lab: all(len(ours(lab, kind)) == 1 for kind in KINDS if kind != "pool"))


class Process:
    """`ako run` as users start it."""

    def __init__(self, lab, log):
        self._log = log.open("wb")
        command = [sys.executable, "-m", "ako_runtime", "run", "--kubeconfig", str(lab.kubeconfig)]
        self._process = subprocess.Popen(
            [*command, "-n", NAMESPACE, "--api-port", "0"],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "POD_NAME": log.stem},
        )

    def kill(self):
        self._process.kill()
        self._process.wait(30)
        self._log.close()

    def terminate(self):
        self._process.terminate()
        code = self._process.wait(60)
        self._log.close()
        return code


def release_lease(lab):
    """The lease of a dead holder runs out after 15 seconds; nobody needs to wait for that here."""
    lab.kube.delete("leases", "ako-lease-lock", NAMESPACE)


def stopped_at(lab, method, count, path="/api/.*"):
    """From here on `count` requests are answered, all further ones hang."""
    lab.avi.faults.add(Fault(kind="delay", method=method, path=path, after=count, delay=HANGING))


def until_stopped(lab):
    """Wait until a request hangs; the Lease is renewed all the time, so somebody looks again soon."""
    lab.kube.wait_for(lambda _kube: lab.avi.faults.struck.get("delay"), timeout=60)


@pytest.mark.parametrize("count", range(-1, 4))
def test_a_process_that_is_killed_at_any_creation_is_completed(lab, tmp_path, count):
    world = World(lab)
    world.put("one", "10.244.1.5")
    # The first creation of all is the record of the cluster.
    stopped_at(lab, "POST", count + 1)
    first = Process(lab, tmp_path / "ako-0.log")
    try:
        until_stopped(lab)
        lab.until(lambda lab: sum(len(ours(lab, kind)) for kind in KINDS) == max(count, 0))
    finally:
        first.kill()
    left = {one["uuid"] for kind in KINDS for one in ours(lab, kind)}
    lab.avi.faults.clear()
    release_lease(lab)
    with lab.running(pod="ako-1", pace=QUICK):
        world.until_settled()
    # What was there is taken over, not made anew.
    assert left <= {one["uuid"] for kind in KINDS for one in ours(lab, kind)}


@pytest.mark.parametrize("count", range(4))
def test_a_process_that_is_killed_at_any_deletion_is_completed(lab, tmp_path, count):
    world = World(lab)
    first = Process(lab, tmp_path / "ako-0.log")
    try:
        world.put("stays", "10.244.1.4")
        world.put("one", "10.244.1.5")
        world.until_settled()
        kept = identities(lab, "stays")
        stopped_at(lab, "DELETE", count)
        world.drop("one")
        until_stopped(lab)
        lab.until(lambda lab: len(identities(lab, "one")) == len(KINDS) - count)
    finally:
        first.kill()
    lab.avi.faults.clear()
    release_lease(lab)
    with lab.running(pod="ako-1", pace=QUICK):
        world.until_settled()
    assert identities(lab, "stays") == kept


def test_a_killed_process_is_completed_by_the_next_one(lab, tmp_path):
    world = World(lab)
    for number in range(MANY):
        world.put(f"web-{number}", f"10.244.{number}.5")
    # The process cannot be done before it is killed, however late that is.
    stopped_at(lab, "POST", MANY // 3, path="/api/virtualservice")
    first = Process(lab, tmp_path / "ako-0.log")
    try:
        lab.until(lambda lab: len(ours(lab, "virtualservice")) == MANY // 3, timeout=300)
    finally:
        first.kill()
    lab.avi.faults.clear()
    for number in range(10):
        world.drop(f"web-{number}")
    release_lease(lab)
    second = Process(lab, tmp_path / "ako-1.log")
    try:
        world.until_settled(timeout=300)
    finally:
        code = second.terminate()
    assert code == 0
    addresses = [lab.address(name)[0] for name in world.members]
    assert len(set(addresses)) == MANY - 10


def test_sigterm_ends_the_process_cleanly_and_gives_the_lease_up(lab, tmp_path):
    world = World(lab)
    process = Process(lab, tmp_path / "ako-0.log")
    try:
        for number in range(30):
            world.put(f"web-{number}", f"10.244.{number}.5")
        lab.until(lambda lab: lab.names("virtualservice"))
    finally:
        code = process.terminate()
    assert code == 0
    assert lab.kube.read("leases", "ako-lease-lock", NAMESPACE)["spec"]["holderIdentity"] == ""
    # What was begun is finished or not begun: no half stack is in the way of the next one.
    with lab.running(pod="ako-1", pace=QUICK):
        world.until_settled()
