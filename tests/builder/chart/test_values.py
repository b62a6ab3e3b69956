"""Everything official is accepted, wrong values are refused by name, and Helm and the runtime agree on the rest."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.data_folder import test_data as shared_data

from ako_builder.chart.catalogue import entries, tree
from ako_builder.chart.extras import EXTRAS, NOT_USED
from ako_builder.chart.schema import schema_document
from ako_builder.chart.values_files import load_values, merged
from ako_builder.values.manifests import Installation, configuration_manifests
from ako_runtime.errors import Refused
from ako_runtime.settings import CHART_VALUES, OFFICIAL_SECTIONS, SETTINGS, parse

CASES = Path(__file__).parent / "cases"
CASE_FILES = sorted(path for path in CASES.glob("*.yaml") if not path.stem.endswith(".expect"))
OFFICIAL = ("1.10.3", "1.11.1", "1.12.3", "1.13.4", "2.1.1", "master-2025-11")


def configuration(helm, chart, values, folder, *, name="ako", namespace="avi-system"):
    path = folder / "values.yaml"
    path.write_text(json.dumps(values))
    text = helm.run(["template", name, str(chart), "--namespace", namespace, "--values", str(path)])
    found = [document for document in yaml.safe_load_all(text) if document]
    return [
        d
        for d in found
        if (d["kind"], d["metadata"]["name"]) in {("ConfigMap", "avi-k8s-config"), ("Secret", "avi-secret")}
    ]


def ours(release, values, *, name="ako", namespace="avi-system"):
    return configuration_manifests(values, Installation(release=release, name=name, namespace=namespace))


def without_version(documents):
    for document in documents:
        del document["metadata"]["labels"]["app.kubernetes.io/version"], document["metadata"]["labels"]["helm.sh/chart"]
    return sorted(documents, key=lambda document: document["kind"])


@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_configmap_and_secret_are_what_helm_renders(*, path, helm, chart, release, tmp_path):
    case = yaml.safe_load(path.read_text())
    identity = case.get("release", {"name": "ako", "namespace": "avi-system"})
    values = case["values"]
    authority = (values.get("avicredentials") or {}).get("certificateAuthorityData")
    found = configuration(helm, chart, values, tmp_path, **identity)
    assert without_version(found) == without_version(ours(release, values, **identity)), authority


@pytest.mark.parametrize("version", OFFICIAL)
def test_official_values_render_and_mean_the_same(*, version, helm, chart, release, tmp_path):
    values = load_values(shared_data("values", f"ako-chart-values-{version}.yaml"))
    found = without_version(configuration(helm, chart, values, tmp_path))
    assert found == without_version(ours(release, values))
    data = next(document["data"] for document in found if document["kind"] == "ConfigMap")
    # What an official file leaves empty is all that keeps the runtime from starting.
    data |= {"controllerIP": "10.0.0.1", "vipNetworkList": '[{"networkName":"vip"}]'}
    assert parse(data, {}, secret={"username": "a", "password": "b"}).cluster_name == "my-cluster"


WRONG = {
    "AKOSettings.logLevel": "LOUD",
    "AKOSettings.clusterName": "with blank",
    "AKOSettings.apiServerPort": 70000,
    "AKOSettings.enableEVH": "perhaps",
    "AKOSettings.fullSyncFrequency": -1,
    "AKOSettings.blockedNamespaceList": "kube-system",
    "serviceAccount.nosuchkey": True,
    "NetworkSettings.vipNetworkList": [{"networkname": "vip"}],
    "NetworkSettings.nodeNetworkList": [{"networkName": str(n)} for n in range(6)],
    "L7Settings.serviceType": "LoadBalancer",
    "L7Settings.shardVSSize": "huge",
    "ControllerSettings.controllerVersion": "latest",
    "ControllerSettings.controllerHost": "https://10.0.0.1",
    "replicaCount": -1,
    "replicas": 2,
    "image.digest": "sha256:123",
    "image.pullPolicy": "Sometimes",
    "rbac.tlsSecrets.scope": "some",
    "metrics.serviceMonitor.interval": "soon",
    "podDisruptionBudget.maxUnavailable": "half",
    "commonLabels": {"a": 1},
    "AKOSettings": None,
}


@pytest.mark.parametrize("section", sorted(OFFICIAL_SECTIONS))
def test_what_the_official_chart_takes_installs(section, helm, chart, tmp_path):
    unknown = {section: {"nosuchkey": True, "nosuchbranch": {"a": [1]}}}
    assert configuration(helm, chart, unknown, tmp_path) == configuration(helm, chart, {}, tmp_path)


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_value_fails_with_its_key(path, helm, chart, tmp_path):
    values = WRONG[path]
    for part in reversed(path.split(".")):
        values = {part: values}
    with pytest.raises(Refused) as refusal:
        configuration(helm, chart, values, tmp_path)
    assert path.rsplit(".", 1)[-1].lower() in str(refusal.value).lower()


def test_every_value_has_one_entry_and_every_unused_one_a_reason(release):
    listed = entries(release)
    paths = [entry.path for entry in listed]
    assert len(paths) == len(set(paths))
    expected = {value.path for value in CHART_VALUES} | {extra.path for extra in EXTRAS}
    expected |= {path for setting in SETTINGS for path in (setting.helm, *setting.helm_aliases) if path}
    assert set(paths) == expected - {"global"}
    said = {value.path for value in CHART_VALUES if "not used" in value.meaning.lower()}
    assert said <= NOT_USED.keys()
    assert NOT_USED.keys() <= set(paths)


def test_defaults_satisfy_the_schema_with_nothing_to_say(release):
    listed = entries(release)
    jsonschema_rs.validator_for(schema_document(listed, title="t")).validate(tree(listed))


def by_schema(schema):
    """Values that a schema of ours allows; drawn from the same description that Helm checks against."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([_of_kind(kind, schema) for kind in kinds])


