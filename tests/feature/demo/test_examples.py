"""Every folder of examples/ works as it is, all of them in one lab like the one that `ako lab up` gives."""

from pathlib import Path

import pytest
import yaml
from support.runtime.lab import runtime_lab

from ako_lab import demo_content, manifests

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
GROUP = "networking.x-k8s.io"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, demo_content.controller(), servicesAPI="true") as found:
        for definition in manifests.definitions():
            found.kube.apply(dict(definition))
        found.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "packet-core"}})
        yield found


def ready(lab, name):
    conditions = lab.kube.read("gateways", name, "packet-core", group=GROUP).get("status", {}).get("conditions") or ()
    return any(one["type"] == "ako.vmware.com/Ready" and one["status"] == "True" for one in conditions)


def test_every_example_is_served(lab):
    with lab.running():
        for path in sorted(EXAMPLES.glob("*/*.yaml")):
            for document in yaml.safe_load_all(path.read_text()):
                lab.kube.apply(document)
        shared = lab.until_address("upf-n4", "user-plane", timeout=120)
        assert lab.until_address("upf-oam", "user-plane", timeout=120) == shared
        (address, address_v6) = sorted(lab.until_address("sbi", "packet-core", timeout=120))
        assert (address[:8], address_v6[:11]) == ("10.11.0.", "fd00:10:11:")
        for name in ("signalling", "smf"):
            lab.kube.wait_for(lambda _kube, name=name: ready(lab, name), timeout=120)
        assert lab.until_address("oam", "packet-core", timeout=120) == ["10.10.0.100"]
