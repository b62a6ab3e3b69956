"""`ako demo` as a user runs it, and that it fails when a step does not hold."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import kubernetes
import pytest

from ako_lab import demo as demo_module
from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.demo import Demo, Stage
from ako_lab.demo_report import PlainReport
from ako_lab.demo_runtime import RuntimeProcess, StepFailed, ako
from ako_lab.kube_api import KubeConfig, KubeLab

COMMAND = [sys.executable, "-m", "ako_runtime", "demo"]
LONGEST = 180.0


def test_the_demo_holds_stays_and_leaves_nothing(tmp_path):
    """One run with --keep: everything that the demo does, then the lab is used from outside, then Ctrl-C."""
    out = tmp_path / "dist"
    with subprocess.Popen(
        [*COMMAND, "--out", str(out), "--keep"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watchdog = threading.Timer(LONGEST, process.kill)
        watchdog.start()
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C ends it" in line:
                    break
            text = "".join(lines)
            assert "Ctrl-C ends it" in text, text
            kubeconfig = str(out / "demo/kubeconfig")
            with kubernetes.config.new_client_from_config(config_file=kubeconfig) as client:
                services = kubernetes.client.CoreV1Api(client).list_namespaced_service("packet-core").items
            process.send_signal(signal.SIGINT)
            text += process.stdout.read()
            assert process.wait() == 0, text
        finally:
            watchdog.cancel()
            process.kill()
    addresses = {item.metadata.name: item.status.load_balancer.ingress for item in services}
    assert addresses["oam"][0].ip == "10.10.0.100"
    assert addresses["signalling"][0].ip
    assert not addresses["charging"]
    for said in (
        "verified",
        "demo--packet-core-oam-TCP-443",
        "10.244.1.11 became 10.244.1.200",
        "refused, as it should be: packet-core/charging",
        "none is left",
        "every step held",
    ):
        assert said in text, text
    sums = (out / "SHA256SUMS").read_text().splitlines()
    assert sums
    for digest, _, name in (line.partition("  ") for line in sums):
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert (out / "demo/kubeconfig").stat().st_mode & 0o077 == 0


@pytest.fixture
def stage(monkeypatch):
    """The lab with nobody who acts on it."""
    monkeypatch.setattr(demo_module, "DEADLINE", 0.2)
    with AviLab(LabConfig()) as avi, KubeLab(KubeConfig()) as kube:
        yield Stage(avi=avi, kube=kube, examples=demo_module._examples())


def test_a_service_that_nobody_serves_is_a_failure(stage):
    stage.apply()
    with pytest.raises(StepFailed, match="2 Services served and 1 refused: not so within"):
        stage.wait_served()
    with pytest.raises(StepFailed, match=r"pools of packet-core/oam with 10\.244\.1\.200"):
        stage.move_endpoint()


def test_an_object_that_is_left_is_a_failure_that_names_it(stage):
    stage.wait_gone()
    # Whatever the lab began with counts as left when the stage is told that nothing was there before.
    stage._before = frozenset()
    with pytest.raises(StepFailed, match=r"left: .*applicationprofile System-L4-Application"):
        stage.wait_gone()


def test_an_artefact_that_is_not_what_the_build_says_is_a_failure(tmp_path):
    demo = Demo(out=tmp_path, report=PlainReport())
    file = tmp_path / "a.tgz"
    file.write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{digest}  a.tgz\n")
    rows = [{"artefact": str(file), "digest": f"sha256:{digest}", "verdict": "verified"}]
    demo._check_artefacts(rows)
    with pytest.raises(StepFailed, match="made nothing"):
        demo._check_artefacts([])
    with pytest.raises(StepFailed, match=r"not verified: .*a\.tgz"):
        demo._check_artefacts([{**rows[0], "verdict": "the signature is broken"}])
    sums.write_text(f"{'0' * 64}  a.tgz\n")
    with pytest.raises(StepFailed, match="has the digest"):
        demo._check_artefacts(rows)
    sums.write_text(f"{digest}  a.tgz\n")
    file.write_bytes(b"other content")
    with pytest.raises(StepFailed, match="has the digest"):
        demo._check_artefacts(rows)


def test_a_runtime_that_cannot_start_is_reported_with_its_last_words(tmp_path):
    absent, log = tmp_path / "absent", tmp_path / "runtime.log"
    with (
        RuntimeProcess(kubeconfig=absent, namespace="avi-system", log=log) as runtime,
        pytest.raises(StepFailed, match=r"ended with exit code 2; its log is .*absent"),
    ):
        runtime.wait_ready(30.0)


def test_a_command_that_fails_is_reported_with_its_words(tmp_path):
    with pytest.raises(StepFailed, match=r"checking failed: .*cannot read .*absent.*; run it alone: ako config check"):
        ako(["config", "check", str(tmp_path / "absent")], what="checking")
    said = []
    text = ako(["config", "explain", "logLevel", "-o", "json"], what="explaining", progress=said.append)
    assert json.loads(text)[0]["setting"] == "logLevel"
    assert said == []


def test_output_that_is_a_file_is_refused_in_one_sentence(tmp_path):
    occupied = tmp_path / "dist"
    occupied.write_text("")
    result = subprocess.run([*COMMAND, "--out", str(occupied)], check=False, capture_output=True, text=True)
    assert result.returncode == 2
    assert "is a file" in result.stderr
    assert Path(occupied).is_file()
