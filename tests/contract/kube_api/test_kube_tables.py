"""Tables: the columns of every kind, and cells as `kubectl get` shows them, the same on both servers."""

import re

import pytest
from support.kube.differences import expected
from support.kube.servers import tool_or_skip

from ako_lab.kube_api.kinds import BUILT_IN
from ako_lab.kube_api.printers import printed_columns

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
AGE = "an age"
PATHS = [{"pathType": "Prefix", "path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]
TEMPLATE = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "image": "registry.local/c:1"}], "nodeSelector": {"kind": "edge"}},
}
SELECTOR = {"matchLabels": {"app": "a"}}
WORKLOAD = ("c", "registry.local/c:1", "app=a")
SLICE_ENDPOINTS = [{"addresses": [f"10.0.0.{number}"]} for number in range(1, 6)]


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.qualified)
def test_columns(server, kind):
    path = f"/apis/{kind.group_version}" if kind.group else "/api/v1"
    definitions = server.rest.request("GET", f"{path}/{kind.plural}", accept=TABLE).json["columnDefinitions"]
    shown = [(one["name"], one["type"], one["priority"], one["format"]) for one in definitions]
    wanted = [(one.name, one.type, one.priority) for one in printed_columns(kind.plural)]
    same = shown == [(*one, "name" if one[0] == "Name" else "") for one in wanted]
    assert same is (kind.plural not in expected(server, "kinds-with-other-columns")), shown


def given(api, plural, cells, **document):
    return pytest.param(api, plural, {"metadata": {"name": "tabled"}, **document}, ("tabled", *cells), id=plural)


@pytest.mark.parametrize(
    ("api", "plural", "document", "wanted"),
    [
        given("/api/v1", "configmaps", (2, AGE), data={"a": "1"}, binaryData={"b": "AA=="}),
        given("/api/v1", "secrets", ("Opaque", 1, AGE), stringData={"a": "1"}),
        given(
            "/apis/apps/v1",
            "deployments",
            ("0/0", 0, 0, AGE, *WORKLOAD),
            spec={"replicas": 0, "selector": SELECTOR, "template": TEMPLATE},
        ),
        given(
            "/apis/apps/v1",
            "replicasets",
            (0, 0, 0, AGE, *WORKLOAD),
            spec={"replicas": 0, "selector": SELECTOR, "template": TEMPLATE},
        ),
        given(
            "/apis/apps/v1",
            "statefulsets",
            ("0/0", AGE, *WORKLOAD[:2]),
            spec={"serviceName": "a", "replicas": 0, "selector": SELECTOR, "template": TEMPLATE},
        ),
        given(
            "/apis/apps/v1",
            "daemonsets",
            (0, 0, 0, 0, 0, "kind=edge", AGE, *WORKLOAD),
            spec={"selector": SELECTOR, "template": TEMPLATE},
        ),
        given(
            "/apis/networking.k8s.io/v1",
            "ingresses",
            ("avi", "a.example,b.example,c.example + 1 more...", "", "80, 443", AGE),
            spec={
                "ingressClassName": "avi",
                "tls": [{"hosts": ["a.example"]}],
                "rules": [{"host": f"{name}.example", "http": {"paths": PATHS}} for name in "abcd"],
            },
        ),
        given("/apis/networking.k8s.io/v1", "networkpolicies", ("app=a", AGE), spec={"podSelector": SELECTOR}),
        given(
            "/apis/discovery.k8s.io/v1",
            "endpointslices",
            ("IPv4", "80,443", "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...", AGE),
            addressType="IPv4",
            ports=[{"name": "a", "port": 80}, {"name": "b", "port": 443}],
            endpoints=SLICE_ENDPOINTS,
        ),
        given("/apis/coordination.k8s.io/v1", "leases", ("ako-0", AGE), spec={"holderIdentity": "ako-0"}),
        given(
            "/apis/policy/v1",
            "poddisruptionbudgets",
            ("1", "N/A", 0, AGE),
            spec={"minAvailable": 1, "selector": SELECTOR},
        ),
        given(
            "/apis/rbac.authorization.k8s.io/v1",
            "rolebindings",
            ("Role/reader", AGE, "mia", "ops", "cnf/default"),
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            subjects=[
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mia"},
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "ops"},
                {"kind": "ServiceAccount", "name": "default", "namespace": "cnf"},
            ],
        ),
    ],
)
def test_cells(server, *, api, plural, document, wanted):
    reply = server.rest.post(server.path(plural, api=api), document)
    assert reply.status == 201, reply
    assert row(server, plural, "tabled", api) == wanted


