"""Every fault of the simulated controller, alone and in seeded mixtures, while Services come, change and go."""

import random
from collections import Counter
from typing import get_args

import msgspec
import pytest
from support.avi_lab.client import Client
from support.runtime.faults import KINDS, QUICK, World, foreign, identities, ours, plant_foreign
from support.runtime.lab import runtime_lab, service

from ako_lab.avi_controller.config import CloudSeed, LabConfig, NetworkSeed, SubnetSeed
from ako_lab.avi_controller.faults import Fault, Kind

API = "/api/.*"
STATUSES = (400, 401, 403, 404, 408, 409, 412, 419, 422, 429, 500, 502, 503, 504)
FAULTS = {
    **{f"status-{status}": Fault(status=status, path=API, count=6) for status in STATUSES},
    **{
        f"lost-answer-{method}": Fault(status=503, path=API, method=method, count=3, applied=True)
        for method in ("POST", "PUT", "DELETE")
    },
    **{
        f"reset-after-work-{method}": Fault(kind="reset", path=API, method=method, count=3, applied=True)
        for method in ("POST", "PUT", "DELETE")
    },
    "retry-after": Fault(status=429, path=API, retry_after=1, count=6),
    "overload": Fault(status=503, path=API, probability=0.5, count=30),
    "not-up": Fault(status=503, path=API, error="Controller is not ready", count=10),
    "reset": Fault(kind="reset", path=API, count=6),
    "slow-body": Fault(kind="slow-body", path=API, delay=0.1, count=6),
    "truncated-body": Fault(kind="truncated-body", path=API, count=6),
    "delay": Fault(kind="delay", path=API, delay=0.05, count=20),
    "upgrade": Fault(kind="upgrade", path=API, method="*", count=10),
    "leader-change": Fault(kind="leader-change", path=API, count=3),
    "session-purge": Fault(kind="session-purge", path=API, count=3),
    "login-refused": Fault(status=401, path="/login", count=4),
    "login-broken": Fault(kind="reset", path="/login", count=4),
    "account-lock": Fault(kind="account-lock", path="/login", count=4),
}
# The state that a fault is about is reached only when the session has lapsed.
# A controller that says "not there" of what is there is believed until the next resync.
LIES = {"status-404"}
RESYNCING = msgspec.structs.replace(QUICK, resync=0.5)
NEEDS_LOGIN = {"login-refused", "login-broken", "account-lock"}


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


@pytest.mark.parametrize("name", FAULTS)
def test_after_the_fault_the_controller_holds_exactly_what_it_should(lab, name):
    theirs = plant_foreign(lab)
    world = World(lab)
    with lab.running(pace=RESYNCING if name in LIES else QUICK):
        for each in ("stays", "changes", "goes"):
            world.put(each, "10.244.1.5")
        world.until_settled()
        kept, as_it_was = identities(lab, "stays"), foreign(lab, theirs)
        mark = lab.mark()
        lab.avi.faults.add(FAULTS[name])
        if name in NEEDS_LOGIN:
            lab.avi.expire_sessions()
        world.put("changes", "10.244.1.5", "10.244.1.6")
        world.put("comes", "10.244.1.7")
        world.drop("goes")
        lab.until(lambda lab: lab.avi.faults.struck)
        world.until_settled()
        lab.avi.faults.clear()
        world.put("later", "10.244.1.8")
        world.until_settled()
    assert identities(lab, "stays") == kept
    assert foreign(lab, theirs) == as_it_was
    # 8 creations, 4 deletions and a change are needed, and three slices come or go beside their Services; each strike
    # may cost a repetition or two.
    strikes = sum(lab.avi.faults.struck.values())
    assert len(lab.writes(since=mark)) <= 16 + 3 * strikes


@pytest.mark.parametrize("seed", range(4))
def test_a_mixture_of_faults_leaves_nothing_wrong(lab, seed):
    chance = random.Random(seed)  # noqa: S311 - a reproducible mixture
    theirs = plant_foreign(lab)
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("stays", "10.244.1.5")
        world.until_settled()
        kept, as_it_was = identities(lab, "stays"), foreign(lab, theirs)
        mark = lab.mark()
        for turn in range(6):
            for name in chance.sample(sorted(FAULTS.keys() - LIES), 2):
                lab.avi.faults.add(FAULTS[name])
            world.stir(chance, turn)
            before = lab.mark()
            lab.until(lambda lab, before=before: lab.mark() > before)
        lab.avi.faults.clear()
        world.until_settled()
    assert identities(lab, "stays") == kept
    assert foreign(lab, theirs) == as_it_was
    assert len(lab.writes(since=mark)) <= 100 + 3 * sum(lab.avi.faults.struck.values())


