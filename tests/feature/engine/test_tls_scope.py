"""Secrets with certificates are read exactly where the chart grants it; nobody waits for those that may not be read."""

import msgspec
import pytest
from support.ingress.objects import backend, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK, World
from support.runtime.lab import NAMESPACE, endpoints, runtime_lab, worked_off

HOUR = 3600.0
# Whoever waited for a list that never comes would wait longer than any test.
PATIENT = msgspec.structs.replace(QUICK, list_patience=HOUR)
OWN = f"/api/v1/namespaces/{NAMESPACE}/secrets"


@pytest.fixture(params=["none", "namespaces"])
def lab(request, tmp_path):
    settings = {"tlsSecretsScope": request.param, "tlsSecretsNamespaces": '["red", "blue"]'}
    with runtime_lab(tmp_path, shardVSSize="DEDICATED", **settings) as lab:
        lab.scope = request.param
        lab.kube.apply(ingress_class())
        for namespace in ("red", "blue", "green"):
            lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            lab.kube.apply(backend("web", namespace))
            lab.kube.apply(endpoints("web", "10.244.1.5", namespace=namespace))
            lab.kube.apply(tls_secret("tls", host(namespace), namespace=namespace))
            lab.kube.apply(ingress("web", {host(namespace): {"/": "web"}}, tls="tls", namespace=namespace))
        yield lab


def host(namespace):
    return f"{namespace}.lab.example.com"


def served(lab, namespace):
    status = lab.kube.read("ingresses", "web", namespace).get("status", {})
    return bool(status.get("loadBalancer", {}).get("ingress"))


def problem(lab, namespace):
    annotations = lab.kube.read("ingresses", "web", namespace)["metadata"].get("annotations", {})
    return annotations.get("ako.vmware.com/ingress-problem", "")


def secret_paths(lab):
    return {one.path for one in lab.kube.requests() if one.path.endswith("/secrets")}


def test_secrets_are_read_where_it_is_granted_and_a_refusal_names_the_value_of_the_chart(lab):
    readable = {"red", "blue"} if lab.scope == "namespaces" else set()
    with lab.running(pace=PATIENT) as app:
        World(lab).put("plain", "10.244.1.9")
        lab.until_address("plain")
        for namespace in ("red", "blue", "green"):
            if namespace in readable:
                lab.kube.wait_for(lambda _kube, namespace=namespace: served(lab, namespace), timeout=30)
                assert problem(lab, namespace) == ""
            else:
                lab.kube.wait_for(lambda _kube, namespace=namespace: problem(lab, namespace), timeout=30)
                assert "rbac.tlsSecrets.scope" in problem(lab, namespace)
                assert namespace in problem(lab, namespace)
                assert not served(lab, namespace)
        assert app.status()["avicontroller"]["errors"] == []
    assert secret_paths(lab) == {OWN} | {f"/api/v1/namespaces/{one}/secrets" for one in readable}


def test_a_secret_that_goes_in_one_namespace_leaves_the_others_alone(lab):
    if lab.scope == "none":
        lab.configure(tlsSecretsScope="namespaces", tlsSecretsNamespaces='["red", "blue", "green"]')
    with lab.running(pace=PATIENT):
        for namespace in ("red", "blue"):
            lab.kube.wait_for(lambda _kube, namespace=namespace: served(lab, namespace), timeout=30)
        certificates = {one["uuid"] for one in lab.avi.objects("sslkeyandcertificate") if "red" in one["name"]}
        # A new list of one namespace says nothing about the other.
        lab.kube.compact()
        lab.kube.interrupt_watches("gone")
        lab.kube.delete("secrets", "tls", "blue")
        lab.kube.wait_for(lambda _kube: problem(lab, "blue"), timeout=30)
        assert served(lab, "red")
        assert certificates <= {one["uuid"] for one in lab.avi.objects("sslkeyandcertificate")}


MODES = {
    "sni": {"shardVSSize": "SMALL", "enableEVH": "false"},
    "evh": {"shardVSSize": "SMALL", "enableEVH": "true"},
    "dedicated": {"shardVSSize": "DEDICATED", "enableEVH": "false"},
}
# What a ConfigMap of the official chart says, and what hardening may leave of the rights.
SMALLER = {
    "official": {},
    "none": {"tlsSecretsScope": "none"},
    "namespaces": {"tlsSecretsScope": "namespaces", "tlsSecretsNamespaces": '["blue"]'},
}


@pytest.fixture(params=MODES)
def serving(request, tmp_path):
    """Two TLS hosts and a plain one, served while every Secret could be read."""
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        lab.mode = MODES[request.param]
        lab.kube.apply(ingress_class())
        for namespace in ("red", "blue"):
            lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            lab.kube.apply(backend("web", namespace))
            lab.kube.apply(endpoints("web", "10.244.1.5", namespace=namespace))
            lab.kube.apply(tls_secret("tls", host(namespace), namespace=namespace))
            lab.kube.apply(ingress("web", {host(namespace): {"/": "web"}}, tls="tls", namespace=namespace))
        with lab.running(pace=PATIENT) as app:
            for namespace in ("red", "blue"):
                lab.kube.wait_for(lambda _kube, namespace=namespace: served(lab, namespace), timeout=30)
            lab.kube.wait_for(lambda _kube: worked_off(app), timeout=30)
        yield lab


@pytest.mark.parametrize("rights", SMALLER)
def test_what_is_served_stays_when_a_right_goes(serving, rights):
    lab = serving
    services = {one["uuid"] for one in lab.avi.objects("virtualservice")}
    certificates = {one["uuid"]: one["name"] for one in lab.avi.objects("sslkeyandcertificate")}
    config = lab.kube.read("configmaps", "avi-k8s-config", NAMESPACE)
    unread = ["red", "blue"] if rights == "none" else ["red"] if rights == "namespaces" else []
    lab.kube.delete("configmaps", "avi-k8s-config", NAMESPACE)
    data = {key: value for key, value in config["data"].items() if not key.startswith("tlsSecrets")}
    metadata = {"name": "avi-k8s-config", "namespace": NAMESPACE}
    lab.kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data | SMALLER[rights]})
    mark = lab.mark()
    with lab.running(pace=PATIENT) as app:
        lab.kube.wait_for(lambda _kube: worked_off(app), timeout=30)
        for namespace in unread:
            lab.kube.wait_for(lambda _kube, namespace=namespace: problem(lab, namespace), timeout=30)
            assert "keeps the certificate" in problem(lab, namespace)
            assert "rbac.tlsSecrets.scope" in problem(lab, namespace)
        # Pods are followed all the same.
        lab.kube.apply(endpoints("web", "10.244.1.7", namespace="red"))
        lab.until(lambda _lab: any("10.244.1.7:8080" in lab.members(name) for name in lab.names("pool")))
        assert all(served(lab, namespace) for namespace in ("red", "blue"))
    assert [one for one in lab.writes(since=mark) if not one.startswith("PUT pool")] == []
    assert {one["uuid"] for one in lab.avi.objects("virtualservice")} == services
    assert {one["uuid"]: one["name"] for one in lab.avi.objects("sslkeyandcertificate")} == certificates
