"""What the official AKO 2.2.1 really wrote is what we would write.

Compared are all fields of all objects except the listed deviations, references by kind and name (their text where AKO
uses it as a name), servers and DNS names in any order.
"""

import json

import pytest
from data_folder import test_data
from golden_cases import outcomes_of

from ako_runtime.model.refs import parse_ref
from ako_runtime.model.wire import builtins

# Scenario -> why it is here. Others follow with the features that they need.
SCENARIOS = (
    "a1",
    "a2",
    "a8_default",
    "a8_disabled",
    "a8_domain",
    "a8_flat",
    "a10_l4",
    "a13",
    "a14",
    "a14_empty",
    "a14_v6",
    "a6",
    "a4",
    "a7",
)

DEVIATIONS = {
    # Checksums are the official AKO's private memory; equality in meaning needs none.
    "cloud_config_cksum",
    "vsvip_cloud_config_cksum",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_objects_equal_the_observed_ones(scenario):
    document = json.loads(test_data("observed", f"{scenario}.json").read_text())
    environment = document["avi_environment"]
    case = {
        "settings": document["settings"],
        "environment": {
            "dns_domains": sorted(environment["dns_domains"]),
            "cloud_type": environment["cloud"]["vtype"],
            "licence": environment["license"],
        },
        "given": document["given"],
    }
    mine = {}
    for outcome in outcomes_of(case).values():
        for ref, obj in outcome.stack.objects.items():
            mine[(ref.kind, ref.name)] = normal(builtins(obj))
    theirs = {(kind, obj["name"]): normal(obj) for kind, objects in document["objects"].items() for obj in objects}
    assert mine.keys() == theirs.keys()
    for key, wanted in theirs.items():
        assert mine[key] == wanted, key


def normal(value, field=""):
    if isinstance(value, dict):
        return {name: normal(item, name) for name, item in value.items() if name not in DEVIATIONS}
    if isinstance(value, list):
        items = [normal(item, field) for item in value]
        return sorted(items, key=json.dumps) if field in {"servers", "dns_info"} else items
    if isinstance(value, str) and field.endswith(("_ref", "_refs")):
        ref = parse_ref(value)
        return f"{ref.kind}:{ref.name}"
    return value
