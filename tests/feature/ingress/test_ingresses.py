import json

import pytest
from support.ingress.objects import backend, ingress, ingress_class, key_pair, tls_secret
from support.runtime.faults import QUICK, TAKING_OVER
from support.runtime.lab import endpoints, runtime_lab, worked_off

from ako_lab.avi_controller.faults import Fault
from ako_runtime.kube.connection import connect

HOST, SECURE = "foo.lab.example.com", "sec.lab.example.com"
KINDS = ("vsvip", "pool", "poolgroup", "httppolicyset", "sslkeyandcertificate", "vsdatascriptset", "virtualservice")
MODES = {
    "evh": {"enableEVH": "true", "shardVSSize": "SMALL"},
    "sni": {"enableEVH": "false", "shardVSSize": "SMALL"},
    "dedicated": {"enableEVH": "false", "shardVSSize": "DEDICATED"},
}


@pytest.fixture(params=sorted(MODES))
def lab(request, tmp_path):
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        lab.mode = request.param
        lab.kube.apply(ingress_class())
        for name in ("web", "api"):
            lab.kube.apply(backend(name))
            lab.kube.apply(endpoints(name, "10.244.1.5"))
        lab.kube.apply(tls_secret("tls", SECURE))
        yield lab


def entries(lab, name):
    status = lab.kube.read("ingresses", name, "default").get("status", {})
    return status.get("loadBalancer", {}).get("ingress") or []


def until_served(lab, name):
    lab.kube.wait_for(lambda _kube: entries(lab, name))
    return entries(lab, name)


def annotation(lab, name, key):
    metadata = lab.kube.read("ingresses", name, "default")["metadata"]
    return metadata.get("annotations", {}).get(f"ako.vmware.com/{key}")


def test_a_host_that_is_served_is_shown_while_others_are_still_written(lab):
    # The parent, if there is one, and the first host; the other one hangs.
    answered = 1 if lab.mode == "dedicated" else 2
    path = "/api/virtualservice"
    lab.avi.faults.add(Fault(kind="delay", method="POST", path=path, after=answered, delay=600.0))
    names = {HOST: "a", SECURE: "b"}
    for host, name in names.items():
        lab.kube.apply(tls_secret(name, host))
        lab.kube.apply(ingress(name, {host: {"/": "web"}}, tls=name))
    with lab.running(pace=TAKING_OVER):
        lab.kube.wait_for(lambda _kube: any(entries(lab, name) for name in names.values()))
        shown = [host for host, name in names.items() if entries(lab, name)]
        assert len(shown) == 1
        assert len(lab.avi.objects("virtualservice")) == answered


def serve_both(lab):
    lab.kube.apply(ingress("plain", {HOST: {"/": "web", "/api": "api"}}))
    lab.kube.apply(ingress("secure", {SECURE: {"/": "web"}}, tls="tls"))
    until_served(lab, "plain")
    until_served(lab, "secure")


def test_hosts_get_their_objects_and_addresses(lab):
    with lab.running():
        serve_both(lab)
        (plain,) = entries(lab, "plain")
        assert plain["hostname"] == HOST
        assert plain["ip"].startswith("10.10.0.")
        lab.kube.wait_for(lambda _kube: annotation(lab, "secure", "host-fqdn-vs-uuid-map"))
        uuids = {one["uuid"] for one in lab.avi.objects("virtualservice")}
        assert set(json.loads(annotation(lab, "secure", "host-fqdn-vs-uuid-map")).values()) <= uuids
        certificates = [one["certificate"]["certificate"] for one in lab.avi.objects("sslkeyandcertificate")]
        assert key_pair(SECURE, 1)[0] in certificates


def test_a_restart_writes_nothing(lab):
    with lab.running():
        serve_both(lab)
    mark = lab.mark()
    with lab.running(pod="ako-1"):
        lab.kube.apply(ingress("other", {"other.lab.example.com": {"/": "web"}}))
        until_served(lab, "other")
    written = lab.writes(since=mark)
    assert all(write.startswith("POST") or write in SHARED_WRITES for write in written), written
    assert "DELETE" not in " ".join(written)


# A new host changes the names of the shared address and, in SNI mode, the group of insecure pools.
SHARED_WRITES = {"PUT vsvip", "PUT poolgroup"}


def test_a_new_path_touches_only_its_own_objects(lab):
    with lab.running():
        serve_both(lab)
        mark = lab.mark()
        lab.kube.apply(ingress("secure", {SECURE: {"/": "web", "/v2": "api"}}, tls="tls"))
        lab.until(lambda lab: "PUT httppolicyset" in lab.writes(since=mark))
        assert sorted(lab.writes(since=mark)) == ["POST pool", "POST poolgroup", "PUT httppolicyset"]


