"""`ako config` as a user runs it: what is printed, and the exit codes."""

import base64
import json

import pytest
import yaml

from ako_runtime.cli import main

CONFIGMAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "avi-k8s-config", "namespace": "avi-system"},
    "data": {"controllerIP": "avi.example.com", "clusterName": "edge-1", "vipNetworkList": '[{"networkName":"vip"}]'},
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "avi-secret"},
    "data": {"username": base64.b64encode(b"ako").decode(), "password": base64.b64encode(b"p").decode()},
}


@pytest.fixture
def ako(monkeypatch, capsys):
    """Run `ako ARGUMENTS`: exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["ako", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture
def written(tmp_path):
    def write(content, name="config"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump_all(content))
        return path

    return write


def test_a_usable_configmap(ako, written):
    code, out, err = ako("config", "check", written([CONFIGMAP]))
    assert (code, out) == (0, "")
    assert err.endswith("config: usable (configmap)\n")


def test_configmap_and_secret_in_one_file_are_checked_together(ako, written):
    code, out, _ = ako("config", "check", written([CONFIGMAP, SECRET]), "-o", "json")
    assert code == 0
    assert [row["setting"] for row in json.loads(out)] == ["certificateAuthorityData"]
    no_password = {**SECRET, "data": {"username": SECRET["data"]["username"]}}
    code, out, _ = ako("config", "check", written([CONFIGMAP, no_password]))
    assert code == 1
    assert "avi-secret password" in out


def test_a_list_of_manifests_is_looked_into(ako, written):
    manifests = {"apiVersion": "v1", "kind": "List", "items": [CONFIGMAP, SECRET]}
    assert ako("config", "check", written([manifests]))[0] == 0


def test_findings_are_exit_code_1_in_every_form(ako, written):
    values = written([{"AKOSettings": {"clusterNam": "x"}}], "values.yaml")
    environment = written("# ours\nexport CTRL_IPADRESS='avi'\n\nCLUSTER_NAME=\"a b\"\n", "env")
    code, out, err = ako("config", "check", values, "-o", "json", "--strict")
    assert code == 1
    assert json.loads(out)[0] == {
        "severity": "error",
        "setting": "AKOSettings.clusterNam",
        "finding": "unknown setting; did you mean 'AKOSettings.clusterName'?",
    }
    assert err == ""
    code, out, err = ako("config", "check", environment, "--strict")
    assert code == 1
    assert "CTRL_IPADRESS" in out
    assert "CLUSTER_NAME" in out
    assert "4 errors (environment)" in err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("just a sentence", "is neither a ConfigMap manifest nor a values file nor an environment file"),
        ("a: b\n", "name it with --form"),
        ("a: [\n", "is not YAML"),
        ("kind: Service\n", "holds 0 ConfigMaps"),
        ("kind: ConfigMap\ndata: [a]\n", "'data' is expected to be a mapping"),
        (
            yaml.safe_dump_all([CONFIGMAP, {**SECRET, "data": {"username": "***"}}]),
            "'username' of the Secret is not base64",
        ),
    ],
)
def test_a_file_that_cannot_be_judged_is_exit_code_2(ako, written, content, sentence):
    code, _, err = ako("config", "check", written(content))
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_a_missing_file_is_exit_code_2(ako, tmp_path):
    code, _, err = ako("config", "check", tmp_path / "absent")
    assert code == 2
    assert "cannot read" in err


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("vipNetworkList", "objects with networkName, networkUUID, cidr, v6cidr"),
        ("CTRL_IPADDRESS", "controllerIP"),
        ("L4Settings.defaultDomain", "defaultDomain"),
        ("fullSyncFrequency", "0 to 31536000"),
        ("password", "Secret avi-secret"),
        ("replicaCount", "the chart's templates only"),
    ],
)
def test_explain_finds_a_setting_by_every_name(ako, key, line):
    code, out, _ = ako("config", "explain", key)
    assert code == 0
    assert line in out


def test_explain_lists_all_and_offers_the_nearest(ako):
    code, out, _ = ako("config", "explain", "-o", "json")
    assert code == 0
    assert {"controllerIP", "password", "podNamespace"} <= {row["setting"] for row in json.loads(out)}
    code, _, err = ako("config", "explain", "clustername")
    assert code == 2
    assert "did you mean 'clusterName'?" in err


def test_what_the_official_one_takes_is_a_warning_and_an_error_if_asked_for(ako, written):
    odd = {**CONFIGMAP, "data": {**CONFIGMAP["data"], "advancedL4": "false", "shardVSSize": "huge"}}
    code, out, err = ako("config", "check", written([odd]), "-o", "json")
    assert code == 0
    warned = {row["setting"]: row["finding"] for row in json.loads(out) if row["severity"] == "warning"}
    assert warned.keys() == {"advancedL4", "shardVSSize"}
    code, out, err = ako("config", "check", written([odd]), "--strict")
    assert code == 1
    assert "2 errors (configmap)" in err
