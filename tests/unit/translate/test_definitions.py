"""Our custom resource definitions have every version, name and field of the official ones, with types as narrow or
wider where no rule of the runtime says otherwise."""

from pathlib import Path

import pytest
import yaml
from support.data_folder import test_data

CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"
PAIRS = {
    "ako.vmware.com_aviinfrasettings": ("crds", "ako", "ako.vmware.com_aviinfrasettings.yaml"),
    "ako.vmware.com_l4rules": ("crds", "ako", "ako.vmware.com_l4rules.yaml"),
    "ako.vmware.com_hostrules": ("crds", "ako", "ako.vmware.com_hostrules.yaml"),
    "ako.vmware.com_httprules": ("crds", "ako", "ako.vmware.com_httprules.yaml"),
    "ako.vmware.com_l7rules": ("crds", "ako", "ako_vmware.com_l7rules.yaml"),
    "ako.vmware.com_ssorules": ("crds", "ako", "ako.vmware.com_ssorules.yaml"),
    "networking.x-k8s.io_gatewayclasses": (
        "crds",
        "services-api-v1alpha1",
        "networking.x-k8s.io_gatewayclasses.yaml",
    ),
    "networking.x-k8s.io_gateways": ("crds", "services-api-v1alpha1", "networking.x-k8s.io_gateways.yaml"),
}
# Theirs makes every UDP and SCTP Service with a rule a TCP proxy.
LEFT_OUT = {"spec.networkProfileRef.default"}


def definition(name):
    return yaml.safe_load((CRDS / f"{name}.yaml").read_text())


def fields(schema, path=""):
    """Every field with what a stored object must fulfil, by path."""
    found = {}
    for name, value in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        found[here] = value["type"]
        for limit in ("enum", "default", "required"):
            if limit in value:
                found[f"{here}.{limit}"] = value[limit] if limit == "default" else sorted(value[limit])
        found |= fields(value, here)
        items = value.get("items")
        if items:
            found[f"{here}[]"] = items["type"]
            found |= fields(items, f"{here}[]")
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_fields_are_those_of_the_official_definition(name):
    mine, theirs = definition(name), yaml.safe_load(test_data(*PAIRS[name]).read_text())
    for key in ("group", "scope"):
        assert mine["spec"][key] == theirs["spec"][key]
    for key in ("kind", "plural", "listKind"):
        assert mine["spec"]["names"][key] == theirs["spec"]["names"][key]
    own = {version["name"]: version for version in mine["spec"]["versions"]}
    for version in theirs["spec"]["versions"]:
        wanted = fields(version["schema"]["openAPIV3Schema"])
        have = fields(own[version["name"]]["schema"]["openAPIV3Schema"])
        differing = {path: (value, have.get(path)) for path, value in wanted.items() if have.get(path) != value}
        assert {path for path in differing if path not in LEFT_OUT} == set(), differing
        assert own[version["name"]]["storage"] == version["storage"]


@pytest.mark.parametrize("name", PAIRS)
def test_every_field_is_described_in_words_of_our_own(name):
    def undescribed(schema, path):
        for key, value in schema.get("properties", {}).items():
            if path or key == "spec":
                if "description" not in value:
                    yield f"{path}.{key}"
                yield from undescribed(value, f"{path}.{key}")
                yield from undescribed(value.get("items", {}), f"{path}.{key}[]")

    for version in definition(name)["spec"]["versions"]:
        assert list(undescribed(version["schema"]["openAPIV3Schema"], "")) == []
