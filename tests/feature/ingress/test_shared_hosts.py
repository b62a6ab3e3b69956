"""One host, several Ingresses: whoever has no usable certificate takes the host from nobody."""

import pytest
from support.ingress.objects import MODES, backend, definitions, ingress, ingress_class, sso_rule, tls_secret
from support.ingress.requests import Requests
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab

HOST, CHALLENGE = "shop.lab.example.com", "/.well-known/acme-challenge/t0ken"
PROBLEM = "ako.vmware.com/ingress-problem"


@pytest.fixture(params=["evh", "sni", "dedicated-evh", "dedicated-sni", "namespace"])
def lab(request, tmp_path):
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        for manifest in (*definitions(), ingress_class()):
            lab.kube.apply(manifest)
        for name, address in (("web", "10.244.1.5"), ("solver", "10.244.1.6")):
            lab.kube.apply(backend(name))
            lab.kube.apply(endpoints(name, address))
        yield lab


def problem(lab, name, namespace="default"):
    found = lab.kube.read("ingresses", name, namespace)["metadata"].get("annotations", {})
    return found.get(PROBLEM, "")


def hosts_shown(lab, name, namespace="default"):
    status = lab.kube.read("ingresses", name, namespace).get("status", {})
    return [entry.get("hostname") for entry in status.get("loadBalancer", {}).get("ingress") or ()]


def until_answered(lab, wanted, host, path, **port):
    lab.until(lambda lab: Requests(lab.avi).answer(host, path, **port) == wanted)


def test_a_challenge_is_answered_before_its_certificate_and_after(lab):
    """What cert-manager does for HTTP-01: a plain Ingress beside the one that waits for the Secret."""
    with lab.running(pace=QUICK):
        lab.kube.apply(ingress("shop", {HOST: {"/": "web"}}, tls="not-yet"))
        lab.kube.wait_for(lambda _kube: problem(lab, "shop").startswith("CertificateRefused"))
        lab.kube.apply(ingress("challenge", {HOST: {CHALLENGE: "solver"}}))
        until_answered(lab, ("to", frozenset({"10.244.1.6"})), HOST, CHALLENGE)
        lab.kube.wait_for(lambda _kube: hosts_shown(lab, "challenge") == [HOST])
        assert hosts_shown(lab, "shop") == []
        assert Requests(lab.avi).answer(HOST, "/buy") == ("refused", 404), "only the challenge is served"
        lab.kube.apply(tls_secret("not-yet", HOST))
        until_answered(lab, ("to", frozenset({"10.244.1.5"})), HOST, "/buy", port=443)
        until_answered(lab, ("redirect", 443), HOST, CHALLENGE)
        lab.kube.delete("ingresses", "challenge", "default", group="networking.k8s.io")
        until_answered(lab, ("to", frozenset({"10.244.1.5"})), HOST, CHALLENGE, port=443)
        lab.kube.wait_for(lambda _kube: hosts_shown(lab, "shop") == [HOST] and not problem(lab, "shop"))


# Not where each namespace has a VIP of its own.
@pytest.mark.parametrize("lab", ["evh", "sni", "dedicated-evh", "dedicated-sni"], indirect=True)
@pytest.mark.parametrize("older", [True, False])
def test_another_namespace_without_certificate_leaves_the_host_alone(lab, older):
    lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue"}})
    lab.kube.apply(backend("admin", "blue"))
    lab.kube.apply(endpoints("admin", "10.244.9.9", namespace="blue"))
    theirs = ingress("admin", {HOST: {"/admin": "admin"}}, tls="never-made", namespace="blue")
    with lab.running(pace=QUICK):
        if older:
            lab.kube.apply(theirs)
            lab.kube.wait_for(lambda _kube: problem(lab, "admin", "blue"))
        lab.kube.apply(ingress("shop", {HOST: {"/": "web"}}))
        until_answered(lab, ("to", frozenset({"10.244.1.5"})), HOST, "/buy")
        lab.kube.wait_for(lambda _kube: hosts_shown(lab, "shop") == [HOST])
        mark = lab.mark()
        if not older:
            lab.kube.apply(theirs)
        lab.kube.wait_for(lambda _kube: problem(lab, "admin", "blue").startswith("CertificateRefused"))
        assert hosts_shown(lab, "admin", "blue") == []
        assert hosts_shown(lab, "shop") == [HOST]
        assert problem(lab, "shop") == ""
        assert Requests(lab.avi).answer(HOST, "/admin") == ("to", frozenset({"10.244.1.5"}))
        assert "DELETE virtualservice" not in lab.writes(since=mark)


def test_a_login_of_another_namespace_cannot_close_a_host(tmp_path):
    with runtime_lab(tmp_path, **MODES["evh"]) as lab:
        for manifest in (*definitions(), ingress_class(), backend("web"), endpoints("web", "10.244.1.5")):
            lab.kube.apply(manifest)
        lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue"}})
        with lab.running(pace=QUICK):
            lab.kube.apply(ingress("shop", {HOST: {"/": "web"}}))
            until_answered(lab, ("to", frozenset({"10.244.1.5"})), HOST, "/")
            lab.kube.apply(sso_rule("login", HOST, namespace="blue"))
            lab.kube.wait_for(lambda _kube: "has no say here" in problem(lab, "shop"))
            assert all(one.get("enabled", True) for one in lab.avi.objects("virtualservice"))
            # In a namespace that serves the host the same rule closes it.
            lab.kube.apply(sso_rule("login", HOST))
            lab.until(lambda lab: any(not one.get("enabled", True) for one in lab.avi.objects("virtualservice")))
            lab.kube.wait_for(lambda _kube: "is disabled until it can be applied" in problem(lab, "shop"))
