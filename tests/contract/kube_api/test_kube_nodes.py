"""Fake nodes on both servers: Pods get a node, an address and readiness, and go."""

import pytest

from ako_lab.control_plane.nodes import FakeNodes


@pytest.fixture(scope="module")
def nodes(server):
    with FakeNodes(kubeconfig=server.kubeconfig, count=3) as found:
        yield found


def pod(name, **spec):
    container = {"name": "c", "image": "registry.local/c:1", "ports": [{"containerPort": 8080}]}
    return {"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [container], **spec}}


def until(server, name, condition):
    """The Pod once a condition holds of it."""
    with server.rest.watch(server.path("pods"), fieldSelector=f"metadata.name={name}") as events:
        for event in events:
            conditions = {item["type"]: item["status"] for item in event["object"]["status"].get("conditions") or ()}
            if condition(event, conditions):
                return event["object"]
    return pytest.fail(f"the Pod {name} did not get there")


def test_nodes_are_ready(server, nodes):
    found = server.rest.get("/api/v1/nodes", labelSelector="type=fake").json["items"]
    assert [node["metadata"]["name"] for node in found] == ["fake-0", "fake-1", "fake-2"]
    for node in found:
        assert {item["type"]: item["status"] for item in node["status"]["conditions"]}["Ready"] == "True"
        assert node["spec"]["podCIDR"].endswith("/24")


def test_pod_becomes_ready_and_goes(server, nodes):
    assert server.rest.post(server.path("pods"), pod("lives")).status == 201
    found = until(server, "lives", lambda _, conditions: conditions.get("Ready") == "True")
    assert found["spec"]["nodeName"].startswith("fake-")
    assert found["status"]["podIP"].startswith("10.24")
    with server.rest.watch(server.path("pods"), fieldSelector="metadata.name=lives") as events:
        server.rest.delete(server.path("pods", "lives"))
        assert "DELETED" in (event["type"] for event in events)


def test_readiness_gate_is_waited_for(server, nodes):
    gate = "example.com/load-balanced"
    server.rest.post(server.path("pods"), pod("gated", readinessGates=[{"conditionType": gate}]))
    until(server, "gated", lambda _, conditions: conditions.get("ContainersReady") == "True")
    found = server.rest.get(server.path("pods", "gated")).json["status"]["conditions"]
    assert {item["type"]: item["status"] for item in found}["Ready"] == "False"
    patch = {"status": {"conditions": [{"type": gate, "status": "True"}]}}
    server.rest.patch(server.path("pods", "gated/status"), patch, "application/strategic-merge-patch+json")
    until(server, "gated", lambda _, conditions: conditions.get("Ready") == "True")


def test_pods_become_endpoints(server, nodes):
    body = {"metadata": {"name": "fronted"}, "spec": {"selector": {"app": "fronted"}, "ports": [{"port": 80}]}}
    server.rest.post(server.path("services"), body)
    server.rest.post(server.path("pods"), pod("fronted"))
    path = server.path("endpointslices", api="/apis/discovery.k8s.io/v1")
    with server.rest.watch(path, labelSelector="kubernetes.io/service-name=fronted") as events:
        for event in events:
            endpoints = event["object"].get("endpoints") or ()
            if any(endpoint["conditions"]["ready"] for endpoint in endpoints):
                break
        else:
            pytest.fail("no ready endpoint came")
