"""Hosts that move to another address: the controller takes a name once, so the new place waits for the old one."""

import pytest
from ingress_objects import backend, ingress, ingress_class, tls_secret
from runtime_lab import endpoints, runtime_lab

HOST, OTHER = "foo.lab.example.com", "bar.lab.example.com"


@pytest.fixture(params=["true", "false"], ids=["evh", "sni"])
def lab(request, tmp_path):
    with runtime_lab(tmp_path, enableEVH=request.param, shardVSSize="SMALL") as lab:
        lab.kube.apply(ingress_class())
        lab.kube.apply(backend("web"))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.evh = request.param
        yield lab


def registered(lab):
    return {
        one["fqdn"]: document["name"] for document in lab.avi.objects("vsvip") for one in document.get("dns_info", ())
    }


def virtualservices(lab):
    return {document["name"] for document in lab.avi.objects("virtualservice")}


def until_registered(lab, *hosts):
    lab.until(lambda lab: set(hosts) <= set(registered(lab)))


def test_a_changed_size_moves_every_host(lab):
    with lab.running():
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}))
        lab.kube.apply(ingress("b", {OTHER: {"/": "web"}}))
        until_registered(lab, HOST, OTHER)
        before = registered(lab)[HOST]
    lab.configure(enableEVH=lab.evh, shardVSSize="DEDICATED")
    with lab.running(pod="ako-1"):
        lab.until(lambda lab: registered(lab).get(HOST, before) != before)
        until_registered(lab, HOST, OTHER)
        lab.until(lambda lab: before not in virtualservices(lab))


def test_a_host_that_goes_to_another_class_is_not_gone_for_long(lab):
    with lab.running():
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}))
        until_registered(lab, HOST)
        before = registered(lab)[HOST]
        lab.kube.apply(
            ingress("a", {HOST: {"/": "web"}}, **{"passthrough.ako.vmware.com/enabled": "true"}),
        )
        lab.until(lambda lab: registered(lab).get(HOST, before) != before)
        lab.kube.apply(
            ingress("a", {HOST: {"/": "web"}}, **{"passthrough.ako.vmware.com/enabled": "false"}),
        )
        lab.until(lambda lab: registered(lab).get(HOST) == before)


def test_a_renamed_ingress_leaves_the_virtual_service_of_its_host_alone(lab):
    with lab.running():
        lab.kube.apply(ingress("old", {HOST: {"/": "web"}}))
        until_registered(lab, HOST)
        lab.kube.apply(ingress("new", {HOST: {"/": "web"}}))
        lab.kube.wait_for(
            lambda kube: (
                kube.read("ingresses", "new", "default").get("status", {}).get("loadBalancer", {}).get("ingress")
            )
        )
        mark = lab.mark()
        lab.kube.delete("ingresses", "old", "default")
        lab.until(lambda lab: "DELETE pool" in lab.writes(since=mark))
        lab.kube.apply(ingress("last", {OTHER: {"/": "web"}}))
        until_registered(lab, HOST, OTHER)
        assert "DELETE virtualservice" not in lab.writes(since=mark)
        assert "DELETE vsvip" not in lab.writes(since=mark)


def test_tls_is_added_and_removed_new_before_old(lab):
    lab.kube.apply(tls_secret("tls", HOST))
    with lab.running():
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}))
        until_registered(lab, HOST)
        lab.until(lambda lab: virtualservices(lab) & lab.names("virtualservice"))
        mark = lab.mark()
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}, tls="tls"))
        lab.until(lambda lab: lab.names("sslkeyandcertificate") and settled(lab, mark))
        writes = lab.writes(since=mark)
        assert not {"DELETE virtualservice", "DELETE vsvip"} & set(writes)
        if "DELETE pool" in writes:
            assert writes.index("POST virtualservice") < writes.index("DELETE pool")


def settled(lab, mark):
    """In SNI mode the pool of the insecure host goes last; in EVH mode the child is changed in place."""
    last = "PUT virtualservice" if lab.evh == "true" else "DELETE pool"
    return last in lab.writes(since=mark)
