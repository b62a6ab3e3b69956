"""The clients of the field, unmodified: kubectl, the official Python client, Helm's protobuf."""

import base64
import json
import threading

import kubernetes.client
import kubernetes.config
import kubernetes.watch
import pytest
from support.kube.servers import JSON, tool_or_skip

PROTOBUF = "application/vnd.kubernetes.protobuf"

MANIFEST = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec: {{type: LoadBalancer, selector: {{app: {name}}}, ports: [{{name: http, port: {port}}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}}}
spec: {{rules: [{{host: {name}.example.com}}]}}
"""


def ok(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubectl_applies_and_applies_again(server):
    first = ok(server.kubectl("apply", "-f", "-", stdin=MANIFEST.format(name="app", port=80)))
    assert first == "service/app created\ningress.networking.k8s.io/app created\n"
    same = ok(server.kubectl("apply", "-f", "-", stdin=MANIFEST.format(name="app", port=80)))
    assert same == "service/app unchanged\ningress.networking.k8s.io/app unchanged\n"
    changed = ok(server.kubectl("apply", "-f", "-", stdin=MANIFEST.format(name="app", port=81)))
    assert changed.splitlines()[0] == "service/app configured"
    ports = json.loads(ok(server.kubectl("get", "svc", "app", "-o", "json")))["spec"]["ports"]
    assert [port["port"] for port in ports] == [81]
    assert ok(server.kubectl("diff", "-f", "-", stdin=MANIFEST.format(name="app", port=81))) == ""


def test_kubectl_server_side_apply_and_dry_run(server):
    text = MANIFEST.format(name="ssa", port=80)
    assert "service/ssa serverside-applied" in ok(server.kubectl("apply", "--server-side", "-f", "-", stdin=text))
    text = MANIFEST.format(name="dry", port=80)
    assert "service/dry created (server dry run)" in ok(
        server.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    )
    assert server.kubectl("get", "svc", "dry").returncode == 1


def test_kubectl_create_get_describe(server):
    assert ok(server.kubectl("create", "configmap", "made", "--from-literal=a=1")) == "configmap/made created\n"
    assert ok(server.kubectl("get", "configmap", "made", "-o", "jsonpath={.data.a}")) == "1"
    assert "made" in ok(server.kubectl("get", "configmaps")).split()
    assert "made" in ok(server.kubectl("get", "cm", "-o", "wide", "--show-labels")).split()
    assert "a:\n----\n1" in ok(server.kubectl("describe", "configmap", "made"))
    ok(server.kubectl("create", "service", "loadbalancer", "described", "--tcp=80"))
    described = ok(server.kubectl("describe", "service", "described"))
    assert "LoadBalancer" in described
    missing = server.kubectl("get", "configmap", "none")
    assert missing.stderr == 'Error from server (NotFound): configmaps "none" not found\n'


def test_kubectl_edits(server):
    ok(server.kubectl("create", "configmap", "edited", "--from-literal=a=1"))
    assert ok(server.kubectl("label", "cm", "edited", "tier=edge")) == "configmap/edited labeled\n"
    assert ok(server.kubectl("annotate", "cm", "edited", "example.com/a=b")) == "configmap/edited annotated\n"
    assert ok(server.kubectl("label", "cm", "edited", "tier-")) == "configmap/edited unlabeled\n"
    ok(server.kubectl("patch", "cm", "edited", "-p", '{"data":{"b":"2"}}'))
    ok(server.kubectl("patch", "cm", "edited", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]'))
    found = json.loads(ok(server.kubectl("get", "cm", "edited", "-o", "json")))
    assert found["data"] == {"b": "2"}
    assert found["metadata"]["annotations"]["example.com/a"] == "b"
    assert ok(server.kubectl("delete", "cm", "edited")).startswith('configmap "edited" deleted')


def test_kubectl_waits(server):
    ok(server.kubectl("create", "configmap", "awaited", "--from-literal=a=1"))
    assert "condition met" in ok(server.kubectl("wait", "--for=jsonpath={.data.a}=1", "cm/awaited", "--timeout=120s"))
    timer = threading.Timer(0.3, lambda: server.rest.delete(server.path("configmaps", "awaited")))
    timer.start()
    ok(server.kubectl("wait", "--for=delete", "cm/awaited", "--timeout=120s"))
    timer.join()


def test_kubectl_discovers(server):
    names = ok(server.kubectl("api-resources", "-o", "name")).split()
    assert {
        "services",
        "ingresses.networking.k8s.io",
        "endpointslices.discovery.k8s.io",
        "leases.coordination.k8s.io",
    } <= {*names}
    assert "networking.k8s.io/v1" in ok(server.kubectl("api-versions")).split()
    assert "Server Version: v1." in ok(server.kubectl("version"))
    ok(server.kubectl("get", "all"))


def test_kubectl_scales(server):
    ok(server.kubectl("create", "deployment", "sized", "--image=registry.local/c:1", "--replicas=0"))
    assert ok(server.kubectl("scale", "deployment/sized", "--replicas=2")) == "deployment.apps/sized scaled\n"
    assert ok(server.kubectl("get", "deployment", "sized", "-o", "jsonpath={.spec.replicas}")) == "2"
    ok(server.kubectl("delete", "deployment", "sized"))


@pytest.fixture(scope="module")
def client(server):
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(server.kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as found:
        yield found


def test_official_client(server, client):
    core = kubernetes.client.CoreV1Api(client)
    body = kubernetes.client.V1ConfigMap(metadata=kubernetes.client.V1ObjectMeta(name="typed"), data={"a": "1"})
    made = core.create_namespaced_config_map(server.namespace, body)
    patched = core.patch_namespaced_config_map("typed", server.namespace, {"data": {"b": "2"}})
    assert patched.data == {"a": "1", "b": "2"}
    listed = core.list_namespaced_config_map(server.namespace, field_selector="metadata.name=typed")
    assert [item.metadata.uid for item in listed.items] == [made.metadata.uid]
    watch = kubernetes.watch.Watch()
    version = listed.metadata.resource_version
    core.delete_namespaced_config_map("typed", server.namespace)
    for event in watch.stream(
        core.list_namespaced_config_map, server.namespace, resource_version=version, timeout_seconds=120
    ):
        assert (event["type"], event["object"].metadata.name) == ("DELETED", "typed")
        break
    with pytest.raises(kubernetes.client.ApiException) as caught:
        core.read_namespaced_config_map("typed", server.namespace)
    assert caught.value.status == 404


def test_official_client_holds_a_lease(server, client):
    api = kubernetes.client.CoordinationV1Api(client)
    spec = kubernetes.client.V1LeaseSpec(holder_identity="one", lease_duration_seconds=15)
    meta = kubernetes.client.V1ObjectMeta(name="typed-lease")
    lease = api.create_namespaced_lease(server.namespace, kubernetes.client.V1Lease(metadata=meta, spec=spec))
    lease.spec.holder_identity = "two"
    taken = api.replace_namespaced_lease("typed-lease", server.namespace, lease)
    assert taken.spec.holder_identity == "two"
    with pytest.raises(kubernetes.client.ApiException) as caught:
        api.replace_namespaced_lease("typed-lease", server.namespace, lease)
    assert caught.value.status == 409


def _field(number, data):
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _framed(kind, message, version=b"v1"):
    return b"k8s\x00" + _field(1, _field(1, version) + _field(2, kind)) + _field(2, message)


def test_protobuf_secret_as_helm_sends_it(server):
    payload = b"release " * 40
    metadata = _field(1, b"sh.helm.release.v1.x.v1") + _field(11, _field(1, b"owner") + _field(2, b"helm"))
    secret = (
        _field(1, metadata)
        + _field(2, _field(1, b"release") + _field(2, payload))
        + _field(3, b"helm.sh/release.v1")
        + _field(99, b"a field of tomorrow")
    )
    made = server.rest.request(
        "POST", server.path("secrets"), _framed(b"Secret", secret), content_type=PROTOBUF, accept=JSON
    )
    assert made.status == 201, made
    assert made.json["type"] == "helm.sh/release.v1"
    assert made.json["metadata"]["labels"] == {"owner": "helm"}
    assert base64.b64decode(made.json["data"]["release"]) == payload
    uid = made.json["metadata"]["uid"].encode()
    path = server.path("secrets", "sh.helm.release.v1.x.v1")
    wrong = _framed(b"DeleteOptions", _field(2, _field(1, b"another")))
    assert server.rest.request("DELETE", path, wrong, content_type=PROTOBUF).status == 409
    right = _framed(b"DeleteOptions", _field(2, _field(1, uid)) + _field(4, b"Background"))
    assert server.rest.request("DELETE", path, right, content_type=PROTOBUF).status == 200


def test_protobuf_config_map(server):
    body = _field(1, _field(1, b"proto")) + _field(2, _field(1, b"key") + _field(2, b"value"))
    made = server.rest.request("POST", server.path("configmaps"), _framed(b"ConfigMap", body), content_type=PROTOBUF)
    assert made.json["data"] == {"key": "value"}


@pytest.mark.parametrize("body", [b"", b"k8s\x00\x0a\x05abc", b"not protobuf"])
def test_damaged_protobuf_is_refused(server, body):
    reply = server.rest.request("POST", server.path("configmaps"), body, content_type=PROTOBUF)
    assert 400 <= reply.status < 500


def test_discovery_agrees_about_every_kind(server):
    """Each kind that the embedded API has built in is what a real server says it is."""
    from ako_lab.kube_api.kinds import BUILT_IN

    for resource in BUILT_IN:
        root = f"/apis/{resource.group_version}" if resource.group else "/api/v1"
        found = {item["name"]: item for item in server.rest.get(root).json["resources"]}
        entry = found[resource.plural]
        assert entry["kind"] == resource.kind
        assert entry["namespaced"] is resource.namespaced
        assert entry["singularName"] == resource.kind.lower()
        assert tuple(entry.get("shortNames", ())) == resource.short, resource.plural
        assert tuple(entry.get("categories", ())) == resource.categories, resource.plural
        assert (f"{resource.plural}/status" in found) is resource.status, resource.plural
        assert (f"{resource.plural}/scale" in found) is bool(resource.scale), resource.plural


@pytest.mark.parametrize("version", ["kubectl-1.32", "kubectl-1.37"])
def test_kubectl_says_when_a_kind_is_not_defined(server, version):
    manifest = "apiVersion: example.org/v1\nkind: Unheard\nmetadata: {name: a}\n"
    done = server.kubectl("apply", "-f", "-", stdin=manifest, program=str(tool_or_skip(version)))
    assert done.returncode == 1
    assert 'no matches for kind "Unheard" in version "example.org/v1"' in done.stderr


def test_health_is_plain_text(server):
    for path in ("/healthz", "/livez", "/readyz"):
        reply = server.rest.get(path)
        assert (reply.status, reply.body) == (200, b"ok")
        assert reply.headers["Content-Type"].startswith("text/plain")
