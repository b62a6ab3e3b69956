"""HostRule, HTTPRule and L7Rule on the lab: attach, change, reject and heal, take away, in every mode."""

import msgspec
import pytest
from support.avi_lab.client import Client
from support.ingress.objects import backend, definitions, ingress, ingress_class, key_pair, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab, worked_off

HOST = "sec.lab.example.com"
MODES = {
    "evh": {"enableEVH": "true", "shardVSSize": "SMALL"},
    "sni": {"enableEVH": "false", "shardVSSize": "SMALL"},
    "dedicated": {"enableEVH": "false", "shardVSSize": "DEDICATED"},
}
LOOKING_AGAIN = msgspec.structs.replace(QUICK, resync=0.2)


@pytest.fixture(params=sorted(MODES))
def lab(request, tmp_path):
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        lab.mode = request.param
        for manifest in (*definitions(), ingress_class()):
            lab.kube.apply(manifest)
        for name in ("web", "api"):
            lab.kube.apply(backend(name))
            lab.kube.apply(endpoints(name, "10.244.1.5"))
        lab.kube.apply(tls_secret("tls", HOST))
        lab.kube.apply(ingress("secure", {HOST: {"/": "web", "/api": "api"}}, tls="tls"))
        yield lab


def host_rule(**fields):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": {"name": "rule", "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": HOST, **fields}},
    }


def http_rule(*paths):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HTTPRule",
        "metadata": {"name": "paths", "namespace": "default"},
        "spec": {"fqdn": HOST, "paths": list(paths)},
    }


def l7_rule(**fields):
    return {
        "apiVersion": "ako.vmware.com/v1alpha2",
        "kind": "L7Rule",
        "metadata": {"name": "more", "namespace": "default"},
        "spec": fields,
    }


def make(lab, kind, **fields):
    with Client(lab.avi) as administrator:
        answer = administrator.request("POST", f"/api/{kind}", fields)
        assert answer.status == 201, answer.body


def named(lab, kind, reference):
    uuid = reference.rpartition("/")[2].partition("#")[0]
    return next((one["name"] for one in lab.avi.objects(kind) if one["uuid"] == uuid), reference)


def host_service(lab):
    """The virtual service of the host."""
    ours = [one for one in lab.avi.objects("virtualservice") if one["name"].startswith("cluster-a--")]
    return next((one for one in ours if one["type"] != "VS_TYPE_VH_PARENT"), {})


def reference(lab, field, kind):
    found = host_service(lab).get(field)
    return named(lab, kind, found) if found else ""


def verdict(lab, plural, name):
    status = lab.kube.read(plural, name, "default").get("status", {})
    return status.get("status", ""), status.get("error", "")


def problem(lab):
    annotations = lab.kube.read("ingresses", "secure", "default")["metadata"].get("annotations", {})
    return annotations.get("ako.vmware.com/ingress-problem", "")


def until_served(lab):
    lab.kube.wait_for(
        lambda _kube: lab.kube.read("ingresses", "secure", "default").get("status", {}).get("loadBalancer")
    )


def test_a_rule_comes_changes_and_goes(lab):
    for kind, name in (("errorpageprofile", "strict"), ("errorpageprofile", "lax"), ("httppolicyset", "extra")):
        make(lab, kind, name=name)
    with lab.running(pace=QUICK):
        until_served(lab)
        lab.kube.apply(
            host_rule(errorPageProfile="strict", httpPolicy={"policySets": ["extra"]}, aliases=["b.lab.example.com"])
        )
        lab.kube.wait_for(lambda _kube: verdict(lab, "hostrules", "rule") == ("Accepted", ""))
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "strict")
        assert host_service(lab)["http_policies"][-1]["index"] >= 17
        lab.until(
            lambda lab: any(
                {"fqdn": "b.lab.example.com"}.items() <= entry.items()
                for one in lab.avi.objects("vsvip")
                for entry in one.get("dns_info", ())
            )
        )
        lab.kube.apply(host_rule(errorPageProfile="lax"))
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "lax")
        lab.kube.delete("hostrules", "rule", "default")
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "")
        assert {one["name"] for one in lab.avi.objects("errorpageprofile")} >= {"strict", "lax"}


