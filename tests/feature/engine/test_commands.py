"""The commands as users type them: bad input is one sentence and exit code 2; a plan and a dry run write nothing."""

import json
import os
import re
import socket
import subprocess
import sys
import time

import pytest
from support.ingress.objects import backend, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK, World, ours
from support.runtime.lab import NAMESPACE, endpoints, runtime_lab, worked_off

from ako_lab.avi_controller.faults import Fault

RUN = (sys.executable, "-m", "ako_runtime", "run")


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def ako(*arguments, **environment):
    """Run the real command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ako_runtime", *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "POD_NAME": "ako-0", **environment},
    )


def run(lab, *arguments):
    return ako("run", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE, "--api-port", "0", *arguments)


def refused(answer, *fragments):
    """The process ended with code 2 and said one sentence with everything in it, without a traceback."""
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith("ako: ")
    for fragment in fragments:
        assert fragment in last
    assert answer.stdout == ""


def edit(lab, kind, name, **data):
    field = "stringData" if kind == "Secret" else "data"
    metadata = {"name": name, "namespace": NAMESPACE}
    lab.kube.apply({"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data})


def test_a_kubeconfig_that_is_not_there(tmp_path):
    refused(ako("run", "--kubeconfig", str(tmp_path / "missing")), "missing", "--kubeconfig")


def test_a_kubeconfig_that_is_none(tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("hello: [")
    refused(ako("run", "--kubeconfig", str(wrong)), str(wrong))


def test_a_context_that_is_not_there(lab):
    refused(run(lab, "--context", "elsewhere"), "elsewhere", "--context")


def test_a_password_that_the_controller_refuses(lab):
    edit(lab, "Secret", "avi-secret", password="wr0ng-secret")
    answer = plan(lab)
    refused(answer, "admin", "Secret")
    assert "wr0ng-secret" not in answer.stderr


def test_a_refused_password_does_not_end_the_process_which_would_try_again_at_once(lab, tmp_path):
    edit(lab, "Secret", "avi-secret", password="wr0ng-secret")
    log = tmp_path / "log"
    command = ["run", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE, "--api-port", "0"]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "ako_runtime", *command],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "POD_NAME": "ako-0"},
        )
        try:
            lab.until(lambda lab: [one.status for one in lab.avi.requests() if one.path == "/login"])
            lab.kube.wait_for(lambda _kube: "refused" in log.read_text(), timeout=60)
            assert process.poll() is None
        finally:
            process.terminate()
            assert process.wait(60) == 0
    assert len([one for one in lab.avi.requests() if one.path == "/login"]) == 1
    assert "wr0ng-secret" not in log.read_text()


def test_a_port_that_is_taken(lab):
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = ako("run", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE, "--api-port", str(port))
    refused(answer, str(port), "apiServerPort")


def test_a_config_map_that_is_missing(lab):
    lab.kube.delete("configmaps", "avi-k8s-config", NAMESPACE)
    refused(run(lab), "configmap", "avi-k8s-config", "chart")


def test_a_secret_that_is_missing(lab):
    lab.kube.delete("secrets", "avi-secret", NAMESPACE)
    refused(run(lab), "secret", "avi-secret")


def test_settings_that_are_wrong_are_all_named(lab):
    edit(lab, "ConfigMap", "avi-k8s-config", vipNetworkList="[", controllerVersion="x.y")
    answer = run(lab)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert "vipNetworkList" in answer.stderr
    assert "controllerVersion" in answer.stderr


def test_a_cloud_that_the_controller_does_not_have(lab):
    edit(lab, "ConfigMap", "avi-k8s-config", cloudName="Elsewhere")
    refused(run(lab), "cloudName", "Elsewhere")


def test_a_namespace_without_configuration(lab):
    refused(ako("run", "--kubeconfig", str(lab.kubeconfig), "-n", "nowhere"), "nowhere", "-n")


def plan(lab, *arguments):
    return ako("plan", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE, *arguments)


def test_a_plan_shows_what_would_happen_and_does_none_of_it(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("changes", "10.244.1.5")
        world.put("goes", "10.244.1.6")
        world.until_settled()
    world.put("changes", "10.244.1.9")
    world.drop("goes")
    world.put("comes", "10.244.1.7")
    mark = lab.mark()
    since = lab.kube.requests()[-1].sequence
    shown = plan(lab)
    assert shown.returncode == 1, shown.stderr
    assert "4 to create, 1 to change, 4 to delete" in shown.stdout
    assert re.search(r"^ +\+.*10\.244\.1\.9", shown.stdout, re.MULTILINE)
    assert re.search(r"^ +-.*10\.244\.1\.5", shown.stdout, re.MULTILINE)
    document = json.loads(plan(lab, "-o", "json").stdout)
    verbs = [operation["verb"] for stack in document["stacks"] for operation in stack["operations"]]
    assert sorted(verbs) == ["create"] * 4 + ["delete"] * 4 + ["update"]
    assert lab.writes(since=mark, records=True) == []
    assert {one.verb for one in lab.kube.requests(since)} <= {"get", "list", "watch"}


def test_a_plan_of_what_is_right_already_says_so(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
    shown = plan(lab)
    assert shown.returncode == 0, shown.stdout
    assert shown.stdout == "0 to create, 0 to change, 0 to delete\n"


NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node1"},
    "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]},
    "status": {"addresses": [{"type": "InternalIP", "address": "10.20.0.11"}]},
}


def shared_edits(shown):
    """Objects that are not ours alone and would be changed, with the fields."""
    found = [one for stack in json.loads(shown.stdout)["stacks"] for one in stack["operations"] if one.get("shared")]
    return {one["kind"]: {change["field"]: change["after"] for change in one["changes"]} for one in found}


def test_a_plan_shows_routes_and_labels_and_writes_none(lab):
    lab.configure(disableStaticRouteSync="false")
    lab.kube.apply(NODE)
    mark = lab.mark()
    shown = plan(lab)
    assert shown.returncode == 1, shown.stderr
    assert shown.stdout.endswith("0 to create, 2 to change, 0 to delete\n"), shown.stdout
    assert "~ vrfcontext" in shown.stdout
    edits = shared_edits(plan(lab, "-o", "json"))
    assert edits["serviceenginegroup"] == {"labels": [{"key": "clustername", "value": "cluster-a"}]}
    (route,) = edits["vrfcontext"]["static_routes"]
    assert route["next_hop"]["addr"] == "10.20.0.11"
    assert lab.writes(since=mark, records=True) == []
    with lab.running(pace=QUICK) as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
    assert plan(lab).returncode == 0
    lab.configure(disableStaticRouteSync="false", deleteConfig="true")
    edits = shared_edits(plan(lab, "-o", "json"))
    assert edits == {"serviceenginegroup": {"labels": []}, "vrfcontext": {"static_routes": []}}


def test_a_plan_of_a_deletion_of_everything_deletes_everything(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
    edit(lab, "ConfigMap", "avi-k8s-config", deleteConfig="true")
    assert plan(lab).stdout.endswith("0 to create, 0 to change, 4 to delete\n")


@pytest.mark.parametrize("output", ["diff", "json"])
def test_a_plan_shows_no_private_key(lab, output):
    host = "sec.lab.example.com"
    for document in (ingress_class(), backend("web"), endpoints("web", "10.244.1.5"), tls_secret("tls", host)):
        lab.kube.apply(document)
    lab.kube.apply(ingress("secure", {host: {"/": "web"}}, tls="tls"))
    shown = plan(lab, "-o", output)
    assert "BEGIN CERTIFICATE" in shown.stdout, shown.stderr
    assert "redacted" in shown.stdout
    assert "PRIVATE KEY" not in shown.stdout


def test_a_plan_without_a_controller_says_so(lab):
    lab.avi.faults.add(Fault(kind="reset"))
    refused(plan(lab), "controller", lab.avi.host)


def test_a_dry_run_keeps_saying_what_it_would_do_and_does_nothing(lab, tmp_path):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("goes", "10.244.1.6")
        world.until_settled()
    world.drop("goes")
    lab.configure(disableStaticRouteSync="false")
    lab.kube.apply(NODE)
    mark = lab.mark()
    since = lab.kube.requests()[-1].sequence
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*RUN, "--dry-run", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE, "--api-port", "0"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "POD_NAME": "ako-dry"},
        )
        try:
            lab.kube.wait_for(lambda kube: kube.open_watches() > 0, timeout=60)
            world.put("comes", "10.244.1.7")
            # Follow the process by its own words; a line comes or the process ends.
            said = _until_said(
                log, process, "cluster-a--default-comes", "cluster-a--default-goes", "would update", "vrfcontext"
            )
        finally:
            process.terminate()
            code = process.wait(60)
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert {"would create", "would update", "would delete"} <= {line["event"] for line in lines}
    assert "stack not applied" not in {line["event"] for line in lines}
    assert lab.writes(since=mark, records=True) == []
    assert {one.verb for one in lab.kube.requests(since)} <= {"get", "list", "watch"}
    assert len(ours(lab, "virtualservice")) == 1


def _until_said(log, process, *fragments):
    """Read whole lines of the log until every fragment is in them; the process is asked for nothing meanwhile."""

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        text = log.read_text()
        text = text[: text.rfind("\n") + 1]
        if all(fragment in text for fragment in fragments):
            return text
        assert process.poll() is None, text
        os.sched_yield()
    raise TimeoutError(f"not said within 60 s: {fragments}")
