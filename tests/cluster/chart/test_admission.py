"""Every object of every golden rendering is what a real API server takes: no unknown field, and restricted Pods."""

from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from support.chart.monitoring_definitions import monitoring_definitions
from support.chart.takeover import definitions, gateway_api
from support.kube.servers import APPLY, Rest

pytestmark = pytest.mark.cluster

CASES = Path(__file__).parents[2] / "builder" / "chart" / "cases"
# What their values add, or take away with null, is the user's own and not restricted.
LESS_RESTRICTED = {"extra-containers", "nulls-are-defaults"}


@pytest.fixture(scope="module")
def rest(control_plane):
    """The API server with the foreign definitions, and a namespace that warns of Pods that are not restricted."""
    client = Rest(control_plane.kubeconfig)
    with gateway_api(client), definitions(client, monitoring_definitions()):
        yield client
    client.close()


@pytest.fixture(scope="module")
def namespace(rest):
    name = f"t-{uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    assert rest.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}).status == 201
    yield name
    rest.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def places(rest):
    """(apiVersion, kind) -> plural, and whether it is namespaced; asked when it is needed."""
    known = {}

    def place(document):
        version = document["apiVersion"]
        if version not in known:
            reply = rest.get(f"/apis/{version}" if "/" in version else f"/api/{version}")
            assert reply.status == 200, (version, reply)
            resources = [item for item in reply.json["resources"] if "/" not in item["name"]]
            known[version] = {item["kind"]: item for item in resources}
        found = known[version][document["kind"]]
        return found["name"], found["namespaced"]

    return place


@pytest.mark.parametrize("case", sorted(path.name.removesuffix(".expect.yaml") for path in CASES.glob("*.expect.yaml")))
def test_a_real_api_server_takes_every_object(*, case, rest, namespace, places):
    for document in yaml.safe_load((CASES / f"{case}.expect.yaml").read_text())["changed"]:
        plural, namespaced = places(document)
        api = document["apiVersion"]
        path = f"/apis/{api}" if "/" in api else f"/api/{api}"
        if namespaced:
            document["metadata"]["namespace"] = namespace
            path += f"/namespaces/{namespace}"
        reply = rest.patch(
            f"{path}/{plural}/{document['metadata']['name']}",
            document,
            content_type=APPLY,
            dryRun="All",
            fieldValidation="Strict",
            fieldManager="tests",
            force="true",
        )
        assert reply.status in {200, 201}, (document["kind"], document["metadata"]["name"], reply.body)
        if case not in LESS_RESTRICTED:
            assert "PodSecurity" not in reply.headers.get("Warning", ""), (document["kind"], reply.headers["Warning"])
