"""The package installed for real: kapp-controller, ytt, Helm, kbld and kapp, from a registry on loopback.

The values are those that ako-operator would write for the cluster. What stands in the cluster afterwards is what the
chart renders from the same settings, applied with exactly the rights of the add-on's service account.
"""

from contextlib import contextmanager

import msgspec
import pytest
from support.addon.carvel_tools import registry, run_tool
from support.addon.folder import EPOCH, documents
from support.addon.kapp_controller import carvel_crds, install_crds, kapp_controller
from support.kube.servers import Rest, wait_until

from ako_builder.addon.build import write_folder
from ako_builder.addon.outputs.bundle import chart_files
from ako_builder.addon.outputs.folder import images, outputs
from ako_builder.addon.request import TARGETS
from ako_builder.addon.shapes.convert import intent_of
from ako_builder.chart.tree import package
from ako_builder.oci.single_layer import image_layout
from ako_builder.release import load_release
from ako_lab.control_plane.nodes import FakeNodes
from ako_runtime.settings.catalogue import BY_VALUES_PATH

pytestmark = pytest.mark.cluster
NAMESPACE = "tkg-system"
WORKLOAD = "/apis/apps/v1/namespaces/avi-system/statefulsets/ako"


def published(host, folder):
    """Push the controller's image (a stand-in: nothing runs it), the bundle and the repository; the release of that."""
    home = folder / "home"
    home.mkdir()
    image = image_layout({"ako": b""}, labels={}, tag="1", epoch=EPOCH)
    base = load_release()
    place = msgspec.structs.replace(base.image, registry=host, digest=image.digest)
    release = msgspec.structs.replace(base, image=place)
    made = images(release, chart_files(package(release, out=folder, epoch=EPOCH)), epoch=EPOCH)
    for reference, layout in (
        (place.name, image),
        (made.bundle_reference.partition("@")[0], made.bundle),
        (made.repository_reference.partition("@")[0], made.repository),
    ):
        layer = folder / reference.replace("/", "-").replace(":", "-")
        write_folder(dict(layout.files), layer)
        run_tool("crane", "push", layer, f"{reference}:1", "--insecure", HOME=str(home))
    return release, made


@pytest.fixture(scope="module")
def rest(own_control_plane):
    client = Rest(own_control_plane.kubeconfig)
    assert client.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}).status == 201
    install_crds(client, carvel_crds())
    yield client
    client.close()


@pytest.fixture
def place(own_control_plane, rest, tmp_path):
    """A registry with a release in it, a node, and kapp-controller."""
    for name in ("registry", "kc"):
        (tmp_path / name).mkdir()
    kubeconfig = own_control_plane.kubeconfig
    with (
        registry(tmp_path / "registry") as host,
        FakeNodes(kubeconfig=kubeconfig, count=1),
        kapp_controller(kubeconfig, tmp_path / "kc", NAMESPACE),
    ):
        yield published(host, tmp_path)


def path_of(document) -> str:
    group, kind = document["apiVersion"], document["kind"]
    base = f"/api/{group}" if "/" not in group else f"/apis/{group}"
    namespaced = "" if kind.startswith("Cluster") else f"/namespaces/{NAMESPACE}"
    plural = "packagerepositories" if kind == "PackageRepository" else f"{kind.lower()}s"
    return f"{base}{namespaced}/{plural}"


@contextmanager
def applied(rest, *objects):
    """Create objects in order; at the end delete them backward, each wholly gone before the next."""
    done = []
    try:
        for document in objects:
            reply = rest.post(path_of(document), document)
            assert reply.status == 201, reply
            done.append(f"{path_of(document)}/{document['metadata']['name']}")
        yield done[-1]
    finally:
        for path in reversed(done):
            rest.delete(path)
            wait_until(lambda path=path: rest.get(path).status == 404, 120)


def carvel(files, *names):
    return [document for name in names for document in documents(files, f"carvel/{name}.yaml")]


def settled(rest, path):
    wait_until(lambda: condition(rest.get(path).json) in {"ReconcileSucceeded", "ReconcileFailed"}, 120)
    return rest.get(path).json


def condition(document):
    conditions = (document.get("status") or {}).get("conditions") or []
    return next((item["type"] for item in conditions if item["status"] == "True"), None)


def why(document) -> str:
    return (document.get("status") or {}).get("usefulErrorMessage", "")


@pytest.mark.parametrize("kind", ["classy", "legacy"])
def test_a_package_install_becomes_our_stateful_set(rest, place, request_with, kind):
    release, made = place
    request = request_with(kind=kind, release=release)
    files = outputs(request, made, targets=TARGETS)
    objects = carvel(files, "packagemetadata", "package", "rbac", "values-secret", "packageinstall")
    with applied(rest, *objects) as path:
        install = settled(rest, path)
        assert condition(install) == "ReconcileSucceeded", why(install)
        assert install["status"]["version"] == release.version
        workload = rest.get(WORKLOAD).json
        assert workload["spec"]["template"]["spec"]["containers"][0]["image"] == release.image_reference
        # kapp's own label must not be in what cannot change.
        assert not any("kapp" in key for key in workload["spec"]["selector"]["matchLabels"])
        config = rest.get("/api/v1/namespaces/avi-system/configmaps/avi-k8s-config").json
        effective = intent_of([config], shape="configmap").values
        given = {name: value for name, value in request.intent.values.items() if name in BY_VALUES_PATH}
        assert {name: effective.get(name) for name in given} == given
    # The way back: the install is gone and with it all that it made, but for the namespace.
    assert rest.get(WORKLOAD).status == 404
    assert rest.get("/api/v1/namespaces/avi-system").status == 200


def test_the_repository_offers_the_package(rest, place, request_with):
    release, made = place
    files = outputs(request_with(release=release), made, targets=TARGETS)
    with applied(rest, *carvel(files, "packagerepository")) as path:
        repository = settled(rest, path)
        assert condition(repository) == "ReconcileSucceeded", why(repository)
        (wanted,) = carvel(files, "package")
        offered = rest.get(f"{path_of(wanted)}/{wanted['metadata']['name']}").json
        assert {key: value for key, value in offered["spec"].items() if value is not None} == wanted["spec"]


def test_a_typing_mistake_in_the_values_fails_visibly(rest, place, request_with):
    release, made = place
    files = outputs(request_with(release=release), made, targets=TARGETS)
    objects = carvel(files, "packagemetadata", "package", "rbac", "values-secret", "packageinstall")
    secret = next(item for item in objects if item["kind"] == "Secret")
    secret["stringData"]["values.yaml"] = "loadBalancerAndIngressService: {config: {ako_settings: {log_lvl: INFO}}}\n"
    with applied(rest, *objects) as path:
        install = settled(rest, path)
        assert condition(install) == "ReconcileFailed"
        assert "log_lvl" in why(install)
    assert rest.get(WORKLOAD).status == 404
