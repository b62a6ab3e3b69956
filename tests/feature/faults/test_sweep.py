"""The fault sweep: both servers, the lease and the replicas in seeded mixtures of everything that may go wrong at once.

What holds at each moment: what nobody changed (`stays`) is the same objects as before, what is somebody else's is as
it was, `/healthz` is green as long as the process works and `/readyz` names a reason when it is not ready. What holds
at the end: everything is exactly right within `RIGHT_AGAIN` seconds after the last fault is over.

Each change runs a few seeds. `AKO_SWEEP_SEEDS=1000:200` runs two hundred others, beginning with the thousandth, as for
a night; a failure names its seed, which alone reproduces the mixture.
"""

import os
import random
import urllib.error
import urllib.request

import msgspec
import pytest
from support.runtime.faults import (
    API_FAULTS,
    CONTROLLER_FAULTS,
    KINDS,
    TAKING_OVER,
    World,
    foreign,
    identities,
    ours,
    plant_foreign,
)
from support.runtime.lab import agent_of, runtime_lab

from ako_lab.avi_controller.faults import Fault as ControllerFault
from ako_lab.kube_api.faults import Fault as ApiFault

FIRST, _, COUNT = os.environ.get("AKO_SWEEP_SEEDS", "0:6").partition(":")
SEEDS = range(int(FIRST), int(FIRST) + int(COUNT or 1))
RIGHT_AGAIN = 60.0
PODS = ("ako-0", "ako-1")
RESYNCING = msgspec.structs.replace(TAKING_OVER, resync=2.0)
API = "/api/.*"
MORE_CONTROLLER_FAULTS = (
    ControllerFault(status=429, path=API, retry_after=86_400, count=2),
    ControllerFault(status=500, path=API, method="DELETE", count=3, applied=True),
    ControllerFault(status=404, path=API, method="PUT", count=2),
    ControllerFault(status=403, path=API, method="POST", count=2),
    ControllerFault(kind="truncated-body", path=API, method="GET", count=4),
)
LEASE_FAULTS = (
    ApiFault(action="answer", resource="leases", status=503, times=None),
    ApiFault(action="truncate", resource="leases", times=12),
    ApiFault(action="drop", resource="leases", times=None),
    ApiFault(action="answer", resource="leases", verb="update", status=409, reason="Conflict", times=12),
    *(ApiFault(action="silence", user_agent=agent_of(pod), times=None) for pod in PODS),
)


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def asked(app, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{app.http_port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Watched:
    """What must hold all the time."""

    def __init__(self, lab, apps):
        self.lab = lab
        self.apps = apps
        self.theirs = plant_foreign(lab)
        self.as_it_was = foreign(lab, self.theirs)
        self.kept = identities(lab, "stays")

    def check(self):
        assert identities(self.lab, "stays") == self.kept
        assert foreign(self.lab, self.theirs) == self.as_it_was
        for app in self.apps:
            assert asked(app, "/healthz") == (200, "ok\n")
            code, reason = asked(app, "/readyz")
            assert (code, reason == "ok\n") in ((200, True), (503, False))
            assert reason.strip()
        assert sum(app.may_write for app in self.apps) <= 1


def mishap(chance, lab):
    """One of the things that may go wrong."""
    kind = chance.choice(("controller", "controller", "api", "api", "lease", "watches", "sessions", "history"))
    if kind == "controller":
        lab.avi.faults.add(chance.choice(CONTROLLER_FAULTS + MORE_CONTROLLER_FAULTS))
    elif kind == "api":
        lab.kube.faults.add(msgspec.structs.replace(chance.choice(API_FAULTS), skip=chance.randint(0, 5)))
    elif kind == "lease":
        lab.kube.faults.add(chance.choice(LEASE_FAULTS))
    elif kind == "watches":
        lab.kube.interrupt_watches(chance.choice(("drop", "end", "gone")))
    elif kind == "sessions":
        lab.avi.expire_sessions()
    else:
        lab.kube.compact()
        lab.kube.interrupt_watches("gone")


@pytest.mark.parametrize("seed", SEEDS)
def test_any_mixture_of_faults_leaves_nothing_wrong(lab, seed):
    chance = random.Random(seed)  # noqa: S311 - a reproducible mixture
    world = World(lab)
    with lab.running(pod=PODS[0], pace=RESYNCING) as first, lab.running(pod=PODS[1], pace=RESYNCING) as second:
        world.put("stays", "10.244.1.5")
        world.until_settled()
        watched = Watched(lab, (first, second))
        for turn in range(5):
            for _ in range(chance.randint(1, 3)):
                mishap(chance, lab)
            world.stir(chance, turn)
            before = lab.mark()
            # Resyncs of followers and leaders ask all the time, unless a fault keeps both of them away.
            try:
                lab.until(lambda lab, before=before: lab.mark() > before, timeout=5)
            except TimeoutError:
                assert lab.kube.faults.standing() or lab.avi.faults.struck
            watched.check()
            if chance.random() < 0.4:
                lab.kube.faults.clear()
        lab.avi.faults.clear()
        lab.kube.faults.clear()
        world.until_settled(timeout=RIGHT_AGAIN)
        watched.check()
        lab.kube.wait_for(lambda _kube: all(asked(app, "/readyz")[0] == 200 for app in (first, second)))
        assert [len(ours(lab, kind)) for kind in KINDS] == [len(world.members)] * len(KINDS)
