"""`ako values convert` between all shapes of configuration, as a user calls it."""

import base64
import re
import tempfile
from itertools import product
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.data_folder import test_data as shared_data
from support.runtime.intent_strategies import INTENTS

from ako_builder.addon.documents import parse_documents
from ako_builder.addon.shapes.convert import SHAPES, conversion_of, intent_of
from ako_builder.values.cli import values
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import UserError
from ako_runtime.settings import SettingsError

ROOT = Path(__file__).resolve().parents[3]
VALUES = """
ControllerSettings: {controllerHost: 192.0.2.1, cloudName: c, serviceEngineGroupName: s}
NetworkSettings: {vipNetworkList: [{networkName: net, cidr: 198.51.100.0/24}]}
avicredentials: {username: u, password: hidden}
replicaCount: 2
"""
ADC = """
apiVersion: networking.tkg.tanzu.vmware.com/v1alpha1
kind: AKODeploymentConfig
metadata: {name: plant}
spec:
  cloudName: c
  controller: 192.0.2.1
  serviceEngineGroup: s
  adminCredentialRef: {name: admin, namespace: tkg-system}
  certificateAuthorityRef: {name: ca, namespace: tkg-system}
  clusterSelector: {matchLabels: {plant: a}}
  dataNetwork: {name: net, cidr: 198.51.100.0/24}
  extraConfigs: {layer7Only: true}
"""

# The chart writes them sorted and without repetitions.
SETS = {"AKOSettings.blockedNamespaceList", "NetworkSettings.bgpPeerLabels", "rbac.tlsSecrets.namespaces"}


def convert(*arguments):
    done = CliRunner().invoke(values, ["convert", *map(str, arguments)], standalone_mode=False)
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exception is None, done.exception
    return done


