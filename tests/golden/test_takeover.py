"""What a take-over from the official AKO writes is the table on the page about it, row by row.

Observed documents are the official AKO's objects as it wrote them. Where none was observed, a *variant* says what it
makes of a golden case: our objects with the one thing changed that it does otherwise (its behaviour as the facts say).
Each row of the page has its name here and is shown by at least one of them; nothing that is planned is without a row.
"""

import copy
import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml
from support.data_folder import test_data
from support.golden_cases import CASES, outcomes_of, split
from support.observed.documents import case_of

from ako_runtime.model.observed import observed_from
from ako_runtime.model.wire import KINDS, body_of
from ako_runtime.plan.operations import plan_for

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/take-over.md"
WHATEVER = "whatever the resource says"

# Scenario -> rows of the page; every other observed document is taken over without a write.
OBSERVED = {
    "a7_udp": ("udp-profile",),
    "a4_late": ("late-resources",),
    "a7_late": ("late-resources",),
    "a9": ("prefix-paths", "sni-script"),
    "a9_large": ("prefix-paths", "sni-script"),
    "a10": ("prefix-paths",),
    "a10_infra": ("prefix-paths",),
    "a11": ("prefix-paths",),
    "a11_evh": ("prefix-paths",),
    "a15": ("prefix-paths",),
    "a15_late": ("prefix-paths",),
    "a15_sni": ("prefix-paths", "sni-script"),
}
# Objects that are there before, and stay without a word: edited, not owned.
SHARED = {"vrfcontext", "serviceenginegroup"}


def rows():
    """Name -> what is written, of every row of the page."""
    found = re.findall(r"^\| `([a-z0-9-]+)` \| ([^|]+) \|", PAGE.read_text(), flags=re.MULTILINE)
    assert found
    return {name: set(re.findall(r"`([^`]+)`", cell)) or {WHATEVER} for name, cell in found}


def held_of(documents):
    """The documents as the controller answers them."""
    found = {}
    for kind, document in documents:
        whole = {"tenant_ref": "/api/tenant/?name=admin", "uuid": f"{kind}-{len(found)}", **document}
        one = observed_from(kind, json.dumps(whole).encode(), tenant="admin", interned={})
        found[one.ref] = one
    return found


def planned(case, documents):
    """What we would write over these objects, as `PUT kind.field`, `POST kind` and `DELETE kind`."""
    outcomes = outcomes_of(case).values()
    held = held_of(documents)
    claimed = {ref for one in outcomes for ref in one.stack.objects}
    found = set()
    for at, outcome in enumerate(outcomes):
        assert not outcome.needs
        surplus = frozenset(held.keys() - claimed) if at == 0 else frozenset()
        mine = {ref: one for ref, one in held.items() if ref in outcome.stack.objects or ref in surplus}
        for operation in plan_for(outcome.stack, mine, surplus=surplus):
            if operation.verb == "update":
                found |= {f"PUT {operation.ref.kind}.{field}" for field in operation.fields}
            else:
                found.add(f"{'POST' if operation.verb == 'create' else 'DELETE'} {operation.ref.kind}")
    return found


def observed_names():
    folder = test_data("observed")
    return sorted(path.stem for path in folder.glob("a*.json"))


def test_observed_objects_are_taken_over_with_the_writes_of_the_page():
    names, page = observed_names(), rows()
    assert OBSERVED.keys() <= set(names)
    for name in names:
        document = json.loads(test_data("observed", f"{name}.json").read_text())
        documents = [
            (kind, one) for kind, objects in document["objects"].items() if kind not in SHARED for one in objects
        ]
        allowed = set().union(*(page[row] for row in OBSERVED.get(name, ())))
        found = planned(case_of(document), documents)
        if WHATEVER in allowed:
            assert found, name
        else:
            assert found == allowed, name


def of_kind(documents, kind):
    return [one for own, one in documents if own == kind]


def missing_service(documents):
    for one in (*of_kind(documents, "pool"), *of_kind(documents, "poolgroup")):
        one.pop("fail_action", None)


def another_script(documents):
    for one in of_kind(documents, "vsdatascriptset"):
        one["datascript"][0]["script"] = "-- of the official AKO"


def not_ready(documents):
    for one in of_kind(documents, "pool"):
        for server in one["servers"]:
            server["enabled"] = False


def one_port(documents):
    for one in of_kind(documents, "pool"):
        for server in one["servers"]:
            server["port"] = max(server["port"] for server in one["servers"])


def one_more_server(documents):
    for one in of_kind(documents, "pool"):
        one["servers"] = [*one.get("servers", ()), {"ip": {"addr": "172.18.0.9", "type": "V4"}, "port": 61000}]


def root_path_last(documents):
    (policy,) = [one for one in of_kind(documents, "httppolicyset") if "Path" in {m["key"] for m in one["markers"]}]
    rules = policy["http_request_policy"]["rules"]
    redirects = [one for one in rules if "redirect_action" in one]
    paths = [one for one in rules if "redirect_action" not in one]
    for one in paths:
        if one["match"]["path"]["match_str"] == ["/"]:
            one["match"]["path"]["match_str"] = [
                "/" + redirects[0]["redirect_action"]["path"]["tokens"][0]["str_value"]
            ]
    policy["http_request_policy"]["rules"] = [{**one, "index": at} for at, one in enumerate([*paths, *redirects])]


