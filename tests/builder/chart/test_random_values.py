"""Random values: valid ones render to valid manifests, invalid ones are refused by Helm with their key."""

import json

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ako_builder.chart.catalogue import entries, tree
from ako_builder.chart.extras import EXTRAS
from ako_builder.chart.schema import schema_document
from ako_builder.chart.values_files import merged
from ako_builder.release import load_release
from ako_runtime.errors import Refused

# What YAML readers like to take for something else.
TRICKY = st.sampled_from(["", "a-b", "123", "1e3", "0x1f", "on", "true", "null", "0123", "12:30", "~"])
NAMES = st.sampled_from(["a-b", "123", "1e3", "0x1f", "on", "true", "null", "0123"])
LABELS = st.dictionaries(st.sampled_from(["a", "b.example.com/c", "on"]), NAMES, max_size=2)
PEERS = st.just([{"namespaceSelector": {"matchLabels": {"a": "1"}}}]) | st.just([{"ipBlock": {"cidr": "fd00::/8"}}])
CONTAINERS = st.builds(lambda name: [{"name": f"x-{name}", "image": "i"}], NAMES)
PROBE = st.none() | st.fixed_dictionaries({"periodSeconds": st.integers(1, 60)})
LISTS = {
    "global.imagePullSecrets": st.lists(st.fixed_dictionaries({"name": NAMES}), max_size=2, unique_by=str),
    "topologySpreadConstraints": st.just(
        [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]
    ),
    "hostAliases": st.builds(lambda name: [{"ip": "10.0.0.1", "hostnames": [name]}], NAMES),
    "extraArgs": st.lists(TRICKY, max_size=3),
    "extraEnv": st.builds(lambda value: [{"name": "X", "value": value}], TRICKY),
    "extraEnvFrom": st.builds(lambda name: [{"configMapRef": {"name": name}}], NAMES),
    "extraVolumes": st.builds(lambda name: [{"name": name, "emptyDir": {}}], NAMES),
    "extraVolumeMounts": st.builds(lambda name: [{"name": name, "mountPath": "/x"}], NAMES),
    "initContainers": CONTAINERS,
    "extraContainers": CONTAINERS,
    "extraObjects": st.builds(
        lambda name: [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"x-{name}"}}], NAMES
    ),
    "rbac.extraRules": st.just([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    "networkPolicy.ingressFrom": PEERS,
    "networkPolicy.egressPorts": st.lists(st.integers(1, 65535), min_size=1, max_size=3),
    "networkPolicy.egressCidrs": st.lists(st.sampled_from(["::/0", "10.0.0.0/8"]), max_size=2),
    "networkPolicy.extraEgress": PEERS.map(lambda peers: [{"to": peers}]),
    "metrics.serviceMonitor.relabelings": st.just([{"action": "labeldrop", "regex": "pod"}]),
    "metrics.serviceMonitor.metricRelabelings": st.just([{"action": "labeldrop", "regex": "pod"}]),
    "metrics.prometheusRule.additionalRules": st.just([{"alert": "Mine", "expr": "vector(1)"}]),
}
OTHERS = {
    "global.imageRegistry": st.sampled_from(["", "r.example.com", "r.example.com:5000/mirror/"]),
    "updateStrategy": st.sampled_from([{"type": "OnDelete"}, {"type": "RollingUpdate"}, {}]),
    "dnsPolicy": st.sampled_from(["", "ClusterFirst", "None"]),
    "dnsConfig": st.sampled_from([{}, {"nameservers": ["10.0.0.1"]}]),
    "startupProbe": PROBE,
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "podDisruptionBudget.minAvailable": st.sampled_from([None, 0, 1, "50%"]),
    "podDisruptionBudget.maxUnavailable": st.sampled_from([1, "25%"]),
    "metrics.serviceMonitor.interval": st.sampled_from(["15s", "1m30s"]),
    "metrics.serviceMonitor.scrapeTimeout": st.sampled_from(["", "10s"]),
    "runtimeClassName": TRICKY,
    "serviceAccount.name": NAMES,
}
# Official values that shape manifests, in the same manner.
OFFICIAL = {
    "replicaCount": st.integers(0, 5),
    "priorityClassName": TRICKY,
    "nodeSelector": LABELS,
    "podLabels": LABELS,
    "podAnnotations": LABELS,
    "commonLabels": LABELS,
    "image.tag": NAMES,
    "AKOSettings.primaryInstance": st.booleans(),
    "AKOSettings.istioEnabled": st.booleans(),
    "AKOSettings.apiServerPort": st.integers(1024, 65535),
    "featureGates.EnablePrometheus": st.booleans(),
    "featureGates.GatewayAPI": st.booleans(),
    "avicredentials.existingSecret": TRICKY,
}
RELEASES = st.fixed_dictionaries({"name": NAMES.filter(str.islower) | NAMES.filter(str.isdigit), "namespace": NAMES})
FOREIGN = ("monitoring.coreos.com/", "gateway.networking.k8s.io/")


def strategy_of(extra):
    if extra.path in LISTS:
        return LISTS[extra.path]
    if extra.path in OTHERS:
        return OTHERS[extra.path]
    if extra.schema["type"] == "boolean":
        return st.booleans()
    if extra.schema["type"] == "integer":
        return st.integers(extra.schema["minimum"], 3600)
    if "additionalProperties" in extra.schema:
        return LABELS
    assert extra.path.endswith(".namespace"), f"{extra.path}: say here which values it may have"
    return TRICKY


VALUES = st.fixed_dictionaries({}, optional={**{extra.path: strategy_of(extra) for extra in EXTRAS}, **OFFICIAL})


def nested(flat):
    values = {}
    for path, value in flat.items():
        *branches, leaf = path.split(".")
        node = values
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return values


def template(helm, chart, values, tmp_path, *, name="ako", namespace="avi-system"):
    path = tmp_path / "values.yaml"
    path.write_text(json.dumps(values))
    return helm.run(["template", name, str(chart), "--namespace", namespace, "--values", str(path)])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(flat=VALUES, place=RELEASES)
def test_valid_values_render_to_valid_manifests(*, flat, place, helm, chart, tmp_path):
    # Two volumes of one name are the user's own mistake, which no schema can see.
    objects = [
        document for document in yaml.safe_load_all(template(helm, chart, nested(flat), tmp_path, **place)) if document
    ]
    assert {"StatefulSet", "ConfigMap", "Service"} <= {document["kind"] for document in objects}
    for document in objects:
        assert all(isinstance(value, str) for value in (document["metadata"].get("labels") or {}).values()), document
        if not document["apiVersion"].startswith(FOREIGN):
            for version in ("1.25", "1.37"):
                kubernetes_validate.validate(document, version, strict=True)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_invalid_values_are_refused_with_their_key(*, data, helm, chart, tmp_path):
    listed = entries(load_release())
    entry = data.draw(st.sampled_from(listed))
    wrong = data.draw(st.sampled_from([[1], {"no-such": {"key": 1}}, 1.5, -7, True, "\u0001 %", "yes please"]))
    misspelled = data.draw(st.booleans())
    path = f"{entry.path}x" if misspelled else entry.path
    values = nested({path: wrong})
    listing = tree(listed)
    validator = jsonschema_rs.validator_for(schema_document(listed, title="t"))
    # Our schema decides which values are wrong; that Helm says so, and names the key, is what is shown.
    assume(not validator.is_valid(merged(listing, values)))
    with pytest.raises(Refused) as caught:
        template(helm, chart, values, tmp_path)
    assert path.rpartition(".")[2] in str(caught.value) or path.rpartition(".")[0] in str(caught.value)
