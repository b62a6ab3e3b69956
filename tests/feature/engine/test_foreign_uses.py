"""Somebody else's object refers to one of ours: it is left, told once, and nothing else waits for it."""

import pytest
from support.avi_lab.client import Client
from support.runtime.faults import QUICK, World
from support.runtime.lab import NAMESPACE, runtime_lab

from ako_runtime.reconcile.failures import TRIES_TO_DELETE

POOL = "cluster-a--default-one-TCP-80"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


@pytest.fixture
def administrator(lab):
    with Client(lab.avi) as client:
        yield client


def uuid_of(lab, kind, name):
    return next(one["uuid"] for one in lab.avi.objects(kind) if one["name"] == name)


def foreign(administrator, lab):
    """A virtual service of another team with its own address, which sends its traffic to our pool."""
    vip = {"name": "theirs", "vip": [{"vip_id": "0", "ip_address": {"addr": "10.10.0.200", "type": "V4"}}]}
    assert administrator.request("POST", "/api/vsvip", vip).status == 201
    body = {
        "name": "theirs",
        "vsvip_ref": "/api/vsvip/?name=theirs",
        "pool_ref": f"/api/pool/{uuid_of(lab, 'pool', POOL)}",
        "services": [{"port": 8080}],
    }
    answer = administrator.request("POST", "/api/virtualservice", body)
    assert answer.status == 201, answer.body


def deletions(lab, uuid, since):
    return [one for one in lab.avi.requests(since=since) if one.method == "DELETE" and one.path.endswith(uuid)]


def events(lab, reason):
    return [one for one in lab.kube.objects("events", NAMESPACE) if one.get("reason") == reason]


def test_what_a_stranger_uses_stays_and_the_rest_goes_on(lab, administrator):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("one", "10.244.1.5")
        world.put("two", "10.244.1.6")
        world.until_settled()
        foreign(administrator, lab)
        pool, mark = uuid_of(lab, "pool", POOL), lab.mark()
        lab.kube.delete("services", "one", "default")
        lab.kube.wait_for(lambda _kube: events(lab, "StillReferenced"))
        tried = len(deletions(lab, pool, mark))
        assert tried == TRIES_TO_DELETE
        # What does not carry the stranger's traffic is gone, and another Service is made and served meanwhile.
        assert "cluster-a--default-one" not in lab.names("virtualservice")
        assert "cluster-a--default-one" not in lab.names("vsvip")
        world.put("three", "10.244.1.7")
        lab.until_address("three")
        assert len(deletions(lab, pool, mark)) == tried
        assert POOL in lab.names("pool")
        assert uuid_of(lab, "virtualservice", "theirs")
        (event,) = events(lab, "StillReferenced")
        assert "remove what refers to it" in event["message"]
        assert "theirs" in event["message"]
