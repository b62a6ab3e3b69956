"""The package judged by Carvel's own tools: ytt translates, Helm renders, kbld locks, imgpkg and a registry move it."""

import json
import subprocess

import jsonschema_rs
import msgspec
import pytest
import yaml
from support.addon.carvel_tools import carvel_folder, registry, run_tool
from support.addon.folder import EPOCH, documents, write_bundle

from ako_builder.addon.build import write_folder
from ako_builder.addon.outputs.folder import images
from ako_builder.addon.shapes.convert import How, conversion, conversion_of, intent_of
from ako_builder.addon.shapes.intent import Cluster, put
from ako_builder.addon.shapes.vks import OPTIONS
from ako_builder.oci.single_layer import image_layout
from ako_builder.release import load_release
from ako_builder.values.manifests import Installation, configuration_manifests

ADC = """
apiVersion: networking.tkg.tanzu.vmware.com/v1alpha1
kind: AKODeploymentConfig
metadata: {name: x}
spec:
  cloudName: cloud-1
  controller: 192.0.2.10
  serviceEngineGroup: seg-1
  dataNetwork: {name: vip, cidr: 198.51.100.0/24}
  extraConfigs:
    layer7Only: true
    apiServerPort: 8081
    blockedNamespaceList: [kube-system]
    ingress: {disableIngressClass: true, nodeNetworkList: [{networkName: n, cidrs: [10.0.0.0/24]}]}
    nodePortSelector: {key: k, value: v}
"""


@pytest.fixture
def bundle(folder_with, tmp_path):
    carvel_folder()
    return write_bundle(folder_with(), tmp_path / "bundle")


def chart_values(bundle, values, folder):
    path = folder / "values.yaml"
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return yaml.safe_load(run_tool("ytt", "-f", bundle / "translate", "--data-values-file", path))


def operator_values(text=ADC, **how):
    given = How(cluster=Cluster(name="c", namespace="n"), explicit=True, **how)
    return conversion([yaml.safe_load(text)], source="adc", target="package", how=given).documents[0]


def test_ytt_translates_as_our_own_conversion_does(bundle, tmp_path):
    values = operator_values()
    by_ytt = intent_of([chart_values(bundle, values, tmp_path)], shape="helm").values
    by_us = intent_of([values], shape="package").values
    assert by_ytt == {name: value for name, value in by_us.items() if not name.startswith("addon:")}
    assert by_ytt["AKOSettings.layer7Only"] is True
    assert by_ytt["ingressClass.create"] is False
    assert by_ytt["NetworkSettings.nodeNetworkList"] == [{"networkName": "n", "cidrs": ["10.0.0.0/24"]}]


def test_the_charts_own_words_win_over_the_operators(bundle, tmp_path):
    values = {**operator_values(), "AKOSettings": {"apiServerPort": 9000, "vpcMode": True}}
    result = chart_values(bundle, values, tmp_path)
    assert result["AKOSettings"]["apiServerPort"] == 9000
    assert result["AKOSettings"]["vpcMode"] is True
    assert result["AKOSettings"]["clusterName"] == "n-c"


def test_a_control_plane_network_of_its_own_becomes_an_avi_infra_setting(bundle, tmp_path):
    text = ADC.replace("  extraConfigs:", "  controlPlaneNetwork: {name: cp, cidr: '2001:db8::/64'}\n  extraConfigs:")
    (setting,) = chart_values(bundle, operator_values(text), tmp_path)["extraObjects"]
    assert setting["kind"] == "AviInfraSetting"
    assert setting["metadata"]["name"] == "n-c-control-plane"
    assert setting["spec"]["network"]["vipNetworks"] == [{"networkName": "cp", "v6cidr": "2001:db8::/64"}]
    assert "extraObjects" not in chart_values(bundle, operator_values(), tmp_path)