def test_a_rotated_certificate_is_one_put(lab):
    with lab.running():
        serve_both(lab)
        mark = lab.mark()
        lab.kube.apply(tls_secret("tls", SECURE, number=2))
        lab.until(lambda lab: lab.writes(since=mark))
        assert lab.writes(since=mark) == ["PUT sslkeyandcertificate"]


def patched(lab, name, body, subresource=""):
    answer = connect(kubeconfig=str(lab.kubeconfig)).request(
        "PATCH",
        f"/apis/networking.k8s.io/v1/namespaces/default/ingresses/{name}{subresource}",
        body=body,
        content_type="application/merge-patch+json",
    )
    assert answer.status == 200, answer.message


def test_what_somebody_takes_from_an_ingress_is_put_back_without_a_write_to_the_controller(lab):
    with lab.running(pace=QUICK) as app:
        serve_both(lab)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        shown, mark = entries(lab, "plain"), lab.mark()
        patched(lab, "plain", {"status": {"loadBalancer": {"ingress": None}}}, "/status")
        lab.kube.wait_for(lambda _kube: entries(lab, "plain") == shown)
        patched(lab, "plain", {"metadata": {"annotations": {"ako.vmware.com/host-fqdn-vs-uuid-map": None}}})
        lab.kube.wait_for(lambda _kube: annotation(lab, "plain", "host-fqdn-vs-uuid-map"))
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == []


def test_keys_that_the_settings_rule_out_cost_no_pass(lab):
    with lab.running(pace=QUICK) as app:
        serve_both(lab)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        seen = {
            sample.labels["stack"]
            for metric in app.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "ako_reconcile_seconds_count" and sample.value
        }
        # A host might have a virtual service of its own, or that of its namespace, under other settings.
        assert len(seen & {"shard", "host", "namespace-vip"}) == 1


def left_names(lab):
    """Names in DNS of the VsVips that are left; None while there is anything else."""
    if any(lab.names(kind) for kind in KINDS if kind != "vsvip"):
        return None
    found = [one for one in lab.avi.objects("vsvip") if one["name"] in lab.names("vsvip")]
    return {entry["fqdn"] for one in found for entry in one.get("dns_info", ())}


def test_deleted_ingresses_leave_the_address_of_what_they_shared(lab):
    own = {
        "evh": {"cluster-a--Shared-L7-EVH-0.admin.lab.example.com"},
        "sni": {"cluster-a--Shared-L7-0.admin.lab.example.com"},
        "dedicated": set(),
    }[lab.mode]
    with lab.running():
        serve_both(lab)
        (before,) = entries(lab, "plain")
        lab.kube.delete("ingresses", "plain", "default")
        lab.kube.delete("ingresses", "secure", "default")
        lab.until(lambda lab: left_names(lab) == own)
    mark = lab.mark()
    with lab.running() as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
        assert lab.writes(since=mark) == []
        lab.kube.apply(ingress("plain", {HOST: {"/": "web"}}))
        until_served(lab, "plain")
        if own:
            assert entries(lab, "plain") == [before]
            assert "POST vsvip" not in lab.writes(since=mark)


def test_hosts_that_go_while_nobody_runs_leave_the_address_too(lab):
    with lab.running():
        serve_both(lab)
    (before,) = entries(lab, "plain")
    lab.kube.delete("ingresses", "plain", "default")
    lab.kube.delete("ingresses", "secure", "default")
    with lab.running():
        lab.until(lambda lab: left_names(lab) is not None)
        lab.kube.apply(ingress("plain", {HOST: {"/": "web"}}))
        until_served(lab, "plain")
        assert lab.mode == "dedicated" or entries(lab, "plain") == [before]


def test_delete_config_takes_the_kept_address_too(lab):
    with lab.running(pace=QUICK):
        serve_both(lab)
        lab.kube.delete("ingresses", "plain", "default")
        lab.kube.delete("ingresses", "secure", "default")
        lab.until(lambda lab: left_names(lab) is not None)
        lab.configure(**MODES[lab.mode], deleteConfig="true")
        lab.until(lambda lab: not any(lab.names(kind) for kind in KINDS))


@pytest.mark.parametrize("other", [{"shardVSSize": "DEDICATED"}, {"enableEVH": "flip"}, {"vipPerNamespace": "true"}])
def test_another_way_to_share_takes_the_kept_address(lab, other):
    with lab.running():
        serve_both(lab)
        lab.kube.delete("ingresses", "plain", "default")
        lab.kube.delete("ingresses", "secure", "default")
        lab.until(lambda lab: left_names(lab) is not None)
    settings = MODES[lab.mode] | other
    if settings["enableEVH"] == "flip":
        settings["enableEVH"] = "false" if lab.mode == "evh" else "true"
    lab.configure(**settings)
    with lab.running() as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
        assert not any(lab.names(kind) for kind in KINDS)


