"""Services that attach to a Gateway by labels, against both labs."""

import pytest
from support.runtime.lab import endpoints, runtime_lab, service

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
        lab.kube.wait_for(lambda _kube: condition(lab, "ako.vmware.com/Ready") == "True")
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
        lab.kube.wait_for(lambda _kube: condition(lab, "ako.vmware.com/Ready") == "True")
        lab.kube.delete("gateways", "gw", "default", group="networking.x-k8s.io")
        lab.kube.wait_for(lambda kube: not kube.objects("gateways", namespace="default"))
        lab.until(lambda lab: not lab.names("virtualservice"))


def test_a_wrong_gateway_keeps_what_it_has(lab):
    with lab.running():
        lab.kube.apply(gateway(80))
        lab.kube.wait_for(lambda _kube: condition(lab, "ako.vmware.com/Ready") == "True")
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


def ready_port(lab, port):
    """Status and reason of the condition of a port."""
    found = [
        one
        for listener in status(lab).get("listeners", ())
        if listener["port"] == port
        for one in listener["conditions"]
    ]
    assert [one["type"] for one in found] in ([], ["Ready"])
    return next(((one["status"], one["reason"]) for one in found), None)


def test_who_loses_a_listener_gets_it_when_the_winner_goes(lab):
    with lab.running():
        lab.kube.apply(gateway(80))
        lab.kube.apply(attached("one", 80, kind="LoadBalancer"))
        lab.kube.apply(endpoints("one", "10.244.1.5", ports=(80,)))
        lab.until(lambda lab: members(lab, "one", 80))
        address = lab.until_address("one")
        mark = lab.mark()
        lab.kube.apply(attached("two", 80, kind="LoadBalancer"))
        lab.kube.apply(endpoints("two", "10.244.1.6", ports=(80,)))
        lab.kube.wait_for(lambda _kube: reason(lab, "two") == "PortConflict")
        lab.kube.wait_for(lambda _kube: ready_port(lab, 80) == ("True", "PortConflict"))
        assert lab.writes(since=mark) == []
        assert lab.address("two") == []
        lab.kube.delete("services", "one", "default")
        lab.until(lambda lab: members(lab, "two", 80) and lab.names("pool") == {"cluster-a--default-two-gw-TCP-80"})
        assert lab.until_address("two") == address
        lab.kube.wait_for(lambda _kube: ready_port(lab, 80) == ("True", "Ready"))


def second_gateway(port):
    labels = {**LABELS, "ako.vmware.com/gateway-name": "gw2"}
    document = gateway(port)
    document["metadata"]["name"] = "gw2"
    document["spec"]["listeners"][0]["routes"]["selector"]["matchLabels"] = labels
    return document, labels


def test_a_service_moves_to_another_gateway_by_its_labels_and_out_again(lab):
    other, labels = second_gateway(80)
    with lab.running():
        lab.kube.apply(gateway(80))
        lab.kube.apply(other)
        lab.kube.apply(attached("web", 80, kind="LoadBalancer"))
        first = lab.until_address("web")
        moved = attached("web", 80, kind="LoadBalancer")
        moved["metadata"]["labels"] = labels
        lab.kube.apply(moved)
        lab.until(lambda lab: lab.names("pool") == {"cluster-a--default-web-gw2-TCP-80"})
        lab.kube.wait_for(lambda _kube: lab.address("web") not in ([], first))
        # Both Gateways stay, with and without Services.
        assert lab.names("virtualservice") == {"cluster-a--default-gw", "cluster-a--default-gw2"}
        assert addresses(lab) == first
        plain = attached("web", 80, kind="LoadBalancer")
        plain["metadata"]["labels"] = dict.fromkeys(LABELS)
        lab.kube.apply(plain)
        lab.until(lambda lab: "cluster-a--default-web" in lab.names("virtualservice"))
        lab.until(lambda lab: lab.names("pool") == {"cluster-a--default-web-TCP-80"})


def test_a_service_without_its_labels_shows_nothing_of_its_gateway(lab):
    marks = {
        "ako.vmware.com/host-fqdn-vs-uuid-map",
        "ako.vmware.com/controller-cluster-uuid",
        "ako.vmware.com/tenant-name",
    }

    def annotations():
        return set(lab.kube.read("services", "web", "default")["metadata"].get("annotations") or ())

    def detach():
        plain = attached("web", 80)
        plain["metadata"]["labels"] = dict.fromkeys(LABELS)
        lab.kube.apply(plain)

    with lab.running():
        lab.kube.apply(gateway(80))
        lab.kube.apply(attached("web", 80))
        lab.kube.wait_for(lambda _kube: marks <= annotations())
        detach()
        lab.kube.wait_for(lambda _kube: not marks & annotations())
        lab.kube.apply(attached("web", 80))
        lab.kube.wait_for(lambda _kube: marks <= annotations())
    detach()
    with lab.running():
        lab.kube.wait_for(lambda _kube: not marks & annotations())
