"""Shared VIPs by annotation against both labs: joining, conflicts, leaving, moving."""

import json
from pathlib import Path

import pytest
import yaml
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab, service

from ako_lab.avi_controller.faults import Fault

SHARED = "ako.vmware.com/enable-shared-vip"
IP = "ako.vmware.com/load-balancer-ip"
INFRA = "aviinfrasetting.ako.vmware.com/name"
RULE = "ako.vmware.com/l4rule"
VS = "cluster-a--default-sig"
CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def member(name, port, **annotations):
    return service(name, ports=(port,), **{SHARED: "sig", **annotations})


def ports(lab, name=VS):
    found = [one for one in lab.avi.objects("virtualservice") if one["name"] == name]
    return {one["port"] for document in found for one in document["services"]}


def refusal(lab, name):
    """Reason of the condition that refuses a Service, if any."""
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((one["reason"] for one in conditions if one["status"] == "False"), "")


def test_members_join_and_leave_without_disturbing_the_others(lab):
    with lab.running():
        lab.kube.apply(member("a", 5060))
        lab.kube.apply(endpoints("a", "10.244.1.5", ports=(5060,)))
        address = lab.until_address("a")
        # The slice is watched apart from its Service: it may be written after the address.
        lab.until(lambda lab: lab.members("cluster-a--default-a-sig-TCP-5060"))
        mark = lab.mark()
        lab.kube.apply(member("b", 5061))
        assert lab.until_address("b") == address
        assert sorted(lab.writes(since=mark)) == ["POST pool", "PUT l4policyset", "PUT virtualservice", "PUT vsvip"]
        mark = lab.mark()
        lab.kube.delete("services", "b", "default")
        lab.until(lambda lab: ports(lab) == {5060} and len(lab.names("pool")) == 1)
        assert "DELETE virtualservice" not in lab.writes(since=mark)
        assert lab.address("a") == address


def test_a_conflict_refuses_only_the_later_one_and_heals(lab):
    with lab.running():
        lab.kube.apply(member("a", 5060))
        address = lab.until_address("a")
        mark = lab.mark()
        lab.kube.apply(member("b", 5060))
        lab.kube.wait_for(lambda _kube: refusal(lab, "b") == "PortConflict")
        assert lab.writes(since=mark) == []
        assert lab.address("a") == address
        lab.kube.delete("services", "a", "default")
        assert lab.until_address("b") == address
        lab.kube.wait_for(lambda _kube: refusal(lab, "b") == "")


def test_the_next_inherits_port_and_address_when_the_oldest_goes(lab):
    with lab.running():
        lab.kube.apply(member("a", 5060, **{IP: "10.10.0.90"}))
        assert lab.until_address("a") == ["10.10.0.90"]
        lab.kube.apply(member("b", 5060))
        lab.kube.wait_for(lambda _kube: refusal(lab, "b") == "PortConflict")
        lab.kube.delete("services", "a", "default")
        assert lab.until_address("b") == ["10.10.0.90"]
        lab.until(lambda lab: lab.names("pool") == {"cluster-a--default-b-sig-TCP-5060"})


def test_a_service_moves_into_the_group_and_out_again(lab):
    with lab.running():
        lab.kube.apply(member("a", 5060))
        shared = lab.until_address("a")
        lab.kube.apply(service("b", ports=(5061,)))
        own = lab.until_address("b")
        assert own != shared
        lab.kube.apply(member("b", 5061))
        lab.kube.wait_for(lambda _kube: lab.address("b") == shared)
        lab.until(lambda lab: lab.names("virtualservice") == {VS})
        plain = service("b", ports=(5061,))
        plain["metadata"]["annotations"] = {SHARED: None}
        lab.kube.apply(plain)
        lab.kube.delete("services", "b", "default")
        lab.kube.apply(service("b", ports=(5061,)))
        lab.until(lambda lab: lab.names("virtualservice") == {VS, "cluster-a--default-b"})
        lab.kube.wait_for(lambda _kube: lab.address("b") not in ([], shared))


def test_of_two_services_with_one_address_one_wins_and_one_is_refused(lab):
    with lab.running():
        lab.kube.apply(service("first", **{IP: "10.10.0.95"}))
        assert lab.until_address("first") == ["10.10.0.95"]
        lab.kube.apply(service("second", **{IP: "10.10.0.95"}))
        lab.kube.wait_for(lambda _kube: refusal(lab, "second"))
        assert lab.address("second") == []
        assert lab.address("first") == ["10.10.0.95"]
        assert lab.names("virtualservice") == {"cluster-a--default-first"}


