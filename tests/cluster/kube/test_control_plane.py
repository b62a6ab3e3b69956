"""The real control plane itself: RBAC, certificates, standing up and down, many Pods on fake nodes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.kube.servers import Rest, binaries_or_skip, wait_until

from ako_lab.control_plane import standing
from ako_lab.control_plane.binaries import DEFAULT_LINE, release_of
from ako_lab.control_plane.nodes import FakeNodes

pytestmark = pytest.mark.cluster


def test_rbac_is_on(control_plane, cluster_namespace):
    admin, namespace = cluster_namespace.rest, cluster_namespace.namespace
    rest = Rest(control_plane.kubeconfig_for("telco-operator", groups=["cnf-team"]))
    path = f"/api/v1/namespaces/{namespace}/services"
    assert rest.get(path).status == 403
    role = {
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}],
    }
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    admin.post(f"{rbac}/roles", role)
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "Group", "name": "cnf-team", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    assert admin.post(f"{rbac}/rolebindings", binding).status == 201
    wait_until(lambda: rest.get(path).status == 200)
    assert rest.post(path, {"metadata": {"name": "a"}}).status == 403
    rest.close()


def test_service_account_tokens_work(cluster_namespace):
    rest, namespace = cluster_namespace.rest, cluster_namespace.namespace
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = rest.post(path, {"spec": {"expirationSeconds": 600}}).json["status"]["token"]
    review = {"spec": {"token": token}}
    status = rest.post("/apis/authentication.k8s.io/v1/tokenreviews", review).json["status"]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:default"


def test_up_status_down(tmp_path):
    binaries_or_skip()
    folder = tmp_path / "standing"

    def run(*arguments):
        command = [sys.executable, "-m", "ako_lab.control_plane.cli", *arguments, "--folder", str(folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)

    nothing = run("status")
    assert (nothing.returncode, "no control plane" in nothing.stdout) == (1, True)
    try:
        up = run("up")
        assert up.returncode == 0, up.stderr
        kubeconfig = Path(up.stdout.strip())
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
        rest = Rest(kubeconfig)
        version = rest.get("/version").json["gitVersion"]
        assert version == f"v{release_of(DEFAULT_LINE).kubernetes}"
        container = {"name": "c", "image": "registry.local/c:1"}
        pods = "/api/v1/namespaces/default/pods"
        assert rest.post(pods, {"metadata": {"name": "p"}, "spec": {"containers": [container]}}).status == 201
        wait_until(lambda: "podIP" in rest.get(f"{pods}/p").json["status"], seconds=120)
        assert len(rest.get("/api/v1/nodes").json["items"]) == 3
        rest.close()
        assert run("status").stdout.count("running") == 4
        again = run("up")
        assert again.returncode == 2
        assert "already runs" in again.stderr
        state = standing.state_of(folder)
    finally:
        down = run("down")
    assert down.stdout == "stopped\n"
    assert not folder.exists()
    assert not any(standing.living(state, folder).values())


def test_processes_end_with_the_test_that_dies(tmp_path):
    binaries_or_skip()
    program = (
        "import sys, os, pathlib\n"
        "from ako_lab.control_plane.binaries import BinaryCache, DEFAULT_LINE, release_of\n"
        "from ako_lab.control_plane.cluster import ControlPlane\n"
        "cluster = ControlPlane(folder=pathlib.Path(sys.argv[1]), binaries=BinaryCache("
        "release=release_of(DEFAULT_LINE)).ensure())\n"
        "cluster.start()\n"
        "print(*cluster.processes.values(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    pids = [int(text) for text in done.stdout.split()]
    assert len(pids) == 3, done.stderr
    wait_until(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_deployment_runs_on_fake_nodes(cluster_namespace):
    rest, namespace = cluster_namespace.rest, cluster_namespace.namespace
    labels = {"app": "many"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "registry.local/c:1"}]}}
    count = int(os.environ.get("AKO_FAKE_PODS", "200"))
    spec = {"replicas": count, "selector": {"matchLabels": labels}, "template": template}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    with FakeNodes(kubeconfig=cluster_namespace.kubeconfig, count=20):
        assert rest.post(path, {"metadata": {"name": "many"}, "spec": spec}).status == 201
        wait_until(lambda: rest.get(f"{path}/many").json["status"].get("readyReplicas") == count, seconds=120)
        pods = rest.get(f"/api/v1/namespaces/{namespace}/pods").json["items"]
        assert len({pod["status"]["podIP"] for pod in pods}) == count
        assert len({pod["spec"]["nodeName"] for pod in pods}) == 20
        rest.delete(f"{path}/many", propagationPolicy="Background")
        wait_until(lambda: not rest.get(f"/api/v1/namespaces/{namespace}/pods").json["items"], seconds=120)