def test_a_typing_mistake_is_refused_by_the_package(bundle, tmp_path):
    path = tmp_path / "values.yaml"
    for wrong in ({"AKOSettings": {"enableEHV": True}}, {"loadBalancerAndIngressService": {"config": {"rbca": {}}}}):
        path.write_text(yaml.safe_dump(wrong))
        command = [carvel_folder() / "ytt", "-f", bundle / "translate", "--data-values-file", path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Given data value is not declared in schema" in done.stderr


def test_the_legacy_secret_is_an_overlay_that_ytt_takes(folder_with, bundle, tmp_path):
    (secret,) = documents(folder_with(kind="legacy"), "carvel/values-secret.yaml")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(secret["stringData"]["values.yaml"])
    result = yaml.safe_load(run_tool("ytt", "-f", bundle / "translate", "-f", overlay))
    assert result["ControllerSettings"]["controllerHost"] == "192.0.2.10"


@pytest.fixture
def installed(release, helm, bundle, tmp_path):
    """What a cluster gets of data values, as kapp-controller runs it: translate, render, add, lock."""

    def objects_of(text):
        values = tmp_path / "values.yaml"
        values.write_text(text)
        translated = run_tool("ytt", "-f", bundle / "translate", "--data-values-file", values)
        command = ["template", release.chart.name, str(bundle / "chart"), "--namespace", release.chart.namespace]
        rendered = helm.run([*command, "--include-crds", "--values", "-"], stdin=translated.decode())
        added = run_tool("ytt", "-f", "-", "-f", bundle / "config", stdin=rendered.encode())
        locked = run_tool("kbld", "-f", "-", "-f", bundle / ".imgpkg" / "images.yml", stdin=added)
        return {
            (item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(locked) if "metadata" in item
        }

    return objects_of


def test_the_whole_pipeline_gives_the_objects_that_the_chart_gives(folder_with, release, request_with, installed):
    (secret,) = documents(folder_with(), "carvel/values-secret.yaml")
    objects = installed(secret["stringData"]["values.yaml"])
    workload = objects["StatefulSet", "ako"]
    assert workload["spec"]["template"]["spec"]["containers"][0]["image"] == release.image_reference
    assert workload["metadata"]["annotations"]["kapp.k14s.io/update-strategy"] == "fallback-on-replace"
    assert ("Namespace", "avi-system") in objects
    installation = Installation(release=release, name="ako", namespace="avi-system")
    (values,) = conversion_of(request_with().intent, target="helm").documents
    ours = next(item for item in configuration_manifests(values, installation) if item["kind"] == "ConfigMap")
    assert objects["ConfigMap", "avi-k8s-config"]["data"] == ours["data"]


def test_tls_works_where_only_ako_operator_writes_the_values(installed):
    """Nothing of what it writes can say who may read certificates: the default of the chart has to."""
    objects = installed(yaml.safe_dump(operator_values()))
    rights = {
        verb
        for (kind, _), item in objects.items()
        if kind == "ClusterRole"
        for rule in item["rules"]
        if "secrets" in rule["resources"] and "resourceNames" not in rule
        for verb in rule["verbs"]
    }
    assert rights >= {"get", "list", "watch"}


def test_values_of_the_official_vks_package_install_unchanged(bundle, installed, made, tmp_path):
    """With every option said: the schema of our package takes them, the translation hands on what we have."""
    document = {}
    for option in OPTIONS:
        if option.kind != "object":
            put(document, option.path, official_form(option))
    put(document, "ControllerSettings.controllerHost", "192.0.2.10")
    put(document, "avicredentials", {"username": "u", "password": "p"})
    errors = [error.message for error in jsonschema_rs.validator_for(made.schema).iter_errors(document)]
    assert errors == []
    values = chart_values(bundle, document, tmp_path)
    assert "statusStreamer" not in values
    assert "enableAutogw" not in values["NetworkSettings"]
    config = installed(yaml.safe_dump(document))["ConfigMap", "avi-k8s-config"]["data"]
    meant = conversion([document], source="vks-2.2", target="configmap", how=How()).documents[0]["data"]
    assert {key: config[key] for key in meant if config[key] != meant[key]} == {}
    assert config["enableEVH"] == "true"


def official_form(option):
    """The default of an option as the package's documentation writes it."""
    return str(option.default).lower() if option.kind in {"boolean text", "integer text"} else option.default


def test_imgpkg_pulls_and_copies_the_bundle_by_its_digest(folder_with, made, bundle, tmp_path):
    folder = tmp_path / "addon"
    write_folder(folder_with(), folder)
    (tmp_path / "registry").mkdir()
    with registry(tmp_path / "registry") as host:
        home = tmp_path / "home"
        home.mkdir()
        source = f"{host}/source/bundle"
        run_tool("crane", "push", folder / "carvel" / "bundle", f"{source}:1", "--insecure", HOME=str(home))
        digest = run_tool("crane", "digest", f"{source}:1", "--insecure", HOME=str(home)).decode().strip()
        assert digest == made.bundle.digest
        pulled = tmp_path / "pulled"
        run_tool("imgpkg", "pull", "-b", f"{source}@{digest}", "-o", pulled, "--registry-insecure", HOME=str(home))
        assert {path.relative_to(pulled) for path in pulled.rglob("*") if path.is_file()} == {
            path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file()
        }
        assert all((pulled / name).read_bytes() == (bundle / name).read_bytes()
                   for name in ("chart/Chart.yaml", "translate/keys.star", ".imgpkg/bundle.yml"))  # fmt: skip


def test_the_real_imgpkg_copies_a_bundle_with_every_image_it_locks(chart, tmp_path):
    """With an image that exists: the controller's stand-in is an image that we push first."""
    carvel_folder()
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "registry").mkdir()
    image = image_layout({"hello": b"world"}, labels={}, tag="1", epoch=EPOCH)
    with registry(tmp_path / "registry") as host:
        base = load_release()
        place = msgspec.structs.replace(base.image, registry=host, repository="origin/ako", digest=image.digest)
        built = images(msgspec.structs.replace(base, image=place), chart, epoch=EPOCH)
        for name, layout in (("origin/ako", image), ("origin/bundle", built.bundle)):
            folder = tmp_path / name.replace("/", "-")
            write_folder(dict(layout.files), folder)
            run_tool("crane", "push", folder, f"{host}/{name}:1", "--insecure", HOME=str(home))
        reference = f"{host}/origin/bundle@{built.bundle.digest}"
        run_tool(
            "imgpkg", "copy", "-b", reference, "--to-repo", f"{host}/moved/all", "--registry-insecure", HOME=str(home)
        )
        for digest in (image.digest, built.bundle.digest):
            manifest = run_tool("crane", "manifest", f"{host}/moved/all@{digest}", "--insecure", HOME=str(home))
            assert json.loads(manifest)["schemaVersion"] == 2
        pulled = tmp_path / "pulled"
        moved = f"{host}/moved/all@{built.bundle.digest}"
        run_tool("imgpkg", "pull", "-b", moved, "-o", pulled, "--registry-insecure", HOME=str(home))
        lock = yaml.safe_load((pulled / ".imgpkg" / "images.yml").read_text())
        # imgpkg itself rewrote the lock to where the image is now, by the same digest.
        assert [item["image"] for item in lock["images"]] == [f"{host}/moved/all@{image.digest}"]
