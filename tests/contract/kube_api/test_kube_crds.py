"""Custom kinds: served when defined, pruned, defaulted, validated, shown, scaled, and gone with their definition."""

from uuid import uuid4

import pytest
from support.kube.differences import expected
from support.kube.servers import APPLY, DEFINITIONS, MERGE, STRATEGIC, is_established, wait_until

GROUP = f"t{uuid4().hex[:8]}.example.com"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

SPEC = {
    "type": "object",
    "required": ["host"],
    "properties": {
        "host": {"type": "string", "pattern": r"^[a-z.]+$", "maxLength": 20},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 80},
        "mode": {"type": "string", "enum": ["active", "passive"], "default": "active"},
        "target": {"x-kubernetes-int-or-string": True},
        "address": {"type": "string", "format": "ipv4"},
        "note": {"type": "string", "nullable": True},
        "replicas": {"type": "integer"},
        "nested": {
            "type": "object",
            "default": {},
            "properties": {"retries": {"type": "integer", "default": 3}},
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "rules": {
            "type": "array",
            "maxItems": 3,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "default": 1}},
            },
        },
        "choice": {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
    },
}
STATUS = {"type": "object", "properties": {"replicas": {"type": "integer"}, "phase": {"type": "string"}}}


def definition(group, *, cel=False):
    spec = (
        {**SPEC, "x-kubernetes-validations": [{"rule": "self.host != 'bad'", "message": "no bad hosts"}]}
        if cel
        else SPEC
    )
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": STATUS}}}
    columns = [
        {"name": "Host", "type": "string", "jsonPath": ".spec.host"},
        {"name": "Port", "type": "integer", "jsonPath": ".spec.port"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    version = {
        "served": True,
        "schema": schema,
        "subresources": {"status": {}, "scale": scale},
        "additionalPrinterColumns": columns,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gates.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "gates", "kind": "Gate", "shortNames": ["gt"], "categories": ["all"]},
            "versions": [{"name": "v1", "storage": True, **version}, {"name": "v1beta1", "storage": False, **version}],
        },
    }


def install(server, document):
    """Install a definition and wait until its kind is served."""
    reply = server.rest.post(DEFINITIONS, document)
    assert reply.status == 201, reply
    name = document["metadata"]["name"]
    with server.rest.watch(DEFINITIONS, fieldSelector=f"metadata.name={name}") as events:
        for event in events:
            if is_established(event["object"]):
                break
    plural, version = document["spec"]["names"]["plural"], document["spec"]["versions"][0]["name"]
    path = f"/apis/{document['spec']['group']}/{version}/{plural}"
    wait_until(lambda: server.rest.get(path).status == 200)
    return reply


@pytest.fixture(scope="module")
def gates(server):
    """The path of a custom kind that this file has for itself."""
    install(server, definition(GROUP))
    yield server.path("gates", api=f"/apis/{GROUP}/v1")
    server.rest.delete(f"{DEFINITIONS}/gates.{GROUP}")


def gate(name, *, group=GROUP, **spec):
    kind = {"apiVersion": f"{group}/v1", "kind": "Gate"}
    return {**kind, "metadata": {"name": name}, "spec": {"host": "a.example", **spec}}


def test_type_is_required(server, gates):
    assert server.rest.post(gates, {"metadata": {"name": "typeless"}, "spec": {"host": "a"}}).status == 400


def test_defaults_are_filled_in_at_every_depth(server, gates):
    made = server.rest.post(gates, gate("defaults", rules=[{"name": "a"}]))
    assert made.status == 201
    assert made.json["spec"] == {
        "host": "a.example",
        "port": 80,
        "mode": "active",
        "nested": {"retries": 3},
        "rules": [{"name": "a", "weight": 1}],
    }
    assert made.json["metadata"]["generation"] == 1


