"""Conversion: every direction, what is lost is listed, and a way there and back changes nothing else."""

import base64
import json

import pytest
from hypothesis import given
from support.runtime.intent_strategies import HOWS, INTENTS

from ako_builder.addon.admission.webhook import adc_violations
from ako_builder.addon.shapes.convert import SHAPES, How, conversion, conversion_of, intent_of
from ako_builder.addon.shapes.intent import CLUSTER_NAME, Cluster, Intent
from ako_builder.addon.shapes.keys import ADC_ENUMS, KEYS
from ako_runtime.errors import UserError
from ako_runtime.settings.catalogue import BY_VALUES_PATH
from ako_runtime.settings.chart_values import CHART_VALUES


@pytest.mark.parametrize("shape", SHAPES)
@given(intent=INTENTS, how=HOWS)
def test_there_and_back_changes_only_what_was_listed_as_lost(shape, intent, how):
    there = conversion_of(intent, target=shape, how=how)
    back = intent_of(there.documents, shape=shape, how=how).values
    lost = {item.path for item in there.losses}
    for name, value in intent.values.items():
        if name in lost or any(path.startswith(f"{name}[") for path in lost):
            continue
        assert back[name] == value, (shape, name)
    invented = set(back) - set(intent.values)
    assert invented <= {"addon:metadata.name"}


@pytest.mark.parametrize("shape", SHAPES)
@given(intent=INTENTS, how=HOWS)
def test_converting_twice_is_converting_once(shape, intent, how):
    once = conversion_of(intent, target=shape, how=how)
    twice = conversion(once.documents, source=shape, target=shape, how=how)
    assert twice.documents == once.documents
    assert twice.losses == ()


@given(intent=INTENTS, how=HOWS)
def test_an_adc_made_from_settings_passes_the_schema_of_its_version(intent, how):
    (document,) = conversion_of(intent, target="adc", how=how).documents
    wrong = [item for item in adc_violations(document, version=how.operator) if "is required" not in item.why]
    assert wrong == []


def test_every_helm_path_of_the_table_exists():
    known = {*BY_VALUES_PATH, *(item.path for item in CHART_VALUES), "ingressClass.create"}
    assert {key.helm for key in KEYS if key.helm} <= known
    assert len({key.name for key in KEYS}) == len(KEYS)
    assert set(ADC_ENUMS) - {"tenant.context"} <= {key.adc for key in KEYS}


def adc(**extra):
    return {
        "apiVersion": "networking.tkg.tanzu.vmware.com/v1alpha1",
        "kind": "AKODeploymentConfig",
        "metadata": {"name": "x"},
        "spec": {
            "cloudName": "test-cloud",
            "controller": "https://10.23.122.1",
            "serviceEngineGroup": "Default-SEG",
            "dataNetwork": {"name": "vip", "cidr": "10.0.0.0/24"},
            "extraConfigs": extra,
        },
    }


def package(document, **how):
    made = conversion([document], source="adc", target="package", how=How(cluster=CLUSTER, explicit=True, **how))
    return made.documents[0]["loadBalancerAndIngressService"], made.notes


CLUSTER = Cluster(name="c1", namespace="ns")


def test_package_values_name_the_cluster_as_the_operator_does():
    values, _ = package(adc())
    assert values["name"] == "ako-ns-c1"
    assert values["namespace"] == "avi-system"
    config = values["config"]
    assert config["ako_settings"]["cluster_name"] == "ns-c1"
    assert config["tkg_cluster_role"] == "workload"
    assert config["controller_settings"]["controller_ip"] == "10.23.122.1"
    assert config["network_settings"]["subnet_ip"] == "10.0.0.0"
    assert config["network_settings"]["subnet_prefix"] == "24"
    assert config["network_settings"]["vip_network_list"] == '[{"networkName":"vip","cidr":"10.0.0.0/24"}]'
    # The control plane falls back to the data network.
    assert config["network_settings"]["control_plane_network_name"] == "vip"
    assert config["network_settings"]["control_plane_network_cidr"] == "10.0.0.0/24"


