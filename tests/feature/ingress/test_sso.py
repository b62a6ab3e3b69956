"""SSORule on the lab: attach, change, rotate, reject, heal, take away; a host without its login is closed."""

import json

import msgspec
import pytest
from support.avi_lab.client import Client
from support.ingress.objects import backend, client_secret, definitions, ingress, ingress_class, sso_rule, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab

HOST = "sec.lab.example.com"
LOOKING_AGAIN = msgspec.structs.replace(QUICK, resync=0.2)


@pytest.fixture(params=["SMALL", "DEDICATED"])
def lab(request, tmp_path):
    with runtime_lab(tmp_path, enableEVH="true", shardVSSize=request.param) as lab:
        for manifest in (
            *definitions(),
            ingress_class(),
            backend("web"),
            endpoints("web", "10.244.1.5"),
            tls_secret("tls", HOST),
            ingress("secure", {HOST: {"/": "web"}}, tls="tls"),
        ):
            lab.kube.apply(manifest)
        yield lab


def make_provider(lab):
    """The SSO policy and the auth profile that the rules of these tests name."""
    with Client(lab.avi) as administrator:
        for kind, body in (
            ("ssopolicy", {"name": "login", "type": "SSO_TYPE_OAUTH"}),
            ("authprofile", {"name": "idp", "type": "AUTH_PROFILE_OAUTH"}),
        ):
            answer = administrator.request("POST", f"/api/{kind}", body)
            assert answer.status == 201, answer.body


def service(lab):
    """The virtual service of the host."""
    ours = [one for one in lab.avi.objects("virtualservice") if one["name"].startswith("cluster-a--")]
    return next((one for one in ours if one["type"] != "VS_TYPE_VH_PARENT"), {})


def config(lab):
    return service(lab).get("oauth_vs_config", {})


def cksum(lab):
    return json.loads(service(lab).get("service_metadata", "{}")).get("sso_cksum", "")


def verdict(lab, name="login"):
    status = lab.kube.read("ssorules", name, "default").get("status", {})
    return status.get("status", ""), status.get("error", "")


def problem(lab):
    annotations = lab.kube.read("ingresses", "secure", "default")["metadata"].get("annotations", {})
    return annotations.get("ako.vmware.com/ingress-problem", "")


def until_accepted(lab):
    lab.kube.wait_for(lambda _kube: verdict(lab) == ("Accepted", ""))


def test_a_login_comes_changes_and_goes(lab):
    make_provider(lab)
    with lab.running(pace=QUICK):
        lab.until(service)
        lab.kube.apply(client_secret("app", "first"))
        lab.kube.apply(sso_rule("login", HOST, cookieName="ONE"))
        until_accepted(lab)
        lab.until(lambda lab: config(lab).get("cookie_name") == "ONE")
        assert service(lab)["enabled"] is True
        assert service(lab)["sso_policy_ref"]
        (application,) = config(lab)["oauth_settings"]
        assert application["app_settings"]["client_id"] == "shop"
        assert application["app_settings"]["client_secret"] == "<sensitive>"
        session_keys = config(lab)["key"]
        lab.kube.apply(sso_rule("login", HOST, cookieName="TWO", cookieTimeout=5))
        lab.until(lambda lab: config(lab).get("cookie_name") == "TWO")
        assert config(lab)["cookie_timeout"] == 5
        assert config(lab)["key"] == session_keys
        lab.kube.delete("ssorules", "login", "default")
        lab.until(lambda lab: not config(lab))
        assert "sso_policy_ref" not in service(lab)
        assert service(lab)["enabled"] is True


def test_a_rotated_secret_is_one_update_and_keeps_sessions(lab):
    make_provider(lab)
    lab.kube.apply(client_secret("app", "first"))
    lab.kube.apply(sso_rule("login", HOST))
    with lab.running(pace=QUICK) as app:
        lab.until(cksum)
        until_accepted(lab)
        lab.kube.wait_for(lambda _kube: app.idle)
        before, session_keys, mark = cksum(lab), config(lab)["key"], lab.mark()
        lab.kube.apply(client_secret("app", "second"))
        lab.until(lambda lab: cksum(lab) != before)
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == ["PUT virtualservice"]
        assert config(lab)["key"] == session_keys