def test_unknown_fields_are_pruned(server, gates):
    body = gate("pruned", hots="typo", nested={"retries": 1, "other": 2}, free={"any": {"thing": 1}}, labels={"a": "b"})
    spec = server.rest.post(gates, body).json["spec"]
    assert "hots" not in spec
    assert spec["nested"] == {"retries": 1}
    assert spec["free"] == {"any": {"thing": 1}}
    assert spec["labels"] == {"a": "b"}


def test_unknown_fields_are_refused_in_strict_mode(server, gates):
    reply = server.rest.post(gates, gate("strict", hots="typo"), fieldValidation="Strict")
    assert reply.status == 400
    assert 'unknown field "spec.hots"' in reply.json["message"]


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"port": 0}, "spec.port", "FieldValueInvalid"),
        ({"port": 65536}, "spec.port", "FieldValueInvalid"),
        ({"port": "80"}, "spec.port", "FieldValueTypeInvalid"),
        ({"host": "UPPER"}, "spec.host", "FieldValueInvalid"),
        ({"host": "a" * 21}, "spec.host", None),
        ({"mode": "other"}, "spec.mode", "FieldValueNotSupported"),
        ({"target": True}, "spec.target", None),
        ({"address": "::1"}, "spec.address", None),
        ({"labels": {"a": 1}}, "spec.labels.a", "FieldValueTypeInvalid"),
        ({"rules": [{"weight": 1}]}, "spec.rules[0].name", "FieldValueRequired"),
        ({"rules": [{"name": "a"}, {"name": "a"}]}, "spec.rules[1]", "FieldValueDuplicate"),
        ({"rules": [{"name": n} for n in "abcd"]}, "spec.rules", None),
        ({"choice": {"a": "1", "b": "2"}}, "spec.choice", None),
        ({"choice": {}}, "spec.choice", None),
    ],
)
def test_faults_name_the_field(server, gates, *, spec, field, reason):
    reply = server.rest.post(gates, gate("faulty", **spec))
    assert reply.status == 422, reply
    causes = {cause["field"]: cause["reason"] for cause in reply.json["details"]["causes"]}
    assert field in reply.json["message"]
    assert reason in {None, causes.get(field)}


def test_missing_required_field(server, gates):
    reply = server.rest.post(gates, {**gate("hostless"), "spec": {}})
    assert reply.status == 422
    assert "spec.host: Required value" in reply.json["message"]


def test_nullable_and_int_or_string(server, gates):
    made = server.rest.post(gates, gate("loose", note=None, target="http", port=None))
    assert made.status == 201
    assert made.json["spec"]["note"] is None
    assert made.json["spec"]["target"] == "http"
    assert made.json["spec"]["port"] == 80


def test_status_has_its_own_door_and_schema(server, gates):
    server.rest.post(gates, {**gate("status"), "status": {"phase": "ignored"}})
    assert "status" not in server.rest.get(f"{gates}/status").json
    ok = server.rest.patch(f"{gates}/status/status", {"status": {"phase": "Ready"}, "spec": {"host": "x"}}, MERGE)
    assert (ok.json["status"], ok.json["spec"]["host"]) == ({"phase": "Ready"}, "a.example")
    assert ok.json["metadata"]["generation"] == 1
    assert server.rest.patch(f"{gates}/status/status", {"status": {"phase": 1}}, MERGE).status == 422
    changed = server.rest.patch(f"{gates}/status", {"spec": {"port": 81}, "status": {"phase": "x"}}, MERGE).json
    assert (changed["metadata"]["generation"], changed["status"]["phase"]) == (2, "Ready")


def test_scale_of_a_custom_kind(server, gates):
    server.rest.post(gates, gate("scaled", replicas=1))
    assert server.rest.get(f"{gates}/scaled/scale").json["spec"]["replicas"] == 1
    assert server.rest.patch(f"{gates}/scaled/scale", {"spec": {"replicas": 4}}, MERGE).json["spec"]["replicas"] == 4
    assert server.rest.get(f"{gates}/scaled").json["spec"]["replicas"] == 4