def test_package_values_hold_the_operators_defaults():
    config = package(adc())[0]["config"]
    assert config["ako_settings"]["log_level"] == "INFO"
    assert config["ako_settings"]["full_sync_frequency"] == "1800"
    assert config["ako_settings"]["api_server_port"] == 8080
    assert config["ako_settings"]["delete_config"] == "false"
    assert config["ako_settings"]["disable_static_route_sync"] == "true"
    assert config["ako_settings"]["enable_EVH"] == ""
    assert config["ako_settings"]["cni_plugin"] == ""
    assert config["l7_settings"]["service_type"] == "NodePort"
    assert config["l7_settings"]["default_ing_controller"] is False
    assert config["feature_gates"] == {"gateway_api": "false"}
    assert config["replica_count"] == 1


def test_an_ipv6_data_network_becomes_a_v6cidr():
    document = adc()
    document["spec"]["dataNetwork"]["cidr"] = "2002::1234:abcd:ffff:c0a8:101/64"
    networks = package(document)[0]["config"]["network_settings"]["vip_network_list"]
    assert json.loads(networks) == [{"networkName": "vip", "v6cidr": "2002::1234:abcd:ffff:c0a8:101/64"}]


@pytest.mark.parametrize(
    ("extra", "operator", "faulty", "right"),
    [
        (
            {"layer7Only": True},
            "1.5.0",
            {"enable_EVH": "true", "layer_7_only": ""},
            {"enable_EVH": "", "layer_7_only": "true"},
        ),
        (
            {"enableEVH": True, "layer7Only": False},
            "1.12.0",
            {"enable_EVH": "false", "layer_7_only": ""},
            {"enable_EVH": "true", "layer_7_only": "false"},
        ),
        (
            {"enableEVH": True, "layer7Only": False, "enableEvents": True},
            "1.6.0",
            {"enable_EVH": "true", "layer_7_only": "", "enable_events": ""},
            {"enable_EVH": "true", "layer_7_only": "false", "enable_events": "true"},
        ),
    ],
)
def test_the_faithful_translation_has_the_operators_faults_and_the_default_has_not(extra, operator, faulty, right):
    for faithful, expected in ((True, faulty), (False, right)):
        values, notes = package(adc(**extra), operator=operator, faithful=faithful)
        settings = values["config"]["ako_settings"]
        assert {name: settings[name] for name in expected} == expected
        assert any("enable_EVH" in note for note in notes)


def test_the_node_port_selectors_value_overwrites_its_key():
    document = adc(nodePortSelector={"key": "k", "value": "v"})
    assert package(document, faithful=True)[0]["config"]["nodeport_selector"] == {"key": "v", "value": ""}
    assert package(document)[0]["config"]["nodeport_selector"] == {"key": "k", "value": "v"}


def test_faithful_and_right_differ_in_nothing_but_the_known_faults():
    document = adc(
        primaryInstance=True,
        fullSyncFrequency="1900",
        cniPlugin="antrea",
        ingress={"shardVSSize": "MEDIUM", "noPGForSNI": True, "nodeNetworkList": [{"networkName": "n", "cidrs": []}]},
        log={"logLevel": "DEBUG", "mountPath": "/var/log"},
    )
    document["spec"]["controller"] = "10.23.122.1"
    assert package(document, faithful=True) == package(document)


def test_the_operator_hands_the_controllers_address_on_as_it_stands():
    assert package(adc(), faithful=True)[0]["config"]["controller_settings"]["controller_ip"] == "https://10.23.122.1"


def test_faithful_to_the_chart_gives_what_reaches_ako():
    how = How(cluster=CLUSTER, faithful=True)
    (values,) = conversion([adc(layer7Only=True)], source="adc", target="helm", how=how).documents
    assert values["AKOSettings"]["enableEVH"] is True
    assert "layer7Only" not in values["AKOSettings"]
    assert values["AKOSettings"]["clusterName"] == "ns-c1"


@pytest.mark.parametrize(("version", "has"), [("1.5.0", False), ("1.6.0", False), ("1.7.0", True), ("1.12.0", True)])
def test_keys_come_and_go_with_the_operators_version(version, has):
    config = package(adc(), operator=version)[0]["config"]["ako_settings"]
    assert ("ip_family" in config) is has
    assert ("istio_enabled" in config) is (version != "1.6.0")


