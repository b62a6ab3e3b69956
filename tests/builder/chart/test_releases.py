"""`ako chart install|upgrade|status|rollback|uninstall` on the embedded Kubernetes API, with both Helms."""

import json

import pytest
import yaml
from support.chart.releases import LEAST, ChartCommand
from support.kube.servers import embedded_server


@pytest.fixture
def api(tmp_path):
    with embedded_server(tmp_path) as server:
        yield server


@pytest.fixture
def command(api, helm, tmp_path, monkeypatch):
    return ChartCommand(helm=helm, kubeconfig=api.kubeconfig, folder=tmp_path, monkeypatch=monkeypatch)


def data_of(api):
    return api.rest.get(api.path("configmaps", "avi-k8s-config")).json["data"]


def test_a_release_lives(api, command, caplog):
    place = ("-n", api.namespace)
    (first,) = command.rows("install", *place, values=LEAST)
    # That there was no release before is nothing to report.
    assert caplog.records == []
    assert (first["name"], first["revision"], first["status"]) == ("ako", "1", "deployed")
    assert first["chart"].startswith("ako-")
    assert "is installed in namespace" in first["notes"]
    assert data_of(api)["clusterName"] == "my-cluster"

    (second,) = command.rows("upgrade", "ako", *place, "--set", "AKOSettings.clusterName=two", values=LEAST)
    assert (second["revision"], data_of(api)["clusterName"]) == ("2", "two")
    (kept,) = command.rows("upgrade", "ako", *place, "--reuse-values", "--set", "AKOSettings.logLevel=DEBUG")
    assert (kept["revision"], data_of(api)["clusterName"], data_of(api)["logLevel"]) == ("3", "two", "DEBUG")

    (back,) = command.rows("rollback", "ako", "1", *place)
    assert (back["revision"], data_of(api)["clusterName"]) == ("4", "my-cluster")
    (now,) = command.rows("status", *place)
    assert (now["revision"], now["status"]) == ("4", "deployed")

    (gone,) = command.rows("uninstall", *place)
    assert gone["status"] == "uninstalled"
    assert api.rest.get(api.path("configmaps", "avi-k8s-config")).status == 404


def test_later_values_win_over_earlier_ones_and_settings_over_both(api, command, tmp_path):
    later = tmp_path / "later.yaml"
    later.write_text(yaml.safe_dump({"AKOSettings": {"clusterName": "later", "logLevel": "WARN"}}))
    first = LEAST | {"AKOSettings": {"clusterName": "first", "enableEVH": True}}
    command.rows("install", "-n", api.namespace, "-f", str(later), "--set", "AKOSettings.logLevel=ERROR", values=first)
    data = data_of(api)
    assert (data["clusterName"], data["enableEVH"], data["logLevel"]) == ("later", "true", "ERROR")


def test_the_table_ends_with_the_notes(api, command):
    shown = command.run("install", "-n", api.namespace, values=LEAST)
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[0].split() == [
        "NAME", "NAMESPACE", "REVISION", "STATUS", "CHART", "UPDATED", "DESCRIPTION",
    ]  # fmt: skip
    assert "helm test ako" in shown.output


def test_a_namespace_is_made_on_request_only(api, command):
    refused = command.run("install", "-n", "not-yet", values=LEAST)
    assert refused.exit_code != 0
    assert "not-yet" in refused.sentence
    assert command.rows("install", "-n", "not-yet", "--create-namespace", values=LEAST)


def test_install_and_upgrade_are_kept_apart(api, command):
    place = ("-n", api.namespace)
    for verb in ("upgrade", "status", "rollback", "uninstall"):
        missing = command.run(verb, *place)
        assert missing.exit_code == 2
        assert f"there is no release ako in namespace {api.namespace}" in missing.sentence
    assert command.rows("upgrade", "--install", *place, values=LEAST)[0]["revision"] == "1"
    again = command.run("install", *place, values=LEAST)
    assert again.exit_code == 2
    assert "is already there (revision 1, deployed)" in again.sentence


def test_what_the_user_can_mend_is_one_sentence(api, command, tmp_path):
    place = ("-n", api.namespace)
    no_yaml, no_mapping = tmp_path / "no.yaml", tmp_path / "list.yaml"
    no_yaml.write_text("a: [")
    no_mapping.write_text("- a\n")
    wrong = LEAST | {"AKOSettings": {"logLevel": "LOUD"}}
    for arguments, values, words in [
        (("-f", str(tmp_path / "none.yaml")), None, "none.yaml cannot be read: No such file"),
        (("-f", str(no_yaml)), None, "no.yaml is not YAML"),
        (("-f", str(no_mapping)), None, "list.yaml is not a mapping"),
        ((), wrong, "logLevel"),
        (("--set", "metrics.nonsense=1"), LEAST, "nonsense"),
        (("--context", "elsewhere"), LEAST, "there is no context elsewhere in kubeconfig"),
        (("--kubeconfig", str(tmp_path / "none")), LEAST, "none is not there"),
        (("--kubeconfig", str(no_yaml)), LEAST, "no.yaml cannot be used"),
        (("--helm", str(tmp_path / "no-helm")), LEAST, "no-helm: install Helm"),
    ]:
        refused = command.run("install", *place, *arguments, values=values)
        assert refused.exit_code == 2, (arguments, refused.output)
        assert words in refused.sentence, refused.sentence
        assert "\n" not in refused.sentence
    assert command.run("status", *place).exit_code == 2


def test_a_cluster_that_does_not_answer_is_one_sentence(api, command, tmp_path):
    document = yaml.safe_load(api.kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    closed = tmp_path / "closed"
    closed.write_text(json.dumps(document))
    refused = command.run("status", "--kubeconfig", str(closed))
    assert refused.exit_code == 2
    assert "unreachable" in refused.sentence
    assert "\n" not in refused.sentence


def test_a_dry_run_changes_nothing(api, command):
    command.rows("install", "-n", api.namespace, "--dry-run", values=LEAST)
    assert api.rest.get(api.path("configmaps", "avi-k8s-config")).status == 404
