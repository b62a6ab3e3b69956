"""What the official AKO 2.2.1 wrote for Ingresses is what we would write, apart from listed deviations.

Deviations (docs/adr/0080): prefixes go by segments, so one rule of the official AKO is two of ours; the script of an
SNI parent is our own; children say their tenant, as all other objects do.
"""

import json

import msgspec
import pytest
from support.data_folder import test_data
from support.golden_cases import outcomes_of
from support.observed.documents import case_of

from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.observed import Observed
from ako_runtime.model.patch import Applied
from ako_runtime.model.refs import parse_ref
from ako_runtime.model.wire import builtins
from ako_runtime.resources.marks import CLUSTER_UUID, HOST_MAP
from ako_runtime.resources.networking import Ingress
from ako_runtime.status.events import event_texts
from ako_runtime.status.ingress import ingress_patches

SCENARIOS = ("a9", "a9_large", "a10", "a10_infra", "a11", "a11_evh", "a15", "a15_sni")
PRIVATE = {"cloud_config_cksum", "vsvip_cloud_config_cksum"}
UNORDERED = {"servers", "dns_info", "rules", "members"}


def ours(case):
    found = {}
    for outcome in outcomes_of(case).values():
        assert not outcome.needs, outcome.needs
        for ref, obj in outcome.stack.objects.items():
            assert (ref.kind, ref.name) not in found
            found[(ref.kind, ref.name)] = normal(builtins(obj), ref.kind)
    return found


def normal(value, kind, field=""):
    if isinstance(value, dict):
        shown = {name: normal(item, kind, name) for name, item in value.items() if name not in PRIVATE}
        if kind == "virtualservice" and shown.get("type") == "VS_TYPE_VH_CHILD":
            shown.pop("tenant_ref", None)
        if field == "datascript" or "script" in shown:
            shown.pop("script", None)
        return shown
    if isinstance(value, list):
        items = [normal(item, kind, field) for item in value]
        return sorted(items, key=json.dumps) if field in UNORDERED - {"rules"} else items
    if isinstance(value, str) and field.endswith(("_ref", "_refs")):
        ref = parse_ref(value)
        return f"{ref.kind}:{ref.name}"
    return value


def by_segments(policy):
    """The official policy with each prefix rule in our two."""
    request = policy.get("http_request_policy")
    if request is None:
        return policy
    rules = []
    for rule in request["rules"]:
        path = rule["match"].get("path")
        texts = [("", "")]
        if path and path["match_criteria"] == "BEGINS_WITH" and path["match_str"] != ["/"]:
            (text,) = path["match_str"]
            texts = [("EQUALS", text), ("BEGINS_WITH", f"{text}/")]
        for criteria, text in texts:
            match = dict(rule["match"])
            if criteria:
                match["path"] = {**path, "match_criteria": criteria, "match_str": [text]}
            at = len(rules)
            rules.append({**rule, "match": match, "index": at, "name": f"{policy['name']}-{at}"})
    return {**policy, "http_request_policy": {**request, "rules": rules}}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_objects_equal_the_observed_ones(scenario):
    document = json.loads(test_data("observed", f"{scenario}.json").read_text())
    written = {(kind, obj["name"]): obj for kind, objects in document["objects"].items() for obj in objects}
    mine = ours(case_of(document))
    assert mine.keys() == written.keys()
    for (kind, name), obj in written.items():
        wanted = normal(by_segments(obj) if kind == "httppolicyset" else obj, kind)
        assert mine[(kind, name)] == wanted, name


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_statuses_and_events_equal_the_observed_ones(scenario):
    """Addresses and UUIDs are those that the stub gave; what is made of them is ours."""
    document = json.loads(test_data("observed", f"{scenario}.json").read_text())
    written = [one for one in document["status_writes"] if one["kind"] == "Ingress"]
    told = {
        (one["reason"], one["object"], one["message"])
        for one in document["events"]
        if one["object"].startswith("Ingress/")
    }
    mine, said = [], set()
    for ingress, intent in ingress_statuses_of(case_of(document)):
        applied = applied_as(intent, [one["body"] for one in written if one["name"] == ingress.name])
        patches = ingress_patches(intent, ingress, applied)
        mine += [(ingress.name, patch.subresource, patch.body) for patch in patches]
        about = f"Ingress/{ingress.namespace}/{ingress.name}"
        said |= {(one.reason, about, one.note) for one in event_texts(intent, ingress, applied, patches)}
    assert sorted(mine, key=str) == sorted(
        ((one["name"], one.get("subresource", ""), one["body"]) for one in written), key=str
    )
    assert said == told


def ingress_statuses_of(case):
    """Every Ingress as it was given, without a status yet, with what it should show."""
    given = {one["metadata"]["name"]: one for one in case["given"] if one["kind"] == "Ingress"}
    for outcome in outcomes_of(case).values():
        for intent in outcome.statuses:
            if isinstance(intent, IngressStatus):
                yield msgspec.convert(given[intent.about.name], Ingress), msgspec.structs.replace(intent, problem=None)


def applied_as(intent, bodies):
    """What the controller is to have answered for these bodies to be written."""
    entries = [entry for body in bodies for entry in body.get("status", {}).get("loadBalancer", {}).get("ingress", ())]
    annotations = {
        name: text for body in bodies for name, text in body.get("metadata", {}).get("annotations", {}).items()
    }
    uuids = json.loads(annotations.get(HOST_MAP, "{}"))
    observed = {}
    for one in intent.hosts:
        addresses = tuple(entry["ip"] for entry in entries if entry["hostname"] == one.host)
        observed[one.vsvip] = Observed(ref=one.vsvip, uuid="", content=None, addresses=addresses)
        observed[one.virtualservice] = Observed(ref=one.virtualservice, uuid=uuids[one.host], content=None)
    return Applied(observed=observed, cluster_uuid=annotations.get(CLUSTER_UUID, ""))