def row(server, plural, name, api="/api/v1"):
    reply = server.rest.request("GET", server.path(plural, name, api=api), accept=TABLE)
    (found,) = reply.json["rows"]
    names = [one["name"] for one in reply.json["columnDefinitions"]]
    ages = {"Age", "Last Seen", "First Seen"}
    return tuple(
        AGE if name in ages and re.fullmatch(r"\d+s", cell) else cell
        for name, cell in zip(names, found["cells"], strict=True)
    )


def service(server, name, **spec):
    ports = [{"name": "https", "port": 443}, {"name": "pfcp", "port": 8805, "protocol": "UDP"}]
    reply = server.rest.post(server.path("services"), {"metadata": {"name": name}, "spec": {"ports": ports, **spec}})
    assert reply.status == 201, reply
    return reply.json["spec"]


def test_cells_of_services(server):
    spec = service(server, "balanced", type="LoadBalancer", selector={"b": "2", "a": "1"})
    node_ports = [port["nodePort"] for port in spec["ports"]]
    ports = f"443:{node_ports[0]}/TCP,8805:{node_ports[1]}/UDP"

    def shown(external):
        return ("balanced", "LoadBalancer", spec["clusterIP"], external, ports, AGE, "a=1,b=2")

    assert row(server, "services", "balanced") == shown("<pending>")
    ingress = [{"ip": "10.10.0.11"}, {"ip": "10.10.0.10"}, {"hostname": "front.example.com"}]
    status = {"status": {"loadBalancer": {"ingress": ingress}}}
    assert server.rest.patch(f"{server.path('services', 'balanced')}/status", status).status == 200
    assert row(server, "services", "balanced") == shown("10.10.0.10,10.10.0.11,front.example.com")
    spec = service(server, "inner", externalIPs=["192.0.2.7"])
    assert row(server, "services", "inner")[1:5] == ("ClusterIP", spec["clusterIP"], "192.0.2.7", "443/TCP,8805/UDP")
    service(server, "headless", clusterIP="None")
    assert row(server, "services", "headless")[1:5] == ("ClusterIP", "None", "<none>", "443/TCP,8805/UDP")
    service(server, "away", type="ExternalName", externalName="away.example.com", ports=None)
    assert row(server, "services", "away")[1:5] == ("ExternalName", "<none>", "away.example.com", "<none>")


def test_cells_of_events(server):
    about = {"kind": "Service", "name": "charging", "namespace": server.namespace}
    event = {
        "metadata": {"name": "tabled"},
        "involvedObject": about,
        "type": "Warning",
        "reason": "InvalidValue",
        "message": " not an address ",
        "source": {"component": "ako-toolkit"},
        "firstTimestamp": "2024-01-01T00:00:00Z",
        "lastTimestamp": "2024-01-01T00:00:00Z",
    }
    assert server.rest.post(server.path("events"), event).status == 201
    for api in ("/api/v1", "/apis/events.k8s.io/v1"):
        last, *cells = row(server, "events", "tabled", api)
        first = cells.pop(6)
        assert last == first
        assert re.fullmatch(r"\d+[yd].*", last)
        assert cells == [
            "Warning",
            "InvalidValue",
            "service/charging",
            "",
            "ako-toolkit",
            "not an address",
            1,
            "tabled",
        ]


@pytest.mark.parametrize("version", ["kubectl-1.32", "kubectl-1.37"])
def test_what_kubectl_prints(server, version):
    name = version.replace(".", "-")
    spec = service(server, name, type="LoadBalancer")
    done = server.kubectl("get", "service", name, program=str(tool_or_skip(version)))
    heading, line = done.stdout.splitlines()
    assert heading.split() == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    ports = ",".join(f"{port['port']}:{port['nodePort']}/{port['protocol']}" for port in spec["ports"])
    assert line.split()[:5] == [name, "LoadBalancer", spec["clusterIP"], "<pending>", ports]
