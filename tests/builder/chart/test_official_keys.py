"""No key of an official chart is swallowed: each one changes what is rendered, or is reported by its name."""

import json
from collections.abc import Iterator, Mapping

import pytest
import yaml
from support.data_folder import test_data as shared_data
from support.kube.servers import embedded_server

from ako_builder.chart.catalogue import entries, tree
from ako_builder.chart.values_files import findings, load_values, merged

OFFICIAL = ("1.10.3", "1.11.1", "1.12.3", "1.13.4", "2.1.1", "master-2025-11")
# The official templates look at these, the official values files do not show them.
UNSEEN = {"nodeSelector", "tolerations", "nameOverride", "fullnameOverride"}
# Where our default is another one, and why.
OTHER_DEFAULTS = {
    "image.repository": "our own image",
    "GatewayAPI.image.repository": "not used",
    "ako-crd-operator.controllerManager.container.image.repository": "not used",
    "ako-crd-operator.controllerManager.container.resources": "not used",
    "podSecurityContext": "restricted",
    "securityContext": "restricted",
    "resources": "measured",
}
# Values that are not the default, where the kind of value does not say one.
PROBES = {
    "ControllerSettings.controllerHost": "10.0.0.9",
    "ControllerSettings.controllerVersion": "22.1.4",
    "NetworkSettings.vipNetworkList": [{"networkName": "other", "cidr": "10.9.0.0/24"}],
    "NetworkSettings.nodeNetworkList": [{"networkName": "nodes", "cidrs": ["10.8.0.0/24"]}],
    "NetworkSettings.nsxtT1LR": "/infra/tier-1s/t1",
    "NetworkSettings.defaultDomain": "one.example.org",
    "L4Settings.defaultDomain": "two.example.org",
    "avicredentials.certificateAuthorityData": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "image.pullSecrets": [{"name": "registry"}],
    "ako-crd-operator.controllerManager.container.image.pullSecrets": [{"name": "registry"}],
    "resources": {"limits": {"memory": "1Gi"}},
    "ako-crd-operator.controllerManager.container.resources": {"limits": {"memory": "1Gi"}},
    "podSecurityContext": {"fsGroup": 7},
    "securityContext": {"runAsUser": 7},
    "nodeSelector": {"role": "edge"},
    "tolerations": [{"operator": "Exists"}],
}
BASE = {
    "ControllerSettings": {"controllerHost": "10.0.0.1"},
    "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network"}]},
    "avicredentials": {"username": "admin", "password": "secret"},
}
# What a key needs to mean anything, in both charts.
NODE_PORTS = {"L7Settings": {"serviceType": "NodePort"}, "nodePortSelector": {"key": "pool", "value": "edge"}}
CONTEXTS = {"nodePortSelector.key": NODE_PORTS, "nodePortSelector.value": NODE_PORTS}


def leaves(node: Mapping, *, listed: set[str], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in node.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and path not in listed:
            yield from leaves(value, listed=listed, prefix=f"{path}.")
        else:
            yield path, value


@pytest.fixture(scope="module")
def listed(release):
    return entries(release)


@pytest.fixture(scope="module")
def official(listed):
    """Path -> defaults of the official releases that have it."""
    found = {path: [] for path in UNSEEN}
    known = {entry.path for entry in listed}
    for version in OFFICIAL:
        for path, value in leaves(load_values(shared_data("values", f"ako-chart-values-{version}.yaml")), listed=known):
            found.setdefault(path, []).append(value)
    return found


def probe(entry):
    """A valid value of a key that is not its default."""
    if entry.path in PROBES:
        return PROBES[entry.path]
    schema = entry.schema
    if "enum" in schema:
        # Another spelling of the default is no other value.
        usual = {str(entry.default).lower(), "none", ""}
        return next(value for value in schema["enum"] if str(value).lower() not in usual)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "integer" in kinds:
        return entry.default + 1
    return ["probe"] if "array" in kinds else "probe"


def nested(path, value):
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


@pytest.fixture
def objects(helm, chart, tmp_path):
    def rendered(values):
        path = tmp_path / "values.yaml"
        path.write_text(json.dumps(values))
        text = helm.run(["template", "ako", str(chart), "--namespace", "avi-system", "--values", str(path)])
        return [document for document in yaml.safe_load_all(text) if document]

    return rendered


def test_every_official_key_has_an_effect_or_is_reported(official, listed, objects):
    by_path, defaults, usual = {entry.path: entry for entry in listed}, tree(listed), objects(BASE)
    around = objects(merged(BASE, NODE_PORTS))
    assert official.keys() <= by_path.keys()
    assert len(official) >= 75
    swallowed = []
    for path in official:
        values = merged(merged(BASE, CONTEXTS.get(path, {})), nested(path, probe(by_path[path])))
        found = findings(values, listed, defaults=defaults)
        reported = any(finding.key == path and finding.level == "no effect" for finding in found)
        if not reported and objects(values) == (around if path in CONTEXTS else usual):
            swallowed.append(path)
    assert swallowed == []


def test_the_notes_name_what_values_check_names(*, official, listed, helm, chart, tmp_path):
    values = BASE
    by_path = {entry.path: entry for entry in listed}
    for path in official:
        values = merged(values, nested(path, probe(by_path[path])))
    found = {item.key for item in findings(values, listed, defaults=tree(listed)) if item.level == "no effect"}
    assert len(found) >= 20
    path = tmp_path / "values.yaml"
    path.write_text(json.dumps(values))
    with embedded_server(tmp_path) as api:
        place = ["--namespace", api.namespace, "--kubeconfig", str(api.kubeconfig)]
        text = helm.run(["install", "ako", str(chart), "--values", str(path), *place])
    _, _, notes = text.partition("These values have no effect in this chart:\n")
    said = {line.strip().split(":")[0] for line in notes.split("\n\n")[0].splitlines() if line.strip()}
    assert said == found


def same(ours, theirs):
    """Equal as the official chart writes it: "false" is false, nothing is nothing."""
    return str(ours).lower() == str(theirs).lower() or (not ours and not theirs)


def test_defaults_are_the_official_ones_but_for_those_with_a_reason(official, listed):
    ours = {entry.path: entry.default for entry in listed}
    other = {path for path, values in official.items() if not all(same(ours[path], value) for value in values)}
    assert other == OTHER_DEFAULTS.keys()
