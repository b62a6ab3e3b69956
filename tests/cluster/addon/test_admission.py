"""Every output against a real API server that has the CRDs: accepted as it is, and mistakes are not."""

from collections.abc import Iterator

import pytest
import yaml
from support.addon.folder import BASE_TKR, documents
from support.addon.kapp_controller import carvel_crds, install_crds
from support.data_folder import test_data
from support.kube.servers import Rest

pytestmark = pytest.mark.cluster

PLURALS = {
    "AKODeploymentConfig": "akodeploymentconfigs",
    "ClusterBootstrap": "clusterbootstraps",
    "TanzuKubernetesRelease": "tanzukubernetesreleases",
    "PackageInstall": "packageinstalls",
    "PackageRepository": "packagerepositories",
    "Package": "packages",
    "PackageMetadata": "packagemetadatas",
    "Secret": "secrets",
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
}


def crds() -> Iterator[dict]:
    yield from carvel_crds()
    yield yaml.safe_load(test_data("crds", "akodeploymentconfig", "1.12.yaml").read_text())
    for name in ("clusterbootstraps", "tanzukubernetesreleases"):
        crd = yaml.safe_load(test_data("crds", "tanzu", f"run.tanzu.vmware.com_{name}.yaml").read_text())
        # No conversion webhook runs here: one version, the one that we write.
        crd["spec"].pop("conversion", None)
        crd["spec"]["versions"] = [item for item in crd["spec"]["versions"] if item["name"] == "v1alpha3"]
        crd["spec"]["versions"][0]["storage"] = True
        yield crd


@pytest.fixture(scope="module")
def rest(own_control_plane):
    client = Rest(own_control_plane.kubeconfig)
    for name in ("tkg-system",):
        assert client.post("/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
    install_crds(client, crds())
    yield client
    client.close()


def path_of(document) -> str:
    api = document["apiVersion"]
    namespace = document["metadata"].get("namespace")
    if document["kind"] == "Package" or document["kind"] == "PackageMetadata":
        namespace = "tkg-system"
    base = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    middle = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{middle}/{PLURALS[document['kind']]}"


def admitted(rest, document):
    return rest.post(path_of(document), document, dryRun="All", fieldValidation="Strict")


def test_every_output_is_admitted(rest, folder_with):
    seen = set()
    for kind in ("classy", "legacy"):
        files = folder_with(kind=kind, base_tkr=BASE_TKR)
        for name in sorted(files):
            for document in documents(files, name) if name.endswith(".yaml") else ():
                # A plain custom resource cannot have + in its name; the aggregated API that serves Packages allows it.
                if document.get("kind") not in PLURALS or "+" in document["metadata"]["name"]:
                    continue
                reply = admitted(rest, document)
                assert reply.status == 201, (name, reply)
                seen.add(document["kind"])
    assert seen == set(PLURALS)


def test_a_mistake_is_not_admitted(rest, folder_with):
    (adc,) = documents(folder_with(), "tkg/akodeploymentconfig.yaml")
    adc["spec"]["extraConfigs"]["enableEVH"] = "true"
    assert admitted(rest, adc).status == 422


def test_the_official_sample_is_refused(rest):
    text = test_data("samples", "akoo-network_v1alpha1_akodeploymentconfig.yaml").read_text()
    document = next(iter(yaml.safe_load_all(text)))
    document["apiVersion"] = "networking.tkg.tanzu.vmware.com/v1alpha1"
    reply = admitted(rest, document)
    assert reply.status in {400, 422}, reply