def test_update_needs_a_version(server, gates):
    server.rest.post(gates, gate("locked"))
    assert server.rest.put(f"{gates}/locked", gate("locked", port=81)).status == 422


def test_strategic_patch_is_not_for_custom_kinds(server, gates):
    server.rest.post(gates, gate("plain"))
    assert server.rest.patch(f"{gates}/plain", {"spec": {"port": 81}}, STRATEGIC).status == 415


def test_apply_merges_lists_by_their_map_keys(server, gates):
    body = gate("applied", rules=[{"name": "a", "weight": 5}])
    first = server.rest.patch(f"{gates}/applied", body, APPLY, fieldManager="one")
    assert first.status == 201
    body["spec"]["rules"] = [{"name": "b"}]
    second = server.rest.patch(f"{gates}/applied", body, APPLY, fieldManager="two")
    assert {rule["name"]: rule["weight"] for rule in second.json["spec"]["rules"]} == {"a": 5, "b": 1}


def test_versions_show_one_object(server, gates):
    server.rest.post(gates, gate("both"))
    beta = server.rest.get(f"{gates}/both".replace("/v1/", "/v1beta1/")).json
    assert beta["apiVersion"].endswith("/v1beta1")
    with server.rest.watch(gates.replace("/v1/", "/v1beta1/"), fieldSelector="metadata.name=both") as events:
        assert next(events)["object"]["apiVersion"].endswith("/v1beta1")


def test_discovery_knows_the_kind(server, gates):
    versions = [item["version"] for item in server.rest.get(f"/apis/{GROUP}").json["versions"]]
    assert versions == ["v1", "v1beta1"]
    resources = {item["name"]: item for item in server.rest.get(f"/apis/{GROUP}/v1").json["resources"]}
    assert set(resources) == {"gates", "gates/status", "gates/scale"}
    assert (resources["gates"]["shortNames"], resources["gates"]["categories"]) == (["gt"], ["all"])
    assert resources["gates"]["singularName"] == "gate"


def test_printer_columns(server, gates):
    server.rest.post(gates, gate("shown", port=8443))
    table = server.rest.request("GET", f"{gates}/shown", accept=TABLE).json
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Host", "Port", "Age"]
    assert table["rows"][0]["cells"][:3] == ["shown", "a.example", 8443]
    assert table["rows"][0]["cells"][3].endswith("s")


FREE = {"list": ["a", "b"], "map": {"a": 1}, "text": "a", "whole": 3, "part": 1.5, "yes": True, "when": "no date"}
FREE |= {
    "pairs": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}],
    "empty": "",
    "long": "2020-01-01T00:00:00Z",
}
CELLS = [
    ("string", "list[*]", "a"),
    ("string", "pairs[*].value", "1"),
    ("string", 'pairs[?(@.name=="y")].value', "2"),
    ("string", "list", '["a","b"]'),
    ("string", "map", '{"a":1}'),
    ("string", "whole", "3"),
    ("string", "part", "1.5"),
    ("string", "yes", "true"),
    ("string", "empty", ""),
    ("string", "absent", None),
    ("string", "absent[*].value", None),
    ("integer", "whole", 3),
    ("integer", "text", None),
    ("integer", "absent", None),
    ("number", "part", 1.5),
    ("number", "whole", 3),
    ("boolean", "yes", True),
    ("boolean", "absent", None),
    ("date", "when", "<invalid>"),
    ("date", "absent", None),
]


