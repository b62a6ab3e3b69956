"""The four patches."""

import pytest
from support.kube.differences import expected
from support.kube.servers import APPLY, JSON_PATCH, MERGE, STRATEGIC


@pytest.fixture
def service(server, request):
    name = "s" + str(abs(hash(request.node.name)) % 10**8)
    ports = [{"name": "http", "port": 80}, {"name": "https", "port": 443}]
    body = {"metadata": {"name": name, "labels": {"a": "1", "b": "2"}}, "spec": {"ports": ports}}
    reply = server.rest.post(server.path("services"), body)
    assert reply.status == 201, reply
    yield server.path("services", name)
    server.rest.delete(server.path("services", name))


def ports_of(reply):
    assert reply.status == 200, reply
    return [(port["name"], port["port"]) for port in reply.json["spec"]["ports"]]


def test_merge_patch_replaces_lists_and_removes_by_null(server, service):
    body = {"metadata": {"labels": {"a": None, "c": "3"}}, "spec": {"ports": [{"name": "only", "port": 8080}]}}
    reply = server.rest.patch(service, body, MERGE)
    assert ports_of(reply) == [("only", 8080)]
    assert reply.json["metadata"]["labels"] == {"b": "2", "c": "3"}


def test_strategic_patch_merges_keyed_lists(server, service):
    reply = server.rest.patch(
        service, {"spec": {"ports": [{"port": 443, "name": "tls"}, {"port": 22, "name": "ssh"}]}}, STRATEGIC
    )
    assert sorted(ports_of(reply)) == [("http", 80), ("ssh", 22), ("tls", 443)]


def test_strategic_patch_deletes_and_replaces_by_directive(server, service):
    gone = server.rest.patch(service, {"spec": {"ports": [{"port": 443, "$patch": "delete"}]}}, STRATEGIC)
    assert ports_of(gone) == [("http", 80)]
    whole = {"spec": {"ports": [{"port": 53, "name": "dns"}, {"$patch": "replace"}]}}
    assert ports_of(server.rest.patch(service, whole, STRATEGIC)) == [("dns", 53)]


def test_strategic_patch_orders_by_directive(server, service):
    body = {"spec": {"$setElementOrder/ports": [{"port": 443}, {"port": 80}], "ports": [{"port": 80, "name": "web"}]}}
    assert ports_of(server.rest.patch(service, body, STRATEGIC)) == [("https", 443), ("web", 80)]


def test_strategic_patch_replaces_a_list_without_key(server):
    body = {"metadata": {"name": "rules"}, "spec": {"rules": [{"host": "a.example.com"}, {"host": "b.example.com"}]}}
    path = server.path("ingresses", api="/apis/networking.k8s.io/v1")
    server.rest.post(path, body)
    reply = server.rest.patch(f"{path}/rules", {"spec": {"rules": [{"host": "c.example.com"}]}}, STRATEGIC)
    assert [rule["host"] for rule in reply.json["spec"]["rules"]] == ["c.example.com"]


def test_strategic_patch_adds_and_removes_finalizers(server, service):
    server.rest.patch(service, {"metadata": {"finalizers": ["example.com/a"]}}, STRATEGIC)
    both = server.rest.patch(service, {"metadata": {"finalizers": ["example.com/b"]}}, STRATEGIC)
    assert sorted(both.json["metadata"]["finalizers"]) == ["example.com/a", "example.com/b"]
    body = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}
    assert server.rest.patch(service, body, STRATEGIC).json["metadata"]["finalizers"] == ["example.com/b"]
    server.rest.patch(service, {"metadata": {"finalizers": None}}, MERGE)


