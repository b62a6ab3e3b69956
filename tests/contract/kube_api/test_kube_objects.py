"""Objects: what the server adds, refuses, locks, keeps apart and deletes."""

import base64

import pytest
from support.kube.differences import expected
from support.kube.servers import JSON_PATCH, STRATEGIC, Rest

NETWORKING = "/apis/networking.k8s.io/v1"
APPS = "/apis/apps/v1"


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def ingress(name, host="a.example.com"):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {"rules": [{"host": host}]},
    }


def deployment(name):
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "registry.local/c:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }


def test_create_fills_in_what_the_server_owns(server):
    made = server.rest.post(server.path("configmaps"), config_map("made", a="1"))
    assert made.status == 201
    metadata = made.json["metadata"]
    assert metadata["namespace"] == server.namespace
    assert metadata["uid"]
    assert int(metadata["resourceVersion"]) > 0
    assert metadata["creationTimestamp"].endswith("Z")
    assert server.rest.get(server.path("configmaps", "made")).json["data"] == {"a": "1"}


def test_create_twice_is_already_exists(server):
    server.rest.post(server.path("configmaps"), config_map("twice"))
    again = server.rest.post(server.path("configmaps"), config_map("twice"))
    assert again.status == 409
    assert again.json["reason"] == "AlreadyExists"
    assert again.json["message"] == 'configmaps "twice" already exists'


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_missing_object_is_not_found(server, method):
    body = None if method in {"GET", "DELETE"} else ingress("missing")
    content = "application/merge-patch+json" if method == "PATCH" else "application/json"
    path = server.path("ingresses", "missing", api=NETWORKING)
    reply = server.rest.request(method, path, body, content_type=content)
    assert reply.status == 404
    assert reply.json["kind"] == "Status"
    assert reply.json["reason"] == "NotFound"
    assert reply.json["message"] == 'ingresses.networking.k8s.io "missing" not found'
    assert reply.json["details"] == {"name": "missing", "group": "networking.k8s.io", "kind": "ingresses"}


def test_unknown_kind_is_not_found(server):
    reply = server.rest.get(server.path("wonders", api="/apis/example.com/v1"))
    assert reply.status == 404


def test_missing_namespace_is_not_found(server):
    reply = server.rest.post(server.path("configmaps", namespace="no-such-place"), config_map("a"))
    assert reply.status == 404
    assert reply.json["message"] == 'namespaces "no-such-place" not found'


def test_generate_name(server):
    body = {"metadata": {"generateName": "job-"}}
    names = {server.rest.post(server.path("configmaps"), body).json["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


@pytest.mark.parametrize(
    ("plural", "name"), [("configmaps", "Upper"), ("configmaps", "-a"), ("configmaps", ""), ("services", "a.b")]
)
def test_invalid_name_is_refused(server, plural, name):
    body = {"metadata": {"name": name}, **({"spec": {"ports": [{"port": 1}]}} if plural == "services" else {})}
    reply = server.rest.post(server.path(plural), body)
    assert reply.status == 422
    assert reply.json["reason"] == "Invalid"
    assert reply.json["details"]["causes"][0]["field"].startswith("metadata.")


def test_wrong_kind_in_body_is_refused(server):
    reply = server.rest.post(
        server.path("configmaps"), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    )
    assert reply.status == 400


def test_other_namespace_in_body_is_refused(server):
    body = {"metadata": {"name": "elsewhere", "namespace": "default"}}
    assert server.rest.post(server.path("configmaps"), body).status == 400


def test_body_that_is_not_json_is_refused(server):
    assert server.rest.post(server.path("configmaps"), b"{not json").status == 400


def test_stale_update_is_a_conflict(server):
    old = server.rest.post(server.path("configmaps"), config_map("lock", a="1")).json
    new = server.rest.put(server.path("configmaps", "lock"), {**old, "data": {"a": "2"}})
    assert new.status == 200
    assert int(new.json["metadata"]["resourceVersion"]) > int(old["metadata"]["resourceVersion"])
    stale = server.rest.put(server.path("configmaps", "lock"), {**old, "data": {"a": "3"}})
    assert stale.status == 409
    assert stale.json["reason"] == "Conflict"
    assert "the object has been modified" in stale.json["message"]
    version = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"a": "4"}}
    assert server.rest.patch(server.path("configmaps", "lock"), version).status == 409
    assert server.rest.get(server.path("configmaps", "lock")).json["data"] == {"a": "2"}


