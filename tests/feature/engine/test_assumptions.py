"""Rules of the simulator that no source proves are switches, and the runtime lives with each of them on and off."""

import msgspec
import pytest
from support.avi_lab.client import Client
from support.ingress.objects import backend, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab, service, worked_off

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.config import Assumptions

ON = Assumptions()
NAMES = ON.__struct_fields__
TURNED = [msgspec.structs.replace(ON, **{name: not getattr(ON, name)}) for name in NAMES]
ALL = [ON, *TURNED, Assumptions(**{name: not getattr(ON, name) for name in NAMES})]
IDS = ["none", *NAMES, "all"]
HOST, SECURE = "foo.lab.example.com", "sec.lab.example.com"
CLOUD = "/api/cloud?name=Default-Cloud"
HOSTNAME = "external-dns.alpha.kubernetes.io/hostname"


@pytest.fixture(params=ALL, ids=IDS)
def lab(request, tmp_path):
    with runtime_lab(tmp_path, LabConfig(assumptions=request.param), enableEVH="true", shardVSSize="SMALL") as lab:
        lab.assumptions = request.param
        for manifest in (ingress_class(), backend("web"), endpoints("web", "10.244.1.5"), tls_secret("tls", SECURE)):
            lab.kube.apply(manifest)
        yield lab


def holders(lab, fqdn):
    return [
        document["name"]
        for document in lab.avi.objects("vsvip")
        if fqdn in {one["fqdn"] for one in document.get("dns_info", ())}
    ]


def idle(lab, app):
    lab.kube.wait_for(lambda _kube: worked_off(app))


def test_hosts_move_and_a_restart_writes_nothing(lab):
    lab.kube.apply(ingress("plain", {HOST: {"/": "web"}}))
    lab.kube.apply(ingress("secure", {SECURE: {"/": "web"}}, tls="tls"))
    with lab.running(pace=QUICK) as app:
        lab.until(lambda lab: holders(lab, HOST) and holders(lab, SECURE))
        idle(lab, app)
    before = {host: holders(lab, host) for host in (HOST, SECURE)}
    lab.configure(enableEVH="true", shardVSSize="DEDICATED")
    with lab.running(pace=QUICK) as app:
        lab.until(
            lambda lab: all(len(holders(lab, host)) == 1 and holders(lab, host) != before[host] for host in before)
        )
        idle(lab, app)
    mark = lab.mark()
    with lab.running(pace=QUICK) as app:
        idle(lab, app)
    assert lab.writes(mark) == []


def test_a_name_that_two_services_ask_for(lab):
    for name in ("amf", "smf"):
        lab.kube.apply(service(name, **{HOSTNAME: "core.lab.example.com"}))
    served = 1 if lab.assumptions.one_vsvip_per_fqdn else 2
    with lab.running(pace=QUICK):
        lab.kube.wait_for(lambda _kube: sum(bool(lab.address(name)) for name in ("amf", "smf")) == served)
        told = "core.lab.example.com"
        lab.kube.wait_for(lambda _kube: sum(told in condition(lab, name) for name in ("amf", "smf")) == 2 - served)
        assert len(holders(lab, told)) == served


def condition(lab, name):
    status = lab.kube.read("services", name, "default").get("status", {})
    return " ".join(one["message"] for one in status.get("conditions") or () if one["status"] == "False")


def test_an_object_name_that_is_somebody_elses(lab):
    """A 409 that comes before or after a 400 for the content leads to the same words and the same end."""
    lab.configure(enableEVH="false", shardVSSize="SMALL")
    theirs = {"name": "cluster-a--default-amf-TCP-80", "created_by": "terraform", "cloud_ref": CLOUD}
    with Client(lab.avi) as administrator:
        answer = administrator.post("/api/pool", theirs)
        assert answer.status == 201, answer.body
        lab.kube.apply(service("amf"))
        with lab.running(pace=QUICK):
            lab.kube.wait_for(lambda _kube: "was not made by this cluster" in condition(lab, "amf"))
            assert lab.address("amf") == []
            assert administrator.delete(f"/api/pool/{answer.json['uuid']}").status == 204
            lab.until_address("amf")
