"""Dual stack by what a Service says and the controller's network has; networks by UUID; the algorithm."""

import json

import pytest
from support.runtime.lab import endpoints, runtime_lab, service

from ako_lab.avi_controller.faults import Fault

VIP = "cluster-a--default-web"
POOL = "cluster-a--default-web-TCP-80"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, vipNetworkList=json.dumps([{"networkName": "vip-network"}])) as lab:
        yield lab


def dual(policy, *families, name="web"):
    document = service(name)
    document["spec"] |= {"ipFamilyPolicy": policy, "ipFamilies": list(families)}
    return document


def versions(addresses):
    return ["IPv6" if ":" in address else "IPv4" for address in addresses]


def one(lab, kind, name):
    return next((document for document in lab.avi.objects(kind) if document["name"] == name), {})


def told(lab, text):
    found = lab.kube.objects("events", "default", group="events.k8s.io")
    return [one for one in found if text in one["note"]]


def problem(lab, name="web"):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["status"] == "False"), "")


@pytest.mark.parametrize("policy", ["PreferDualStack", "RequireDualStack"])
def test_both_addresses_in_the_order_of_the_service_from_a_network_without_subnets(lab, policy):
    with lab.running():
        lab.kube.apply(dual(policy, "IPv6", "IPv4"))
        assert versions(lab.until_address("web")) == ["IPv6", "IPv4"]
        assert problem(lab) == ""
        mark = lab.mark()
        lab.kube.apply(service("other"))
        assert versions(lab.until_address("other")) == ["IPv4"]
        assert all(VIP not in json.dumps(entry.body or "") for entry in lab.avi.requests(since=mark))


def test_a_restart_writes_nothing_to_a_vip_whose_subnets_the_controller_chose(lab):
    with lab.running():
        lab.kube.apply(dual("PreferDualStack", "IPv4", "IPv6"))
        addresses = lab.until_address("web")
        lab.until(lambda lab: VIP in lab.names("virtualservice"))
    mark = lab.mark()
    with lab.running():
        lab.kube.apply(service("other"))
        lab.until_address("other")
        lab.kube.delete("services", "other", "default")
        lab.until(lambda lab: lab.names("vsvip") == {VIP})
    changed = [
        entry for entry in lab.avi.requests(since=mark) if entry.method == "PUT" and entry.path.startswith("/api/vsvip")
    ]
    assert changed == []
    assert lab.address("web") == addresses


def test_a_network_of_the_configuration_by_its_uuid(lab):
    network = one(lab, "network", "vip-network")
    lab.configure(vipNetworkList=json.dumps([{"networkUUID": network["uuid"], "cidr": "10.10.0.0/24"}]))
    with lab.running():
        lab.kube.apply(service("web"))
        (address,) = lab.until_address("web")
        assert address.startswith("10.10.0.")


def test_a_wrong_algorithm_is_told_and_keeps_the_pool(lab):
    with lab.running():
        lab.kube.apply(service("web", **{"ako.vmware.com/lb-algorithm": "round-robin"}))
        address = lab.until_address("web")
        assert one(lab, "pool", POOL)["lb_algorithm"] == "LB_ALGORITHM_ROUND_ROBIN"
        mark = lab.mark()
        lab.kube.apply(service("web", **{"ako.vmware.com/lb-algorithm": "fair"}))
        lab.kube.wait_for(lambda _kube: problem(lab) == "InvalidValue", timeout=30.0)
        assert lab.writes(since=mark) == []
        assert lab.address("web") == address
        lab.kube.wait_for(lambda _kube: told(lab, "ROUND_ROBIN"), timeout=30.0)
        lab.kube.apply(service("web", **{"ako.vmware.com/lb-algorithm": "LEAST_CONNECTIONS"}))
        lab.until(lambda lab: one(lab, "pool", POOL)["lb_algorithm"] == "LB_ALGORITHM_LEAST_CONNECTIONS")


def test_a_second_address_that_is_refused_leaves_the_first_and_the_members_right(lab):
    with lab.running():
        lab.kube.apply(dual("SingleStack", "IPv4"))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        address = lab.until_address("web")
        lab.until(lambda lab: lab.members(POOL) == {"10.244.1.5:8080"})
        lab.avi.faults.add(Fault(kind="status", status=400, method="PUT", path="/api/vsvip/.*", count=None))
        lab.kube.apply(dual("PreferDualStack", "IPv4", "IPv6"))
        lab.kube.wait_for(lambda _kube: problem(lab), timeout=30.0)
        lab.kube.apply(endpoints("web", "10.244.1.6"))
        lab.until(lambda lab: lab.members(POOL) == {"10.244.1.6:8080"})
        assert lab.address("web") == address