def test_losses_say_why_and_show_no_secret():
    values = {"avicredentials": {"username": "u", "password": "hidden"}, "ControllerSettings": {"vrfName": "v"}}
    made = conversion([values], source="helm", target="adc")
    assert {item.path for item in made.losses} == {
        "avicredentials.username",
        "avicredentials.password",
        "ControllerSettings.vrfName",
    }
    assert "hidden" not in repr(made.losses)
    assert all(item.reason for item in made.losses)


def test_what_is_absent_is_written_out_on_request_because_the_paths_assume_different_things():
    (values,) = conversion([adc()], source="adc", target="helm", how=How(explicit=True)).documents
    assert values["L7Settings"]["serviceType"] == "NodePort"
    assert values["AKOSettings"]["disableStaticRouteSync"] is True
    assert values["ingressClass"] == {"create": False}
    named = conversion([adc()], source="adc", target="helm", how=How(cluster=CLUSTER)).documents[0]
    assert named["AKOSettings"] == {"clusterName": "ns-c1"}
    (bare,) = conversion([adc()], source="adc", target="helm").documents
    assert "L7Settings" not in bare


@pytest.mark.parametrize(
    ("document", "shape", "said"),
    [
        ({"kind": "Secret"}, "adc", "expected AKODeploymentConfig"),
        ({"a": 1}, "package", "this is another shape"),
        ({"loadBalancerAndIngressService": {"config": {"ako_setting": {"a": "b"}}}}, "package", "check its spelling"),
        ({"networking": []}, "tca-v1", "this is another shape"),
        ({"data": {"clusterNam": "x"}}, "configmap", "data.clusterNam"),
        ({"AKOSettings": {"enableEVH": "perhaps"}}, "helm", "AKOSettings.enableEVH: expected true or false"),
        ({"AKOSettings": {"apiServerPort": "eighty"}}, "helm", "expected a whole number"),
    ],
)
def test_a_document_of_the_wrong_shape_is_refused(document, shape, said):
    with pytest.raises(UserError, match=said):
        intent_of([document], shape=shape)


def test_the_current_spelling_wins_over_an_older_one():
    values = {"L4Settings": {"defaultDomain": "old"}, "NetworkSettings": {"defaultDomain": "new"}}
    assert intent_of([values], shape="helm").values == {"NetworkSettings.defaultDomain": "new"}


def test_cluster_name_is_lost_in_an_adc_because_the_operator_derives_it():
    made = conversion_of(Intent(values={CLUSTER_NAME: "x"}), target="adc")
    assert [item.reason for item in made.losses] == ["ako-operator derives it as <namespace>-<cluster>"]


@pytest.mark.parametrize(
    ("kind", "header", "said"),
    [
        ("clusterbootstrap-secret", "", None),
        ("tkg.tanzu.vmware.com/addon", "#@data/values\n#@overlay/match-child-defaults missing_ok=True\n---\n", None),
        ("clusterbootstrap-secret", "#@data/values\n---\n", "takes plain YAML"),
        ("tkg.tanzu.vmware.com/addon", "", "takes an overlay"),
    ],
)
def test_a_values_secret_is_read_in_the_shape_of_its_cluster_only(kind, header, said):
    text = f"{header}loadBalancerAndIngressService: {{config: {{ako_settings: {{log_level: DEBUG}}}}}}\n"
    plain = {"kind": "Secret", "type": kind, "stringData": {"values.yaml": text}}
    packed = {"kind": "Secret", "type": kind, "data": {"values.yaml": base64.b64encode(text.encode()).decode()}}
    for secret in (plain, packed):
        if said is None:
            assert intent_of([secret], shape="package").values == {"AKOSettings.logLevel": "DEBUG"}
            continue
        with pytest.raises(UserError, match=said):
            intent_of([secret], shape="package")


def test_a_secret_without_values_is_no_values_secret():
    with pytest.raises(UserError, match="has no key values"):
        intent_of([{"kind": "Secret", "data": {}}], shape="package")
