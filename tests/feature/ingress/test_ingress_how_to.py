"""The manifests of the how-to pages about Ingresses work as the pages say."""

import re
from pathlib import Path

import yaml
from ingress_objects import backend, ingress, ingress_class, tls_secret
from runtime_lab import endpoints, runtime_lab

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


def test_tls(tmp_path):
    with runtime_lab(tmp_path, enableEVH="true", shardVSSize="SMALL") as lab:
        prepare(lab, "shop")
        lab.kube.apply(tls_secret("shop-tls", HOST, namespace="red"))
        with lab.running():
            for manifest in manifests("ingress-tls.md"):
                if manifest["kind"] == "Ingress":
                    lab.kube.apply(manifest)
            until_served(lab, "shop")
            rules = [
                rule["redirect_action"]["status_code"]
                for policy in lab.avi.objects("httppolicyset")
                for rule in policy.get("http_request_policy", {}).get("rules", ())
                if "redirect_action" in rule
            ]
            assert rules == ["HTTP_REDIRECT_STATUS_CODE_302"]


def test_canary(tmp_path):
    with runtime_lab(tmp_path, enableEVH="true", shardVSSize="SMALL") as lab:
        prepare(lab, "shop", "shop-next")
        weight = {"ako.vmware.com/backend-weight": "90"}
        lab.kube.apply(ingress("shop", {HOST: {"/": "shop"}}, namespace="red", **weight))
        with lab.running():
            until_served(lab, "shop")
            for manifest in manifests("ingress-canary.md"):
                lab.kube.apply(manifest)
            until_served(lab, "shop-canary")
            lab.until(lambda lab: [90, 10] in shares(lab))


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