def test_an_ingress_of_another_class_loses_objects_and_status(lab):
    with lab.running():
        lab.kube.apply(ingress_class("other", controller="example.com/other"))
        serve_both(lab)
        lab.kube.apply(ingress("plain", {HOST: {"/": "web"}}, class_name="other"))
        lab.kube.wait_for(lambda _kube: not entries(lab, "plain"))
        lab.until(lambda lab: len(lab.names("virtualservice")) == (1 if lab.mode == "dedicated" else 2))
        assert entries(lab, "secure")
        lab.kube.wait_for(lambda _kube: ("Removed", f"Removed virtualservice for {HOST}") in told(lab, "plain"))


def test_a_host_that_goes_is_told_whatever_becomes_of_the_others(lab):
    with lab.running():
        lab.kube.apply(ingress("plain", {HOST: {"/": "web"}, f"two.{HOST}": {"/": "web"}}))
        lab.kube.wait_for(lambda _kube: len(entries(lab, "plain")) == 2)
        lab.kube.apply(ingress("plain", {HOST: {"/": "web"}}))
        lab.kube.wait_for(lambda _kube: ("Removed", f"Removed virtualservice for two.{HOST}") in told(lab, "plain"))
        assert ("Removed", f"Removed virtualservice for {HOST}") not in told(lab, "plain")


def test_a_host_whose_secret_goes_is_told_beside_the_reason(lab):
    with lab.running():
        serve_both(lab)
        lab.kube.delete("secrets", "tls", "default")
        lab.kube.wait_for(lambda _kube: ("Removed", f"Removed virtualservice for {SECURE}") in told(lab, "secure"))
        lab.kube.wait_for(lambda _kube: "CertificateRefused" in {reason for reason, _ in told(lab, "secure")})


def test_a_class_that_nobody_has_is_told_until_it_is_put_right(lab):
    """Events alone: the Ingress is nobody's, so nothing is written to it."""
    mistyped = ingress("late", {HOST: {"/": "web"}})
    mistyped["spec"]["ingressClassName"] = f"{ingress_class()['metadata']['name']}x"
    with lab.running():
        serve_both(lab)
        lab.kube.apply(mistyped)
        lab.kube.wait_for(lambda _kube: "ClassNotFound" in {reason for reason, _ in told(lab, "late")})
        assert annotation(lab, "late", "ingress-problem") is None
        lab.kube.apply(ingress("late", {HOST: {"/": "web"}}))
        until_served(lab, "late")


def told(lab, name):
    """Reasons and notes of the Events about an Ingress."""
    found = lab.kube.objects("events", "default", group="events.k8s.io")
    return {(one["reason"], one["note"]) for one in found if one["regarding"]["name"] == name}


def test_every_missing_service_is_told_by_an_event(lab):
    with lab.running():
        lab.kube.apply(ingress("plain", {HOST: {"/": "web", "/gone": "nobody", "/lost": "nowhere"}}))
        until_served(lab, "plain")
        for name in ("nobody", "nowhere"):
            note = f"Service default/{name} does not exist; its paths answer 503"
            lab.kube.wait_for(lambda _kube, note=note: ("ServiceNotFound", note) in told(lab, "plain"))
        actions = [one["fail_action"] for one in lab.avi.objects("pool") if not one.get("servers")]
        assert [one["type"] for one in actions] == ["FAIL_ACTION_HTTP_LOCAL_RSP"] * 2
        lab.kube.apply(backend("nobody"))
        lab.until(lambda lab: len([one for one in lab.avi.objects("pool") if "fail_action" in one]) == 1)


def test_a_default_backend_alone_says_under_which_name_it_answers(lab):
    alone = ingress("alone", {})
    alone["spec"]["defaultBackend"] = {"service": {"name": "web", "port": {"number": 80}}}
    name = "alone.default.lab.example.com"
    note = f"it has no rules: its default backend answers under the name '{name}' and no other; "
    note += "name the hosts in spec.rules"
    with lab.running():
        lab.kube.apply(alone)
        (shown,) = until_served(lab, "alone")
        assert shown["hostname"] == name
        lab.kube.wait_for(lambda _kube: ("DefaultBackendOnly", note) in told(lab, "alone"))
        lab.kube.wait_for(lambda _kube: annotation(lab, "alone", "ingress-problem") == f"DefaultBackendOnly: {note}")


