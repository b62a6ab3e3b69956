"""Two clusters write their routes into one VRF at the same time: nobody overwrites the other."""

from contextlib import ExitStack

import pytest
from support.runtime.faults import QUICK
from support.runtime.lab import node, runtime_lab

from ako_lab.avi_controller.faults import Fault

SETTINGS = {"disableStaticRouteSync": "false"}
CLUSTERS = ("cluster-a", "cluster-b")
COUNT = 12


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, **SETTINGS) as lab:
        lab.configure(namespace="second", clusterName="cluster-b", **SETTINGS)
        yield lab


def routes(lab):
    """Networks by the cluster whose label the route carries."""
    vrf = next(one for one in lab.avi.objects("vrfcontext") if one["name"] == "global")
    found = {cluster: set() for cluster in CLUSTERS}
    for route in vrf.get("static_routes", ()):
        found[route["labels"][0]["value"]].add(route["prefix"]["ip_addr"]["addr"])
    return found


def networks(numbers):
    return {key: {f"10.244.{number}.0" for number in numbers} for key in CLUSTERS}


def test_routes_of_both_come_and_go_side_by_side(lab):
    lab.avi.faults.add(Fault(kind="status", status=412, method="PUT", path="/api/vrfcontext/.*", count=2))
    with ExitStack() as stack:
        stack.enter_context(lab.running(pace=QUICK))
        stack.enter_context(lab.running(pod="ako-b", namespace="second", pace=QUICK))
        for number in range(1, COUNT + 1):
            lab.kube.apply(node(f"node{number}", f"10.20.0.{number}", f"10.244.{number}.0/24"))
        lab.until(lambda lab: routes(lab) == networks(range(1, COUNT + 1)))
        for number in range(1, 5):
            lab.kube.delete("nodes", f"node{number}")
        lab.until(lambda lab: routes(lab) == networks(range(5, COUNT + 1)))
    ids = [one["route_id"] for vrf in lab.avi.objects("vrfcontext") for one in vrf.get("static_routes", ())]
    assert len(set(ids)) == len(ids) == 2 * (COUNT - 4)
