"""Followers are warm: they know lists and inventory, and who takes over reads only what has changed since."""

import urllib.request

import pytest
from support.runtime.faults import KINDS, QUICK, World, identities
from support.runtime.lab import runtime_lab

from ako_lab.avi_controller.faults import Fault


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def metrics(app):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{app.http_port}/metrics", timeout=30) as answer:
        return answer.read().decode()


def knows(app, pools):
    return f'ako_owned_objects{{type="pool"}} {float(pools)}' in metrics(app)


def reads(lab, since):
    """Reads of our kinds, the short looks apart from those of whole objects."""
    found = [one for one in lab.avi.requests(since=since) if one.method == "GET" and one.path.split("/")[2] in KINDS]
    short = [one for one in found if "fields" in str(one.query)]
    return short, [one for one in found if one not in short]


def test_who_takes_over_reads_only_what_has_changed(lab):
    world = World(lab)
    for name in ("one", "two", "three"):
        world.put(name, "10.244.1.5")
    with lab.running(pod="ako-0", pace=QUICK) as first:
        world.until_settled()
        with lab.running(pod="ako-1", pace=QUICK) as second:
            lab.kube.wait_for(lambda _kube: second.ready)
            # It knows them a little after the last answer; the Lease, renewed all the time, wakes this wait.
            lab.kube.wait_for(lambda _kube: knows(second, 3))
            assert not second.may_write
            # What the leader does from now on the follower has not seen.
            world.put("one", "10.244.1.6")
            world.put("four", "10.244.1.7")
            world.drop("two")
            world.until_settled()
            kept = {name: identities(lab, name) for name in world.members}
            mark = lab.mark()
            first.stop()
            lab.kube.wait_for(lambda _kube: second.may_write)
            world.put("later", "10.244.1.8")
            world.until_settled()
            short, whole = reads(lab, mark)
            assert {one.path.split("/")[2] for one in short} == set(KINDS)
            assert all("uuid" in str(one.query) for one in whole)
            changed = {"pool": 2, "vsvip": 1, "l4policyset": 1, "virtualservice": 1}
            assert {kind: sum(f"/{kind}" in one.path for one in whole) for kind in KINDS} == changed
            posts = [one for one in lab.writes(since=mark) if not one.startswith("PUT pool")]
            assert sorted(posts) == sorted(f"POST {kind}" for kind in KINDS)
            assert {name: identities(lab, name) for name in kept} == kept


def test_a_follower_that_could_not_read_the_inventory_reads_it_when_it_leads(lab):
    world = World(lab)
    world.put("web", "10.244.1.5")
    with lab.running(pod="ako-0", pace=QUICK) as first:
        world.until_settled()
        lab.avi.faults.add(Fault(status=500, method="GET", path="/api/pool"))
        with lab.running(pod="ako-1", pace=QUICK) as second:
            lab.until(lambda lab: lab.avi.faults.struck.get("status", 0) > 2)
            assert "follower" in str(second.status())
            assert second.ready
            lab.avi.faults.clear()
            kept = identities(lab, "web")
            first.stop()
            world.put("web", "10.244.1.6")
            world.until_settled()
            lab.kube.wait_for(lambda _kube: second.may_write)
            world.put("other", "10.244.1.6")
            world.until_settled()
            assert identities(lab, "web") == kept


def test_the_lag_of_each_watch_is_told(lab):
    with lab.running(pace=QUICK) as app:
        World(lab).put("web", "10.244.1.5")
        lab.until_address("web")
        shown = metrics(app)
    for resource in ("services", "endpointslices", "ingresses", "secrets", "namespaces"):
        assert f'ako_watch_lag_seconds{{resource="{resource}"}}' in shown