def test_what_is_wrong_is_said_and_the_rest_serves(lab):
    with lab.running():
        lab.kube.apply(ingress("plain", {HOST: {"/": "web", "/gone": "nobody"}}))
        until_served(lab, "plain")
        lab.kube.wait_for(lambda _kube: annotation(lab, "plain", "ingress-problem"))
        assert "default/nobody does not exist" in annotation(lab, "plain", "ingress-problem")
        lab.kube.apply(backend("nobody"))
        lab.kube.wait_for(lambda _kube: annotation(lab, "plain", "ingress-problem") is None)


def test_tls_added_moves_the_host_without_losing_it(lab):
    with lab.running():
        lab.kube.apply(ingress("moving", {SECURE: {"/": "web"}}))
        until_served(lab, "moving")
        lab.kube.apply(ingress("moving", {SECURE: {"/": "web"}}, tls="tls"))
        lab.until(lambda lab: lab.names("sslkeyandcertificate"))
        until_served(lab, "moving")
        lab.kube.apply(ingress("moving", {SECURE: {"/": "web"}}))
        lab.until(lambda lab: not lab.names("sslkeyandcertificate"))


def test_a_key_of_another_certificate_holds_up_its_own_host_only(lab):
    with lab.running():
        wrong = tls_secret("wrong", HOST)
        wrong["data"]["tls.key"] = tls_secret("wrong", HOST, number=2)["data"]["tls.key"]
        lab.kube.apply(wrong)
        lab.kube.apply(ingress("broken", {HOST: {"/": "web"}}, tls="wrong"))
        lab.kube.apply(ingress("secure", {SECURE: {"/": "web"}}, tls="tls"))
        until_served(lab, "secure")
        lab.kube.wait_for(lambda _kube: annotation(lab, "broken", "ingress-problem"))
        assert "is not the key of" in annotation(lab, "broken", "ingress-problem")
        assert not entries(lab, "broken")
        lab.kube.apply(tls_secret("wrong", HOST))
        until_served(lab, "broken")


def test_a_broken_rotation_takes_nothing_away(lab):
    with lab.running() as app:
        lab.kube.apply(ingress("secure", {SECURE: {"/": "web"}}, tls="tls"))
        until_served(lab, "secure")
        lab.kube.wait_for(lambda _kube: app.idle)
        mark, (before,) = lab.mark(), certificates(lab)
        broken = tls_secret("tls", SECURE, number=2)
        broken["data"]["tls.key"] = tls_secret("tls", SECURE, number=3)["data"]["tls.key"]
        lab.kube.apply(broken)
        lab.kube.wait_for(lambda _kube: "keeps the certificate that it has" in problem(lab))
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == []
        assert entries(lab, "secure")
    with lab.running(pod="ako-1") as app:
        # The controller remembers it, not the process.
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        assert lab.writes(since=mark) == []
        lab.kube.apply(tls_secret("tls", SECURE, number=2))
        lab.until(lambda lab: certificates(lab)[0]["certificate"] != before["certificate"])
        lab.kube.wait_for(lambda _kube: not problem(lab))
        lab.kube.apply(broken)
        lab.kube.wait_for(lambda _kube: "keeps the certificate that it has" in problem(lab))
        lab.kube.delete("secrets", "tls", "default")
        lab.until(lambda lab: not certificates(lab))
        lab.kube.apply(broken)
        lab.kube.wait_for(lambda _kube: "is not the key of" in problem(lab))
        lab.kube.apply(ingress("other", {HOST: {"/": "web"}}))
        until_served(lab, "other")
        assert not entries(lab, "secure")


def problem(lab):
    return annotation(lab, "secure", "ingress-problem") or ""


def certificates(lab):
    return [one for one in lab.avi.objects("sslkeyandcertificate") if one["name"].startswith("cluster-a--")]


def test_clients_are_led_to_tls_and_remember_it(lab):
    wishes = {"ako.vmware.com/redirect-code": "307", "ako.vmware.com/hsts": "600"}
    with lab.running():
        lab.kube.apply(ingress("secure", {SECURE: {"/": "web"}}, tls="tls", **wishes))
        until_served(lab, "secure")
        sets = [one for one in lab.avi.objects("httppolicyset") if one["name"].startswith("cluster-a--")]
        redirects = [
            rule["redirect_action"]["status_code"] for rule in rules(sets, "request") if "redirect_action" in rule
        ]
        assert redirects == ["HTTP_REDIRECT_STATUS_CODE_307"]
        (answer,) = rules(sets, "response")
        assert answer["hdr_action"][0]["hdr"] == {
            "name": "Strict-Transport-Security",
            "value": {"val": "max-age=600", "is_sensitive": False},
        }


def rules(sets, kind):
    return [rule for one in sets for rule in one.get(f"http_{kind}_policy", {}).get("rules", ())]
