"""A namespace of a real control plane with a release of the chart in it, for tests."""

import json
from uuid import uuid4

import pytest
from support.kube.servers import Rest

from ako_builder.chart.tree import package
from ako_builder.release import load_release

CLUSTER_WIDE = (
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/ako-cr",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/ako-crb",
    "/apis/networking.k8s.io/v1/ingressclasses/avi-lb",
)


class Place:
    """A namespace with a release in it."""

    def __init__(self, *, rest, helm, namespace, folder):
        self.rest, self.helm, self.namespace, self.folder = rest, helm, namespace, folder

    def run(self, *arguments, values=None):
        more = []
        if values is not None:
            path = self.folder / f"values-{uuid4().hex[:6]}.yaml"
            path.write_text(json.dumps(values))
            more = ["--values", str(path)]
        command = [*arguments, *more, "--namespace", self.namespace, "--kubeconfig", str(self.rest.kubeconfig)]
        return self.helm.run(command)

    def path(self, plural, name="", api="/api/v1"):
        return f"{api}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def read(self, plural, name, api="/api/v1"):
        reply = self.rest.get(self.path(plural, name, api))
        assert reply.status == 200, reply
        return reply.json

    def exists(self, path):
        return self.rest.get(path).status == 200

    @property
    def stateful_set(self):
        return self.read("statefulsets", "ako", "/apis/apps/v1")

    def ingress_of(self, service):
        """The addresses of a Service, once it has any."""
        return self.read("services", service)["status"].get("loadBalancer", {}).get("ingress")


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    release = load_release()
    return str(package(release, out=tmp_path_factory.mktemp("archive"), epoch=release.epoch))


@pytest.fixture
def place(control_plane, helm, tmp_path):
    rest = Rest(control_plane.kubeconfig)
    namespace = f"t-{uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    assert rest.post("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": labels}}).status == 201
    found = Place(rest=rest, helm=helm, namespace=namespace, folder=tmp_path)
    yield found
    if found.run("list", "--short").strip():
        found.run("uninstall", "ako", "--wait")
    rest.delete(f"/api/v1/namespaces/{namespace}")
    for path in CLUSTER_WIDE:
        assert not found.exists(path), f"{path} is left over"
    rest.close()


def refused_resources(text, place):
    """What the API server has refused to the release's account, by the log."""
    lines = [json.loads(line) for line in text.splitlines()]
    user = f"system:serviceaccount:{place.namespace}"  # how the API server words a refusal
    return {line.get("resource", "?") for line in lines if user in json.dumps(line)}
