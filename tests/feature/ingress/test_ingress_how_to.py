"""The manifests of the how-to pages about Ingresses work as the pages say."""

import re
from pathlib import Path

import pytest
import yaml
from support.how_to_pages import Page
from support.ingress.objects import backend, definitions, ingress, ingress_class, key_pair
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab

ROOT = Path(__file__).resolve().parents[3]
HOST = "shop.lab.example.com"


def manifests(page):
    """What the page tells to apply, in the domain of the lab."""
    text = (ROOT / "docs/how-to" / page).read_text().replace("shop.example.com", HOST)
    blocks = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    found = [one for block in blocks for one in yaml.safe_load_all(block) if "apiVersion" in one]
    assert found
    return found


def prepare(lab, *services):
    lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "red"}})
    lab.kube.apply(ingress_class())
    for name in services:
        lab.kube.apply(backend(name, "red"))
        lab.kube.apply(endpoints(name, "10.244.1.5", namespace="red"))


def until_served(lab, name):
    lab.kube.wait_for(
        lambda kube: kube.read("ingresses", name, "red").get("status", {}).get("loadBalancer", {}).get("ingress"),
        timeout=30.0,
    )


def written_pairs(folder, **hosts):
    """A certificate and a key of each name, as files."""
    for at, (name, host) in enumerate(hosts.items()):
        certificate, key = key_pair(host, at + 1)
        (folder / f"{name}.crt").write_text(certificate)
        (folder / f"{name}.key").write_text(key)


@pytest.mark.parametrize("enhanced", ["true", "false"], ids=["evh", "sni"])
def test_tls(tmp_path, enhanced):
    with runtime_lab(tmp_path, enableEVH=enhanced, shardVSSize="SMALL") as lab:
        for manifest in definitions():
            lab.kube.apply(manifest)
        prepare(lab, "shop")
        written_pairs(tmp_path, shop=HOST, next=HOST, all="lab.example.com", rsa=HOST)
        page = Page("ingress-tls.md")
        page.replace("shop.example.com", HOST)
        authority = key_pair("authority", 9)[0].strip()
        page.replace(
            "          -----BEGIN CERTIFICATE-----\n          ...\n          -----END CERTIFICATE-----",
            "\n".join(f"          {line}" for line in authority.splitlines()),
        )
        with lab.running(pace=QUICK) as app:
            page.follow(lab, tmp_path)
            lab.kube.wait_for(lambda _kube: app.idle)
            sets = [one for one in lab.avi.objects("httppolicyset") if one["name"].startswith("cluster-a--")]
            codes = [rule["redirect_action"]["status_code"] for rule in rules(sets) if "redirect_action" in rule]
            assert codes == ["HTTP_REDIRECT_STATUS_CODE_301"]
            assert [one for one in sets if "http_response_policy" in one]
            certificates = {
                one["name"]: one["certificate"]["certificate"]
                for one in lab.avi.objects("sslkeyandcertificate")
                if one["name"].startswith("cluster-a--")
            }
            assert sorted(certificates.values()) == sorted((tmp_path / f"{name}.crt").read_text() for name in PAIR)
            assert [one["ca_certs"][0]["certificate"].strip() for one in lab.avi.objects("pkiprofile")] == [authority]


# The Secret of the Ingress, and the one that the HostRule adds.
PAIR = ("shop", "rsa")


def rules(sets):
    return [rule for one in sets for rule in one.get("http_request_policy", {}).get("rules", ())]


