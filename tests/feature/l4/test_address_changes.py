"""A VIP whose address must become another one: the controller refuses to change it, so the VsVip is replaced."""

from pathlib import Path

import pytest
import yaml
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab, service

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.config import CloudSeed, NetworkSeed, SubnetSeed
from ako_lab.avi_controller.faults import Fault

ADDRESS = "ako.vmware.com/load-balancer-ip"
NAME = "cluster-a--default-web"
CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def reason(lab, name="web"):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["status"] == "False"), "")


def until_at(lab, address, name="web"):
    lab.kube.wait_for(lambda _kube: lab.address(name) == [address])


def vsvips(lab):
    return {
        one["name"]: one["vip"][0]["ip_address"]["addr"]
        for one in lab.avi.objects("vsvip")
        if one["name"].startswith("cluster-a--")
    }


def test_another_static_address_moves_the_service_and_leaves_nothing(lab):
    with lab.running(pace=QUICK):
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.50"}))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        until_at(lab, "10.10.0.50")
        # The slice is watched apart from its Service: it may be written after the address.
        lab.until(lambda lab: lab.members(f"{NAME}-TCP-80"))
        mark = lab.mark()
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.60"}))
        until_at(lab, "10.10.0.60")
        assert vsvips(lab) == {NAME: "10.10.0.60"}
        assert lab.names("virtualservice") == {NAME}
        assert reason(lab) == ""
        # Reserved before anything goes; pool and policy stay as they are.
        assert lab.writes(since=mark)[:2] == ["POST vsvip", "PUT virtualservice"]
        assert not {"DELETE pool", "DELETE l4policyset", "DELETE virtualservice"} & set(lab.writes(since=mark))


def test_an_automatic_address_becomes_a_static_one(lab):
    with lab.running(pace=QUICK):
        lab.kube.apply(service("web"))
        first = lab.until_address("web")
        assert first != ["10.10.0.70"]
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.70"}))
        until_at(lab, "10.10.0.70")
        lab.kube.apply(service("web"))
        lab.kube.apply(service("last"))
        lab.until_address("last")
        # Who no longer asks for an address keeps the one they have.
        assert lab.address("web") == ["10.10.0.70"]
        assert set(vsvips(lab)) == {NAME, "cluster-a--default-last"}


def test_an_address_that_somebody_has_is_refused_and_the_old_one_serves(lab):
    with lab.running(pace=QUICK):
        lab.kube.apply(service("holder", **{ADDRESS: "10.10.0.60"}))
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.50"}))
        until_at(lab, "10.10.0.50")
        until_at(lab, "10.10.0.60", "holder")
        before = lab.avi.objects("virtualservice")
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.60"}))
        lab.kube.wait_for(lambda _kube: reason(lab))
        assert lab.address("web") == ["10.10.0.50"]
        assert lab.avi.objects("virtualservice") == before
        assert vsvips(lab) == {NAME: "10.10.0.50", "cluster-a--default-holder": "10.10.0.60"}
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.61"}))
        until_at(lab, "10.10.0.61")
        assert reason(lab) == ""


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=503, method="DELETE", path="/api/virtualservice/.*", count=1),
        Fault(kind="status", status=503, method="DELETE", path="/api/vsvip/.*", count=1),
        Fault(kind="reset", method="DELETE", path="/api/vsvip/.*", count=2),
        Fault(kind="status", status=503, method="POST", path="/api/vsvip", count=1),
    ],
)
def test_a_replacement_that_breaks_off_is_taken_up_again(lab, fault):
    with lab.running(pace=QUICK):
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.50"}))
        until_at(lab, "10.10.0.50")
        lab.avi.faults.add(fault)
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.60"}))
        until_at(lab, "10.10.0.60")
        lab.until(lambda lab: vsvips(lab) == {NAME: "10.10.0.60"} and lab.names("virtualservice") == {NAME})


def two_networks():
    first = NetworkSeed(
        name="vip-network", subnets=(SubnetSeed(prefix="10.10.0.0/24", begin="10.10.0.10", end="10.10.0.250"),)
    )
    second = NetworkSeed(
        name="second", subnets=(SubnetSeed(prefix="10.12.0.0/24", begin="10.12.0.10", end="10.12.0.20"),)
    )
    return LabConfig(clouds=(CloudSeed(networks=(first, second), dns_domains=("lab.example.com",)),))


def test_a_network_that_moves_takes_the_service_along(tmp_path):
    with runtime_lab(tmp_path, two_networks()) as lab:
        for path in sorted(CRDS.glob("ako.vmware.com_*.yaml")):
            lab.kube.apply(yaml.safe_load(path.read_text()))
        move_network(lab)


def move_network(lab):
    infra = {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": "telco"},
        "spec": {"network": {"vipNetworks": [{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]}},
    }
    with lab.running(pace=QUICK):
        lab.kube.apply(infra)
        lab.kube.apply(service("web", **{"aviinfrasetting.ako.vmware.com/name": "telco"}))
        (address,) = lab.until_address("web")
        assert address.startswith("10.10.0.")
        infra["spec"]["network"]["vipNetworks"] = [{"networkName": "second", "cidr": "10.12.0.0/24"}]
        lab.kube.apply(infra)
        lab.kube.wait_for(lambda _kube: lab.address("web") == ["10.12.0.10"])
        assert vsvips(lab) == {NAME: "10.12.0.10"}


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("count", range(5))
def test_a_death_in_the_middle_of_a_replacement_is_completed(lab, count, applied):
    with lab.running(pace=QUICK):
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.50"}))
        until_at(lab, "10.10.0.50")
        if applied:
            lab.avi.faults.add(Fault(kind="reset", path="/api/.*", after=count, count=1, applied=True))
        lab.avi.faults.add(Fault(kind="reset", path="/api/.*", after=count + applied))
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.60"}))
        lab.until(lambda lab: lab.avi.faults.struck.get("reset"))
    lab.avi.faults.clear()
    with lab.running(pod="ako-1", pace=QUICK):
        until_at(lab, "10.10.0.60")
        lab.until(lambda lab: vsvips(lab) == {NAME: "10.10.0.60"} and lab.names("virtualservice") == {NAME})
