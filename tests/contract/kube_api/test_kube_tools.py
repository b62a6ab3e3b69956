"""Helm 3.17 and 4.3, and kubectl of several versions, as wheels give them: a release's life, a manifest's life."""

import json
import subprocess
import threading

import pytest
from support.kube.servers import KUBECTL, tool_or_skip

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: probe\nversion: 0.1.0\nappVersion: '1'\n",
    "values.yaml": "port: 80\nreplicas: 0\n",
    "templates/all.yaml": """
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ .Release.Name }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {port: {{ .Values.port | quote }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}}
stringData: {password: made-up}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: {{ .Release.Name }}}
rules: [{apiGroups: [""], resources: [services], verbs: [get]}]
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{name: http, port: {{ .Values.port }}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: c, image: "registry.local/c:1"}]}
""",
}


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chart")
    for name, text in CHART.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def helm(server, program, home, *arguments):
    command = [program, *arguments, "--kubeconfig", str(server.kubeconfig), "-n", server.namespace]
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", ["helm-3.17", "helm-4.3"])
def test_life_of_a_release(server, chart, tmp_path, version):
    program, release = str(tool_or_skip(version)), version.replace(".", "-")

    def port():
        return server.rest.get(server.path("services", release)).json["spec"]["ports"][0]["port"]

    helm(server, program, tmp_path, "install", release, str(chart))
    assert port() == 80
    listed = json.loads(helm(server, program, tmp_path, "list", "-o", "json"))
    assert (release, "deployed") in {(item["name"], item["status"]) for item in listed}
    helm(server, program, tmp_path, "upgrade", release, str(chart), "--set", "port=81")
    assert port() == 81
    helm(server, program, tmp_path, "rollback", release, "1")
    assert port() == 80
    history = json.loads(helm(server, program, tmp_path, "history", release, "-o", "json"))
    assert [item["status"] for item in history] == ["superseded", "superseded", "deployed"]
    helm(server, program, tmp_path, "uninstall", release)
    assert server.rest.get(server.path("services", release)).status == 404
    assert server.rest.get(server.path("secrets"), labelSelector=f"owner=helm,name={release}").json["items"] == []


@pytest.mark.parametrize("version", ["kubectl-1.32", "kubectl-1.34", "kubectl-1.37"])
def test_life_of_a_manifest(server, version):
    program, name = str(tool_or_skip(version)), version.replace(".", "-")
    manifest = f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{type: LoadBalancer, ports: [{{name: http, port: 80}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {name}}}
spec:
  serviceName: {name}
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: c, image: "registry.local/c:1"}}]}}
"""

    def run(*arguments, stdin=None):
        done = server.kubectl(*arguments, stdin=stdin, program=program)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("apply", "-f", "-", stdin=manifest).count("created") == 2
    assert run("apply", "-f", "-", stdin=manifest).count("unchanged") == 2
    run(
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        "-",
        stdin=manifest.replace("port: 80", "port: 80, appProtocol: http"),
    )
    run("create", "service", "loadbalancer", f"{name}-typed", "--tcp=80")
    run("create", "deployment", f"{name}-typed", "--image=registry.local/c:1", "--replicas=0", "--port=8080")
    run("create", "ingress", f"{name}-typed", "--rule=a.example.com/=web:80")
    run("label", "service", name, "a=b")
    run("annotate", "service", name, "example.com/a=b")
    run("patch", "service", name, "-p", '{"spec":{"ports":[{"port":82,"name":"other"}]}}')
    ports = json.loads(run("get", "service", name, "-o", "json"))["spec"]["ports"]
    assert {port["port"] for port in ports} >= {82}
    assert name in run("get", "services,statefulsets,deployments,ingresses")
    assert name in run("describe", "service", name)
    run("wait", "--for=jsonpath={.spec.type}=LoadBalancer", f"service/{name}", "--timeout=120s")
    run("delete", "-f", "-", stdin=manifest)
    run("delete", "service,deployment,ingress", f"{name}-typed")


def test_kubectl_watches(server):
    server.rest.post(server.path("configmaps"), {"metadata": {"name": "watched"}})
    command = [str(tool_or_skip(KUBECTL)), "--kubeconfig", str(server.kubeconfig), "-n", server.namespace]
    # As a list: of a single object kubectl watches "from now", and what changes before that is never told.
    command += ["get", "configmaps", "--field-selector=metadata.name=watched"]
    command += ["--watch", "--output-watch-events", "--no-headers"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    guard = threading.Timer(180, process.kill)
    guard.start()
    stop = threading.Event()

    def keep_changing():
        # kubectl lists and then watches; a change between the two shows as no event of its own.
        number = 0
        while not stop.wait(0.1):
            number += 1
            server.rest.patch(server.path("configmaps", "watched"), {"data": {"a": str(number)}})

    changing = threading.Thread(target=keep_changing)
    try:
        lines = iter(process.stdout.readline, "")
        assert next(lines).split()[:2] == ["ADDED", "watched"]
        changing.start()
        assert next(lines).split()[:2] == ["MODIFIED", "watched"]
        stop.set()
        changing.join()
        server.rest.delete(server.path("configmaps", "watched"))
        assert "DELETED" in (line.split()[0] for line in lines)
    finally:
        stop.set()
        guard.cancel()
        process.kill()
        process.communicate()