def _of_kind(kind, schema):  # noqa: PLR0911 - one for each JSON type
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", 0), min(schema.get("maximum", 10**6), 10**6))
        case "string" if "pattern" in schema:
            return st.from_regex(
                schema["pattern"], fullmatch=True, alphabet=st.characters(min_codepoint=33, max_codepoint=126)
            )
        case "string":
            return st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
        case "array" if "properties" in schema["items"]:
            drawn = {name: by_schema(part) for name, part in schema["items"]["properties"].items()}
            fields = drawn | {name: strategy for name, strategy in NETWORKS.items() if name in drawn}
            required = {
                name: st.text("abc", min_size=1)
                for part in schema["items"].get("anyOf", [])[:1]
                for name in part["required"]
            }
            optional = {name: part for name, part in fields.items() if name not in required}
            return st.lists(st.fixed_dictionaries(required, optional=optional), max_size=3)
        case "array":
            return st.lists(by_schema(schema["items"]), max_size=3)
    raise AssertionError(f"{kind} in {schema}")


# A schema tells the shape of a CIDR, not whether it is one.
NETWORKS = {
    "v6cidr": st.sampled_from(["", "fd00::/64", "2001:db8::1/128"]),
    "cidrs": st.lists(st.sampled_from(["10.0.0.1/24", "fd00::/64"]), unique=True),
}


def settings_values():
    from ako_builder.chart.catalogue import setting_schema

    paths = {setting.helm: setting_schema(setting) for setting in SETTINGS if setting.helm and not setting.secret}
    return st.fixed_dictionaries({}, optional={path: by_schema(schema) for path, schema in paths.items()})


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(flat=settings_values())
def test_random_valid_values_render_as_the_runtime_reads_them(*, flat, helm, chart, release, tmp_path):
    values = {}
    for path, value in flat.items():
        *branches, leaf = path.split(".")
        node = values
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    found = configuration(helm, chart, values, tmp_path)
    assert without_version(found) == without_version(ours(release, values))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_random_wrong_types_are_refused_by_the_schema(data):
    from ako_builder.release import load_release

    listed = entries(load_release())
    scalar = [
        entry
        for entry in listed
        if "enum" in entry.schema or entry.schema.get("type") in (["string", "null"], "integer")
    ]
    entry = data.draw(st.sampled_from(scalar))
    wrong = data.draw(st.sampled_from([[], {}, [1], {"a": 1}, 1.5]))
    *branches, leaf = entry.path.split(".")
    values = {leaf: wrong}
    for branch in reversed(branches):
        values = {branch: values}
    validator = jsonschema_rs.validator_for(schema_document(listed, title="t"))
    assert not validator.is_valid(merged(tree(listed), values)) or (wrong == {} and entry.default == {})
