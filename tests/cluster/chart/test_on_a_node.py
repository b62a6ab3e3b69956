"""The image, installed by the chart on a real control plane: as a container, with the Pod's token, until it is Ready.

`lone_node` is the node; what it does and does not show stands there.
"""

import pytest
from support.chart.namespace import refused_resources
from support.image.lone_node import LoneNode
from support.image.pod_containers import default_seccomp_profile, runc_or_skip
from support.image.pod_in_lab import free_port
from support.kube.servers import wait_until

from ako_lab.avi_controller import AviLab, LabConfig

pytestmark = pytest.mark.cluster

NETWORKING = "/apis/networking.k8s.io/v1"
SETTINGS = "/apis/ako.vmware.com/v1beta1/aviinfrasettings"


@pytest.fixture
def node(place, image, tmp_path_factory):
    runc_or_skip()
    # Short, because runc has sockets in it.
    folder = tmp_path_factory.mktemp("node")
    names = f"ako.{place.namespace}.svc"
    lone = LoneNode(rest=place.rest, namespace=place.namespace, image=image, folder=folder, hosts=names)
    with lone.at_work():
        yield lone
        if place.run("list", "--short").strip():
            place.run("uninstall", "ako", "--wait")
        wait_until(lambda: not place.rest.get(place.path("pods")).json["items"], 60)


def pod_uid(place):
    return place.read("pods", "ako-0")["metadata"]["uid"]


def has_status(document):
    return document.get("status", {}) not in ({}, {"loadBalancer": {}})


def objects_of_users(place):
    """Path -> object: what a cluster's users bring along."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {
        "host": "web.lab.example.com",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    return {
        place.path("services"): {
            "metadata": {"name": "web"},
            "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        },
        place.path("ingresses", api=NETWORKING): {
            "metadata": {"name": "web"},
            "spec": {"ingressClassName": "avi-lb", "rules": [rule]},
        },
        SETTINGS: {
            "apiVersion": "ako.vmware.com/v1beta1",
            "kind": "AviInfraSetting",
            "metadata": {"name": "edge"},
            "spec": {"seGroup": {"name": "Default-Group"}},
        },
    }


def test_the_image_serves_traffic_where_the_chart_installs_it(place, archive, node):
    with AviLab(LabConfig()) as avi:
        values = {
            "ControllerSettings": {"controllerHost": avi.host},
            "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]},
            "AKOSettings": {"disableStaticRouteSync": True, "logLevel": "INFO", "apiServerPort": free_port()},
            "avicredentials": {
                "username": avi.username,
                "password": avi.password,
                "certificateAuthorityData": avi.certificate_pem,
            },
        }
        place.run("install", "ako", archive, "--wait", "--timeout", "3m", values=values)
        assert place.stateful_set["status"]["readyReplicas"] == 1
        first = pod_uid(place)
        status = node.running[first].status
        assert set(status["Uid"].split()) == {"65532"}
        assert status["CapEff"].strip("0") == status["CapBnd"].strip("0") == ""
        if default_seccomp_profile() is not None:
            assert status["Seccomp"] == "2"

        for path, document in objects_of_users(place).items():
            assert place.rest.post(path, document).status == 201
        # Every kind of status goes through the chart's rights.
        wait_until(lambda: place.ingress_of("web"), 60)
        for path in (place.path("ingresses", "web", NETWORKING), f"{SETTINGS}/edge"):
            wait_until(
                lambda path=path: place.rest.get(path).json.get("status", {}) not in ({}, {"loadBalancer": {}}), 60
            )
        assert "Succeeded" in place.run("test", "ako", "--timeout", "3m")

        # A setting that is read once rolls the Pod; the old one hands over in time.
        changed = values | {"L7Settings": {"shardVSSize": "SMALL"}}
        place.run("upgrade", "ako", archive, "--wait", "--timeout", "3m", values=changed)
        second = pod_uid(place)
        assert second != first
        assert node.exit_codes("ako-0") == [0]
        place.run("rollback", "ako", "1", "--wait", "--timeout", "3m")
        third = pod_uid(place)
        assert third not in {first, second}
        assert node.exit_codes("ako-0") == [0, 0]
        assert place.ingress_of("web")
        # An uninstall may take the rights away before the Pod has ended, so what comes later is not looked at.
        for log in (node.logs[first], node.logs[second], node.running[third].log):
            assert refused_resources(log, place) == set(), log

        for path, document in objects_of_users(place).items():
            place.rest.delete(f"{path}/{document['metadata']['name']}")
        place.run("uninstall", "ako", "--wait", "--timeout", "3m")
        wait_until(lambda: not place.exists(place.path("pods", "ako-0")), 60)
        assert node.exit_codes("ako-0") == [0, 0, 0]


def test_a_wrong_setting_ends_the_container_with_a_word_and_never_makes_it_ready(place, archive, node):
    values = {"avicredentials": {"username": "a", "password": "b"}}
    assert "ControllerSettings.controllerHost is empty" in place.run("install", "ako", archive, values=values)
    # The StatefulSet's controller makes a failed Pod anew.
    wait_until(lambda: node.exit_codes("ako-0")[:1] == [2], 60)
    log, *_ = list(node.logs.values())
    assert "controllerIP" in log, log
    assert not place.stateful_set["status"].get("readyReplicas")
