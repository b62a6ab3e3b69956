"""The catalogue is complete, unambiguous, and agrees with what is parsed into."""

import re
from collections import Counter

import msgspec
import pytest
import yaml
from support.data_folder import test_data

from ako_runtime.settings import (
    ALL_SETTINGS,
    BY_KEY,
    CHART_VALUES,
    ENVIRONMENT_SETTINGS,
    SETTINGS,
    NodeNetwork,
    Setting,
    Settings,
    VipNetwork,
    configmap_from_values,
    parse,
    parse_values,
)
from ako_runtime.settings.problems import SettingsError

USABLE = {"controllerIP": "avi.example.com", "vipNetworkList": '[{"networkName":"vip"}]'}
VALUES_FILES = ("1.10.3", "1.11.1", "1.12.3", "1.13.4", "2.1.1", "master-2025-11")


def test_every_spelling_means_one_setting():
    keys = [setting.name for setting in ALL_SETTINGS]
    attributes = [setting.attribute for setting in ALL_SETTINGS if setting.attribute]
    variables = [setting.env for setting in ALL_SETTINGS if setting.env]
    paths = [path for setting in SETTINGS for path in (setting.helm, *setting.helm_aliases) if path]
    paths += [value.path for value in CHART_VALUES]
    for spellings in (keys, attributes, variables, paths):
        assert [name for name, count in Counter(spellings).items() if count > 1] == []


def test_only_what_is_no_value_has_no_values_path():
    assert [setting.name for setting in SETTINGS if setting.helm is None] == []
    assert [setting.name for setting in ENVIRONMENT_SETTINGS if setting.helm or not setting.env] == []


def test_attributes_are_those_of_settings():
    fields = set(Settings.__struct_fields__) - {"tolerated"}
    assert {setting.attribute for setting in ALL_SETTINGS if setting.attribute} == fields


def test_nothing_written_gives_the_defaults_of_the_catalogue():
    settings = parse(USABLE, {})
    for setting in ALL_SETTINGS:
        if not setting.attribute or setting.name in USABLE:
            continue
        value = getattr(settings, setting.attribute)
        if setting.type in {"list", "object-list"}:
            assert len(value) == 0
        elif setting.attribute in {"password", "auth_token"}:
            assert not value
        else:
            assert value == setting.default, setting.name
    assert Settings() == msgspec.structs.replace(settings, controller_host="", vip_networks=())


@pytest.mark.parametrize("setting", ALL_SETTINGS, ids=lambda setting: setting.name)
def test_a_default_keeps_its_own_limits(setting: Setting):
    expected_type = {"boolean": bool, "integer": int, "string": str}.get(setting.type, tuple)
    assert type(setting.default) is expected_type
    if setting.enum:
        assert setting.default in setting.enum
    if setting.type == "integer":
        assert setting.minimum is not None
        assert setting.minimum <= setting.default <= (setting.maximum or setting.default)
    if setting.pattern and setting.default:
        assert re.fullmatch(setting.pattern, setting.default)
    assert bool(setting.pattern) == bool(setting.expected)
    assert setting.meaning.endswith(".")
    assert (setting.type == "object-list") == bool(setting.fields)


@pytest.mark.parametrize(("name", "struct"), [("vipNetworkList", VipNetwork), ("nodeNetworkList", NodeNetwork)])
def test_described_fields_are_the_decoded_ones(name, struct):
    assert tuple(field.name for field in BY_KEY[name].fields) == struct.__struct_encode_fields__


@pytest.mark.parametrize("release", VALUES_FILES)
def test_the_official_values_are_known_and_have_our_defaults(release):
    text = test_data("values", f"ako-chart-values-{release}.yaml").read_text()
    official = configmap_from_values(yaml.safe_load(text))
    # controllerIP and vipNetworkList have no usable default; all others are the official ones.
    assert official == configmap_from_values({})


def test_observed_configmaps_are_accepted():
    files = sorted(test_data("observed").glob("*.json"))
    for file in files:
        data = msgspec.json.decode(file.read_bytes())["settings"]
        assert set(data) <= set(BY_KEY)
        assert parse(data, {}).cluster_name == data["clusterName"]
    assert files


def test_an_unknown_values_key_is_tolerated_where_the_official_chart_may_be_newer():
    newer = {"AKOSettings": {"fromTheFuture": True}}
    assert configmap_from_values(newer) == configmap_from_values({})
    with pytest.raises(SettingsError, match="unknown setting"):
        parse_values(newer, strict=True)
    for values in ({"fromTheFuture": True}, {"AKOSetings": {"clusterName": "a"}}, {"image": {"nam": "a"}}):
        with pytest.raises(SettingsError, match="unknown setting"):
            configmap_from_values(values)
