"""A network without a free address: who comes too late waits, says so, and is served when an address is free."""

import pytest
from support.runtime.faults import QUICK
from support.runtime.lab import runtime_lab, service

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.config import CloudSeed, NetworkSeed, SubnetSeed


@pytest.fixture
def lab(tmp_path):
    subnet = SubnetSeed(prefix="10.10.0.0/24", begin="10.10.0.10", end="10.10.0.10")
    network = NetworkSeed(name="vip-network", subnets=(subnet,))
    with runtime_lab(tmp_path, LabConfig(clouds=(CloudSeed(networks=(network,)),))) as lab:
        yield lab


def problem(lab, name):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["status"] == "False"), "")


def events(lab, name):
    found = lab.kube.objects("events", "default", group="events.k8s.io")
    return {(one["type"], one["reason"]) for one in found if one["regarding"]["name"] == name}


def test_the_last_address_goes_to_one_and_the_other_waits_for_it(lab):
    with lab.running(pace=QUICK):
        lab.kube.apply(service("first"))
        assert lab.until_address("first") == ["10.10.0.10"]
        lab.kube.apply(service("second"))
        lab.kube.wait_for(lambda _kube: problem(lab, "second") == "NoFreeAddress")
        lab.kube.wait_for(lambda _kube: ("Warning", "NoFreeAddress") in events(lab, "second"))
        assert lab.address("second") == []
        assert lab.address("first") == ["10.10.0.10"]
        assert "cluster-a--default-second" not in lab.names("virtualservice")
        lab.kube.delete("services", "first", "default")
        assert lab.until_address("second") == ["10.10.0.10"]
        lab.kube.wait_for(lambda _kube: problem(lab, "second") == "")
