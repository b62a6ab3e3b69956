"""What the official AKO 2.2.1 really wrote is what we would write.

Compared are all fields of all objects except the listed deviations, references by kind and name (their text where AKO
uses it as a name), servers, DNS names and (in shared virtual services, whose order AKO takes from the order of events)
policy rules in any order. Shared objects (VRF, Service Engine group) are the lab's documents after our edits. Statuses
and annotations are compared as they were after the last write; addresses and UUIDs are the stub's and go into ours.
"""

import json

import msgspec
import pytest
from support.data_folder import test_data
from support.golden_cases import outcomes_of
from support.observed.documents import case_of

from ako_runtime.model.intents import GatewayStatus
from ako_runtime.model.observed import Observed
from ako_runtime.model.patch import Applied
from ako_runtime.model.refs import parse_ref
from ako_runtime.model.stack import ServiceStatus
from ako_runtime.model.wire import builtins
from ako_runtime.resources.core import Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway, GatewayState
from ako_runtime.status.dispatch import patches_for

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


# Addresses come in the order of the Service's families, which is here IPv6 first.
OTHER_ORDER = {("a14", "six"), ("a14_empty", "six")}
# RequireDualStack on a network with one family: the official AKO says nothing, we add a condition.
TOLD = {("a14_v6", "both"): "SingleStackNetwork"}
# API servers keep no addresses in the status of a Service of another type, so none are written.
WITHOUT_ADDRESS = {("a5", "app-tcp"), ("a5", "app-udp"), ("a5_infra", "app-tcp"), ("a5_infra", "app-udp")}
WRITTEN = ("controller-cluster-uuid", "host-fqdn-vs-uuid-map", "tenant-name")
NO_UUID = "virtualservice-of-the-stub"


def last_writes(document, kind):
    """Name -> the last status and the last annotations of ours that the official AKO wrote."""
    found = {}
    for write in document["status_writes"]:
        if write["kind"] != kind:
            continue
        status, annotations = found.get(write["name"], ({}, {}))
        body = write["body"]
        if write.get("subresource") == "status":
            status = body["status"]
        else:
            annotations = (
                (body["metadata"].get("annotations") or {}) if "annotations" in body["metadata"] else annotations
            )
        found[write["name"]] = (status, annotations)
    return found


def names_of(annotations):
    """Their three annotations; a virtual service whose UUID AKO did not know yet (an empty text) gets one."""
    found = {key: annotations[f"ako.vmware.com/{key}"] for key in WRITTEN if f"ako.vmware.com/{key}" in annotations}
    if "host-fqdn-vs-uuid-map" in found:
        hosts = json.loads(found["host-fqdn-vs-uuid-map"])
        found["host-fqdn-vs-uuid-map"] = {name: uuid or NO_UUID for name, uuid in hosts.items()}
    return found


def patched(intent, obj, *, addresses, uuid):
    """Our status and annotations, once the controller has given these addresses and this UUID."""
    given = {
        intent.vsvip: Observed(ref=intent.vsvip, uuid="vsvip", content=None, addresses=addresses),
        intent.virtualservice: Observed(ref=intent.virtualservice, uuid=uuid, content=None),
    }
    applied = Applied(observed=given, cluster_uuid="cluster-00000000-0000-0000-0000-000000000001", now="<time>")
    status, annotations = {}, {}
    for patch in patches_for(intent, obj, applied):
        if patch.subresource == "status":
            status = patch.body["status"]
        else:
            annotations = patch.body["metadata"]["annotations"]
    return status, annotations


def intents(document, kind):
    """Name -> intent, of one kind of status."""
    found = (status for outcome in outcomes_of(case_of(document)).values() for status in outcome.statuses)
    return {one.about.name: one for one in found if isinstance(one, kind)}


def given_objects(document, kind, model):
    return {one["metadata"]["name"]: msgspec.convert(one, model) for one in document["given"] if one["kind"] == kind}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_services_show_what_they_showed_under_the_official_one(scenario):
    document = json.loads(test_data("observed", f"{scenario}.json").read_text())
    mine, objects = intents(document, ServiceStatus), given_objects(document, "Service", Service)
    for name, (status, annotations) in last_writes(document, "Service").items():
        theirs = status["loadBalancer"]["ingress"]
        names = names_of(annotations)
        uuid = next(iter(names.get("host-fqdn-vs-uuid-map", {}).values()), NO_UUID)
        addresses = tuple(one["ip"] for one in theirs)
        my_status, my_annotations = patched(mine[name], objects[name], addresses=addresses, uuid=uuid)
        assert names_of(my_annotations) == names, name
        reasons = [one["reason"] for one in my_status.pop("conditions", ())]
        assert reasons == [TOLD[scenario, name]] if (scenario, name) in TOLD else reasons == []
        if (scenario, name) in WITHOUT_ADDRESS:
            assert my_status == {}
        elif (scenario, name) in OTHER_ORDER:
            assert my_status["loadBalancer"]["ingress"] == theirs[::-1]
        else:
            assert my_status == {"loadBalancer": {"ingress": theirs}}, name


@pytest.mark.parametrize("scenario", ["a5", "a5_infra"])
def test_gateways_show_what_they_showed_under_the_official_one(scenario):
    document = json.loads(test_data("observed", f"{scenario}.json").read_text())
    mine, objects = intents(document, GatewayStatus), given_objects(document, "Gateway", Gateway)
    for name, (theirs, _) in last_writes(document, "Gateway").items():
        # Theirs shows the last address alone; of two it wrote one after the other.
        written = (write["body"].get("status", {}) for write in document["status_writes"] if write["name"] == name)
        addresses = tuple(dict.fromkeys(one["value"] for status in written for one in status.get("addresses", ())))
        # The stub fills in no default, so they made conditions that they make on no real API server.
        shown = msgspec.json.decode(msgspec.json.encode(theirs).replace(b"<time>", b"2025-01-01T00:00:00Z"))
        before = msgspec.structs.replace(objects[name], status=msgspec.convert(shown, GatewayState))
        ours_, _ = patched(mine[name], before, addresses=addresses, uuid=NO_UUID)
        assert theirs["addresses"][-1] in ours_["addresses"]
        assert [one["value"] for one in ours_["addresses"]] == list(addresses)
        assert said(theirs["conditions"]).items() <= said(ours_["conditions"]).items()
        assert said(ours_["conditions"])["ako.vmware.com/Ready"] == said(theirs["conditions"])["Ready"]
        fresh, _ = patched(mine[name], objects[name], addresses=addresses, uuid=NO_UUID)
        assert said(fresh["conditions"]).keys() == {"Scheduled", "ako.vmware.com/Ready"}
        shown = {one["port"]: said(one["conditions"]) for one in ours_["listeners"]}
        assert shown.keys() == {one["port"] for one in theirs["listeners"]}
        assert all(said(one["conditions"]).items() <= shown[one["port"]].items() for one in theirs["listeners"])


def said(conditions):
    return {one["type"]: one["status"] for one in conditions}