def test_json_patch(server, service):
    operations = [
        {"op": "test", "path": "/metadata/labels/a", "value": "1"},
        {"op": "add", "path": "/metadata/labels/example.com~1c", "value": "3"},
        {"op": "remove", "path": "/metadata/labels/b"},
        {"op": "replace", "path": "/spec/ports/0/name", "value": "web"},
        {"op": "add", "path": "/spec/ports/-", "value": {"name": "ssh", "port": 22}},
        {"op": "copy", "from": "/metadata/labels/a", "path": "/metadata/labels/d"},
        {"op": "move", "from": "/metadata/labels/a", "path": "/metadata/labels/e"},
    ]
    reply = server.rest.patch(service, operations, JSON_PATCH)
    assert ports_of(reply) == [("web", 80), ("https", 443), ("ssh", 22)]
    assert reply.json["metadata"]["labels"] == {"example.com/c": "3", "d": "1", "e": "1"}


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "test", "path": "/metadata/labels/a", "value": "other"}, 422),
        ({"op": "remove", "path": "/metadata/labels/none"}, 422),
        ({"op": "replace", "path": "/spec/none/deep", "value": 1}, 422),
    ],
)
def test_json_patch_that_fails_changes_nothing(server, service, operation, status):
    before = server.rest.get(service).json
    first = {"op": "add", "path": "/metadata/labels/first", "value": "x"}
    reply = server.rest.patch(service, [first, operation], JSON_PATCH)
    assert reply.status == status
    assert server.rest.get(service).json == before


def test_patch_of_unknown_type_is_unsupported(server, service):
    reply = server.rest.patch(service, {"metadata": {}}, "application/json")
    assert reply.status == 415
    assert reply.json["reason"] == "UnsupportedMediaType"


def test_malformed_patch_is_refused(server, service):
    assert server.rest.patch(service, b"{", MERGE).status == 400
    assert server.rest.patch(service, {"op": "add"}, JSON_PATCH).status == 400


def apply(server, name, body, **query):
    path = server.path("services", name)
    return server.rest.patch(path, body, APPLY, **{"fieldManager": "tests", "force": "true", **query})


def applied_service(name, ports, **labels):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {"ports": [{"name": f"p{port}", "port": port, "protocol": "TCP"} for port in ports]},
    }


def test_apply_creates_and_merges(server):
    made = apply(server, "applied", applied_service("applied", [80], a="1"))
    assert made.status == 201
    server.rest.patch(server.path("services", "applied"), {"metadata": {"labels": {"other": "x"}}}, MERGE)
    again = apply(server, "applied", applied_service("applied", [80, 443], a="2"))
    assert again.status == 200
    assert [port["port"] for port in again.json["spec"]["ports"]] == [80, 443]
    assert again.json["metadata"]["labels"] == {"a": "2", "other": "x"}


def test_apply_forgets_what_is_no_longer_applied(server):
    apply(server, "shrinking", applied_service("shrinking", [80, 443]))
    reply = apply(server, "shrinking", applied_service("shrinking", [80]))
    assert [port["port"] for port in reply.json["spec"]["ports"]] == [80]


def test_apply_against_another_manager(server):
    apply(server, "contested", applied_service("contested", [80], side="left"), fieldManager="left")
    body = applied_service("contested", [80], side="right")
    path = server.path("services", "contested")
    reply = server.rest.patch(path, body, APPLY, fieldManager="right")
    assert reply.status == expected(server, "apply-conflict-status")


def test_apply_needs_a_field_manager_and_a_namespace_that_exists(server):
    body = applied_service("nobody", [80])
    path = server.path("services", "nobody")
    assert server.rest.patch(path, body, APPLY).status == 422 or server.rest.patch(path, body, APPLY).status == 400
    elsewhere = server.path("services", "nobody", namespace="no-such-place")
    assert server.rest.patch(elsewhere, body, APPLY, fieldManager="tests").status == 404


def test_apply_takes_yaml(server):
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {when: '2026-01-02', number: '1'}\n"
    reply = server.rest.patch(server.path("configmaps", "yaml"), body, APPLY, fieldManager="tests")
    assert reply.status == 201
    assert reply.json["data"] == {"when": "2026-01-02", "number": "1"}