def one_set_a_namespace(documents):
    """The paths of the second namespace in a set of their own."""
    (policy,) = of_kind(documents, "httppolicyset")
    rules = policy["http_request_policy"]["rules"]
    other = copy.deepcopy(policy)
    other["name"] += "-other"
    for one, part in ((policy, rules[:1]), (other, rules[1:])):
        one["http_request_policy"]["rules"] = part
        one["markers"] = [marker for marker in one["markers"] if marker["key"] not in ("Path", "IngressName")]
    documents.append(("httppolicyset", other))
    for one in of_kind(documents, "virtualservice"):
        for link in one.get("http_policies", ()):
            if link["http_policy_set_ref"].endswith(policy["name"]):
                ref = link["http_policy_set_ref"].replace(policy["name"], other["name"])
                one["http_policies"] = [*one["http_policies"], {"index": 12, "http_policy_set_ref": ref}]


def one_group_an_ingress(documents):
    """A path of two Ingresses as two rules, each with a pool group of its own."""
    (group,) = (one for one in of_kind(documents, "poolgroup") if len(one["members"]) > 1)
    other = {**group, "name": f"{group['name']}-other", "members": group["members"][1:]}
    group["members"] = group["members"][:1]
    documents.append(("poolgroup", other))
    for one in of_kind(documents, "httppolicyset"):
        rules = one["http_request_policy"]["rules"]
        again = [json.loads(json.dumps(rule).replace(group["name"], other["name"])) for rule in rules]
        one["http_request_policy"]["rules"] = [{**rule, "index": at} for at, rule in enumerate([*rules, *again])]


def without(kind, *, field, of):
    """Without the objects of a kind, and the field that refers to them."""

    def change(documents):
        documents[:] = [(own, one) for own, one in documents if own != kind]
        for one in of_kind(documents, of):
            one.pop(field, None)

    return change


def login_of_official(documents):
    """What the unmodified program wrote for an SSORule: it names the rule among its own, and remembers nothing else."""
    for one in of_kind(documents, "virtualservice"):
        metadata = json.loads(one["service_metadata"])
        if "sso_rule" in metadata:
            metadata["crd_status"] = {"type": "SSORule", "value": metadata.pop("sso_rule"), "status": "ACTIVE"}
            metadata.pop("sso_cksum", None)
            one["service_metadata"] = json.dumps(metadata, separators=(",", ":"))


# Row -> a golden case, and what the official AKO has otherwise.
VARIANTS = {
    "missing-service": ("ingress/service-missing", missing_service),
    "passthrough-script": ("ingress/passthrough", another_script),
    "endpoint-conditions": ("service/endpoint-readiness-absent", not_ready),
    "port-of-slice": ("service/named-target-ports-differ", one_port),
    "pod-without-annotation": ("npl/annotated-pod", one_more_server),
    "root-path": ("rules/host-root-path-evh", root_path_last),
    "host-of-namespaces": ("ingress/host-two-namespaces", one_set_a_namespace),
    "path-of-ingresses": ("ingress/host-duplicate-path", one_group_an_ingress),
    "sso-rule": ("rules/sso-saml-evh", login_of_official),
    "source-ranges": (
        "service/source-ranges",
        without("networksecuritypolicy", field="network_security_policy_ref", of="virtualservice"),
    ),
    "session-affinity": (
        "service/session-affinity",
        without("applicationpersistenceprofile", field="application_persistence_profile_ref", of="pool"),
    ),
}


def variant(name, change):
    """The case and our objects of it, changed."""
    case = yaml.safe_load(split(CASES / f"{name}.yaml")[0])
    objects = (obj for outcome in outcomes_of(case).values() for obj in outcome.stack.objects.items())
    documents = [(ref.kind, json.loads(json.dumps(body_of(obj)))) for ref, obj in objects]
    assert planned(case, documents) == set()
    change(documents)
    return case, documents


@pytest.mark.parametrize("row", VARIANTS)
def test_what_was_not_observed_is_taken_over_with_the_writes_of_the_page(row):
    assert planned(*variant(*VARIANTS[row])) == rows()[row]


@pytest.mark.parametrize("mode", ["evh", "sni", "ded"])
def test_regular_expressions_are_taken_over_without_a_write(mode):
    """Bodies of string groups as the official AKO sends them; the hash is over host and path."""
    case = yaml.safe_load(split(CASES / f"rules/host-regex-{mode}.yaml")[0])
    objects = [obj for outcome in outcomes_of(case).values() for obj in outcome.stack.objects.items()]
    documents = [(ref.kind, body_of(obj)) for ref, obj in objects if ref.kind != "stringgroup"]
    (ingress,) = (one for one in case["given"] if one["kind"] == "Ingress")
    groups = []
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            text = f"{rule['host']}{path['path']}"
            name = f"ako-cluster-a-{hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}"
            markers = [
                {"key": "clustername", "values": ["cluster-a"]},
                {"key": "created_by", "values": ["ako-cluster-a"]},
            ]
            body = {"name": name, "type": "SG_TYPE_STRING", "longest_match": True, "markers": markers}
            groups.append(("stringgroup", {**body, "kv": [{"key": path["path"]}]}))
    assert groups
    assert planned(case, [*documents, *groups]) == set()
    # One that nothing refers to any more goes.
    left = {**groups[0][1], "name": "ako-cluster-a-of-another-path"}
    assert planned(case, [*documents, *groups, ("stringgroup", left)]) == {"DELETE stringgroup"}


def test_every_row_is_shown_and_none_is_missing():
    shown = {row for named in OBSERVED.values() for row in named} | VARIANTS.keys()
    assert rows().keys() == shown
    kinds = {cell.split()[1].partition(".")[0] for cells in rows().values() for cell in cells if cell != WHATEVER}
    assert kinds <= KINDS.keys()