def test_what_the_controller_does_not_have_is_told_and_heals(lab):
    with lab.running(pace=LOOKING_AGAIN):
        until_served(lab)
        lab.kube.apply(host_rule(errorPageProfile="late"))
        lab.kube.wait_for(lambda _kube: verdict(lab, "hostrules", "rule")[0] == "Rejected")
        assert "late" in verdict(lab, "hostrules", "rule")[1]
        lab.kube.wait_for(lambda _kube: "HostRule default/rule" in problem(lab))
        make(lab, "errorpageprofile", name="late")
        lab.kube.wait_for(lambda _kube: verdict(lab, "hostrules", "rule") == ("Accepted", ""))
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "late")
        lab.kube.wait_for(lambda _kube: not problem(lab))


def test_pods_are_reached_by_tls_that_is_checked(lab):
    authority, _key = key_pair("authority.lab.example.com", 7)
    with lab.running(pace=QUICK):
        until_served(lab)
        tls = {"type": "reencrypt", "destinationCA": authority}
        lab.kube.apply(
            http_rule({"target": "/api", "tls": tls, "loadBalancerPolicy": {"algorithm": "LB_ALGORITHM_ROUND_ROBIN"}})
        )
        lab.kube.wait_for(lambda _kube: verdict(lab, "httprules", "paths") == ("Accepted", ""))
        lab.until(lambda lab: len(lab.names("pkiprofile")) == 1)
        lab.until(lambda lab: len([one for one in ours(lab) if one.get("pki_profile_ref")]) == 1)
        (pool,) = [one for one in ours(lab) if one.get("pki_profile_ref")]
        assert pool["sni_enabled"] is True
        assert pool["lb_algorithm"] == "LB_ALGORITHM_ROUND_ROBIN"
        assert named(lab, "sslprofile", pool["ssl_profile_ref"]) == "System-Standard"
        lab.kube.delete("httprules", "paths", "default")
        lab.until(lambda lab: not lab.names("pkiprofile"))
        lab.until(lambda lab: not any(one.get("pki_profile_ref") or one.get("ssl_profile_ref") for one in ours(lab)))


def ours(lab):
    return [one for one in lab.avi.objects("pool") if one["name"].startswith("cluster-a--")]


def test_an_l7_rule_reaches_the_host_through_its_host_rule(lab):
    with lab.running(pace=QUICK):
        until_served(lab)
        lab.kube.apply(host_rule(l7Rule="more"))
        lab.kube.wait_for(lambda _kube: "does not exist" in verdict(lab, "hostrules", "rule")[1])
        lab.kube.apply(l7_rule(minPoolsUp=2, closeClientConnOnConfigUpdate=True))
        lab.kube.wait_for(lambda _kube: verdict(lab, "hostrules", "rule") == ("Accepted", ""))
        lab.kube.wait_for(lambda _kube: verdict(lab, "l7rules", "more") == ("Accepted", ""))
        lab.until(lambda lab: host_service(lab).get("min_pools_up") == 2)
        assert host_service(lab)["close_client_conn_on_config_update"] is True


def test_a_restart_with_rules_writes_nothing(lab):
    make(lab, "errorpageprofile", name="strict")
    lab.kube.apply(host_rule(errorPageProfile="strict", applicationRootPath="/start", aliases=["b.lab.example.com"]))
    lab.kube.apply(http_rule({"target": "/", "loadBalancerPolicy": {"algorithm": "LB_ALGORITHM_ROUND_ROBIN"}}))
    with lab.running(pace=QUICK) as app:
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "strict")
        lab.kube.wait_for(lambda _kube: app.idle)
    mark = lab.mark()
    with lab.running(pod="ako-1", pace=QUICK) as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
    assert lab.writes(since=mark) == []


def told(lab, reason):
    found = lab.kube.objects("events", "default", group="events.k8s.io")
    return {(one["regarding"]["kind"], one["note"]) for one in found if one["reason"] == reason}


def test_the_most_particular_rule_applies_and_events_say_so(lab):
    for name in ("wide", "narrow"):
        make(lab, "errorpageprofile", name=name)
    wide = host_rule(fqdn="*.lab.example.com", fqdnType="Wildcard", errorPageProfile="wide")
    wide["metadata"]["name"] = "wide"
    lab.kube.apply(wide)
    with lab.running(pace=QUICK):
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "wide")
        lab.kube.wait_for(lambda _kube: ("HostRule", f"wide applies to {HOST}") in told(lab, "Attached"))
        lab.kube.apply(host_rule(errorPageProfile="narrow"))
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "narrow")
        lab.kube.wait_for(lambda _kube: ("HostRule", f"rule applies to {HOST}") in told(lab, "Attached"))
        lab.kube.wait_for(lambda _kube: ("HostRule", f"wide no longer applies to {HOST}") in told(lab, "Detached"))
        lab.kube.delete("hostrules", "rule", "default")
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == "wide")


