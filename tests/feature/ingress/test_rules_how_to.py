"""The manifests of the how-to page about rules work as the page says."""

import re
from pathlib import Path

import yaml
from support.avi_lab.client import Client
from support.ingress.objects import backend, ingress, ingress_class
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/ingress-rules.md"
HOST = "shop.lab.example.com"


def test_every_manifest_of_the_page_is_accepted_and_applied(tmp_path):
    with runtime_lab(tmp_path, enableEVH="true", shardVSSize="SMALL") as lab:
        for path in sorted((ROOT / "packaging/helm/ako/crds").glob("ako.*.yaml")):
            lab.kube.apply(yaml.safe_load(path.read_text()))
        with Client(lab.avi) as administrator:
            for kind, body in (
                ("errorpageprofile", {"name": "shop-errors"}),
                ("ssopolicy", {"name": "shop-oauth", "type": "SSO_TYPE_OAUTH"}),
                ("authprofile", {"name": "idp", "type": "AUTH_PROFILE_OAUTH"}),
            ):
                assert administrator.request("POST", f"/api/{kind}", body).status == 201
        for manifest in (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "red"}},
            ingress_class(),
            backend("web", "red"),
            endpoints("web", "10.244.1.5", namespace="red"),
            ingress("shop", {HOST: {"/": "web", "/pay": "web"}}, namespace="red"),
        ):
            lab.kube.apply(manifest)
        with lab.running(pace=QUICK):
            for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
                for manifest in yaml.safe_load_all(block):
                    lab.kube.apply(manifest)
            for plural in ("hostrules", "httprules", "l7rules", "ssorules"):
                lab.kube.wait_for(
                    lambda _kube, plural=plural: (
                        lab.kube.read(plural, "shop", "red").get("status", {}).get("status") == "Accepted"
                    )
                )
            lab.until(lambda lab: [one for one in services(lab) if one.get("error_page_profile_ref")])
            (own,) = [one for one in services(lab) if one["type"] == "VS_TYPE_VH_CHILD"]
            assert own["close_client_conn_on_config_update"] is True
            lab.until(lambda lab: [one for one in services(lab) if one.get("oauth_vs_config")])
            assert [match["host"] for match in own["vh_matches"]] == [HOST, f"www.{HOST}"]
            lab.until(lambda lab: [one for one in pools(lab) if one.get("enable_http2")])
            assert {one.get("lb_algorithm") for one in pools(lab)} >= {"LB_ALGORITHM_CONSISTENT_HASH"}


def services(lab):
    return [one for one in lab.avi.objects("virtualservice") if one["name"].startswith("cluster-a--")]


def pools(lab):
    return [one for one in lab.avi.objects("pool") if one["name"].startswith("cluster-a--")]