def test_update_without_version_replaces(server):
    server.rest.post(server.path("configmaps"), config_map("free", a="1"))
    assert server.rest.put(server.path("configmaps", "free"), config_map("free", b="2")).json["data"] == {"b": "2"}


def test_update_under_another_name_is_refused(server):
    server.rest.post(server.path("configmaps"), config_map("named"))
    assert server.rest.put(server.path("configmaps", "named"), config_map("other")).status == 400


def test_write_without_change_keeps_the_version(server):
    old = server.rest.post(server.path("configmaps"), config_map("same", a="1")).json
    for reply in (
        server.rest.put(server.path("configmaps", "same"), old),
        server.rest.patch(server.path("configmaps", "same"), {"data": {"a": "1"}}),
    ):
        assert reply.json["metadata"]["resourceVersion"] == old["metadata"]["resourceVersion"]


def test_server_owned_metadata_cannot_be_changed(server):
    old = server.rest.post(server.path("configmaps"), config_map("owned")).json
    patch = {"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z", "labels": {"a": "b"}}}
    new = server.rest.patch(server.path("configmaps", "owned"), patch).json
    assert new["metadata"]["creationTimestamp"] == old["metadata"]["creationTimestamp"]
    assert new["metadata"]["labels"] == {"a": "b"}
    other = server.rest.patch(server.path("configmaps", "owned"), {"metadata": {"uid": "another"}})
    assert other.status in {409, 422}


def test_generation_counts_changes_of_the_spec_only(server):
    path = server.path("ingresses", "counted", api=NETWORKING)
    made = server.rest.post(server.path("ingresses", api=NETWORKING), ingress("counted")).json
    assert made["metadata"]["generation"] == 1
    labelled = server.rest.patch(path, {"metadata": {"labels": {"a": "b"}}}).json
    assert labelled["metadata"]["generation"] == 1
    changed = server.rest.patch(path, {"spec": {"rules": [{"host": "b.example.com"}]}}).json
    assert changed["metadata"]["generation"] == 2
    status = server.rest.patch(f"{path}/status", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}).json
    assert status["metadata"]["generation"] == 2


def test_status_and_spec_have_separate_doors(server):
    path = server.path("ingresses", "doors", api=NETWORKING)
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    made = server.rest.post(server.path("ingresses", api=NETWORKING), {**ingress("doors"), "status": address}).json
    assert "ingress" not in made["status"]["loadBalancer"] if "status" in made else True
    through_status = server.rest.patch(f"{path}/status", {"spec": {"rules": []}, "status": address}).json
    assert through_status["spec"]["rules"] == [{"host": "a.example.com"}]
    assert through_status["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.7"}]
    through_main = server.rest.patch(path, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.8"}]}}}).json
    assert through_main["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.7"}]
    replaced = server.rest.put(f"{path}/status", {**through_main, "status": {"loadBalancer": {}}}).json
    assert "ingress" not in replaced["status"]["loadBalancer"]
    assert server.rest.get(f"{path}/status").json["metadata"]["name"] == "doors"


def test_dry_run_stores_nothing(server):
    rest = server.rest
    assert rest.post(server.path("configmaps"), config_map("dry", a="1"), dryRun="All").status == 201
    assert rest.get(server.path("configmaps", "dry")).status == 404
    rest.post(server.path("configmaps"), config_map("dry", a="1"))
    assert rest.patch(server.path("configmaps", "dry"), {"data": {"a": "2"}}, dryRun="All").json["data"] == {"a": "2"}
    assert rest.delete(server.path("configmaps", "dry"), dryRun="All").status == 200
    assert rest.get(server.path("configmaps", "dry")).json["data"] == {"a": "1"}
    assert rest.post(server.path("configmaps"), config_map("dry2"), dryRun="Some").status in {400, 422}


def test_delete_answers_with_a_status(server):
    made = server.rest.post(server.path("configmaps"), config_map("gone")).json
    reply = server.rest.delete(server.path("configmaps", "gone"))
    assert reply.status == 200
    assert reply.json["status"] == "Success"
    assert reply.json["details"] == {"name": "gone", "kind": "configmaps", "uid": made["metadata"]["uid"]}


