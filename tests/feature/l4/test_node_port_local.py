"""NodePortLocal: Antrea is told by an annotation of the Service, and answers by one of each Pod."""

import json

import pytest
from support.ingress.objects import backend, ingress, ingress_class
from support.runtime.lab import endpoints, runtime_lab, service

TOLD = "nodeportlocal.antrea.io/enabled"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, serviceType="NodePortLocal", cniPlugin="antrea") as lab:
        yield lab


def told(lab, name):
    return lab.kube.read("services", name, "default")["metadata"].get("annotations", {}).get(TOLD)


def pod(name, port):
    ports = [{"podPort": port, "nodeIP": "10.20.0.11", "nodePort": 61000, "protocol": "tcp"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "annotations": {"nodeportlocal.antrea.io": json.dumps(ports)},
        },
    }


def of_pod(document, name):
    document["endpoints"][0]["targetRef"] = {"kind": "Pod", "name": name}
    return document


def test_antrea_is_told_answers_and_is_told_to_stop(lab):
    pool = "cluster-a--default-web-TCP-80"
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(of_pod(endpoints("web", "10.244.1.5"), "p1"))
        lab.kube.wait_for(lambda _kube: told(lab, "web") == "true")
        assert lab.members(pool) == set()
        lab.kube.apply(pod("p1", 8080))
        lab.until(lambda lab: lab.members(pool) == {"10.20.0.11:61000"})
        internal = service("web")
        internal["spec"]["type"] = "ClusterIP"
        lab.kube.apply(internal)
        lab.kube.wait_for(lambda _kube: told(lab, "web") is None)
        assert lab.names("pool") == set()


def test_services_behind_an_ingress_are_told_too(lab):
    with lab.running():
        lab.kube.apply(ingress_class())
        lab.kube.apply(backend("site"))
        lab.kube.apply(backend("unused"))
        lab.kube.apply(ingress("a", {"foo.lab.example.com": {"/": "site"}}))
        lab.kube.wait_for(lambda _kube: told(lab, "site") == "true")
        assert told(lab, "unused") is None
        lab.configure(serviceType="NodePortLocal", cniPlugin="antrea", deleteConfig="true")
        lab.kube.wait_for(lambda _kube: told(lab, "site") is None)