def test_a_restart_writes_nothing_and_a_secret_changed_meanwhile_is_seen(lab):
    make_provider(lab)
    lab.kube.apply(client_secret("app", "first"))
    lab.kube.apply(sso_rule("login", HOST))
    with lab.running(pace=QUICK) as app:
        lab.until(cksum)
        until_accepted(lab)
        lab.kube.wait_for(lambda _kube: app.idle)
    mark = lab.mark()
    with lab.running(pod="ako-1", pace=QUICK) as app:
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
    assert lab.writes(since=mark) == []
    before = cksum(lab)
    lab.kube.apply(client_secret("app", "second"))
    with lab.running(pod="ako-2", pace=QUICK):
        lab.until(lambda lab: cksum(lab) != before)


def test_without_its_secret_a_host_is_closed_until_it_is_there(lab):
    make_provider(lab)
    with lab.running(pace=QUICK):
        lab.until(lambda lab: service(lab).get("enabled") is True)
        lab.kube.apply(sso_rule("login", HOST))
        lab.kube.wait_for(lambda _kube: verdict(lab)[0] == "Rejected")
        assert "Secret default/app does not exist" in verdict(lab)[1]
        lab.until(lambda lab: service(lab)["enabled"] is False)
        lab.kube.wait_for(lambda _kube: "is disabled until" in problem(lab))
        lab.kube.apply(client_secret("app", "first"))
        until_accepted(lab)
        lab.until(lambda lab: service(lab)["enabled"] is True and config(lab))
        lab.kube.wait_for(lambda _kube: not problem(lab))
        lab.kube.delete("secrets", "app", "default")
        lab.kube.wait_for(lambda _kube: verdict(lab)[0] == "Rejected")
        lab.until(lambda lab: service(lab)["enabled"] is False)
        lab.kube.delete("ssorules", "login", "default")
        lab.until(lambda lab: service(lab)["enabled"] is True)
        assert not config(lab)
        lab.kube.wait_for(lambda _kube: not problem(lab))


def test_what_the_controller_does_not_have_is_told_and_heals(lab):
    lab.kube.apply(client_secret("app", "first"))
    with lab.running(pace=LOOKING_AGAIN):
        lab.until(service)
        lab.kube.apply(sso_rule("login", HOST))
        lab.kube.wait_for(lambda _kube: "ssopolicy 'login'" in verdict(lab)[1])
        lab.until(lambda lab: service(lab)["enabled"] is False)
        make_provider(lab)
        until_accepted(lab)
        lab.until(lambda lab: service(lab)["enabled"] is True and config(lab))


def test_of_two_rules_the_older_applies_and_the_younger_takes_over(lab):
    make_provider(lab)
    lab.kube.apply(client_secret("app", "first"))
    with lab.running(pace=QUICK):
        lab.kube.apply(sso_rule("login", HOST, cookieName="OLD"))
        until_accepted(lab)
        lab.kube.apply(sso_rule("rival", HOST, cookieName="NEW"))
        lab.kube.wait_for(lambda _kube: verdict(lab, "rival")[0] == "Rejected")
        assert "SSORule default/login, which is older" in verdict(lab, "rival")[1]
        lab.until(lambda lab: config(lab).get("cookie_name") == "OLD")
        lab.kube.delete("ssorules", "login", "default")
        lab.kube.wait_for(lambda _kube: verdict(lab, "rival") == ("Accepted", ""))
        lab.until(lambda lab: config(lab).get("cookie_name") == "NEW")
        assert service(lab)["enabled"] is True


def host_rule(*aliases):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": {"name": "names", "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": HOST, "aliases": list(aliases)}},
    }


def test_a_login_under_an_alias_stands_before_the_host(lab):
    """It comes with the alias, gives way to a rule for the host itself, and goes with the alias."""
    make_provider(lab)
    alias = f"www.{HOST}"
    lab.kube.apply(client_secret("app", "first"))
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(sso_rule("login", alias, cookieName="ALIAS"))
        until_accepted(lab)
        lab.kube.wait_for(lambda _kube: app.idle)
        assert not config(lab)
        lab.kube.apply(host_rule(alias))
        lab.until(lambda lab: config(lab).get("cookie_name") == "ALIAS")
        lab.kube.apply(sso_rule("own", HOST, cookieName="OWN"))
        lab.until(lambda lab: config(lab).get("cookie_name") == "OWN")
        lab.kube.wait_for(lambda _kube: verdict(lab)[0] == "Rejected")
        assert f"is a further name of host '{HOST}'" in verdict(lab)[1]
        lab.kube.delete("ssorules", "own", "default")
        lab.until(lambda lab: config(lab).get("cookie_name") == "ALIAS")
        until_accepted(lab)
        lab.kube.apply(host_rule(f"other.{HOST}"))
        lab.until(lambda lab: not config(lab))
        assert service(lab)["enabled"] is True