def test_delete_obeys_preconditions(server):
    made = server.rest.post(server.path("configmaps"), config_map("held")).json
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}}
    assert server.rest.delete(server.path("configmaps", "held"), options).status == 409
    options["preconditions"] = {"uid": made["metadata"]["uid"]}
    assert server.rest.delete(server.path("configmaps", "held"), options).status == 200


def test_finalizers_hold_an_object(server):
    path = server.path("configmaps", "final")
    body = config_map("final")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    server.rest.post(server.path("configmaps"), body)
    marked = server.rest.delete(path)
    assert marked.status == 200
    assert marked.json["metadata"]["deletionTimestamp"]
    assert server.rest.get(path).status == 200
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    assert server.rest.patch(path, more).status == 422
    assert server.rest.patch(path, {"metadata": {"finalizers": None}}).status == 200
    assert server.rest.get(path).status == 404


def test_delete_collection_by_label(server):
    for name in ("c1", "c2", "c3"):
        body = config_map(name)
        body["metadata"]["labels"] = {"batch": "x" if name != "c3" else "y"}
        server.rest.post(server.path("configmaps"), body)
    reply = server.rest.delete(server.path("configmaps"), labelSelector="batch=x")
    assert reply.status == 200
    left = server.rest.get(server.path("configmaps"), labelSelector="batch").json["items"]
    assert [item["metadata"]["name"] for item in left] == ["c3"]


def test_secret_string_data_becomes_data(server):
    body = {"metadata": {"name": "plain"}, "stringData": {"password": "made-up"}}
    made = server.rest.post(server.path("secrets"), body).json
    assert made["type"] == "Opaque"
    assert made["data"] == {"password": base64.b64encode(b"made-up").decode()}
    assert "stringData" not in made


def test_scale(server):
    rest = server.rest
    rest.post(server.path("deployments", api=APPS), deployment("scaled"))
    path = server.path("deployments", "scaled/scale", api=APPS)
    scale = rest.get(path).json
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["status"]["selector"] == "app=scaled"
    rest.patch(path, {"spec": {"replicas": 0}})
    put = rest.put(path, {**scale, "spec": {"replicas": 2}})
    assert put.status in {200, 409}
    assert rest.patch(path, {"spec": {"replicas": 3}}).json["spec"]["replicas"] == 3
    assert rest.get(server.path("deployments", "scaled", api=APPS)).json["spec"]["replicas"] == 3
    rest.patch(path, [{"op": "replace", "path": "/spec/replicas", "value": 0}], JSON_PATCH)


def test_namespace_takes_its_content_along(server):
    rest, name = server.rest, f"{server.namespace}-b"
    made = rest.post("/api/v1/namespaces", {"metadata": {"name": name}}).json
    assert made["metadata"]["labels"]["kubernetes.io/metadata.name"] == name
    assert made["status"]["phase"] == "Active"
    body = config_map("inside")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    rest.post(server.path("configmaps", namespace=name), body)
    rest.post(server.path("configmaps", namespace=name), config_map("free"))
    with rest.watch("/api/v1/namespaces", fieldSelector=f"metadata.name={name}") as events:
        next(events)
        rest.delete(f"/api/v1/namespaces/{name}")
        terminating = next(events)
        assert terminating["object"]["status"]["phase"] == "Terminating"
        refused = rest.post(server.path("configmaps", namespace=name), config_map("late"))
        assert refused.status == 403
        for _ in range(200):
            held = rest.get(server.path("configmaps", "inside", namespace=name))
            if "deletionTimestamp" in held.json.get("metadata", {}):
                break
        rest.patch(server.path("configmaps", "inside", namespace=name), {"metadata": {"finalizers": None}})
        assert "DELETED" in {event["type"] for event in _until(events, "DELETED")}
    assert rest.get(f"/api/v1/namespaces/{name}").status == 404


def _until(events, kind):
    for event in events:
        yield event
        if event["type"] == kind:
            return


