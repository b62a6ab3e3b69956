"""Secrets with certificates are read exactly where the chart grants it; nobody waits for those that may not be read."""

import msgspec
import pytest
from faults_lab import QUICK, World
from ingress_objects import backend, ingress, ingress_class, tls_secret
from runtime_lab import NAMESPACE, endpoints, runtime_lab

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
