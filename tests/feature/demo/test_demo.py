"""`ako demo` as a user runs it, and that it fails when a step does not hold."""

import ast
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import certifi
import kubernetes
import pytest

from ako_lab import demo_content, manifests
from ako_lab.avi_controller import AviLab
from ako_lab.demo import DEFAULT_PLACE, Demo
from ako_lab.demo_kubernetes import Kubernetes
from ako_lab.demo_report import PlainReport
from ako_lab.demo_runtime import RuntimeProcess, StepFailed, ako
from ako_lab.demo_stage import Stage
from ako_lab.kube_api import KubeConfig, KubeLab

COMMAND = [sys.executable, "-m", "ako_runtime", "demo"]
LONGEST = 600.0
TUTORIAL = Path(__file__).resolve().parents[3] / "docs/tutorial/first-steps.md"


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
                custom = kubernetes.client.CustomObjectsApi(client)
                gateway = custom.get_namespaced_custom_object(
                    "networking.x-k8s.io", "v1alpha1", "packet-core", "gateways", "smf"
                )
            names = asked_as_the_tutorial_asks(text, tmp_path)
            process.send_signal(signal.SIGINT)
            text += process.stdout.read()
            assert process.wait() == 0, text
        finally:
            watchdog.cancel()
            process.kill()
    assert names == [f"demo--packet-core-{name}" for name in ("oam", "pcrf", "smf", "upf")]
    addresses = {item.metadata.name: [one.ip for one in item.status.load_balancer.ingress or ()] for item in services}
    assert addresses["oam"] == ["10.10.0.100"]
    assert addresses["pcrf"]
    assert addresses["upf-n4"] == addresses["upf-oam"] != []
    assert addresses["smf-n4"] == [one["value"] for one in gateway["status"]["addresses"]]
    assert [address.startswith("10.11.0.") for address in addresses["smf-n4"]] == [True, False]
    assert not addresses["smf-sbi"], "a ClusterIP Service shows no address; its Gateway does"
    assert not addresses["charging"]
    for said in (
        "verified",
        "gateways.networking.x-k8s.io",
        "demo--packet-core-oam-TCP-443",
        "annotation: shared VIP upf",
        "labels: Gateway smf",
        "demo--packet-core-smf-sbi-smf-TCP-8080",
        "on signalling-engines",
        "in signalling-network",
        "AviInfraSetting signalling: Accepted",
        "Gateway packet-core/smf: Ready at 10.11.0.",
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


def asked_as_the_tutorial_asks(text, folder):
    """Names of the virtual services, by the lines of Python in the tutorial, from the folder that holds `dist`."""
    (port,) = re.findall(r"Avi Controller: https://127.0.0.1:(\d+)", text)
    (program,) = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    assert ":PORT" in program
    command = [sys.executable, "-c", program.replace(":PORT", f":{port}")]
    # A bundle of the machine's, as companies set it, does not know the lab.
    environ = {**os.environ, "REQUESTS_CA_BUNDLE": certifi.where()}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 0, done.stderr
    return sorted(ast.literal_eval(done.stdout))


@pytest.fixture
def stage(tmp_path):
    """The lab with nobody who acts on it."""
    with AviLab(demo_content.controller()) as avi, KubeLab(KubeConfig()) as lab:
        kubeconfig = lab.write_kubeconfig(tmp_path / "kubeconfig")
        with Kubernetes(kubeconfig=kubeconfig, deadline=0.2) as kube:
            for definition in manifests.definitions():
                kube.apply(definition)
            yield Stage(avi=avi, kube=kube, examples=manifests.examples(), placement=DEFAULT_PLACE, deadline=0.2)


def test_a_service_that_nobody_serves_is_a_failure(stage):
    stage.apply()
    with pytest.raises(StepFailed, match="6 Services served and 1 refused: not so within"):
        stage.wait_served()
    with pytest.raises(StepFailed, match=r"pools of packet-core/oam with 10\.244\.1\.200"):
        stage.move_endpoint()
    with pytest.raises(StepFailed, match=r"left: .*Gateway packet-core/smf"):
        stage.wait_gone()
    stage.delete()
    stage.wait_gone()


def test_an_object_that_is_left_is_a_failure_that_names_it(stage):
    stage.wait_gone()
    # Whatever the lab began with counts as left when the stage is told that nothing was there before.
    stage._before = {}
    with pytest.raises(StepFailed, match=r"left: .*applicationprofile System-L4-Application"):
        stage.wait_gone()


def test_a_place_that_the_runtime_changed_is_a_failure_that_names_it(stage):
    stage._places["vrfcontext"][0]["static_routes"] = [{"route_id": "1"}]
    name = stage._places["vrfcontext"][0]["name"]
    with pytest.raises(StepFailed, match=f"left: vrfcontext {name}$"):
        stage.wait_gone()


def test_what_the_api_server_refuses_is_a_failure_with_its_words(stage):
    unknown = {"apiVersion": "example.org/v1", "kind": "Nothing", "metadata": {"name": "a"}}
    with pytest.raises(StepFailed, match=r"the kind Nothing of example\.org/v1 is served: not so within"):
        stage.kube.apply(unknown)
    setting = {"apiVersion": "ako.vmware.com/v1beta1", "kind": "AviInfraSetting", "metadata": {"name": "a"}}
    with pytest.raises(StepFailed, match=r"answered PATCH .*aviinfrasettings/a with 422: .*seGroup"):
        stage.kube.apply({**setting, "spec": {"seGroup": {"name": 1}}})
    with pytest.raises(StepFailed, match="AviInfraSetting a is gone"):
        stage.kube.read(setting)


def test_a_real_control_plane_without_go_is_refused_in_one_sentence(tmp_path):
    environ = {"PATH": str(tmp_path), "AKO_CACHE": str(tmp_path / "cache")}
    environ |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    result = subprocess.run(
        [*COMMAND, "--cluster", "--out", str(tmp_path / "dist")],
        check=False,
        capture_output=True,
        text=True,
        env=environ,
    )
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "there is no `go` on PATH" in result.stderr
    assert not (tmp_path / "dist").exists()


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


def test_a_line_of_kubernetes_that_is_not_pinned_is_refused_in_one_sentence(tmp_path):
    command = [*COMMAND, "--cluster", "1.12", "--out", str(tmp_path / "dist")]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == "ako: no control plane is pinned for Kubernetes 1.12: choose one of 1.30, 1.34, 1.37\n"


def test_output_that_is_a_file_is_refused_in_one_sentence(tmp_path):
    occupied = tmp_path / "dist"
    occupied.write_text("")
    result = subprocess.run([*COMMAND, "--out", str(occupied)], check=False, capture_output=True, text=True)
    assert result.returncode == 2
    assert "is a file" in result.stderr
    assert Path(occupied).is_file()


def test_output_that_cannot_be_made_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "occupied").write_text("")
    place = tmp_path / "occupied" / "below"
    result = subprocess.run([*COMMAND, "--out", str(place)], check=False, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"ako: {place} cannot be made: Not a directory; choose another --out\n"
