"""What sample manifests rely on: cluster addresses, node ports, EndpointSlices from ready Pods."""

import ipaddress

import pytest
from support.kube.differences import expected
from support.kube.servers import MERGE

SLICES = "/apis/discovery.k8s.io/v1"


def service(name, **spec):
    return {"metadata": {"name": name}, "spec": {"ports": [{"name": "http", "port": 80}], **spec}}


def make(server, body):
    reply = server.rest.post(server.path("services"), body)
    assert reply.status == 201, reply
    return reply.json["spec"]


def test_cluster_ip_service(server):
    spec = make(server, service("plain"))
    assert ipaddress.ip_address(spec["clusterIP"]) in ipaddress.ip_network("10.96.0.0/16")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["type"], spec["ipFamilies"], spec["ipFamilyPolicy"]) == ("ClusterIP", ["IPv4"], "SingleStack")
    assert spec["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (spec["sessionAffinity"], spec["internalTrafficPolicy"]) == ("None", "Cluster")


def test_addresses_differ(server):
    addresses = {make(server, service(f"many-{number}"))["clusterIP"] for number in range(5)}
    assert len(addresses) == 5


def test_load_balancer_service(server):
    spec = make(server, service("balanced", type="LoadBalancer"))
    assert 30000 <= spec["ports"][0]["nodePort"] <= 32767
    assert spec["allocateLoadBalancerNodePorts"] is True
    assert spec["externalTrafficPolicy"] == "Cluster"


def test_load_balancer_without_node_ports(server):
    spec = make(server, service("portless", type="LoadBalancer", allocateLoadBalancerNodePorts=False))
    assert "nodePort" not in spec["ports"][0]


def test_local_policy_gets_a_health_check_port(server):
    spec = make(server, service("local", type="LoadBalancer", externalTrafficPolicy="Local"))
    assert 30000 <= spec["healthCheckNodePort"] <= 32767


def test_headless_and_external_name(server):
    assert make(server, service("headless", clusterIP="None"))["clusterIPs"] == ["None"]
    spec = make(
        server, {"metadata": {"name": "named"}, "spec": {"type": "ExternalName", "externalName": "a.example.com"}}
    )
    assert "clusterIP" not in spec


def test_dual_stack(server):
    spec = make(server, service("dual", ipFamilyPolicy="PreferDualStack"))
    assert spec["ipFamilies"] == ["IPv4", "IPv6"]
    assert [ipaddress.ip_address(address).version for address in spec["clusterIPs"]] == [4, 6]
    single = make(server, service("six", ipFamilyPolicy="SingleStack", ipFamilies=["IPv6"]))
    assert ipaddress.ip_address(single["clusterIP"]).version == 6


@pytest.mark.parametrize("address", ["192.0.2.1", "no address"])
def test_impossible_address_is_refused(server, address):
    assert server.rest.post(server.path("services"), service("impossible", clusterIP=address)).status == 422


def test_taken_address_and_port_are_refused(server):
    spec = make(server, service("first", type="NodePort"))
    again = server.rest.post(server.path("services"), service("second", clusterIP=spec["clusterIP"]))
    assert again.status == 422
    ports = [{"port": 1, "nodePort": spec["ports"][0]["nodePort"]}]
    assert server.rest.post(server.path("services"), service("third", type="NodePort", ports=ports)).status == 422
    low = [{"port": 1, "nodePort": 80}]
    assert server.rest.post(server.path("services"), service("fourth", type="NodePort", ports=low)).status == 422


def test_address_is_kept_and_cannot_be_changed(server):
    spec = make(server, service("kept", type="NodePort"))
    path = server.path("services", "kept")
    replaced = server.rest.put(path, service("kept", type="NodePort"))
    assert replaced.json["spec"]["clusterIP"] == spec["clusterIP"]
    assert replaced.json["spec"]["ports"][0]["nodePort"] == spec["ports"][0]["nodePort"]
    assert server.rest.patch(path, {"spec": {"clusterIP": "10.96.77.77", "clusterIPs": ["10.96.77.77"]}}).status == 422
    back = server.rest.patch(path, {"spec": {"type": "ClusterIP"}}, MERGE).json
    assert "nodePort" not in back["spec"]["ports"][0]


def test_freed_address_can_be_taken_again(server):
    spec = make(server, service("brief"))
    server.rest.delete(server.path("services", "brief"))
    assert make(server, service("heir", clusterIP=spec["clusterIP"]))["clusterIP"] == spec["clusterIP"]


@pytest.fixture(scope="module", autouse=True)
def node(server):
    """The node of the Pods here: a real EndpointSlice controller passes over a Pod whose node does not exist."""
    server.rest.post("/api/v1/nodes", {"metadata": {"name": "node-1"}})
    yield
    server.rest.delete("/api/v1/nodes/node-1")


def pod(server, name, app, address=None, *, ready=True):
    body = {
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {"name": "c", "image": "registry.local/c:1", "ports": [{"name": "web", "containerPort": 8080}]}
            ],
        },
    }
    assert server.rest.post(server.path("pods"), body).status == 201
    if address:
        report(server, name, address, ready=ready)