def test_cells_of_printer_columns(server):
    group = f"t{uuid4().hex[:8]}.example.com"
    document = definition(group)
    for version in document["spec"]["versions"]:
        version["additionalPrinterColumns"] = [
            {"name": f"C{number}", "type": kind, "jsonPath": f".spec.free.{path}"}
            for number, (kind, path, _) in enumerate(CELLS)
        ]
    install(server, document)
    path = server.path("gates", api=f"/apis/{group}/v1")
    assert server.rest.post(path, gate("shown", group=group, free=FREE)).status == 201
    table = server.rest.request("GET", f"{path}/shown", accept=TABLE).json
    shown = dict(zip([column["name"] for column in table["columnDefinitions"]], table["rows"][0]["cells"], strict=True))
    wanted = {f"C{number}": cell for number, (_, _, cell) in enumerate(CELLS)}
    assert shown == {"Name": "shown", **wanted}
    server.rest.delete(f"{DEFINITIONS}/gates.{group}")


def test_version_that_is_forgotten_is_gone(server, gates):
    server.rest.post(gates, gate("history"))
    if expected(server, "watches-end-on-command"):
        server.lab.compact()
    # On a real server the history of a kind begins when its definition is served.
    with server.rest.watch(gates, resourceVersion="1") as events:
        event = next(events)
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert next(events, None) is None


def test_cel_rules_are_refused_or_announced(server):
    group = f"t{uuid4().hex[:8]}.example.com"
    reply = install(server, definition(group, cel=True))
    warned = "x-kubernetes-validations" in (reply.headers.get("Warning") or "")
    assert warned is expected(server, "cel-warning")
    # Said once, when it is installed: a reader can do nothing about it.
    assert server.rest.get(f"{DEFINITIONS}/gates.{group}").headers.get("Warning") is None
    bad = gate("bad", group=group, host="bad")
    refused = server.rest.post(server.path("gates", api=f"/apis/{group}/v1"), bad).status == 422
    assert refused is expected(server, "cel-rule-refuses")
    server.rest.delete(f"{DEFINITIONS}/gates.{group}")


@pytest.mark.parametrize(
    ("said", "warning"),
    [(None, "{group}/v1beta1 Gate is deprecated; use {group}/v1 Gate"), ("use v1", "use v1")],
    ids=["default", "own"],
)
def test_deprecated_version_warns_whoever_uses_it(server, said, warning):
    group = f"t{uuid4().hex[:8]}.example.com"
    document = definition(group)
    document["spec"]["versions"][1] |= {"deprecated": True} | ({"deprecationWarning": said} if said else {})
    install(server, document)
    old, new = (server.path("gates", api=f"/apis/{group}/{version}") for version in ("v1beta1", "v1"))
    made = server.rest.post(old, gate("aged", group=group) | {"apiVersion": f"{group}/v1beta1"})
    answers = [made, server.rest.get(old), server.rest.get(f"{old}/aged")]
    assert [reply.status for reply in answers] == [201, 200, 200]
    assert {reply.headers.get("Warning") for reply in answers} == {f'299 - "{warning.format(group=group)}"'}
    assert server.rest.get(new).headers.get("Warning") is None
    server.rest.delete(f"{DEFINITIONS}/gates.{group}")


def test_definition_goes_with_its_objects(server):
    group = f"t{uuid4().hex[:8]}.example.com"
    install(server, definition(group))
    path = server.path("gates", api=f"/apis/{group}/v1")
    server.rest.post(path, gate("doomed", group=group))
    with server.rest.watch(path, fieldSelector="metadata.name=doomed") as events:
        assert next(events)["type"] == "ADDED"
        server.rest.delete(f"{DEFINITIONS}/gates.{group}")
        assert "DELETED" in (event["type"] for event in events)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda document: document["metadata"].update(name="wrong.example.com"),
        lambda document: document["spec"].pop("names"),
        lambda document: document["spec"]["versions"][1].update(storage=True),
        lambda document: document["spec"].pop("scope"),
    ],
)
def test_broken_definition_is_refused(server, break_it):
    document = definition(f"t{uuid4().hex[:8]}.example.com")
    break_it(document)
    assert server.rest.post(DEFINITIONS, document).status == 422
