"""The custom resource definitions of the field, from the data folder, unmodified, each set on a server of its own."""

import pytest
import yaml
from support.data_folder import test_data
from support.kube.differences import expected
from support.kube.servers import JSON


@pytest.mark.parametrize(
    "folder", ["ako", "services-api-v1alpha1", "gateway-api-1.6.1/standard", "gateway-api-1.6.1/experimental"]
)
def test_definitions_of_the_field_install_unmodified(fresh_server, folder):
    server, path = fresh_server, test_data("crds", folder)
    done = server.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))
    refused = names_in(path) & expected(server, "refused-definitions")
    assert done.returncode == int(bool(refused)), done.stderr
    names = {line.split()[0].partition("/")[2] for line in done.stdout.splitlines() if line.startswith("customres")}
    assert names == names_in(path) - refused
    waited = server.kubectl(
        "wait", "--for=condition=Established", "--timeout=120s", *(f"crd/{name}" for name in sorted(names))
    )
    assert waited.returncode == 0, waited.stderr
    served = server.kubectl("api-resources", "-o", "name").stdout.split()
    assert names <= set(served)
    warned = "not evaluate" in done.stderr
    assert warned is (expected(server, "cel-warning") and "x-kubernetes-validations" in _text(path))


def names_in(folder):
    documents = yaml.safe_load_all(_text(folder))
    return {item["metadata"]["name"] for item in documents if item and item["kind"] == "CustomResourceDefinition"}


def _text(folder):
    return "\n---\n".join(file.read_text() for file in sorted(folder.glob("*.yaml")))


def test_gateway_is_defaulted_and_validated(fresh_server):
    server = fresh_server
    path = test_data("crds", "gateway-api-1.6.1", "standard")
    server.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))
    server.kubectl("wait", "--for=condition=Established", "crd/gateways.gateway.networking.k8s.io", "--timeout=120s")
    gateways = server.path("gateways", api="/apis/gateway.networking.k8s.io/v1")
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge"},
        "spec": {"gatewayClassName": "avi-lb", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    made = server.rest.request("POST", gateways, body, content_type=JSON)
    assert made.status == 201, made
    assert made.json["spec"]["listeners"][0]["allowedRoutes"]["namespaces"]["from"] == "Same"
    body["metadata"]["name"] = "faulty"
    body["spec"]["listeners"][0]["port"] = 70000
    assert server.rest.post(gateways, body).status == 422
