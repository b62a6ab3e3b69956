"""Rules for hosts without TLS in SNI mode, which share a virtual service and a script."""

import pytest
from support.ingress.objects import backend, definitions, ingress, ingress_class
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab

HOST = "plain.lab.example.com"
REWRITE = "cluster-a--Shared-L7-0--host-hdr-re-write--plain.lab.example.com"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, enableEVH="false", shardVSSize="SMALL") as lab:
        for manifest in (
            *definitions(),
            ingress_class(),
            backend("web"),
            endpoints("web", "10.244.1.5"),
            ingress("plain", {HOST: {"/": "web"}}),
        ):
            lab.kube.apply(manifest)
        yield lab


def rule(kind, spec):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": kind,
        "metadata": {"name": "rule", "namespace": "default"},
        "spec": spec,
    }


def pool(lab):
    return next((one for one in lab.avi.objects("pool") if one["name"].startswith("cluster-a--")), {})


def rewrites(lab):
    return [one for one in lab.avi.objects("httppolicyset") if one["name"] == REWRITE]


def test_an_http_rule_reaches_the_pool(lab):
    balanced = {"target": "/", "loadBalancerPolicy": {"algorithm": "LB_ALGORITHM_ROUND_ROBIN"}}
    with lab.running(pace=QUICK):
        lab.until(pool)
        lab.kube.apply(rule("HTTPRule", {"fqdn": HOST, "paths": [balanced]}))
        lab.until(lambda lab: pool(lab).get("lb_algorithm") == "LB_ALGORITHM_ROUND_ROBIN")
        lab.kube.delete("httprules", "rule", "default")
        lab.until(lambda lab: pool(lab).get("lb_algorithm") == "LB_ALGORITHM_LEAST_CONNECTIONS")


def test_further_names_lead_to_the_host_and_leave_nothing_behind(lab):
    names = {"fqdn": HOST, "aliases": ["alias.lab.example.com"], "gslb": {"fqdn": "global.example.org"}}
    with lab.running(pace=QUICK):
        lab.until(pool)
        lab.kube.apply(rule("HostRule", {"virtualhost": names}))
        lab.until(rewrites)
        (found,) = rewrites(lab)
        (request,) = found["http_request_policy"]["rules"]
        assert request["match"]["host_hdr"]["value"] == ["alias.lab.example.com", "global.example.org"]
        assert request["hdr_action"][0]["hdr"]["value"]["val"] == HOST
        lab.until(
            lambda lab: any(
                link["http_policy_set_ref"].partition("#")[0].endswith(found["uuid"])
                for one in lab.avi.objects("virtualservice")
                for link in one.get("http_policies", ())
            )
        )
        lab.kube.delete("hostrules", "rule", "default")
        lab.until(lambda lab: not rewrites(lab))
        assert pool(lab)
