"""Two clusters of one name on one controller, and starts that would delete most of what is there."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import msgspec
import pytest
from support.avi_lab.client import Client
from support.runtime.faults import QUICK, World, ours
from support.runtime.lab import NAMESPACE, RuntimeLab, runtime_lab, service

from ako_lab.kube_api import KubeLab

PACE = msgspec.structs.replace(QUICK, answers=0.05, resync=0.5)


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


@pytest.fixture
def other(lab, tmp_path):
    """Another Kubernetes cluster at the same controller, with the same values."""
    with KubeLab() as kube:
        kubeconfig = tmp_path / "other.kubeconfig"
        kube.write_kubeconfig(kubeconfig)
        found = RuntimeLab(lab.avi, kube, kubeconfig)
        found.configure()
        yield found


def record(lab):
    found = [one for one in lab.avi.objects("stringgroup") if "identity" in one["name"]]
    assert len(found) <= 1
    return {one["key"]: one["value"] for one in found[0]["kv"]} if found else None


def forget(lab):
    """As after a take-over: nothing says whose the objects are."""
    with Client(lab.avi) as administrator:
        for one in lab.avi.objects("stringgroup"):
            if "identity" in one["name"]:
                assert administrator.request("DELETE", f"/api/stringgroup/{one['uuid']}").status == 204


def uid(lab):
    return lab.kube.read("namespaces", "kube-system")["metadata"]["uid"]


def annotate(lab, **annotations):
    annotations = {f"ako.vmware.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
    config = lab.kube.read("configmaps", "avi-k8s-config", NAMESPACE)
    lab.kube.apply({**config, "metadata": {**config["metadata"], "annotations": annotations}})


def serve(lab, *names):
    world = World(lab)
    for name in names:
        world.put(name, "10.244.1.5")
    world.until_settled()
    return world


def readiness(app):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{app.http_port}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def gauge(app, name):
    return app.metrics.registry.get_sample_value(name)


def events(lab, reason):
    return [one for one in lab.kube.objects("events", NAMESPACE) if one.get("reason") == reason]


def test_a_second_cluster_of_the_same_name_writes_and_deletes_nothing(lab, other):
    with lab.running(pace=PACE):
        serve(lab, "a", "b", "c")
        lab.until(lambda _lab: (record(lab) or {}).get("orphansDeleted") == "yes")
        assert record(lab)["kubeSystemUid"] == uid(lab)
        mark = lab.mark()
        with other.running(pace=PACE) as app:
            other.kube.apply(service("web"))
            other.kube.wait_for(
                lambda kube: "two clusters" in json.dumps(kube.read("services", "web", "default").get("status", {}))
            )
            lab.until(lambda _lab: readiness(app)[0] == 503 and "two clusters" in readiness(app)[1])
            assert uid(lab) in readiness(app)[1]
            assert gauge(app, "ako_cluster_name_taken") == 1.0
            other.kube.wait_for(lambda _kube: events(other, "ClusterNameTaken"))
            assert any("two clusters" in one for one in app.status()["avicontroller"]["errors"])
            assert lab.writes(since=mark, records=True) == []
            assert record(lab)["kubeSystemUid"] == uid(lab)
    assert len(ours(lab, "virtualservice")) == 3


def test_the_name_goes_over_when_people_say_so(lab, other):
    with lab.running(pace=PACE):
        serve(lab, "a", "b", "c")
    with other.running(pace=PACE) as app:
        lab.until(lambda _lab: gauge(app, "ako_cluster_name_taken") == 1.0)
        annotate(other, take_over_cluster="another")
        mark = lab.mark()
        annotate(other, take_over_cluster=uid(lab))
        lab.until(lambda _lab: (record(lab) or {}).get("kubeSystemUid") == uid(other))
        # What serves is not deleted without another word.
        lab.until(lambda _lab: gauge(app, "ako_held_deletions") == 3.0)
        assert "DELETE virtualservice" not in lab.writes(since=mark)
        annotate(other, confirm_deletions="3")
        lab.until(lambda _lab: ours(lab, "virtualservice") == [] and record(lab)["orphansDeleted"] == "yes")


def test_a_start_without_a_record_that_would_delete_most_asks_first_over_restarts(lab):
    with lab.running(pace=PACE):
        world = serve(lab, "a", "b", "c", "d")
    forget(lab)
    for name in ("a", "b", "c"):
        world.drop(name)
    for _ in range(2):
        with lab.running(pace=PACE) as app:
            lab.until(lambda _lab, app=app: gauge(app, "ako_held_deletions") == 3.0)
            lab.kube.wait_for(lambda _kube: events(lab, "DeletionsHeld"))
            assert len(ours(lab, "virtualservice")) == 4
            assert readiness(app)[0] == 200
    # What is asked for meanwhile is served.
    with lab.running(pace=PACE) as app:
        lab.kube.apply(service("later"))
        lab.until_address("later")
        annotate(lab, confirm_deletions="2")
        lab.until(lambda _lab: gauge(app, "ako_held_deletions") == 3.0)
        annotate(lab, confirm_deletions="3")
        lab.until(lambda _lab: len(ours(lab, "virtualservice")) == 2 and record(lab)["orphansDeleted"] == "yes")


def planned(lab):
    """Exit code and the notes of `ako plan`."""
    command = [sys.executable, "-m", "ako_runtime", "plan", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE]
    done = subprocess.run([*command, "-o", "json"], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout)["notes"]


def test_a_plan_says_what_waits_for_an_answer_and_writes_nothing(lab, other):
    with lab.running(pace=PACE):
        serve(lab, "one", "two", "three")
        lab.until(lambda lab: (record(lab) or {}).get("orphansDeleted") == "yes")
    assert planned(lab) == (0, [])
    mark = lab.mark()
    code, (note,) = planned(other)
    assert code == 1
    assert note.startswith("two clusters are called 'cluster-a'")
    assert lab.writes(since=mark, records=True) == []
    forget(lab)
    mark = lab.mark()
    code, (note,) = planned(other)
    assert code == 1
    assert note.startswith("3 of 3 virtual services of 'cluster-a' belong to nothing in this cluster")
    annotate(other, confirm_deletions="3")
    assert planned(other) == (1, [])
    assert lab.writes(since=mark, records=True) == []


def test_few_or_the_smaller_part_go_without_asking(lab):
    with lab.running(pace=PACE):
        world = serve(lab, "a", "b", "c")
    forget(lab)
    world.drop("a")
    with lab.running(pace=PACE):
        world.until_settled()
    # With a record of ours nobody is asked.
    for name in ("b", "c"):
        world.drop(name)
    with lab.running(pace=PACE):
        world.until_settled()


def test_a_deletion_of_everything_frees_the_name(lab, other):
    with lab.running(pace=PACE) as app:
        serve(lab, "a", "b", "c")
        lab.configure(deleteConfig="true")
        lab.until(lambda _lab: ours(lab, "virtualservice") == [] and record(lab) is None)
        assert app.may_write
    with other.running(pace=PACE):
        serve(other, "web")
        assert record(other)["kubeSystemUid"] == uid(other)


def test_a_start_with_the_record_writes_nothing(lab):
    with lab.running(pace=PACE):
        serve(lab, "a", "b", "c")
        lab.until(lambda _lab: (record(lab) or {}).get("orphansDeleted") == "yes")
    mark = lab.mark()
    with lab.running(pace=PACE) as app:
        lab.until(lambda _lab: app.ready and app.idle)
    assert lab.writes(since=mark, records=True) == []
