"""`ako lab kube` as a process: says where it is, serves, ends on a signal."""

import signal
import subprocess
import sys

import pytest
from support.kube.servers import Rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_until_it_is_told_to_stop(tmp_path, number):
    path = tmp_path / "kubeconfig"
    command = [sys.executable, "-W", "error", "-m", "ako_runtime", "lab", "kube", "--kubeconfig", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr.readline().startswith("Kubernetes API on http://127.0.0.1:")
            rest = Rest(path)
            assert rest.get("/api/v1/namespaces").status == 200
            rest.close()
            process.send_signal(number)
            assert process.stderr.read() == "stopped\n"
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(("options", "status"), [((), 200), (("--no-crds",), 404)])
def test_our_kinds_are_defined_unless_they_are_left_out(tmp_path, options, status):
    path = tmp_path / "kubeconfig"
    command = [sys.executable, "-m", "ako_runtime", "lab", "kube", "--kubeconfig", str(path), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr.readline().startswith("Kubernetes API on ")
            rest = Rest(path)
            for kind in ("ako.vmware.com/v1beta1/aviinfrasettings", "networking.x-k8s.io/v1alpha1/gateways"):
                assert rest.get(f"/apis/{kind}").status == status
            rest.close()
        finally:
            process.kill()


def test_port_that_is_taken_is_one_sentence(tmp_path):
    from ako_lab.kube_api import KubeLab

    with KubeLab() as lab:
        port = lab.url.rpartition(":")[2]
        command = [sys.executable, "-m", "ako_runtime", "lab", "kube", "--port", port]
        command += ["--kubeconfig", str(tmp_path / "kubeconfig")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr == f"ako: cannot listen on 127.0.0.1:{port}: address already in use; choose another port\n"


@pytest.mark.parametrize("command", ["kube", "up"])
def test_kubeconfig_that_cannot_be_written_is_one_sentence(tmp_path, command):
    path = tmp_path / "absent" / "kubeconfig"
    arguments = [sys.executable, "-m", "ako_runtime", "lab", command, "--kubeconfig", str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    said = f"ako: cannot write the kubeconfig {path}: No such file or directory; choose another file\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_version_that_is_none_is_one_sentence(tmp_path):
    path = tmp_path / "kubeconfig"
    arguments = [sys.executable, "-m", "ako_runtime", "lab", "kube", "--version", "1.34", "--kubeconfig", str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "ako: '1.34' is no version of Kubernetes: write it whole, like 1.34.4\n",
    )
    assert not path.exists()