@pytest.fixture
def file(tmp_path):
    def write(text, name="input.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def lost(done):
    """The keys that a conversion to an add-on's shape loses and that one to values of a chart leaves out."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    return {re.split(" = |: ", line.removeprefix("lost: "))[0] for line in lines}


def meaning(text, shape):
    return intent_of(parse_documents(text, where=shape), shape=shape).values


@settings(deadline=None)
@given(intent=INTENTS, pair=st.sampled_from(list(product(SHAPES, SHAPES))))
def test_there_and_back_by_the_command_gives_what_was_there_but_for_the_listed_losses(intent, pair):
    source, target = pair
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder, "here.yaml"), Path(folder, "there.yaml")
        here.write_text(yaml_text(*conversion_of(intent, target=source).documents))
        before = meaning(here.read_text(), source)
        try:
            first = convert(here, "--from", source, "--to", target)
            there.write_text(first.stdout)
            second = convert(there, "--from", target, "--to", source)
        except SettingsError:
            # The runtime would refuse this combination of values, so there is no ConfigMap of it.
            assert set(pair) == {"helm", "configmap"}
            assume(condition=False)
    after = meaning(second.stdout, source)
    missing = lost(first) | lost(second)
    for name, value in before.items():
        plain = name.removeprefix("addon:")
        if plain in missing or any(path.startswith(f"{plain}[") for path in missing):
            continue
        if name in SETS:
            assert set(after.get(name, ())) == set(value), (pair, name)
        else:
            assert after.get(name) == value, (pair, name)
    # Values become the ConfigMap as the chart renders it, with its defaults; nothing else is invented.
    invented = set(after) - set(before) - {"addon:metadata.name"}
    if pair == ("helm", "configmap"):
        # Some the chart renders only beside others (nodePortSelector with NodePort); of two spellings it writes both.
        chart = meaning((ROOT / "packaging/helm/ako/values.yaml").read_text(), "helm")
        others = {name for name in invented if name not in chart or after[name] != chart[name]}
        assert {name for name in others if name not in first.stdout} == set()
    elif pair != ("configmap", "helm"):
        assert invented == set(), pair


def test_losses_are_listed_and_show_no_secret(file):
    done = convert(file(VALUES), "--to", "tca-v1")
    service = yaml.safe_load(done.stdout)["networking"][0]["properties"]["loadBalancerAndIngressService"]
    assert service["cloudName"] == "c"
    assert "lost: ControllerSettings.controllerHost = '192.0.2.1'" in done.stderr
    assert lost(convert(file(VALUES), "--to", "configmap")) == {"replicaCount"}
    assert "hidden" not in convert(file(VALUES), "--to", "adc").stderr


def test_the_official_charts_values_become_an_adc_and_come_back(file):
    official = shared_data("values", "ako-chart-values-1.13.4.yaml")
    there = convert(official, "--from", "official-1.13", "--to", "adc")
    assert "image.repository: " in there.stderr
    assert "note: the ADC cannot be applied before it has spec.adminCredentialRef.name" in there.stderr
    back = convert(file(there.stdout), "--from", "adc", "--to", "official-1.10")
    assert "metadata.name" not in back.stdout
    before, after = yaml.safe_load(official.read_text()), yaml.safe_load(back.stdout)
    assert after["ControllerSettings"]["cloudName"] == before["ControllerSettings"]["cloudName"]


def test_faithful_gives_what_reaches_ako_and_default_what_was_meant(file):
    adc = file(ADC)
    meant = yaml.safe_load(convert(adc, "--from", "adc", "--to", "helm", "--cluster", "telco/cnf-1").stdout)
    assert meant["AKOSettings"] == {"layer7Only": True, "clusterName": "telco-cnf-1"}
    done = convert(adc, "--from", "adc", "--to", "helm", "--cluster", "cnf-1", "--faithful")
    got = yaml.safe_load(done.stdout)["AKOSettings"]
    assert (got["enableEVH"], "layer7Only" in got, got["clusterName"]) == (True, False, "default-cnf-1")
    assert "note: ako-operator" in done.stderr
    explicit = yaml.safe_load(convert(adc, "--from", "adc", "--to", "ours", "--explicit").stdout)
    assert explicit["L7Settings"]["serviceType"] == "NodePort"


def test_several_values_files_are_laid_over_each_other(file):
    above = file("ControllerSettings: {cloudName: other}\nreplicaCount: null\n", name="above.yaml")
    for target in ("ours", "package", "configmap"):
        assert "cloudName: other" in convert(file(VALUES), above, "--to", target).stdout.replace(
            "cloud_name", "cloudName"
        )
    merged = yaml.safe_load(convert(file(VALUES), above).stdout)
    assert merged["ControllerSettings"]["controllerHost"] == "192.0.2.1"
    assert merged["replicaCount"] is None


def test_config_map_and_secret_may_come_in_two_files(file):
    both = list(yaml.safe_load_all(convert(file(VALUES), "--to", "configmap").stdout))
    paths = [file(yaml.safe_dump(document), name=f"{document['kind']}.yaml") for document in both]
    back = yaml.safe_load(convert(*paths, "--from", "configmap", "--to", "helm").stdout)
    assert back["avicredentials"]["password"] == "hidden"
    assert back["ControllerSettings"]["cloudName"] == "c"


def test_the_namespace_is_that_of_the_objects_whatever_they_came_from(file):
    for path, source in ((file(VALUES), "helm"), (file(ADC, name="adc.yaml"), "adc")):
        done = convert(path, "--from", source, "--to", "configmap", "-n", "elsewhere")
        assert {item["metadata"]["namespace"] for item in yaml.safe_load_all(done.stdout)} == {"elsewhere"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "helm", "--faithful"], "use it with --from adc"),
        (["--to", "adc", "--explicit"], "use it with --from adc, package, tca-v1 or vks-2.2"),
        (["--to", "ours", "--cluster", "x"], "use it with --from adc or tca-v1"),
        (["--to", "package", "--cluster", "a/b/c"], "give NAME or NAMESPACE/NAME"),
        (["--to", "package", "--cluster", "/x"], "give NAME or NAMESPACE/NAME"),
        (["--to", "adc", "-n", "x"], "use it with --to configmap"),
        (["--to", "ours", "--name", "x"], "use it with --from helm --to configmap"),
        (["--from", "configmap", "--to", "configmap", "--name", "x"], "use it with --from helm --to configmap"),
        (["--to", "adc", "--operator", "1.0"], "older than 1.5.0"),
        (["--from", "adc", "--to", "helm"], "the crd would refuse it"),
        (["--from", "tca-v1", "--to", "helm"], "this is another shape"),
        (["--from", "package", "--to", "tca-v1"], "this is another shape"),
    ],
)
def test_clashing_options_and_other_shapes_are_one_sentence(file, arguments, said):
    with pytest.raises(UserError, match=said) as caught:
        convert(file(VALUES), *arguments)
    assert "\n" not in str(caught.value)


def test_several_files_of_a_shape_of_one_document_are_refused(file):
    with pytest.raises(UserError, match="expected one document of shape adc, found 2"):
        convert(file(ADC), file(ADC, name="other.yaml"), "--from", "adc", "--to", "helm")
    with pytest.raises(UserError, match="no such file"):
        convert(file(ADC), "none.yaml", "--from", "adc", "--to", "helm")


def test_the_official_sample_is_refused_with_file_line_and_key():
    sample = shared_data("samples", "akoo-network_v1alpha1_akodeploymentconfig.yaml")
    with pytest.raises(UserError, match=f"{sample}:1: apiVersion"):
        convert(sample, "--from", "adc", "--to", "helm")


def test_traps_of_yaml_are_refused_with_their_line(file):
    with pytest.raises(UserError, match=r"input\.yaml:1: AKOSettings\.enableEVH: a bare 'yes'"):
        convert(file("AKOSettings: {enableEVH: yes}\n"), "--to", "adc")


def test_a_values_secret_is_package_values(file):
    text = convert(file(VALUES), "--to", "package").stdout
    secret = {
        "kind": "Secret",
        "type": "clusterbootstrap-secret",
        "data": {"values.yaml": base64.b64encode(text.encode()).decode()},
    }
    back = convert(file(yaml.safe_dump(secret), name="secret.yaml"), "--from", "package", "--to", "helm")
    assert yaml.safe_load(back.stdout)["ControllerSettings"]["controllerHost"] == "192.0.2.1"
