"""What is kept because setting or tenant is refused goes on following its pods, and outlives a restart."""

from pathlib import Path

import pytest
import yaml
from support.ingress.objects import MODES, backend, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab, worked_off

ROOT = Path(__file__).resolve().parents[3]
INFRA_DEFINITION = ROOT / "packaging/helm/ako/crds/ako.vmware.com_aviinfrasettings.yaml"
PROBLEM, TENANT = "ako.vmware.com/ingress-problem", "ako.vmware.com/tenant-name"
INFRA, THROUGH = "aviinfrasetting.ako.vmware.com/name", "passthrough.ako.vmware.com/enabled"
PLAIN, SECURE, OPEN = "foo.lab.example.com", "sec.lab.example.com", "through.lab.example.com"
# A plain host, one with TLS, and one whose TLS goes through.
HOSTS = 3


def infra(**spec):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": "telco"},
        "spec": spec,
    }


def named_class():
    document = ingress_class("telco")
    document["spec"]["parameters"] = {"apiGroup": "ako.vmware.com", "kind": "AviInfraSetting", "name": "telco"}
    return document


def namespace(name="default", **annotations):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations}}


GOOD, REJECTED = infra(seGroup={"name": "Default-Group"}), infra(seGroup={"name": "no-such-group"})


@pytest.fixture(params=MODES)
def lab(request, tmp_path):
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        lab.mode = request.param
        for manifest in (
            yaml.safe_load(INFRA_DEFINITION.read_text()),
            ingress_class(),
            named_class(),
            GOOD,
            backend("web"),
            endpoints("web", "10.244.1.5"),
            tls_secret("tls", SECURE),
        ):
            lab.kube.apply(manifest)
        yield lab


def serve(lab, class_name="telco"):
    """Three hosts behind one Service."""
    lab.kube.apply(ingress("plain", {PLAIN: {"/": "web"}}, class_name=class_name))
    lab.kube.apply(ingress("secure", {SECURE: {"/": "web"}}, tls="tls", class_name=class_name))
    lab.kube.apply(ingress("through", {OPEN: {"/": "web"}}, class_name=class_name, **{THROUGH: "true"}))
    for name in ("plain", "secure", "through"):
        lab.kube.wait_for(
            lambda kube, name=name: (
                kube.read("ingresses", name, "default").get("status", {}).get("loadBalancer", {}).get("ingress")
            )
        )


def problem(lab, name):
    annotations = lab.kube.read("ingresses", name, "default")["metadata"].get("annotations", {})
    return annotations.get(PROBLEM, "")


def until_refused(lab, text):
    lab.kube.wait_for(lambda _kube: all(text in problem(lab, name) for name in ("plain", "secure", "through")))


def members(lab):
    """The members of every pool of ours."""
    return [lab.members(name) for name in sorted(lab.names("pool"))]


def until_members(lab, *addresses):
    wanted = [{f"{address}:8080" for address in addresses}] * HOSTS
    lab.until(lambda lab: members(lab) == wanted)


def test_a_rejected_setting_freezes_no_pool(lab):
    with lab.running(pace=QUICK) as app:
        serve(lab)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        lab.kube.apply(REJECTED)
        until_refused(lab, "is rejected")
        lab.kube.wait_for(lambda _kube: app.idle)
        mark = lab.mark()
        lab.kube.apply(endpoints("web", "10.244.2.6", "10.244.2.7"))
        until_members(lab, "10.244.2.6", "10.244.2.7")
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == ["PUT pool"] * HOSTS


def test_a_start_finds_what_is_kept(lab):
    """Children name their parent, and not the other way round: they are looked for by their hosts."""
    with lab.running(pace=QUICK) as app:
        serve(lab)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
    lab.kube.apply(REJECTED)
    lab.kube.apply(endpoints("web", "10.244.2.6"))
    mark = lab.mark()
    with lab.running(pod="ako-1", pace=QUICK) as app:
        until_refused(lab, "is rejected")
        lab.kube.wait_for(lambda _kube: worked_off(app))
        until_members(lab, "10.244.2.6")
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == ["PUT pool"] * HOSTS
        lab.kube.apply(GOOD)
        lab.kube.wait_for(lambda _kube: not problem(lab, "plain"))
        assert [one for one in lab.writes(since=mark) if not one.startswith("PUT")] == []


def test_a_tenant_that_does_not_exist_takes_nothing_away(lab):
    with lab.running(pace=QUICK) as app:
        serve(lab, class_name="avi-lb")
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        mark = lab.mark()
        lab.kube.apply(namespace(**{TENANT: "no-such-tenant"}))
        until_refused(lab, "does not have")
        lab.kube.apply(endpoints("web", "10.244.2.6"))
        until_members(lab, "10.244.2.6")
        assert lab.writes(since=mark) == ["PUT pool"] * HOSTS
    mark = lab.mark()
    with lab.running(pod="ako-1", pace=QUICK) as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
        lab.kube.apply(endpoints("web", "10.244.2.7"))
        until_members(lab, "10.244.2.7")
        assert lab.writes(since=mark) == ["PUT pool"] * HOSTS


def test_a_rejected_setting_of_a_namespace_moves_no_address(lab):
    lab.kube.apply(namespace(**{INFRA: "telco"}))
    with lab.running(pace=QUICK) as app:
        serve(lab, class_name="avi-lb")
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        mark = lab.mark()
        lab.kube.apply(REJECTED)
        until_refused(lab, "is rejected")
        lab.kube.apply(endpoints("web", "10.244.2.6"))
        until_members(lab, "10.244.2.6")
        lab.kube.wait_for(lambda _kube: app.idle)
        assert lab.writes(since=mark) == ["PUT pool"] * HOSTS


@pytest.mark.parametrize("enhanced", ["true", "false"], ids=["evh", "sni"])
def test_a_missing_tenant_does_not_hold_up_the_other_namespaces_of_a_shard(tmp_path, monkeypatch, enhanced):
    """What is kept for one namespace is claimed for it only as long as nobody else wants it."""
    monkeypatch.setattr("ako_runtime.reconcile.moves.PATIENCE", 0.5)
    with runtime_lab(tmp_path, enableEVH=enhanced, shardVSSize="SMALL") as lab:
        for manifest in (ingress_class(), backend("web"), endpoints("web", "10.244.1.5"), namespace("green")):
            lab.kube.apply(manifest)
        lab.kube.apply(backend("web", "green"))
        lab.kube.apply(ingress("plain", {PLAIN: {"/": "web"}}))
        lab.kube.apply(ingress("other", {SECURE: {"/": "web"}}, namespace="green"))
        with lab.running(pace=QUICK) as app:
            lab.until(lambda lab: len(lab.names("pool")) == 2)
            lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        lab.kube.apply(namespace("green", **{TENANT: "no-such-tenant"}))
        mark = lab.mark()
        with lab.running(pod="ako-1", pace=QUICK):
            lab.kube.apply(ingress("plain", {PLAIN: {"/": "web", "/more": "web"}}))
            lab.until(lambda lab: "POST pool" in lab.writes(since=mark))