def test_addresses_that_ran_out_are_given_when_there_are_more(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("first", "10.244.1.5")
        world.until_settled()
        lab.avi.faults.add(Fault(kind="ipam-exhausted"))
        world.put("second", "10.244.1.6")
        lab.kube.wait_for(lambda _kube: _problem(lab, "second"))
        assert "free" in _problem(lab, "second").lower()
        assert lab.address("second") == []
        world.put("first", "10.244.1.5", "10.244.1.9")
        lab.until(lambda lab: len(lab.members("cluster-a--default-first-TCP-80")) == 2)
        lab.avi.faults.clear()
        world.until_settled()
        lab.kube.wait_for(lambda _kube: not _problem(lab, "second"))


def _problem(lab, name):
    status = lab.kube.read("services", name, "default").get("status", {})
    return " ".join(one["message"] for one in status.get("conditions") or () if one["status"] == "False")


def test_an_upgrade_is_waited_out_and_no_change_is_lost(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
        lab.avi.faults.add(Fault(kind="upgrade"))
        for last in range(6, 12):
            world.put("web", "10.244.1.5", f"10.244.1.{last}")
        world.put("new", "10.244.1.7")
        lab.until(lambda lab: lab.avi.faults.struck.get("upgrade", 0) > 5)
        assert len(ours(lab, "virtualservice")) == 1
        lab.avi.faults.clear()
        world.until_settled()


def test_five_minutes_of_upgrade_lose_nothing_and_cost_no_request_more(lab):
    """Each key is tried every half minute, which `QUICK` makes a fifth of a second: ten tries are five minutes."""
    world = World(lab)
    with lab.running(pace=QUICK):
        for name in ("stays", "web", "goes"):
            world.put(name, "10.244.1.5")
        world.until_settled()
        before = {kind: ours(lab, kind) for kind in KINDS}
        mark = lab.mark()
        lab.avi.faults.add(Fault(kind="upgrade"))
        world.put("new", "10.244.1.7")
        world.drop("goes")
        for turn in range(10):
            world.put("web", "10.244.1.5", f"10.244.1.{turn + 10}")
            for tried in ("PUT pool", "POST vsvip", "DELETE virtualservice"):
                lab.until(lambda lab, tried=tried, turn=turn: lab.writes(since=mark).count(tried) > turn)
        assert {kind: ours(lab, kind) for kind in KINDS} == before
        assert succeeded(lab, mark) == Counter()
        lab.avi.faults.clear()
        world.until_settled()
        # The last of ten changes, once.
        wanted = {f"{verb} {kind}": 1 for verb in ("POST", "DELETE") for kind in KINDS}
        assert succeeded(lab, mark) == Counter({**wanted, "PUT pool": 1})


def succeeded(lab, since):
    """Writes that the controller carried out."""
    found = [one for one in lab.avi.requests(since=since) if one.method != "GET" and one.path.startswith("/api/")]
    return Counter(f"{one.method} {one.path.split('/')[2]}" for one in found if one.status < 400)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="reset"),
        Fault(status=403, path=API, error="no"),
        Fault(status=400, path=API),
        Fault(kind="truncated-body"),
    ],
    ids=lambda fault: fault.kind if fault.kind != "status" else fault.status,
)
def test_a_controller_that_is_away_at_the_start_is_waited_for(lab, fault):
    world = World(lab)
    world.put("web", "10.244.1.5")
    lab.avi.faults.add(fault)
    with lab.running(pace=QUICK) as app:
        lab.until(lambda lab: lab.avi.faults.struck.get(fault.kind, 0) > 3)
        assert app.status()["avicontroller"]["status"] == "INITIATING"
        assert app.status()["avicontroller"]["errors"]
        lab.avi.faults.clear()
        world.until_settled()
        lab.kube.wait_for(lambda _kube: app.status()["avicontroller"]["status"] == "CONNECTED")


def test_an_inventory_that_cannot_be_read_deletes_and_makes_nothing(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
    kept = identities(lab, "web")
    mark = lab.mark()
    lab.avi.faults.add(Fault(status=500, method="GET", path="/api/pool"))
    with lab.running(pod="ako-1", pace=QUICK):
        lab.until(lambda lab: lab.avi.faults.struck.get("status", 0) > 5)
        assert lab.writes(since=mark) == []
        lab.avi.faults.clear()
        world.put("other", "10.244.1.6")
        world.until_settled()
    assert identities(lab, "web") == kept


def test_no_more_addresses_than_the_network_has(tmp_path):
    tiny = NetworkSeed(
        name="vip-network", subnets=(SubnetSeed(prefix="10.10.0.0/24", begin="10.10.0.10", end="10.10.0.11"),)
    )
    config = LabConfig(clouds=(CloudSeed(networks=(tiny,), dns_domains=("lab.example.com",)),))
    with runtime_lab(tmp_path, controller=config) as lab, lab.running(pace=QUICK):
        world = World(lab)
        for name in ("one", "two"):
            world.put(name)
        world.until_settled()
        lab.kube.apply(service("three"))
        lab.kube.wait_for(lambda _kube: _problem(lab, "three"))
        world.drop("one")
        world.members["three"] = set()
        world.until_settled()
        # Nobody leaves this time: the network becomes larger.
        world.put("four")
        lab.kube.wait_for(lambda _kube: _problem(lab, "four"))
        enlarge(lab, "10.10.0.12")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: not _problem(lab, "four"))
        assert lab.address("four") == ["10.10.0.12"]


def enlarge(lab, end):
    """Let the network have addresses up to this one, as an administrator does."""
    with Client(lab.avi) as administrator:
        (network,) = administrator.get("/api/network?name=vip-network").json["results"]
        network["configured_subnets"][0]["static_ip_ranges"][0]["range"]["end"]["addr"] = end
        answer = administrator.put(f"/api/network/{network['uuid']}", network)
        assert answer.status == 200, answer.body


def test_every_kind_of_fault_that_the_simulator_has_is_met_here():
    assert {fault.kind for fault in FAULTS.values()} | {"ipam-exhausted"} == set(get_args(Kind))
