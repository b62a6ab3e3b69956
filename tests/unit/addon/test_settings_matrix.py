"""Every setting on every path: what a path cannot say is told, nothing is dropped or changed without a word."""

import msgspec
import pytest

from ako_builder.addon.advice.advise import advice
from ako_builder.addon.build import example_request
from ako_builder.addon.outputs.carvel import data_values
from ako_builder.addon.outputs.vks import addon_config
from ako_builder.addon.pins.releases import load_pins, pin_named
from ako_builder.addon.shapes.convert import SHAPES, How, conversion_of, intent_of
from ako_builder.addon.shapes.intent import CLUSTER_NAME, Cluster, Intent, chart_default, type_of
from ako_builder.addon.shapes.keys import OPERATOR_VERSIONS
from ako_builder.release import load_release
from ako_runtime.settings.catalogue import BY_VALUES_PATH, SETTINGS

SAMPLES = {
    "NetworkSettings.vipNetworkList": [{"networkName": "net", "cidr": "10.9.0.0/24"}],
    "NetworkSettings.nodeNetworkList": [{"networkName": "net", "cidrs": ["10.9.0.0/24"]}],
}


def sample(name):
    """A value of a setting that is not its default."""
    setting, default = BY_VALUES_PATH[name], chart_default(name)
    if name in SAMPLES:
        return SAMPLES[name]
    if setting.enum:
        return next(item for item in setting.enum if item not in ("", default))
    kind = type_of(name)
    if kind == "boolean":
        return not default
    if kind == "integer":
        least = setting.minimum or 0
        return least + 1 if default != least + 1 else least + 2
    return ["some"] if kind == "list" else [{"name": "some"}] if kind == "object-list" else "some"


NAMES = sorted(setting.helm for setting in SETTINGS if setting.helm)


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_keeps_a_setting_or_says_that_it_does_not(name):
    value = sample(name)
    for shape in SHAPES:
        for operator in OPERATOR_VERSIONS if shape in ("adc", "package") else OPERATOR_VERSIONS[-1:]:
            made = conversion_of(Intent(values={name: value}), target=shape, how=How(operator=operator))
            told = [item for item in made.losses if item.path.startswith(name)]
            kept = intent_of(made.documents, shape=shape, how=How(operator=operator)).values.get(name)
            assert (kept == value) != bool(told), (shape, operator, kept, told)
            assert all(item.reason for item in told)


@pytest.mark.parametrize("name", [name for name in NAMES if name != CLUSTER_NAME])
def test_our_package_and_the_vks_add_on_have_a_place_for_every_setting(name):
    """Beside what ako-operator would write the package reads the chart's words; an AddonConfig has nothing else."""
    value = sample(name)
    pin = pin_named(load_pins(), "2.5.2")
    example = example_request(load_release(), pin, tkrs=pin.tkrs)
    request = msgspec.structs.replace(example, intent=Intent(values={name: value}))
    values = data_values(request)
    own = {key: item for key, item in values.items() if key != "loadBalancerAndIngressService"}
    as_operator = intent_of([{key: values[key] for key in values if key not in own}], shape="package").values
    as_chart = intent_of([own], shape="helm").values
    assert {**as_operator, **as_chart}[name] == value
    assert intent_of([addon_config(request)["spec"]["values"]], shape="helm").values[name] == value


@pytest.mark.parametrize("name", NAMES)
def test_advice_agrees_with_the_conversions_and_names_the_way_that_is_left(name):
    (found,) = advice(Intent(values={name: sample(name)}), operator=OPERATOR_VERSIONS[-1])
    how = How(operator=OPERATOR_VERSIONS[-1], cluster=None if name == CLUSTER_NAME else Cluster(name="cluster"))
    lost = conversion_of(Intent(values={name: sample(name)}), target="package", how=how).losses
    assert (found.path == "chart only") == any(item.path.startswith(name) for item in lost)
    if found.path == "chart only":
        assert "our package" in found.why
        assert "ako-operator writes the values" in found.why
