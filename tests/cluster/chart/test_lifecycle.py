"""The chart on a real control plane: installed, upgraded, rolled back, removed, taken over and handed back.

There is no node, so pods stay pending; that they exist means that the API server admitted them, and the namespace
enforces the restricted Pod Security Standard. The runtime itself is started as a process with the token of the chart's
ServiceAccount, so it has exactly the chart's rights.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from support.chart.namespace import CLUSTER_WIDE, Place, refused_resources
from support.chart.releases import LEAST, ChartCommand
from support.chart.takeover import take_over_and_hand_back
from support.kube.servers import DEFINITIONS, KUBECTL, is_established, remove_definitions, tool_or_skip, wait_until

from ako_builder.chart.tree import chart_folder
from ako_lab.avi_controller import AviLab, LabConfig
from ako_runtime.errors import Refused

pytestmark = pytest.mark.cluster


def test_install_upgrade_rollback_uninstall(place, archive):
    everything = LEAST | {
        "replicaCount": 2,
        "networkPolicy": {"enabled": True},
        "metrics": {"dashboard": {"enabled": True}},
    }
    notes = place.run("install", "ako", archive, values=everything)
    assert "is installed in namespace" in notes
    wait_until(lambda: place.exists(place.path("pods", "ako-0")))
    installed = place.stateful_set
    template = installed["spec"]["template"]

    place.run("upgrade", "ako", archive, values=everything | {"AKOSettings": {"logLevel": "DEBUG"}})
    assert place.read("configmaps", "avi-k8s-config")["data"]["logLevel"] == "DEBUG"
    assert place.stateful_set["spec"]["template"] == template, "a live setting rolled the pods"

    place.run("upgrade", "ako", archive, values=everything | {"AKOSettings": {"enableEVH": True}})
    assert place.stateful_set["spec"]["template"] != template

    place.run("rollback", "ako", "1")
    assert place.stateful_set["spec"]["template"] == template
    assert place.stateful_set["metadata"]["uid"] == installed["metadata"]["uid"]
    assert place.read("configmaps", "avi-k8s-config")["data"]["enableEVH"] == "false"

    place.run("uninstall", "ako", "--wait")
    for plural, api in (("statefulsets", "/apis/apps/v1"), ("configmaps", "/api/v1"), ("services", "/api/v1")):
        left = place.rest.get(place.path(plural, api=api)).json["items"]
        assert [item["metadata"]["name"] for item in left] in ([], ["kube-root-ca.crt"])


@pytest.mark.parametrize(
    ("shape", "way_back"),
    [("least", "rollback"), ("everything", "upgrade"), ("gateway", "upgrade"), ("secondary", "rollback")],
)
def test_official_release_is_taken_over_in_place_and_handed_back(*, place, archive, shape, way_back):
    # The official pod runs as root.
    place.rest.patch(
        f"/api/v1/namespaces/{place.namespace}",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}},
    )
    take_over_and_hand_back(place, archive, shape=shape, way_back=way_back)


def test_a_secondary_instance_lives_beside_the_primary(place, archive):
    place.run("install", "ako", archive, values=LEAST)
    other = f"{place.namespace}-two"
    assert place.rest.post("/api/v1/namespaces", {"metadata": {"name": other}}).status == 201
    second = Place(rest=place.rest, helm=place.helm, namespace=other, folder=place.folder)
    # A feature that the primary instance lacks.
    features = {"AKOSettings": {"primaryInstance": False, "servicesAPI": True}}
    second.run("install", "ako", archive, values=LEAST | features)
    group = "networking.x-k8s.io"
    # The API server's authorizer follows bindings by a watch, so a right takes a moment.
    wait_until(lambda: may(second, verb="watch", resource="gateways", group=group))
    assert not may(place, verb="watch", resource="gateways", group=group)
    second.run("uninstall", "ako", "--wait")
    place.rest.delete(f"/api/v1/namespaces/{other}")
    for path in CLUSTER_WIDE:
        assert place.exists(path), f"{path} went with the secondary instance"


@pytest.mark.parametrize(
    ("secret", "scope"),
    [("avi-secret", "none"), ("brought-along", "none"), ("avi-secret", "namespaces"), ("avi-secret", "cluster")],
)
def test_the_runtime_works_with_exactly_the_rights_of_the_chart(place, archive, tmp_path, *, secret, scope):
    with AviLab(LabConfig()) as avi:
        credentials = {
            "username": avi.username,
            "password": avi.password,
            "certificateAuthorityData": avi.certificate_pem,
        }
        own = secret == "avi-secret"
        if not own:
            body = {"metadata": {"name": secret}, "stringData": credentials}
            assert place.rest.post(place.path("secrets"), body).status == 201
        values = {
            "ControllerSettings": {"controllerHost": avi.host},
            "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]},
            "AKOSettings": {"disableStaticRouteSync": True, "logLevel": "INFO"},
            "avicredentials": credentials if own else {"existingSecret": secret},
            "rbac": {"tlsSecrets": {"scope": scope, "namespaces": [place.namespace]}},
        }
        place.run("install", "ako", archive, values=values)
        assert place.exists(place.path("secrets", "avi-secret")) is own
        kubeconfig = service_account_kubeconfig(place, tmp_path)
        wait_until(lambda: may(place, verb="watch", resource="services"))
        wait_until(lambda: may(place, verb="get", resource="secrets", namespace=place.namespace, name=secret))
        everywhere = scope == "cluster"
        wait_until(lambda: may(place, verb="list", resource="secrets") is everywhere)
        for name in ("avi-secret", "brought-along"):
            granted = may(place, verb="get", resource="secrets", namespace=place.namespace, name=name)
            assert granted is (scope != "none" or name == secret)
        service = {
            "metadata": {"name": "web"},
            "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        }
        assert place.rest.post(place.path("services"), service).status == 201
        log = tmp_path / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "ako_runtime", "run", "--kubeconfig", str(kubeconfig), "-n", place.namespace,
                 "--api-port", "0"],
                stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, **pod_environment(place)},
            )  # fmt: skip
            try:
                wait_until(lambda: process.poll() is not None or place.ingress_of("web"), 40)
                tested = helm_test(place, port=re.search(r"api_port\W+(\d+)", log.read_text()))
            finally:
                process.terminate()
                process.wait(20)
            after = helm_test(place, port=re.search(r"api_port\W+(\d+)", log.read_text()))
        text = log.read_text()
        assert place.ingress_of("web"), text
        assert place.ingress_of("web")[0]["ip"].startswith("10.10.0."), text
        events = place.rest.get(place.path("events", api="/apis/events.k8s.io/v1")).json["items"]
        assert any(event["regarding"]["name"] == "web" for event in events), text
        # Certificates in Secrets are a right that the cluster's owner gives; what is not granted is not asked for.
        assert refused_resources(text, place) == set(), text
        assert "not listed yet" not in text
        assert tested.returncode == 0, tested.stderr
        assert [line.split()[:2] for line in tested.stdout.splitlines() if line.startswith("/")] == [
            ["/healthz", "200"], ["/readyz", "200"], ["/api/status", "200"],
        ]  # fmt: skip
        assert after.returncode == 1
        assert "Connection refused" in after.stderr
        # What the kubelet would ask is what the runtime has just answered.
        (container,) = place.stateful_set["spec"]["template"]["spec"]["containers"]
        probes = {
            kind: container[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        assert probes == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        place.rest.delete(place.path("services", "web"))


def pod_environment(place):
    """What the chart's container gets as plain values, and the pod's name."""
    container = place.stateful_set["spec"]["template"]["spec"]["containers"][0]
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry} | {"POD_NAME": "ako-0"}


def helm_test(place, *, port):
    """Let `helm test` run, and be the node that the cluster lacks: run the pod's command here, report how it ended."""
    assert port, "the runtime does not say on which port it answers"
    path = place.path("pods", "ako-test-status")
    with ThreadPoolExecutor(1) as beside:
        helm = beside.submit(place.run, "test", "ako", "--timeout", "2m")
        wait_until(lambda: helm.done() or place.exists(path), 60)
        command = place.read("pods", "ako-test-status")["spec"]["containers"][0]["command"]
        python, *arguments, url = command
        assert (python, url) == ("python3", f"http://ako.{place.namespace}.svc:8080")
        command = [sys.executable, *arguments, f"http://127.0.0.1:{port[1]}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        status = {"status": {"phase": "Failed" if done.returncode else "Succeeded"}}
        assert place.rest.patch(f"{path}/status", status).status == 200
        if done.returncode:
            with pytest.raises(Refused, match="ako-test-status"):
                helm.result(120)
            place.rest.delete(path)
        else:
            assert "Succeeded" in helm.result(120)
    return done


@pytest.fixture
def no_definitions(place):
    """A cluster without our definitions, before and after."""

    remove_definitions(place.rest, definitions())
    yield
    remove_definitions(place.rest, definitions())


def definitions():
    return [yaml.safe_load(path.read_text())["metadata"]["name"] for path in (chart_folder() / "crds").glob("*.yaml")]


def established(place):
    """Name -> labels of our definitions that the API server serves."""
    found = {}
    for name in definitions():
        reply = place.rest.get(f"{DEFINITIONS}/{name}")
        if is_established(reply.json):
            found[name] = reply.json["metadata"].get("labels", {})
    return found


@pytest.mark.usefixtures("no_definitions")
def test_definitions_of_the_folder_are_installed_once_and_stay(place, archive):
    place.run("install", "ako", archive, values=LEAST)
    wait_until(lambda: established(place).keys() == set(definitions()))
    assert not any("app.kubernetes.io/managed-by" in labels for labels in established(place).values())
    place.run("upgrade", "ako", archive, values=LEAST)
    place.run("uninstall", "ako", "--wait")
    assert established(place).keys() == set(definitions())


@pytest.mark.usefixtures("no_definitions")
def test_definitions_as_templates_are_upgraded_and_stay(place, archive):
    values = LEAST | {"crds": {"asTemplates": True}}
    place.run("install", "ako", archive, "--skip-crds", values=values)
    wait_until(lambda: established(place).keys() == set(definitions()))
    assert all(labels["app.kubernetes.io/instance"] == "ako" for labels in established(place).values())
    place.run("upgrade", "ako", archive, "--skip-crds", values=values | {"commonLabels": {"changed": "yes"}})
    assert all(labels["changed"] == "yes" for labels in established(place).values())
    place.run("uninstall", "ako", "--wait")
    assert established(place).keys() == set(definitions())


@pytest.mark.usefixtures("no_definitions")
def test_definitions_that_are_there_already_can_be_taken_over(place, archive):
    place.run("install", "ako", archive, values=LEAST)
    wait_until(lambda: established(place).keys() == set(definitions()))
    place.run("upgrade", "ako", archive, "--take-ownership", values=LEAST | {"crds": {"asTemplates": True}})
    assert all(labels["app.kubernetes.io/instance"] == "ako" for labels in established(place).values())


@pytest.mark.usefixtures("no_definitions")
def test_definitions_of_an_older_chart_are_upgraded_the_documented_way(place, archive):
    for path in chart_folder().joinpath("crds").glob("*.yaml"):
        old = yaml.safe_load(path.read_text())
        for version in old["spec"]["versions"]:
            version["schema"]["openAPIV3Schema"] = {"type": "object", "properties": {"spec": {"type": "object"}}}
        assert place.rest.post(DEFINITIONS, old).status == 201
    assert all(len(schema["properties"]) == 1 for schema in schemas(place))
    shown = place.helm.run(["show", "crds", archive])
    command = [str(tool_or_skip(KUBECTL)), "--kubeconfig", str(place.rest.kubeconfig)]
    command += ["apply", "--server-side", "--force-conflicts", "-f", "-"]
    done = subprocess.run(command, input=shown, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = [yaml.safe_load(path.read_text()) for path in (chart_folder() / "crds").glob("*.yaml")]
    assert schemas(place) == sorted_schemas(wanted)
    # Helm 4 would refuse to install over other definitions of somebody else's; now they are the same.
    place.run("install", "ako", archive, values=LEAST)
    assert schemas(place) == sorted_schemas(wanted)


def schemas(place):
    return sorted_schemas(place.rest.get(f"{DEFINITIONS}/{name}").json for name in definitions())


def sorted_schemas(documents):
    """The schemas of definitions, by name and version."""
    ordered = sorted(documents, key=lambda document: document["metadata"]["name"])
    return [version["schema"]["openAPIV3Schema"] for document in ordered for version in document["spec"]["versions"]]


def test_the_command_line_drives_releases(place, tmp_path, monkeypatch):
    command = ChartCommand(helm=place.helm, kubeconfig=place.rest.kubeconfig, folder=tmp_path, monkeypatch=monkeypatch)
    where = ("-n", place.namespace)
    assert command.rows("install", *where, values=LEAST)[0]["status"] == "deployed"
    installed = place.stateful_set
    command.rows("upgrade", *where, "--set", "AKOSettings.enableEVH=true", values=LEAST)
    assert place.stateful_set["spec"]["template"] != installed["spec"]["template"]
    (back,) = command.rows("rollback", "ako", "1", *where)
    assert back["revision"] == "3"
    assert place.stateful_set["spec"]["template"] == installed["spec"]["template"]
    assert command.rows("status", *where)[0]["revision"] == "3"
    assert command.rows("uninstall", *where, "--wait")[0]["status"] == "uninstalled"
    assert not place.exists(place.path("statefulsets", "ako", "/apis/apps/v1"))


def may(place, *, verb, resource, **more):
    review = {
        "spec": {
            "user": f"system:serviceaccount:{place.namespace}:ako-sa",
            "resourceAttributes": {"verb": verb, "resource": resource, **more},
        }
    }
    reply = place.rest.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert reply.status == 201, reply
    return reply.json["status"]["allowed"]


def service_account_kubeconfig(place, folder):
    path = place.path("serviceaccounts", "ako-sa") + "/token"
    reply = place.rest.post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    assert reply.status == 201, reply
    document = yaml.safe_load(place.rest.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": reply.json["status"]["token"]}
    kubeconfig = folder / "service-account"
    kubeconfig.write_text(yaml.safe_dump(document))
    return kubeconfig
