"""The image, installed by the chart on a real control plane: as a container, with the Pod's token, until it is Ready.

`lone_node` is the node; what it does and does not show stands there.
"""

import pytest
from chart_place import refused_resources
from kube_servers import wait_until
from lone_node import LoneNode
from pod_containers import default_seccomp_profile, runc_or_skip
from pod_in_lab import free_port

from ako_lab.avi_controller import AviLab, LabConfig

pytestmark = pytest.mark.cluster


@pytest.fixture
def node(place, image, tmp_path_factory):
    runc_or_skip()
    # Short, because runc has sockets in it.
    folder = tmp_path_factory.mktemp("node")
    names = f"ako.{place.namespace}.svc"
    lone = LoneNode(rest=place.rest, namespace=place.namespace, image=image, folder=folder, hosts=names)
    with lone.at_work():
        yield lone


def pod_uid(place):
    return place.read("pods", "ako-0")["metadata"]["uid"]


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

        service = {
            "metadata": {"name": "web"},
            "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        }
        assert place.rest.post(place.path("services"), service).status == 201
        wait_until(lambda: place.ingress_of("web"), 60)
        assert "Succeeded" in place.run("test", "ako", "--timeout", "3m")

        # A setting that is read once rolls the Pod; the old one hands over in time.
        changed = values | {"L7Settings": {"shardVSSize": "SMALL"}}
        place.run("upgrade", "ako", archive, "--wait", "--timeout", "3m", values=changed)
        second = pod_uid(place)
        assert second != first
        assert node.ended == [("ako-0", 0)]
        place.run("rollback", "ako", "1", "--wait", "--timeout", "3m")
        assert pod_uid(place) not in {first, second}
        assert place.ingress_of("web")

        place.rest.delete(place.path("services", "web"))
        place.run("uninstall", "ako", "--wait", "--timeout", "3m")
        wait_until(lambda: not place.exists(place.path("pods", "ako-0")), 60)
        assert node.ended == [("ako-0", 0)] * 3
    for log in node.logs:
        assert refused_resources(log, place) == set(), log


def test_a_wrong_setting_ends_the_container_with_a_word_and_never_makes_it_ready(place, archive, node):
    values = {"avicredentials": {"username": "a", "password": "b"}}
    assert "ControllerSettings.controllerHost is empty" in place.run("install", "ako", archive, values=values)
    # The StatefulSet's controller makes a failed Pod anew.
    wait_until(lambda: ("ako-0", 2) in node.ended, 60)
    assert "controllerIP" in node.logs[0], node.logs[0]
    assert not place.stateful_set["status"].get("readyReplicas")
