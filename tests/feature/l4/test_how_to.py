"""The manifests of the how-to page work as the page says."""

import json
import re
from pathlib import Path

import yaml
from support.runtime.lab import runtime_lab

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/expose-a-cnf.md"
NAMESPACE = "packet-core"


def manifests():
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        yield from yaml.safe_load_all(block)


def one(lab, kind, name):
    return next((document for document in lab.avi.objects(kind) if document["name"] == name), {})


def test_every_manifest_of_the_page_is_served(tmp_path):
    networks = json.dumps([{"networkName": "vip-network"}])
    with runtime_lab(tmp_path, servicesAPI="true", vipNetworkList=networks) as lab:
        for path in sorted((ROOT / "packaging/helm/ako/crds").glob("*.yaml")):
            lab.kube.apply(yaml.safe_load(path.read_text()))
        lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        with lab.running():
            for manifest in manifests():
                lab.kube.apply(manifest)
            assert lab.until_address("amf-n2", NAMESPACE) == ["10.10.0.100"]
            assert lab.until_address("upf-n4", NAMESPACE) == lab.until_address("upf-oam", NAMESPACE)
            assert lab.until_address("scp", NAMESPACE)
            assert lab.until_address("upf-probe", "probes") == lab.until_address("upf-n4", NAMESPACE)
            assert [":" in address for address in lab.until_address("nrf", NAMESPACE)] == [True, False]
            assert lab.until_address("ims-sip", NAMESPACE)
            pools = {one["name"]: one for one in lab.avi.objects("pool")}
            nrf = pools[f"cluster-a--{NAMESPACE}-nrf-TCP-8443"]
            assert nrf["lb_algorithm"] == "LB_ALGORITHM_ROUND_ROBIN"
            assert nrf["application_persistence_profile_ref"].endswith(nrf["name"])
            # Rules and settings are watched apart from the Services that name them.
            sip = f"cluster-a--{NAMESPACE}-ims-sip-UDP-5060"
            lab.until(
                lambda lab: one(lab, "pool", sip).get("lb_algorithm_hash") == "LB_ALGORITHM_CONSISTENT_HASH_CALLID"
            )
            address = lab.until_address("n4", NAMESPACE)
            status = lab.kube.read("gateways", "smf", NAMESPACE, group="networking.x-k8s.io")["status"]
            assert [one["value"] for one in status["addresses"]] == address
            ready = {
                (listener["port"], condition["status"])
                for listener in status["listeners"]
                for condition in listener["conditions"]
                if condition["type"] == "Ready"
            }
            assert ready == {(3868, "True"), (8805, "True")}
            assert lab.names("virtualservice") == {
                f"cluster-a--{NAMESPACE}-{name}" for name in ("amf-n2", "upf", "scp", "smf", "nrf", "ims-sip")
            }
            lab.until(lambda lab: one(lab, "virtualservice", f"cluster-a--{NAMESPACE}-scp").get("enable_rhi") is True)