def one(lab, kind, name):
    return next((document for document in lab.avi.objects(kind) if document["name"] == name), {})


def test_changes_of_infra_setting_and_rule_reach_the_whole_group(lab):
    for path in sorted(CRDS.glob("ako.vmware.com_*.yaml")):
        lab.kube.apply(yaml.safe_load(path.read_text()))
    infra = {"apiVersion": "ako.vmware.com/v1beta1", "kind": "AviInfraSetting", "metadata": {"name": "telco"}}
    rule = {
        "apiVersion": "ako.vmware.com/v1alpha2",
        "kind": "L4Rule",
        "metadata": {"name": "tuned", "namespace": "default"},
    }
    pools = {f"cluster-a--default-{name}-sig-TCP-{port}" for name, port in (("a", 5060), ("b", 5061))}

    def algorithms(lab):
        return {one(lab, "pool", name).get("lb_algorithm") for name in pools}

    with lab.running():
        lab.kube.apply(infra | {"spec": {"network": {"enableRhi": True}}})
        lab.kube.apply(rule | {"spec": {}})
        for name, port in (("a", 5060), ("b", 5061)):
            lab.kube.apply(member(name, port, **{INFRA: "telco", RULE: "tuned"}))
        assert lab.until_address("a") == lab.until_address("b")
        lab.until(lambda lab: one(lab, "virtualservice", VS).get("enable_rhi"))
        mark = lab.mark()
        lab.kube.apply(infra | {"spec": {"network": {"enableRhi": False}}})
        lab.until(lambda lab: not one(lab, "virtualservice", VS).get("enable_rhi"))
        assert lab.writes(since=mark) == ["PUT virtualservice"]
        backends = [
            {"port": port, "protocol": "TCP", "lbAlgorithm": "LB_ALGORITHM_ROUND_ROBIN"} for port in (5060, 5061)
        ]
        mark = lab.mark()
        lab.kube.apply(rule | {"spec": {"backendProperties": backends}})
        lab.until(lambda lab: algorithms(lab) == {"LB_ALGORITHM_ROUND_ROBIN"})
        assert set(lab.writes(since=mark)) == {"PUT pool"}
        lab.kube.delete("l4rules", "tuned", "default")
        lab.until(lambda lab: "LB_ALGORITHM_ROUND_ROBIN" not in algorithms(lab))
        lab.kube.wait_for(lambda _kube: {refusal(lab, name) for name in ("a", "b")} == {"L4RuleNotFound"})


def reasons_written(lab):
    """Reasons of every condition that was ever written to a Service."""
    bodies = (
        json.loads(one.body) for one in lab.kube.requests() if one.method == "PATCH" and one.resource == "services"
    )
    found = (body.get("status") or {} for body in bodies)
    return {one["reason"] for status in found for one in status.get("conditions") or ()}


def test_a_service_that_leaves_waits_for_its_name_without_a_word(lab):
    with lab.running(pace=QUICK):
        for name, port in (("a", 5060), ("b", 5061)):
            lab.kube.apply(member(name, port))
        shared = lab.until_address("a")
        lab.kube.wait_for(lambda _kube: lab.address("b") == shared)
        # The name of the Service is still in the shared VsVip when its own VsVip asks for it.
        lab.avi.faults.add(Fault(kind="delay", method="PUT", path="/api/vsvip/.*", delay=1.0))
        mark = lab.mark()
        plain = service("b", ports=(5061,))
        plain["metadata"]["annotations"] = {SHARED: None}
        lab.kube.apply(plain)
        lab.kube.wait_for(lambda _kube: lab.address("b") not in ([], shared))
        refused = [one for one in lab.avi.requests(since=mark) if one.method == "POST" and one.status == 400]
        assert refused
        assert "RefusedByController" not in reasons_written(lab)


def test_two_services_that_want_one_name_for_good_are_told(lab):
    name = {"external-dns.alpha.kubernetes.io/hostname": "web.lab.example.com"}
    with lab.running(pace=QUICK):
        lab.kube.apply(service("a", **name))
        lab.until_address("a")
        lab.kube.apply(service("b", **name))
        lab.kube.wait_for(lambda _kube: refusal(lab, "b") == "RefusedByController")