@pytest.mark.parametrize("enhanced", ["true", "false"], ids=["evh", "sni"])
def test_canary(tmp_path, enhanced):
    with runtime_lab(tmp_path, enableEVH=enhanced, shardVSSize="SMALL") as lab:
        prepare(lab, "shop")
        lab.kube.apply(backend("shop-next", "red"))
        lab.kube.apply(endpoints("shop-next", "10.244.1.6", namespace="red"))
        lab.kube.apply(ingress("shop", {HOST: {"/": "shop"}}, namespace="red"))
        page = Page("ingress-canary.md")
        page.replace("shop.example.com", HOST)
        with lab.running(pace=QUICK) as app:
            until_served(lab, "shop")
            lab.kube.wait_for(lambda _kube: app.ready and app.idle)
            mark = lab.mark()
            page.follow(lab, tmp_path)
            lab.until(lambda lab: shares(lab) == [[100]])
            lab.until(lambda lab: [lab.members(name) for name in lab.names("pool")] == [{"10.244.1.6:8080"}])
            assert {"POST virtualservice", "DELETE virtualservice", "DELETE vsvip"}.isdisjoint(lab.writes(since=mark))


@pytest.mark.parametrize("enhanced", ["true", "false"], ids=["evh", "sni"])
def test_weights_are_the_shares_of_one_pool_group(tmp_path, enhanced):
    with runtime_lab(tmp_path, enableEVH=enhanced, shardVSSize="SMALL") as lab:
        prepare(lab, "shop", "shop-next")
        weight = "ako.vmware.com/backend-weight"
        lab.kube.apply(ingress("shop", {HOST: {"/": "shop"}}, namespace="red", **{weight: "90"}))
        with lab.running(pace=QUICK) as app:
            until_served(lab, "shop")
            lab.kube.apply(ingress("shop-canary", {HOST: {"/": "shop-next"}}, namespace="red", **{weight: "10"}))
            lab.until(lambda lab: [90, 10] in shares(lab))
            lab.kube.wait_for(lambda _kube: app.idle)
            mark = lab.mark()
            for first, second in (("50", "50"), ("0", "100"), ("100", "0")):
                lab.kube.apply(ingress("shop", {HOST: {"/": "shop"}}, namespace="red", **{weight: first}))
                lab.kube.apply(ingress("shop-canary", {HOST: {"/": "shop-next"}}, namespace="red", **{weight: second}))
                lab.until(lambda lab, wanted=[int(first), int(second)]: wanted in shares(lab))
            assert set(lab.writes(since=mark)) == {"PUT pool", "PUT poolgroup"}


def shares(lab):
    return [[member.get("ratio", 1) for member in one.get("members", ())] for one in lab.avi.objects("poolgroup")]


def test_classes(tmp_path):
    with runtime_lab(tmp_path, enableEVH="true", shardVSSize="SMALL") as lab:
        for path in sorted((ROOT / "packaging/helm/ako/crds").glob("ako.*.yaml")):
            lab.kube.apply(yaml.safe_load(path.read_text()))
        prepare(lab, "shop")
        lab.kube.apply(
            {
                "apiVersion": "ako.vmware.com/v1beta1",
                "kind": "AviInfraSetting",
                "metadata": {"name": "dmz"},
                "spec": {"l7Settings": {"shardSize": "MEDIUM"}},
            }
        )
        with lab.running():
            for manifest in manifests("ingress-classes.md"):
                lab.kube.apply(manifest)
            lab.kube.apply(ingress("shop", {HOST: {"/": "shop"}}, namespace="red", class_name="avi-dmz"))
            until_served(lab, "shop")
            assert any("Shared-L7-EVH-dmz-" in name for name in lab.names("vsvip"))


def test_moving_in_leaves_other_classes_alone_and_serves_the_copy(tmp_path):
    with runtime_lab(tmp_path, enableEVH="true", shardVSSize="SMALL", defaultIngController="false") as lab:
        prepare(lab, "shop")
        lab.kube.apply(ingress_class("nginx", controller="k8s.io/ingress-nginx"))
        lab.kube.apply(ingress("shop", {HOST: {"/": "shop"}}, namespace="red", class_name="nginx"))
        with lab.running():
            lab.kube.apply(ingress("shop-new", {HOST: {"/": "shop"}}, namespace="red"))
            until_served(lab, "shop-new")
            assert (
                not lab.kube.read("ingresses", "shop", "red").get("status", {}).get("loadBalancer", {}).get("ingress")
            )
            assert lab.names("virtualservice")