def report(server, name, address, *, ready):
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
    }
    assert server.rest.patch(server.path("pods", f"{name}/status"), {"status": status}, MERGE).status == 200


def wait_for_slices(server, name, condition):
    """The slices of a Service once a condition holds of their endpoints (address -> ready) and ports."""
    seen = {}
    selector = f"kubernetes.io/service-name={name}"
    with server.rest.watch(server.path("endpointslices", api=SLICES), labelSelector=selector) as events:
        for event in events:
            found = event["object"]
            seen[found["metadata"]["name"]] = found if event["type"] != "DELETED" else {}
            slices = [each for each in seen.values() if each]
            endpoints = {
                address: endpoint["conditions"]["ready"]
                for each in slices
                for endpoint in each.get("endpoints") or ()
                for address in endpoint["addresses"]
            }
            if condition(endpoints):
                return slices
    return pytest.fail(f"the endpoints of {name} were last {endpoints}")


def test_slices_follow_ready_pods(server):
    server.rest.post(
        server.path("services"),
        service("sliced", selector={"app": "sliced"}, ports=[{"name": "http", "port": 80, "targetPort": "web"}]),
    )
    pod(server, "sliced-a", "sliced", "10.244.0.1")
    pod(server, "sliced-b", "sliced", "10.244.0.2", ready=False)
    pod(server, "other", "other", "10.244.0.3")
    slices = wait_for_slices(server, "sliced", lambda found: found == {"10.244.0.1": True, "10.244.0.2": False})
    first = slices[0]
    assert first["addressType"] == "IPv4"
    assert first["metadata"]["ownerReferences"][0]["name"] == "sliced"
    assert [(port["name"], port["port"], port["protocol"]) for port in first["ports"]] == [("http", 8080, "TCP")]
    endpoint = next(item for item in first["endpoints"] if item["addresses"] == ["10.244.0.1"])
    assert endpoint["nodeName"] == "node-1"
    assert (endpoint["targetRef"]["kind"], endpoint["targetRef"]["name"]) == ("Pod", "sliced-a")
    report(server, "sliced-b", "10.244.0.2", ready=True)
    wait_for_slices(server, "sliced", lambda found: found == {"10.244.0.1": True, "10.244.0.2": True})
    server.rest.patch(server.path("pods", "sliced-a"), {"metadata": {"labels": {"app": "moved"}}})
    wait_for_slices(server, "sliced", lambda found: found == {"10.244.0.2": True})
    options = {"gracePeriodSeconds": 0}
    server.rest.delete(server.path("pods", "sliced-b"), options)
    wait_for_slices(server, "sliced", lambda found: found == {})


def test_slices_go_with_their_service(server):
    server.rest.post(server.path("services"), service("leaving", selector={"app": "leaving"}))
    pod(server, "leaving-a", "leaving", "10.244.0.9")
    wait_for_slices(server, "leaving", lambda found: found == {"10.244.0.9": True})
    path = server.path("endpointslices", api=SLICES)
    with server.rest.watch(path, labelSelector="kubernetes.io/service-name=leaving") as events:
        next(events)
        server.rest.delete(server.path("services", "leaving"))
        assert next(event["type"] for event in events if event["type"] == "DELETED") == "DELETED"


def test_service_without_selector_has_no_slices(server):
    make(server, service("manual"))
    found = server.rest.get(
        server.path("endpointslices", api=SLICES), labelSelector="kubernetes.io/service-name=manual"
    )
    assert found.json["items"] == []


def test_pod_on_a_node_and_its_deletion(server):
    pod(server, "placed", "placed")
    server.rest.delete(server.path("pods", "placed"))
    waits = server.rest.get(server.path("pods", "placed")).status == 200
    assert waits is expected(server, "scheduled-pod-waits-for-kubelet")


def test_service_account_of_a_namespace(server):
    found = server.rest.get(server.path("serviceaccounts", "default")).status == 200
    assert found is expected(server, "service-account-in-namespace")


def test_table_of_services(server):
    table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    spec = make(server, service("shown", type="LoadBalancer"))
    reply = server.rest.request("GET", server.path("services", "shown"), accept=table).json
    cells = {
        column["name"]: cell for column, cell in zip(reply["columnDefinitions"], reply["rows"][0]["cells"], strict=True)
    }
    wanted = ("LoadBalancer", spec["clusterIP"], "<pending>", f"80:{spec['ports'][0]['nodePort']}/TCP")
    assert tuple(cells[name] for name in ("Type", "Cluster-IP", "External-IP", "Port(s)")) == wanted


def test_table_of_nodes_and_pods(server):
    table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    pod(server, "tabled", "tabled", "10.244.0.77")
    row = server.rest.request("GET", server.path("pods", "tabled"), accept=table).json["rows"][0]["cells"]
    assert row[0] == "tabled"
    assert row[1].endswith("/1")
    assert row[2] == "Running"
    row = server.rest.request("GET", "/api/v1/nodes/node-1", accept=table).json["rows"][0]["cells"]
    assert row[1] in {"NotReady", "Unknown"}
