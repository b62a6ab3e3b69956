"""Plans and advice: what moves, what is dropped, which path can say it."""

import re

import pytest
import yaml

from ako_builder.addon.advice.advise import advice, verdict
from ako_builder.addon.advice.plan import is_downgrade, plan
from ako_builder.addon.pins.releases import load_compatibility, load_pins, pin_named
from ako_builder.addon.shapes.convert import intent_of
from ako_builder.addon.shapes.intent import typed_default
from ako_builder.addon.shapes.keys import KEYS
from ako_builder.sources import source

PINS = load_pins()


def steps(old, new, **more):
    found = plan(pin_named(PINS, old), pin_named(PINS, new), support=load_compatibility(), **more)
    topics: dict[str, list[str]] = {}
    for step in found:
        topics.setdefault(step.topic, []).append(step.what)
    return topics


def test_the_plan_knows_both_ends_and_says_what_it_does_not_know():
    found = steps("2.1.1", "2.5.2")
    assert found["AKO before"] == ["v1.24.10---vmware.1-tkg.2: 1.8.2+vmware.1-tkg.1"]
    assert "v1.29.6---vmware.1-tkg.3: unknown" in found["AKO after"][0]
    assert found["keys"] == ["TKG 2.5.2 names no ako-operator: compared with 1.12.0, the newest"]
    assert "ADC field extraConfigs.replicaCount" in found["added"]
    assert "dropped" not in found


def test_pod_security_policy_goes_with_1_25_and_only_where_it_is_crossed():
    assert any("PodSecurityPolicy" in what for what in steps("2.1.1", "2.5.2")["removed"])
    assert "removed" not in steps("2.1.0", "2.1.1")
    assert any("v1beta1" in what for what in steps("1.4.0", "1.6.0")["removed"])


def test_what_the_values_use_and_the_next_operator_drops_is_said():
    intent = intent_of([{"AKOSettings": {"istioEnabled": True}}], shape="helm")
    found = steps("1.4.0", "1.6.0", intent=intent)
    assert "ADC field extraConfigs.istioEnabled, which your values set" in found["dropped"]


def test_the_avi_versions_of_all_known_ako_on_the_way():
    assert "versions that serve every known AKO on the way: 22.1.3 to 22.1.4" in steps("2.1.1", "2.5.2")["avi"]
    assert (
        "versions that serve every known AKO on the way: none: two steps are needed" in steps("1.6.0", "2.5.2")["avi"]
    )


def test_an_upgrade_over_several_minors_goes_through_them():
    assert "step 6" in steps("2.1.1", "2.5.2")
    assert "step 6" not in steps("2.4.0", "2.5.2")


def test_what_cannot_be_undone_is_always_said():
    assert len(steps("2.4.0", "2.5.2")["no way back"]) == 4
    assert is_downgrade(pin_named(PINS, "2.5.2"), pin_named(PINS, "2.5.0"))


@pytest.mark.parametrize(
    ("values", "paths", "said"),
    [
        ({"AKOSettings": {"enableEVH": True}}, ["adc"], "by AKODeploymentConfig alone"),
        ({"AKOSettings": {"deleteConfig": True}}, ["package"], "data values of the package"),
        ({"ControllerSettings": {"vrfName": "v"}}, ["chart only"], "1 of 1 settings need the chart"),
        ({"AKOSettings": {"ipFamily": "V4_V6"}}, ["package"], "data values"),
        ({"NetworkSettings": {"vipNetworkList": [{"networkName": "n", "cidr": "10.0.0.0/8", "v6cidr": "fd00::/8"}]}},
         ["package"], "data values"),
    ],
)  # fmt: skip
def test_advice_says_which_path_can_say_it(values, paths, said):
    found = advice(intent_of([values], shape="helm"), operator="1.12.0")
    assert [item.path for item in found] == paths
    assert said in verdict(found)


def test_advice_depends_on_the_operators_version():
    intent = intent_of([{"featureGates": {"GatewayAPI": True}}], shape="helm")
    assert advice(intent, operator="1.11.0")[0].path == "adc"
    assert advice(intent, operator="1.10.0")[0].path == "chart only"


def test_defaults_that_differ_are_computed_and_none_is_left_out():
    """A row of the table that is in no list cannot be forgotten: `ipFamily` once was."""
    (what,) = steps("2.4.0", "2.5.2")["defaults"]
    told = set(re.findall(r"([A-Za-z0-9]+\.[A-Za-z0-9.]+)=", what))
    assert told == {
        key.helm for key in KEYS if key.helm and key.default is not None and typed_default(key) != chart_says(key.helm)
    }
    assert "AKOSettings.ipFamily=V4 (chart: found out by itself)" in what
    assert "AKOSettings.fullSyncFrequency" not in what


def chart_says(path):
    """The default that the chart's own values.yaml has."""
    found = yaml.safe_load(source("helm", "ako", "values.yaml").read_bytes())
    for part in path.split("."):
        found = found[part]
    return found
