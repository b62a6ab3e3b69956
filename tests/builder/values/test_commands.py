"""`ako values` and `ako chart`, as a user calls them."""

import json
import subprocess
import sys
import tarfile

import pytest
import yaml
from support.chart.helm_binaries import helm_binary
from support.data_folder import test_data as shared_data

GOOD = {
    "AKOSettings": {"clusterName": "edge-1"},
    "ControllerSettings": {"controllerHost": "10.0.0.1"},
    "NetworkSettings": {"vipNetworkList": [{"networkName": "vip", "cidr": "10.0.0.0/24"}]},
    "avicredentials": {
        "username": "admin",
        "password": "secret",
        "certificateAuthorityData": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    },
}


def ako(*arguments, cwd, **environ):
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), **environ}
    command = [sys.executable, "-m", "ako_runtime", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture
def values(tmp_path):
    def write(document):
        path = tmp_path / "values.yaml"
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        return path

    return write


def test_a_good_file_is_good(values, tmp_path):
    done = ako("values", "check", values(GOOD), cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, f"{tmp_path}/values.yaml: good")


def test_findings_name_key_and_correction(values, tmp_path):
    wrong = GOOD | {
        "AKOSettings": {"enableEvh": True, "logLevel": "LOUD"},
        "persistentVolumeClaim": "logs",
        "rbac": {"pspEnable": "false"},
    }
    done = ako("values", "check", values(wrong), "-o", "json", cwd=tmp_path)
    found = {row["key"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert found["AKOSettings.enableEvh"]["message"].endswith("did you mean 'AKOSettings.enableEVH'?")
    assert found["AKOSettings.enableEvh"]["level"] == "remark"
    assert found["AKOSettings.logLevel"]["level"] == "error"
    assert found["persistentVolumeClaim"]["level"] == "no effect"
    assert found.keys() - {"AKOSettings.enableEvh", "AKOSettings.logLevel", "persistentVolumeClaim"} == {"clusterName"}


def test_keys_that_the_official_chart_takes_are_remarks_and_strictly_errors(values, tmp_path):
    known = {"networkName": "vip", "cidr": "10.0.0.0/24"}
    path = values(
        GOOD | {"AKOSettings": {"enableEvh": True}, "NetworkSettings": {"vipNetworkList": [known | {"subnet": "x"}]}}
    )
    for arguments, code, level in (((), 0, "remark"), (("--strict",), 1, "error")):
        done = ako("values", "check", path, *arguments, "-o", "json", cwd=tmp_path)
        found = {row["key"]: row["level"] for row in json.loads(done.stdout)}
        assert (done.returncode, found["AKOSettings.enableEvh"]) == (code, level)
        assert any(key.startswith("NetworkSettings.vipNetworkList") for key in found)


def test_what_only_the_runtime_knows_is_found_too(values, tmp_path):
    wrong = GOOD | {
        "AKOSettings": {"namespaceSelector": {"labelKey": "a"}},
        "L7Settings": {"serviceType": "NodePortLocal"},
    }
    done = ako("values", "check", values(wrong), "-o", "json", cwd=tmp_path)
    assert done.returncode == 1
    assert {"L7Settings.serviceType", "AKOSettings.namespaceSelector.labelValue"} <= {
        row["key"] for row in json.loads(done.stdout)
    }


@pytest.mark.parametrize("text", ["[1, 2]", "a: {", "just text", "1: 2"])
def test_what_is_no_values_file_is_one_sentence(values, tmp_path, text):
    done = ako("values", "check", values(text), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "values.yaml" in done.stderr


def test_convert_prints_what_the_runtime_reads(values, tmp_path):
    done = ako("values", "convert", "--from", "helm", "--to", "configmap", values(GOOD), "-n", "other", cwd=tmp_path)
    config, secret = yaml.safe_load_all(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "&id" not in done.stdout
    assert config["metadata"]["namespace"] == secret["metadata"]["namespace"] == "other"
    assert config["data"]["controllerIP"] == "10.0.0.1"
    assert secret["data"]["username"] == "YWRtaW4="


def test_wrong_values_convert_to_nothing(values, tmp_path):
    done = ako("values", "convert", "--to", "configmap", values({"AKOSettings": {"logLevel": "x"}}), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "AKOSettings.logLevel" in done.stderr


@pytest.mark.parametrize("version", ["1.10.3", "1.13.4", "2.1.1"])
def test_official_values_become_ours_with_every_change_explained(tmp_path, version):
    official = shared_data("values", f"ako-chart-values-{version}.yaml")
    origin = f"official-{version.rpartition('.')[0]}"
    done = ako("values", "convert", "--from", origin, "--to", "ours", official, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before, after = yaml.safe_load(official.read_text()), yaml.safe_load(done.stdout)
    assert "image.repository" in done.stderr
    assert "repository" not in after["image"]
    assert after["AKOSettings"] == before["AKOSettings"]
    converted = tmp_path / "converted.yaml"
    converted.write_text(done.stdout)
    again = ako("values", "convert", "--to", "ours", converted, cwd=tmp_path)
    assert (again.stdout, again.stderr) == (done.stdout, "")


def test_what_an_older_official_chart_does_not_know_is_left_out(values, tmp_path):
    ours = GOOD | {"podDisruptionBudget": {"enabled": False}, "L7Settings": {"fqdnReusePolicy": "Strict"}}
    done = ako("values", "convert", "--from", "ours", "--to", "official-1.12", values(ours), cwd=tmp_path)
    after = yaml.safe_load(done.stdout)
    assert "podDisruptionBudget" not in after
    assert "L7Settings" not in after
    assert after["ControllerSettings"] == GOOD["ControllerSettings"]
    assert "podDisruptionBudget.enabled: left out" in done.stderr
    newer = ako("values", "convert", "--from", "ours", "--to", "official-2.1", values(ours), cwd=tmp_path)
    assert yaml.safe_load(newer.stdout)["L7Settings"] == {"fqdnReusePolicy": "Strict"}


def test_keys_from_before_1_10_become_their_successors(values, tmp_path):
    old = {"NetworkSettings": {"networkName": "vip", "subnetIP": "10.0.0.0", "subnetPrefix": "24"}}
    done = ako("values", "convert", values(old), cwd=tmp_path)
    assert yaml.safe_load(done.stdout) == {
        "NetworkSettings": {"vipNetworkList": [{"networkName": "vip", "cidr": "10.0.0.0/24"}]}
    }


def test_strings_that_look_like_numbers_stay_strings(values, tmp_path):
    done = ako("values", "convert", values({"AKOSettings": {"clusterName": "1e3"}}), cwd=tmp_path)
    assert '"1e3"' in done.stdout


def test_chart_package_needs_no_helm_and_repeats_itself(tmp_path):
    first = ako("chart", "package", "--out", "one", "-o", "json", cwd=tmp_path)
    second = ako("chart", "package", "--out", "two", "-o", "json", cwd=tmp_path)
    assert json.loads(first.stdout)[0]["digest"] == json.loads(second.stdout)[0]["digest"]
    with tarfile.open(json.loads(first.stdout)[0]["artefact"].replace("one", str(tmp_path / "one"), 1)) as tar:
        names = tar.getnames()
        assert names[0] == "ako/Chart.yaml"
        assert names[1:] == sorted(names[1:])
        assert {(member.uid, member.gid, member.mode) for member in tar} == {(0, 0, 0o644)}


def test_generated_files_are_what_the_sources_give(tmp_path):
    done = ako("chart", "docs", "--check", cwd=tmp_path)
    assert done.returncode == 0, f"run 'ako chart docs': {done.stdout}"


@pytest.mark.parametrize("version", ["3.17", "4.3"])
def test_chart_lint_and_template_use_helm(tmp_path, values, version):
    helm = helm_binary(version)
    lint = ako("chart", "lint", "--helm", helm, "-f", values(GOOD), cwd=tmp_path)
    assert (lint.returncode, "0 chart(s) failed" in lint.stdout) == (0, True), lint.stderr
    digest = "sha256:" + "1" * 64
    template = ako(
        "chart", "template", "-f", values(GOOD), "--set", "replicaCount=2", "--image-digest", digest, "-n", "x",
        cwd=tmp_path, AKO_HELM=str(helm),
    )  # fmt: skip
    documents = {document["kind"]: document for document in yaml.safe_load_all(template.stdout) if document}
    assert documents["StatefulSet"]["spec"]["replicas"] == 2
    image = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(f"@{digest}")
    wrong = ako("chart", "template", "--helm", helm, "--set", "replicaCount=-1", cwd=tmp_path)
    assert wrong.returncode == 1
    assert "replicaCount" in wrong.stderr


def test_a_missing_helm_is_one_sentence(tmp_path):
    done = ako("chart", "lint", "--helm", "/none/helm", cwd=tmp_path)
    assert done.returncode == 2
    assert "AKO_HELM" in done.stderr