def test_a_rule_follows_the_way_in_which_it_names_hosts(lab):
    make(lab, "errorpageprofile", name="own")

    def name_hosts(fqdn, kind):
        lab.kube.apply(host_rule(fqdn=fqdn, fqdnType=kind, errorPageProfile="own"))

    def until_shown(profile):
        lab.until(lambda lab: reference(lab, "error_page_profile_ref", "errorpageprofile") == profile)

    name_hosts("sec.lab", "Contains")
    with lab.running(pace=QUICK):
        until_shown("own")
        name_hosts("sec.lab", "Exact")
        until_shown("")
        name_hosts("*.lab.example.com", "Wildcard")
        until_shown("own")
        name_hosts("*.lab.example.org", "Wildcard")
        until_shown("")
        name_hosts("example.com", "Contains")
        until_shown("own")


def test_a_rule_that_the_controller_would_refuse_holds_up_nobody(lab):
    with lab.running(pace=QUICK):
        until_served(lab)
        lab.kube.apply(http_rule({"target": "/", "tls": {"type": "reencrypt", "destinationCA": "no certificate"}}))
        lab.kube.wait_for(lambda _kube: "tls.destinationCA" in verdict(lab, "httprules", "paths")[1])
        lab.kube.apply(host_rule(gslb={"fqdn": "not..a.name"}))
        lab.kube.wait_for(lambda _kube: "gslb.fqdn" in verdict(lab, "hostrules", "rule")[1])
        lab.kube.apply(ingress("later", {"later.lab.example.com": {"/": "web"}}))
        lab.kube.wait_for(
            lambda _kube: lab.kube.read("ingresses", "later", "default").get("status", {}).get("loadBalancer")
        )
        assert not lab.names("pkiprofile")


def test_a_certificate_that_a_rule_names_is_rotated_by_one_update(lab):
    lab.kube.apply(tls_secret("own", HOST, number=5))
    lab.kube.apply(host_rule(tls={"sslKeyCertificate": {"name": "own", "type": "secret"}}))
    with lab.running(pace=QUICK) as app:
        lab.until(lambda lab: lab.names("sslkeyandcertificate"))
        until_served(lab)
        lab.kube.wait_for(lambda _kube: app.idle)
        (before,) = own_certificates(lab)
        assert before["certificate"]["certificate"] == key_pair(HOST, 5)[0]
        mark = lab.mark()
        lab.kube.apply(tls_secret("own", HOST, number=6))
        lab.until(lambda lab: own_certificates(lab)[0]["certificate"]["certificate"] == key_pair(HOST, 6)[0])
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == ["PUT sslkeyandcertificate"]
        assert own_certificates(lab)[0]["uuid"] == before["uuid"]
        mark = lab.mark()
        lab.kube.apply({**tls_secret("own", HOST), "data": {"tls.crt": "", "tls.key": ""}})
        lab.kube.wait_for(lambda _kube: verdict(lab, "hostrules", "rule")[0] == "Rejected")
        lab.kube.wait_for(lambda _kube: "with the certificate that the host has" in problem(lab))
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == []
        lab.kube.delete("secrets", "own", "default")
        # Without the rule the host has the certificate of its Ingress.
        lab.until(lambda lab: own_certificates(lab)[0]["certificate"]["certificate"] == key_pair(HOST, 1)[0])


def own_certificates(lab):
    return [one for one in lab.avi.objects("sslkeyandcertificate") if one["name"].startswith("cluster-a--")]


def test_regular_expressions_stand_in_string_groups_that_go_with_them(lab):
    def groups():
        return {
            one["kv"][0]["key"] for one in lab.avi.objects("stringgroup") if one["name"].startswith("ako-cluster-a-")
        }

    foreign = {"name": "ako-cluster-a-of-somebody", "type": "SG_TYPE_STRING", "kv": [{"key": "/mine"}]}
    with Client(lab.avi) as client:
        assert client.post("/api/stringgroup", foreign).status == 201
    lab.kube.apply(host_rule(useRegex=True))
    with lab.running():
        lab.until(lambda _lab: groups() == {"/", "/api", "/mine"})
        until_served(lab)
    mark = lab.mark()
    with lab.running() as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
        assert lab.writes(since=mark) == []
        lab.kube.apply(ingress("secure", {HOST: {"/": "web"}}, tls="tls"))
        lab.until(lambda _lab: groups() == {"/", "/mine"})
        lab.kube.delete("hostrules", "rule", "default")
        lab.until(lambda _lab: groups() == {"/mine"})
