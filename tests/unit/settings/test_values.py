"""Chart values to ConfigMap, Secret and settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.settings import (
    BY_KEY,
    SETTINGS,
    SettingsError,
    configmap_from_values,
    parse,
    parse_values,
    secret_from_values,
)

USABLE = {
    "ControllerSettings": {"controllerHost": "avi.example.com"},
    "NetworkSettings": {"vipNetworkList": [{"networkName": "vip", "cidr": "10.10.0.0/24"}]},
}


def test_native_and_text_forms_give_the_same_configmap():
    native = {"AKOSettings": {"enableEVH": True, "fullSyncFrequency": 60, "blockedNamespaceList": ["b", "a"]}}
    text = {"AKOSettings": {"enableEVH": "true", "fullSyncFrequency": "60", "blockedNamespaceList": '["a","b"]'}}
    data = configmap_from_values(native)
    assert data == configmap_from_values(text)
    assert (data["enableEVH"], data["fullSyncFrequency"], data["blockedNamespaceList"]) == ("true", "60", '["a","b"]')


def test_the_configmap_means_what_the_values_mean():
    data = configmap_from_values(USABLE)
    assert data["vipNetworkList"] == '[{"cidr":"10.10.0.0/24","networkName":"vip"}]'
    assert parse(data, {}) == parse_values(USABLE)


def test_the_newer_path_of_a_setting_wins():
    both = {"L4Settings": {"defaultDomain": "old.example.com"}, "NetworkSettings": {"defaultDomain": "new.example.com"}}
    assert configmap_from_values(both)["defaultDomain"] == "new.example.com"
    assert configmap_from_values({"L4Settings": both["L4Settings"]})["defaultDomain"] == "old.example.com"


def test_node_labels_are_rendered_in_node_port_mode_only():
    values = {"nodePortSelector": {"key": "role", "value": "edge"}}
    assert "nodeKey" not in configmap_from_values(values)
    data = configmap_from_values({**values, "L7Settings": {"serviceType": "NodePort"}})
    assert (data["nodeKey"], data["nodeValue"]) == ("role", "edge")


@pytest.mark.parametrize(
    ("credentials", "rendered"),
    [
        ({}, False),
        ({"username": "a"}, False),
        ({"password": "b"}, False),
        ({"username": "a", "password": "b"}, True),
        ({"username": "a", "authtoken": "t"}, True),
        ({"username": "a", "password": None, "authtoken": ""}, False),
    ],
)
def test_the_secret_is_rendered_for_a_user_with_password_or_token(credentials, rendered):
    data = secret_from_values({"avicredentials": credentials})
    assert data == ({key: value for key, value in credentials.items() if value} if rendered else {})


def test_every_error_by_its_path():
    with pytest.raises(SettingsError) as caught:
        parse_values(
            {
                "AKOSettings": {"clusterNam": "x", "logLevel": "warning", "namespaceSelector": "team=a"},
                "NetworkSetings": {"enableRHI": True},
                "ControllerSettings": {"controllerVersion": 22.1},
                "resources": {"anything": {"goes": 1}},
                "clusterName": "x",
                "enableRHI": True,
                "L7Settings": None,
            },
            strict=True,
        )
    assert {problem.name: problem.message for problem in caught.value.problems} == {
        "AKOSettings.clusterNam": "unknown setting; did you mean 'AKOSettings.clusterName'?",
        "AKOSettings.namespaceSelector": "expected a mapping of settings, not a value",
        "NetworkSetings.enableRHI": "unknown setting; did you mean 'NetworkSettings.enableRHI'?",
        "clusterName": "unknown setting; did you mean 'AKOSettings.clusterName'?",
        "enableRHI": "unknown setting; did you mean 'NetworkSettings.enableRHI'?",
        "AKOSettings.logLevel": "expected one of DEBUG, INFO, WARN, ERROR, not 'warning'",
        "ControllerSettings.controllerVersion": "expected text, not the number 22.1: put it in quotes",
        "ControllerSettings.controllerHost": "is required: the Avi Controller's address or host name",
        "NetworkSettings.vipNetworkList": "is required: at least one network for virtual addresses",
    }


@pytest.mark.parametrize(
    ("values", "name", "words"),
    [
        ({"NetworkSettings": {"subnetIP": "10.0.0.0"}}, "NetworkSettings.subnetIP", "vipNetworkList[].cidr"),
        ({"NetworkSettings": {"networkName": "a"}}, "NetworkSettings.networkName", "vipNetworkList[].networkName"),
        ({"ControllerSettings": {"controllerIP": "a"}}, "ControllerSettings.controllerIP", "controllerHost"),
        ({"L4Settings": {"advancedL4": "false"}}, "L4Settings.advancedL4", "remove it"),
        (
            {"AKOSettings": {"nameSpaceSelector": {"labelKey": "a"}}},
            "AKOSettings.nameSpaceSelector.labelKey",
            "replaced",
        ),
    ],
)
def test_retired_keys_name_their_successors_and_keep_nobody_from_starting(values, name, words):
    usable = {
        "ControllerSettings": {"controllerHost": "a"},
        "NetworkSettings": {"vipNetworkList": [{"networkName": "a"}]},
    }
    merged = {key: usable.get(key, {}) | values.get(key, {}) for key in usable.keys() | values.keys()}
    (problem,) = parse_values(merged).tolerated
    assert problem.name == name
    assert words in problem.message


def test_a_service_of_the_first_charts_is_an_error_as_it_is_for_helm():
    with pytest.raises(SettingsError) as caught:
        parse_values({"service": {"type": "ClusterIP", "port": 80}})
    assert {"service.type", "service.port"} <= {problem.name for problem in caught.value.problems}


_BY_TYPE = {
    "boolean": st.booleans(),
    "string": st.text(max_size=5),
    "list": st.lists(st.text(min_size=1, max_size=5).filter(str.strip), max_size=3),
    "object-list": st.lists(st.fixed_dictionaries({"networkName": st.just("a")}), max_size=3),
}


@st.composite
def _values(draw):
    values: dict[str, object] = {}
    for setting in draw(st.lists(st.sampled_from([item for item in SETTINGS if not item.secret]), unique=True)):
        if setting.enum:
            value = draw(st.sampled_from(setting.enum))
        elif setting.pattern:
            continue
        elif setting.type == "integer":
            value = draw(st.integers(setting.minimum, setting.maximum or 10**9))
        else:
            value = draw(_BY_TYPE[setting.type])
        node = values
        *branches, leaf = setting.helm.split(".")
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return values


@given(_values())
def test_rendered_again_a_configmap_stays_as_it_is(values):
    data = configmap_from_values(values)
    assert set(BY_KEY) - set(data) <= {"nodeKey", "nodeValue"}
    assert all(isinstance(value, str) for value in data.values())
    again: dict[str, object] = {}
    for key, value in data.items():
        node = again
        *branches, leaf = BY_KEY[key].helm.split(".")
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    assert configmap_from_values(again) == data
