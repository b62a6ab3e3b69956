"""Manifests after public reports (`cases/field` beside the test data), applied as they are, and what users see."""

import pytest
import yaml
from support.data_folder import test_cases
from support.ingress.objects import definitions
from support.runtime.faults import QUICK
from support.runtime.lab import runtime_lab

PROBLEM = "ako.vmware.com/ingress-problem"


@pytest.fixture(params=["evh", "sni"])
def lab(request, tmp_path):
    with runtime_lab(tmp_path, enableEVH=str(request.param == "evh").lower(), tlsSecretsScope="cluster") as lab:
        for document in definitions():
            lab.kube.apply(document)
        yield lab


def apply(lab, name):
    for document in yaml.safe_load_all(test_cases("field", name).read_text()):
        if document:
            document["metadata"].setdefault("namespace", "default")
            lab.kube.apply(document)


def shown(lab, resource, name, namespace="default"):
    status = lab.kube.read(resource, name, namespace).get("status", {})
    return [entry["ip"] for entry in status.get("loadBalancer", {}).get("ingress") or ()]


def problem(lab, name, namespace="default"):
    return lab.kube.read("ingresses", name, namespace)["metadata"].get("annotations", {}).get(PROBLEM, "")


def refusal(lab, name):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or ()
    return next((one["message"] for one in conditions if one["status"] == "False"), "")


def test_a_challenge_is_served_before_there_is_a_certificate(lab):
    with lab.running(pace=QUICK):
        apply(lab, "A1-challenge-before-certificate.yaml")
        lab.kube.wait_for(lambda _kube: shown(lab, "ingresses", "billing-challenge"))
        lab.kube.wait_for(lambda _kube: problem(lab, "billing").startswith("CertificateRefused"))
        # In SNI mode a path of an insecure host is taken by its beginning, which is said.
        assert problem(lab, "billing-challenge").partition(":")[0] in ("", "PathOutOfReach")
        assert len(lab.names("pool")) == 1
        assert lab.names("sslkeyandcertificate") == set()


def test_a_plain_host_is_not_taken_away_by_another_namespace(lab):
    with lab.running(pace=QUICK):
        apply(lab, "A2-plain-first.yaml")
        lab.kube.wait_for(lambda _kube: shown(lab, "ingresses", "portal"))
        mark = lab.mark()
        apply(lab, "A2-then-other-namespace.yaml")
        lab.kube.wait_for(lambda _kube: problem(lab, "admin", "tenant-b").startswith("CertificateRefused"))
        assert shown(lab, "ingresses", "portal")
        assert problem(lab, "portal") == ""
        assert not [one for one in lab.writes(since=mark) if one.startswith("DELETE")]


@pytest.mark.parametrize(
    ("name", "service", "address"),
    [
        ("B1-address-of-no-network.yaml", "amf", "203.0.113.9"),
        ("B2-rule-with-address-of-no-network.yaml", "smf", "203.0.113.10"),
    ],
)
def test_an_address_of_no_network_is_refused_once(lab, name, service, address):
    with lab.running(pace=QUICK) as app:
        apply(lab, name)
        lab.kube.wait_for(lambda _kube: address in refusal(lab, service))
        assert "10.10.0.0/24" in refusal(lab, service)
        lab.kube.wait_for(lambda _kube: app.idle)
        assert shown(lab, "services", service) == []
        assert lab.names("vsvip") == set()
        assert not [one for one in lab.avi.requests() if one.method == "POST" and one.status >= 400]
