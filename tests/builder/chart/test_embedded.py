"""A release's life on the embedded Kubernetes API, what the notes say, and the custom resource definitions."""

import json
import shutil

import pytest
import yaml
from support.chart.namespace import Place
from support.chart.releases import LEAST
from support.chart.takeover import SHAPES, take_over_and_hand_back
from support.data_folder import test_data as shared_data
from support.kube.servers import embedded_server

OFFICIAL = ("1.10.3", "1.11.1", "1.12.3", "1.13.4", "2.1.1", "master-2025-11")

CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things.example.org
spec:
  group: example.org
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


@pytest.fixture
def api(tmp_path):
    with embedded_server(tmp_path) as server:
        yield server


@pytest.fixture
def installed(api, helm, chart, tmp_path):
    def run(verb, *arguments, values=None):
        path = tmp_path / "values.yaml"
        path.write_text(json.dumps(values or {}))
        more = [str(chart), "--values", str(path)] if verb in {"install", "upgrade"} else []
        place = ["--namespace", api.namespace, "--kubeconfig", str(api.kubeconfig)]
        return helm.run([verb, "ako", *more, *arguments, *place])

    return run


def data_of(api):
    return api.rest.get(api.path("configmaps", "avi-k8s-config")).json["data"]


def test_install_upgrade_rollback_uninstall(api, installed):
    installed("install", values=LEAST)
    installed("upgrade", values=LEAST | {"AKOSettings": {"clusterName": "two"}})
    assert data_of(api)["clusterName"] == "two"
    installed("rollback", "1")
    assert data_of(api)["clusterName"] == "my-cluster"
    installed("uninstall")
    assert api.rest.get(api.path("configmaps", "avi-k8s-config")).status == 404
    assert api.rest.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/ako-cr").status == 404


def test_notes_tell_what_has_no_effect_and_what_is_missing(installed):
    notes = installed(
        "install",
        values={
            "persistentVolumeClaim": "logs",
            # The default in the official chart's spelling is no news.
            "AKOSettings": {"vipPerNamespace": "false"},
            "rbac": {"pspEnable": "false"},
            "image": {"repository": "10.79.172.11:5000/avi-buildops/ako"},
            "avicredentials": {"existingSecret": "mine"},
        },
    )
    assert "persistentVolumeClaim: logs go to standard output" in notes
    assert "vipPerNamespace" not in notes
    assert "pspEnable" not in notes
    assert "official controller's image" in notes
    assert "WARNING: ControllerSettings.controllerHost is empty" in notes
    assert "WARNING: NetworkSettings.vipNetworkList is empty" in notes
    assert "the Secret mine has to exist" in notes


def test_notes_of_a_good_release_have_no_warning(installed):
    authority = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    good = LEAST | {"avicredentials": LEAST["avicredentials"] | {"certificateAuthorityData": authority}}
    good |= {"AKOSettings": LEAST.get("AKOSettings", {}) | {"clusterName": "edge-1"}}
    notes = installed("install", values=good)
    assert "WARNING" not in notes
    assert "helm test ako" in notes


def test_definitions_are_installed_once_or_belong_to_the_release(helm, chart, tmp_path):
    copy = tmp_path / "ako"
    shutil.copytree(chart, copy)
    (copy / "crds").mkdir(exist_ok=True)
    (copy / "crds" / "things.yaml").write_text(
        f"# first\n---\n{CRD}---\n{CRD.replace('thing', 'other').replace('Thing', 'Other')}"
    )

    def definitions(*arguments):
        text = helm.run(["template", "ako", str(copy), *arguments])
        documents = [document for document in yaml.safe_load_all(text) if document]
        return {d["metadata"]["name"]: d for d in documents if d["kind"] == "CustomResourceDefinition"}

    assert {"things.example.org", "others.example.org"} <= definitions("--include-crds").keys()
    assert not definitions()
    owned = definitions("--set", "crds.asTemplates=true")
    assert {"things.example.org", "others.example.org"} <= owned.keys()
    for document in owned.values():
        assert document["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == "ako"


@pytest.mark.parametrize("version", OFFICIAL)
def test_official_values_install(version, api, installed):
    values = yaml.safe_load(shared_data("values", f"ako-chart-values-{version}.yaml").read_text())
    notes = installed("install", values=values)
    # They name no controller and no networks, and the official image.
    assert "WARNING: ControllerSettings.controllerHost is empty" in notes
    assert "official controller's image" in notes
    assert data_of(api)["clusterName"] == "my-cluster"
    stateful_set = api.rest.get(api.path("statefulsets", "ako", api="/apis/apps/v1")).json
    assert "avi-buildops" not in json.dumps(stateful_set)


@pytest.mark.parametrize("way_back", ["rollback", "upgrade"])
@pytest.mark.parametrize("shape", SHAPES)
def test_official_release_is_taken_over_in_place_and_handed_back(*, shape, way_back, api, helm, chart, tmp_path):
    place = Place(rest=api.rest, helm=helm, namespace=api.namespace, folder=tmp_path)
    take_over_and_hand_back(place, str(chart), shape=shape, way_back=way_back)
