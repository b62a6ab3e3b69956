"""Services that attach to a Gateway by labels, against both labs."""

import pytest
from runtime_lab import endpoints, runtime_lab, service

LABELS = {"ako.vmware.com/gateway-name": "gw", "ako.vmware.com/gateway-namespace": "default"}


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, servicesAPI="true") as lab:
        for plural, kind, scope in (
            ("gatewayclasses", "GatewayClass", "Cluster"),
            ("gateways", "Gateway", "Namespaced"),
        ):
            lab.kube.apply(definition(plural, kind, scope))
        lab.kube.apply(
            {
                "apiVersion": "networking.x-k8s.io/v1alpha1",
                "kind": "GatewayClass",
                "metadata": {"name": "avi"},
                "spec": {"controller": "ako.vmware.com/avi-lb"},
            }
        )
        yield lab


def definition(plural, kind, scope):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.networking.x-k8s.io"},
        "spec": {
            "group": "networking.x-k8s.io",
            "names": {"plural": plural, "kind": kind, "singular": kind.lower(), "listKind": f"{kind}List"},
            "scope": scope,
            "versions": [version],
        },
    }


def gateway(*ports, **spec):
    routes = {"kind": "Service", "selector": {"matchLabels": LABELS}}
    listeners = [{"protocol": "TCP", "port": port, "routes": routes} for port in ports]
    return {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "default"},
        "spec": {"gatewayClassName": "avi", "listeners": listeners, **spec},
    }


def attached(name, port, kind="ClusterIP"):
    document = service(name, ports=(port,))
    document["metadata"]["labels"] = LABELS
    document["spec"]["type"] = kind
    return document


def status(lab):
    return lab.kube.read("gateways", "gw", "default", group="networking.x-k8s.io").get("status", {})


def condition(lab, type_):
    return next((one["status"] for one in status(lab).get("conditions", ()) if one["type"] == type_), None)


def members(lab, name, port):
    return lab.members(f"cluster-a--default-{name}-gw-TCP-{port}")


def test_services_of_every_type_share_the_gateways_address(lab):
    with lab.running():
        lab.kube.apply(gateway(80, 81))
        lab.kube.apply(attached("one", 80))
        lab.kube.apply(endpoints("one", "10.244.1.5", ports=(80,)))
        lab.kube.apply(attached("two", 81, kind="LoadBalancer"))
        lab.kube.apply(endpoints("two", "10.244.1.6", ports=(81,)))
        lab.kube.wait_for(lambda _kube: condition(lab, "Ready") == "True")
        (address,) = (one["value"] for one in status(lab)["addresses"])
        assert lab.until_address("two") == [address]
        lab.until(lambda lab: members(lab, "one", 80) and members(lab, "two", 81))
        assert lab.names("virtualservice") == {"cluster-a--default-gw"}


def test_a_service_without_its_gateway_waits_and_says_so(lab):
    with lab.running():
        lab.kube.apply(attached("one", 80, kind="LoadBalancer"))
        lab.kube.wait_for(lambda _kube: reason(lab, "one") == "GatewayNotFound")
        assert lab.writes() == []
        lab.kube.apply(gateway(80))
        lab.until_address("one")
        lab.kube.wait_for(lambda _kube: reason(lab, "one") == "")
        lab.kube.delete("gateways", "gw", "default", group="networking.x-k8s.io")
        lab.until(lambda lab: not lab.names("virtualservice") and not lab.names("vsvip"))
        lab.kube.wait_for(lambda _kube: lab.address("one") == [])


def reason(lab, name):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((one["reason"] for one in conditions if one["status"] == "False"), "")


def test_the_finalizer_of_the_official_controller_does_not_hold_a_gateway(lab):
    with lab.running():
        document = gateway(80)
        document["metadata"]["finalizers"] = ["gateway.ako.vmware.com"]
        lab.kube.apply(document)
        lab.kube.wait_for(lambda _kube: condition(lab, "Ready") == "True")
        lab.kube.delete("gateways", "gw", "default", group="networking.x-k8s.io")
        lab.kube.wait_for(lambda kube: not kube.objects("gateways", namespace="default"))
        lab.until(lambda lab: not lab.names("virtualservice"))


def test_a_wrong_gateway_keeps_what_it_has(lab):
    with lab.running():
        lab.kube.apply(gateway(80))
        lab.kube.wait_for(lambda _kube: condition(lab, "Ready") == "True")
        mark = lab.mark()
        lab.kube.apply(gateway(80, addresses=[{"type": "IPAddress", "value": "10.10.0"}]))
        lab.kube.wait_for(lambda _kube: condition(lab, "Scheduled") == "False")
        assert lab.writes(since=mark) == []
        assert status(lab)["addresses"]


def addresses(lab):
    return [one["value"] for one in status(lab).get("addresses", ())]


def test_another_address_moves_the_gateway_and_one_that_is_taken_does_not(lab):
    wanted = [{"type": "IPAddress", "value": "10.10.0.60"}]
    with lab.running():
        lab.kube.apply(attached("web", 80, "LoadBalancer"))
        lab.kube.apply(gateway(80, addresses=wanted))
        lab.kube.wait_for(lambda _kube: addresses(lab) == ["10.10.0.60"], timeout=30.0)
        lab.kube.apply(gateway(80, addresses=[{"type": "IPAddress", "value": "10.10.0.61"}]))
        lab.kube.wait_for(lambda _kube: addresses(lab) == ["10.10.0.61"], timeout=30.0)
        lab.kube.wait_for(lambda _kube: lab.address("web") == ["10.10.0.61"], timeout=30.0)
        lab.until(lambda lab: lab.names("vsvip") == {"cluster-a--default-gw"})
        lab.kube.apply(service("other", **{"ako.vmware.com/load-balancer-ip": "10.10.0.60"}))
        assert lab.until_address("other") == ["10.10.0.60"]
        lab.kube.apply(gateway(80, addresses=wanted))
        lab.kube.wait_for(lambda _kube: condition(lab, "Scheduled") == "False", timeout=30.0)
        assert addresses(lab) == ["10.10.0.61"]
        assert lab.address("web") == ["10.10.0.61"]
        assert "cluster-a--default-gw" in lab.names("virtualservice")
