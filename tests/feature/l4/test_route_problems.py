"""What is wrong with routes and the labels of Service Engine groups is told once, where somebody will look."""

from pathlib import Path

import pytest
import yaml
from support.avi_lab.client import Client
from support.runtime.lab import NAMESPACE, node, runtime_lab, service

CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"
SETTINGS = {"disableStaticRouteSync": "false"}


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, **SETTINGS) as lab:
        yield lab


def one(lab, kind, name):
    return next((document for document in lab.avi.objects(kind) if document["name"] == name), {})


def routes(lab):
    found = one(lab, "vrfcontext", "global").get("static_routes", ())
    return {(route["prefix"]["ip_addr"]["addr"], route["next_hop"]["addr"]) for route in found}


def events(lab, reason, namespace="default"):
    found = lab.kube.objects("events", namespace, group="events.k8s.io")
    return [event for event in found if event["reason"] == reason]


def told(lab, reason, namespace="default"):
    lab.kube.wait_for(lambda _kube: events(lab, reason, namespace), timeout=30.0)
    (event,) = events(lab, reason, namespace)
    assert event["type"] == "Warning"
    assert event.get("series", {}).get("count", 1) == 1
    return (event["regarding"]["kind"], event["regarding"]["name"], event["note"])


def labelled(lab, **labels):
    client = Client(lab.avi)
    group = one(lab, "serviceenginegroup", "Default-Group")
    body = {**group, "labels": [{"key": key, "value": value} for key, value in labels.items()]}
    assert client.request("PUT", f"/api/serviceenginegroup/{group['uuid']}", body).status == 200
    client.close()


def test_routes_of_nodes_that_went_while_nobody_looked_are_removed(lab):
    lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24", ready="True"))
    with lab.running():
        lab.until(lambda lab: len(routes(lab)) == 1)
    lab.kube.delete("nodes", "node1")
    with lab.running(pod="ako-1"):
        lab.until(lambda lab: not routes(lab))


def test_delete_config_takes_routes_back_when_no_node_is_left(lab):
    lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24", ready="True"))
    with lab.running():
        lab.until(lambda lab: len(routes(lab)) == 1)
        lab.until(lambda lab: one(lab, "serviceenginegroup", "Default-Group").get("labels"))
    lab.kube.delete("nodes", "node1")
    lab.configure(**SETTINGS, deleteConfig="true")
    with lab.running(pod="ako-1"):
        lab.until(lambda lab: not routes(lab))
        lab.until(lambda lab: not one(lab, "serviceenginegroup", "Default-Group").get("labels"))


def test_delete_config_takes_the_label_of_a_setting_back_before_anything_is_looked_up(lab):
    for path in sorted(CRDS.glob("ako.vmware.com_*.yaml")):
        lab.kube.apply(yaml.safe_load(path.read_text()))
    client = Client(lab.avi)
    assert client.request("POST", "/api/serviceenginegroup", {"name": "telco"}).status == 201
    client.close()
    for name in ("telco", "no-such-group"):
        lab.kube.apply(
            {
                "apiVersion": "ako.vmware.com/v1beta1",
                "kind": "AviInfraSetting",
                "metadata": {"name": name},
                "spec": {"seGroup": {"name": name}},
            }
        )
    with lab.running():
        lab.until(lambda lab: one(lab, "serviceenginegroup", "telco").get("labels"))
    lab.configure(**SETTINGS, deleteConfig="true")
    with lab.running(pod="ako-1"):
        lab.until(lambda lab: not one(lab, "serviceenginegroup", "telco").get("labels"))


def test_a_node_without_a_route_is_told_once_at_the_node(lab):
    with lab.running():
        lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24", ready="True"))
        lab.until(lambda lab: len(routes(lab)) == 1)
        lab.kube.apply(node("node2", "10.20.0.12", "10.244.1.128/25", ready="True"))
        lab.kube.apply(node("node3", "10.20.0.13", ready="True"))
        kind, name, note = told(lab, "OverlappingNetwork")
        assert (kind, name) == ("Node", "node2")
        assert "node1" in note
        assert told(lab, "NoPodNetwork")[:2] == ("Node", "node3")
        # Further passes of the same key have nothing new to say.
        lab.kube.apply(node("node4", "10.20.0.14", "10.244.4.0/24", ready="True"))
        lab.until(lambda lab: len(routes(lab)) == 2)
        assert told(lab, "OverlappingNetwork")[1] == "node2"


def test_a_route_of_another_cluster_to_our_pods_is_told_at_the_node_and_stays(lab):
    lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24", ready="True"))
    with lab.running():
        lab.until(lambda lab: len(routes(lab)) == 1)
    lab.configure(clusterName="cluster-b", **SETTINGS)
    lab.kube.apply(node("node1", "10.20.0.99", "10.244.1.0/24", ready="True"))
    with lab.running(pod="ako-1"):
        kind, name, note = told(lab, "RouteConflict")
        assert (kind, name) == ("Node", "node1")
        assert "cluster 'cluster-a'" in note
        assert routes(lab) == {("10.244.1.0", "10.20.0.11"), ("10.244.1.0", "10.20.0.99")}


def test_one_cause_of_many_nodes_is_one_event(lab):
    for number in range(1, 9):
        lab.kube.apply(node(f"node{number}", f"10.20.0.1{number}", ready="True"))
    with lab.running():
        kind, name, note = told(lab, "NoPodNetwork", NAMESPACE)
        assert (kind, name) == ("Pod", "ako-0")
        assert note.startswith("8 objects (nodes/node1, nodes/node2, nodes/node3, ...)")
        assert events(lab, "NoPodNetwork") == []


def test_a_group_with_the_label_of_others_is_told_at_the_pod_and_services_are_served(lab):
    labelled(lab, clustername="cluster-b")
    lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24", ready="True"))
    lab.kube.apply(service("web"))
    with lab.running():
        kind, name, note = told(lab, "EngineGroupLabelled", NAMESPACE)
        assert (kind, name) == ("Pod", "ako-0")
        assert "cluster-b" in note
        lab.until_address("web")
        lab.until(lambda lab: len(routes(lab)) == 1)
        (label,) = one(lab, "serviceenginegroup", "Default-Group")["labels"]
        assert label["value"] == "cluster-b"
