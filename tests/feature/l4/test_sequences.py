"""A Service and its endpoints over time: what comes, drains, goes and comes back, and what is not written meanwhile."""

import pytest
from support.runtime.lab import endpoints, runtime_lab, service

VIP = "cluster-a--default-web"
POOL = "cluster-a--default-web-TCP-80"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def slice_of(*members):
    """The slice of `web`; members are an address and its conditions."""
    document = endpoints("web")
    document["endpoints"] = [{"addresses": [address], "conditions": conditions} for address, conditions in members]
    return document


def servers(lab):
    """Address and whether it takes new connections."""
    found = [document for document in lab.avi.objects("pool") if document["name"] == POOL]
    return {
        server["ip"]["addr"]: server.get("enabled", True)
        for document in found
        for server in document.get("servers", ())
    }


READY = {"ready": True}
DRAINING = {"ready": False, "serving": True, "terminating": True}
STARTING = {"ready": False}


def test_a_service_becomes_internal_and_comes_back(lab):
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(service("other"))
        lab.until_address("web")
        lab.until_address("other")
        document = service("web")
        document["spec"]["type"] = "ClusterIP"
        mark = lab.mark()
        lab.kube.apply(document)
        lab.until(lambda lab: lab.names("vsvip") == {"cluster-a--default-other"})
        lab.kube.wait_for(lambda _kube: not lab.address("web"), timeout=30.0)
        assert {write.partition(" ")[0] for write in lab.writes(since=mark)} == {"DELETE"}
        lab.kube.apply(service("web"))
        lab.until_address("web")
        assert VIP in lab.names("virtualservice")


def test_an_endpoint_drains_before_it_goes(lab):
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(slice_of(("10.244.1.5", READY), ("10.244.1.6", READY)))
        lab.until(lambda lab: servers(lab) == {"10.244.1.5": True, "10.244.1.6": True})
        lab.until_address("web")
        mark = lab.mark()
        lab.kube.apply(slice_of(("10.244.1.5", READY), ("10.244.1.6", DRAINING)))
        lab.until(lambda lab: servers(lab) == {"10.244.1.5": True, "10.244.1.6": False})
        lab.kube.apply(slice_of(("10.244.1.5", READY)))
        lab.until(lambda lab: servers(lab) == {"10.244.1.5": True})
        assert set(lab.writes(since=mark)) == {"PUT pool"}


def test_addresses_that_are_not_ready_are_published_when_asked_for(lab):
    document = service("web")
    with lab.running():
        lab.kube.apply(document)
        lab.kube.apply(slice_of(("10.244.1.5", STARTING), ("10.244.1.6", DRAINING)))
        lab.until(lambda lab: servers(lab) == {"10.244.1.5": False, "10.244.1.6": False})
        document["spec"]["publishNotReadyAddresses"] = True
        lab.kube.apply(document)
        lab.until(lambda lab: servers(lab) == {"10.244.1.5": True, "10.244.1.6": False})


def test_the_class_of_another_load_balancer_is_left_alone(lab):
    document = service("web")
    document["spec"]["loadBalancerClass"] = "example.com/other"
    with lab.running():
        lab.kube.apply(document)
        lab.kube.apply(service("ours"))
        lab.until_address("ours")
        assert lab.names("virtualservice") == {"cluster-a--default-ours"}
        assert lab.address("web") == []