def test_dependents_go_with_their_owner(server):
    owner = server.rest.post(server.path("configmaps"), config_map("owner")).json
    body = config_map("dependent")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    body["metadata"]["ownerReferences"] = [reference]
    server.rest.post(server.path("configmaps"), body)
    with server.rest.watch(server.path("configmaps"), fieldSelector="metadata.name=dependent") as events:
        next(events)
        server.rest.delete(server.path("configmaps", "owner"), propagationPolicy="Background")
        assert [event["type"] for event in _until(events, "DELETED")][-1] == "DELETED"


def test_owner_waits_for_dependents_in_the_foreground(server):
    server.rest.post(server.path("configmaps"), config_map("front"))
    server.rest.delete(server.path("configmaps", "front"), propagationPolicy="Foreground")
    reply = server.rest.get(server.path("configmaps", "front"))
    # The collector of a real server may have finished already: then both servers agree.
    assert reply.status == 404 or expected(server, "foreground-deletion-keeps-owner")


def test_unknown_field_of_a_built_in_kind_in_strict_mode(server):
    body = {**config_map("strict"), "datum": {"a": "1"}}
    reply = server.rest.post(server.path("configmaps"), body, fieldValidation="Strict")
    assert reply.status == expected(server, "built-in-unknown-field-status")


def test_managed_fields(server):
    made = server.rest.post(server.path("configmaps"), config_map("managed", a="1")).json
    assert ("managedFields" in made["metadata"]) is expected(server, "managed-fields")


def test_leases_and_events_are_objects(server):
    lease = {"metadata": {"name": "leader"}, "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15}}
    path = server.path("leases", api="/apis/coordination.k8s.io/v1")
    made = server.rest.post(path, lease).json
    taken = {**made, "spec": {**made["spec"], "holderIdentity": "b", "renewTime": "2026-01-02T03:04:05.123456Z"}}
    assert server.rest.put(f"{path}/leader", taken).json["spec"]["renewTime"] == "2026-01-02T03:04:05.123456Z"
    assert server.rest.put(f"{path}/leader", taken).status == 409
    unlocked = {"metadata": {"name": "leader"}, "spec": {"holderIdentity": "c"}}
    assert server.rest.put(f"{path}/leader", unlocked).status == 422


def test_both_forms_of_event_are_one_object(server):
    core = {
        "metadata": {"name": "happened.1"},
        "involvedObject": {"kind": "Service", "name": "web", "namespace": server.namespace},
        "reason": "Synced",
        "message": "it works",
        "type": "Normal",
        "source": {"component": "tests"},
        "count": 2,
    }
    assert server.rest.post(server.path("events"), core).status == 201
    new = server.rest.get(server.path("events", "happened.1", api="/apis/events.k8s.io/v1")).json
    assert new["regarding"]["name"] == "web"
    assert new["note"] == "it works"
    assert new["deprecatedCount"] == 2
    found = server.rest.get(server.path("events"), fieldSelector="involvedObject.name=web,reason=Synced").json["items"]
    assert [item["metadata"]["name"] for item in found] == ["happened.1"]


def test_wrong_token_is_unauthorized(server):
    stranger = Rest(server.kubeconfig, user={"token": "wrong"})
    reply = stranger.get("/api/v1/namespaces")
    stranger.close()
    assert (reply.status, reply.json["reason"]) == (401, "Unauthorized")


def test_requests_without_credentials(server):
    stranger = Rest(server.kubeconfig, user={})
    assert stranger.get("/version").status == 200
    reply = stranger.get("/api/v1/namespaces")
    stranger.close()
    assert reply.status == (200 if expected(server, "anonymous-may-list") else 403)


def test_status_of_nodes_and_pods_is_patched_by_type(server):
    pod = {"metadata": {"name": "cond"}, "spec": {"containers": [{"name": "c", "image": "registry.local/c:1"}]}}
    server.rest.post(server.path("pods"), pod)
    path = server.path("pods", "cond/status")
    for kind, value in (("Ready", "False"), ("example.com/lb", "True"), ("Ready", "True")):
        patch = {"status": {"conditions": [{"type": kind, "status": value}]}}
        assert server.rest.patch(path, patch, STRATEGIC).status == 200
    conditions = server.rest.get(server.path("pods", "cond")).json["status"]["conditions"]
    found = {item["type"]: item["status"] for item in conditions}
    assert (found["Ready"], found["example.com/lb"], len(found)) == ("True", "True", len(conditions))
