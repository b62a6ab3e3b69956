"""What the official AKO 2.2.1 really wrote is what we would write.

Compared are all fields of all objects except the listed deviations, references by kind and name (their text where AKO
uses it as a name), servers, DNS names and (in shared virtual services, whose order AKO takes from the order of events)
policy rules in any order. Shared objects (VRF, Service Engine group) are the lab's documents after our edits.
"""

import json

import pytest
from data_folder import test_data
from golden_cases import outcomes_of

from ako_runtime.model.refs import parse_ref
from ako_runtime.model.wire import builtins

# Layer 4; the scenarios of layer 7 (a9 to a11, a15) have tests of their own.
SCENARIOS = (
    "a1",
    "a2",
    "a3",
    "a3_auto",
    "a4",
    "a5",
    "a5_infra",
    "a6",
    "a7",
    "a7_udp",
    "a8_default",
    "a8_disabled",
    "a8_domain",
    "a8_flat",
    "a10_l4",
    "a12",
    "a12_foreign",
    "a13",
    "a14",
    "a14_empty",
    "a14_v6",
)
# What AKO wrote before the custom resource was admitted, and never corrected: we decide before the first write.
SAME_AS = {"a4_late": "a4", "a7_late": "a7"}

DEVIATIONS = {
    # Checksums are the official AKO's private memory; equality in meaning needs none.
    "cloud_config_cksum",
    "vsvip_cloud_config_cksum",
    # Drawn anew by the official AKO in each run; ours are computed.
    "route_id",
    # The stub's identity of shared objects, echoed by a PUT.
    "url",
    "uuid",
}
# Scenario -> object -> field -> (theirs, ours), each for a reason.
LISTED = {
    # The definition of L4Rule fills the TCP proxy in on every rule; for a UDP Service that is nobody's wish.
    "a7_udp": {
        ("virtualservice", "cluster-a--red-dns"): {
            "network_profile_ref": ("networkprofile:System-TCP-Proxy", "networkprofile:System-UDP-Fast-Path")
        }
    }
}
UNORDERED = {"servers", "dns_info"}


def case_of(document):
    """The scenario as a golden case: settings, facts, and every object of the stub that may be named."""
    environment = document["avi_environment"]
    extra = environment["extra_objects"]
    return {
        "settings": document["settings"],
        "environment": {
            "dns_domains": sorted(environment["dns_domains"]),
            "cloud_type": environment["cloud"]["vtype"],
            "licence": environment["license"],
        },
        "references": {
            "serviceenginegroup": [group["name"] for group in environment["segs"]],
            "network": [network["name"] for network in environment["networks"]],
            **{
                kind: [
                    {
                        "name": one["name"],
                        "tenant": "admin",
                        "type": one.get("type") or one.get("profile", {}).get("type", ""),
                    }
                    for one in found
                ]
                for kind, found in extra.items()
            },
        },
        "given": document["given"],
    }


def ours(case, written):
    """Our objects, and shared objects after our edits of what the stub had before."""
    mine = {}
    for outcome in outcomes_of(case).values():
        assert not outcome.needs, outcome.needs
        for ref, obj in outcome.stack.objects.items():
            mine[(ref.kind, ref.name)] = normal(builtins(obj))
        for edit in outcome.edits:
            key = (edit.ref.kind, edit.ref.name)
            changed = edit.edited(before(written[key]))
            mine[key] = normal(changed)
    return mine


def before(document):
    """A shared object without the part that the cluster added."""
    routes = [one for one in document.get("static_routes", ()) if not is_of_cluster(one)]
    plain = {name: value for name, value in document.items() if name != "labels"}
    return {**plain, "static_routes": routes} if "static_routes" in document else plain


def is_of_cluster(route):
    return {"key": "clustername", "value": "cluster-a"} in route.get("labels", ())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_objects_equal_the_observed_ones(scenario):
    document = json.loads(test_data("observed", f"{scenario}.json").read_text())
    written = {(kind, obj["name"]): obj for kind, objects in document["objects"].items() for obj in objects}
    mine = ours(case_of(document), written)
    assert mine.keys() == written.keys()
    for key, obj in written.items():
        wanted = normal(obj)
        for field, (theirs, own) in LISTED.get(scenario, {}).get(key, {}).items():
            assert wanted[field] == theirs
            wanted[field] = own
        if is_shared(wanted):
            assert sorted_rules(mine[key]) == sorted_rules(wanted), key
        else:
            assert mine[key] == wanted, key


@pytest.mark.parametrize(("late", "early"), SAME_AS.items())
def test_what_is_admitted_late_is_as_if_it_had_been_early(late, early):
    first, second = (json.loads(test_data("observed", f"{name}.json").read_text()) for name in (late, early))
    assert ours(case_of(first), {}) == ours(case_of(second), {})


def is_shared(document):
    return any(marker["key"] == "GatewayName" for marker in document.get("markers", ()))


def sorted_rules(document):
    """The document with its policy rules sorted and numbered anew."""
    if "l4_connection_policy" not in document:
        return document
    rules = sorted(document["l4_connection_policy"]["rules"], key=lambda rule: rule["name"])
    return {**document, "l4_connection_policy": {"rules": [{**rule, "index": at} for at, rule in enumerate(rules)]}}


def normal(value, field=""):
    if isinstance(value, dict):
        return {name: normal(item, name) for name, item in value.items() if name not in DEVIATIONS}
    if isinstance(value, list):
        items = [normal(item, field) for item in value]
        return sorted(items, key=json.dumps) if field in UNORDERED else items
    if isinstance(value, str) and field.endswith(("_ref", "_refs")):
        ref = parse_ref(value)
        return f"{ref.kind}:{ref.name}"
    if field == "service_metadata":
        metadata = json.loads(value)
        if isinstance(metadata["hostnames"], list):
            metadata["hostnames"].sort()
        return metadata
    return value
