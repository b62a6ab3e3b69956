"""Every fault of the Kubernetes API, while Services come, change and go; nothing is deleted on doubt."""

import random
from collections import Counter
from typing import get_args

import msgspec
import pytest
from support.runtime.faults import KINDS, QUICK, World, foreign, identities, ours, plant_foreign
from support.runtime.lab import runtime_lab, service

from ako_lab.kube_api.faults import Action, Fault

INFRA_SETTINGS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "aviinfrasettings.ako.vmware.com"},
    "spec": {
        "group": "ako.vmware.com",
        "scope": "Cluster",
        "names": {"plural": "aviinfrasettings", "singular": "aviinfrasetting", "kind": "AviInfraSetting"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
FAULTS = {
    "conflict-on-status": Fault(action="answer", verb="patch", status=409, reason="Conflict", times=4),
    "too-many-requests": Fault(action="answer", status=429, retry_after=1, times=10),
    "server-error": Fault(action="answer", status=500, times=10),
    "unavailable": Fault(action="answer", status=503, times=10),
    "gateway-timeout": Fault(action="answer", status=504, times=10),
    "forbidden-lists": Fault(action="answer", verb="list", status=403, times=6),
    "forbidden-watches": Fault(action="answer", verb="watch", status=403, times=6),
    "expired-watches": Fault(action="answer", verb="watch", status=410, reason="Expired", times=6),
    "lists-not-found": Fault(action="answer", verb="list", status=404, times=6),
    "slow": Fault(action="delay", seconds=0.05, times=30),
    "dropped": Fault(action="drop", times=10),
    "half-a-list": Fault(action="truncate", verb="list", times=6),
    "half-a-patch": Fault(action="truncate", verb="patch", times=4),
}


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


@pytest.mark.parametrize("name", FAULTS)
def test_after_the_fault_everything_is_right(lab, name):
    # A fault of lists is met only when the history is gone.
    relist = "list" in name or name in {"server-error", "dropped"}
    theirs = plant_foreign(lab)
    world = World(lab)
    with lab.running(pace=QUICK):
        for each in ("stays", "changes", "goes"):
            world.put(each, "10.244.1.5")
        world.until_settled()
        kept, as_it_was = identities(lab, "stays"), foreign(lab, theirs)
        mark = lab.mark()
        lab.kube.faults.add(FAULTS[name])
        if relist:
            lab.kube.compact()
        lab.kube.interrupt_watches("gone" if relist else "drop")
        world.put("changes", "10.244.1.5", "10.244.1.6")
        world.put("comes", "10.244.1.7")
        world.drop("goes")
        world.until_settled()
        lab.kube.faults.clear()
        world.put("later", "10.244.1.8")
        world.until_settled()
    assert identities(lab, "stays") == kept
    assert foreign(lab, theirs) == as_it_was
    assert len(lab.writes(since=mark)) <= 20


@pytest.mark.parametrize("name", FAULTS)
def test_a_start_amid_the_fault_deletes_nothing(lab, name):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("stays", "10.244.1.5")
        world.until_settled()
    mark = lab.mark()
    settings = lab.settings()
    lab.kube.faults.add(FAULTS[name])
    with lab.running(pod="ako-1", pace=QUICK, settings=settings):
        world.put("comes", "10.244.1.7")
        world.until_settled()
    # The slice of the new Service is watched apart from it, so its pool may be written again.
    beyond = Counter(lab.writes(since=mark)) - Counter(f"POST {kind}" for kind in KINDS)
    assert set(beyond) <= {"PUT pool"}


def test_a_list_that_never_comes_holds_back_only_what_needs_it(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("stays", "10.244.1.5")
        world.until_settled()
    mark = lab.mark()
    settings = lab.settings()
    fault = lab.kube.faults.add(Fault(action="answer", verb="list", resource="endpointslices", status=500, times=None))
    with lab.running(pod="ako-1", pace=QUICK, settings=settings) as app:
        lab.kube.wait_for(lambda _kube: "endpointslices" in str(app.status()))
        lab.kube.delete("services", "stays", "default")
        lab.kube.apply(service("stays"))
        assert lab.writes(since=mark) == []
        lab.kube.faults.remove(fault)
        world.put("comes", "10.244.1.7")
        world.until_settled()
    assert "DELETE pool" not in lab.writes(since=mark)


@pytest.mark.parametrize("ending", ["drop", "end", "gone"])
def test_watches_that_are_cut_all_the_time_lose_nothing(lab, ending):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.1")
        world.until_settled()
        for turn in range(2, 12):
            lab.kube.interrupt_watches(ending)
            world.put("web", f"10.244.1.{turn}")
            lab.until(lambda lab, turn=turn: lab.members("cluster-a--default-web-TCP-80") == {f"10.244.1.{turn}:8080"})
        world.until_settled()


def test_a_partition_from_the_api_server_changes_nothing_and_ends_well(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
        mark = lab.mark()
        cut = lab.kube.faults.add(Fault(action="silence", user_agent="ako-toolkit"))
        world.put("web", "10.244.1.5", "10.244.1.6")
        world.put("comes", "10.244.1.7")
        assert lab.writes(since=mark) == []
        lab.kube.faults.remove(cut)
        world.until_settled()


@pytest.mark.parametrize("seed", range(4))
def test_a_mixture_of_faults_leaves_nothing_wrong(lab, seed):
    chance = random.Random(seed)  # noqa: S311 - a reproducible mixture
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("stays", "10.244.1.5")
        world.until_settled()
        kept = identities(lab, "stays")
        mark = lab.mark()
        for turn in range(6):
            for name in chance.sample(sorted(FAULTS), 2):
                lab.kube.faults.add(msgspec.structs.replace(FAULTS[name], skip=chance.randint(0, 3)))
            lab.kube.interrupt_watches(chance.choice(["drop", "end", "gone"]))
            world.stir(chance, turn)
        lab.kube.faults.clear()
        world.until_settled()
    assert identities(lab, "stays") == kept
    assert len(lab.writes(since=mark)) <= 100


INFRA_SETTING = {
    "apiVersion": "ako.vmware.com/v1beta1",
    "kind": "AviInfraSetting",
    "metadata": {"name": "gold"},
    "spec": {"network": {"enableRhi": True}},
}


def test_a_kind_that_is_installed_removed_and_installed_again_is_followed(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("plain", "10.244.1.5")
        lab.kube.apply(service("web", **{"aviinfrasetting.ako.vmware.com/name": "gold"}))
        world.put("web", "10.244.1.6")
        world.until_settled()
        made = {name: identities(lab, name) for name in world.members}
        for _ in range(2):
            # Without the setting the global ones apply, and the Service says so.
            lab.kube.wait_for(lambda _kube: "gold" in problem(lab, "web"))
            lab.until(lambda lab: not advertised(lab, "web"))
            lab.kube.apply(INFRA_SETTINGS)
            lab.kube.apply(INFRA_SETTING)
            lab.until(lambda lab: advertised(lab, "web"))
            lab.kube.wait_for(lambda _kube: not problem(lab, "web"))
            lab.kube.delete("customresourcedefinitions", "aviinfrasettings.ako.vmware.com")
        lab.until(lambda lab: not advertised(lab, "web"))
        world.until_settled()
        assert {name: identities(lab, name) for name in world.members} == made


def advertised(lab, name):
    """Whether the address of a Service is advertised to the peers."""
    (found,) = [one for one in ours(lab, "virtualservice") if one["name"] == f"cluster-a--default-{name}"]
    return found.get("enable_rhi", False)


def problem(lab, name):
    status = lab.kube.read("services", name, "default").get("status", {})
    return " ".join(one["message"] for one in status.get("conditions") or () if one["status"] == "False")


def test_a_kind_that_is_not_installed_is_waited_for_and_picked_up_when_it_appears(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
        lab.kube.apply(INFRA_SETTINGS)
        lab.kube.apply(INFRA_SETTING)
        lab.kube.apply(service("other", **{"aviinfrasetting.ako.vmware.com/name": "gold"}))
        world.put("other", "10.244.1.6")
        world.until_settled()
        lab.until(lambda lab: advertised(lab, "other"))


def test_every_action_that_the_embedded_api_has_is_met_here():
    # `silence` is the partition above.
    assert {fault.action for fault in FAULTS.values()} | {"silence"} == set(get_args(Action))
