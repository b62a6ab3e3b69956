"""A controller with several clouds, each with a VRF, a group and a network of the same names: only ours is touched."""

import json

import pytest
from support.avi_lab.client import Client
from support.runtime.lab import node, runtime_lab, service

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.config import CloudSeed, NetworkSeed, SubnetSeed

ROUTER = "/infra/tier-1s/telco"


def cloud(name, prefix, kind="CLOUD_VCENTER", **fields):
    subnet = SubnetSeed(prefix=f"{prefix}.0/24", begin=f"{prefix}.10", end=f"{prefix}.200")
    network = NetworkSeed(name="vip-network", subnets=(subnet,))
    return CloudSeed(name=name, kind=kind, networks=(network,), dns_domains=("lab.example.com",), **fields)


def two_clouds(**fields):
    return LabConfig(clouds=(cloud("Default-Cloud", "10.8.0"), cloud("telco", "10.9.0", **fields)))


def in_cloud(lab, kind, name, cloud_name):
    """The object of that name in that cloud."""
    (uuid,) = (one["uuid"] for one in lab.avi.objects("cloud") if one["name"] == cloud_name)
    return next(one for one in lab.avi.objects(kind) if one["name"] == name and uuid in one["cloud_ref"])


def routes(lab, cloud_name, vrf="global"):
    found = in_cloud(lab, "vrfcontext", vrf, cloud_name).get("static_routes", ())
    return {route["prefix"]["ip_addr"]["addr"] for route in found}


@pytest.mark.parametrize(("ours", "other"), [("telco", "Default-Cloud"), ("Default-Cloud", "telco")])
def test_routes_and_label_go_to_the_cloud_of_the_configuration(tmp_path, ours, other):
    networks = json.dumps([{"networkName": "vip-network"}])
    with runtime_lab(
        tmp_path, two_clouds(), cloudName=ours, disableStaticRouteSync="false", vipNetworkList=networks
    ) as lab:
        lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24"))
        with lab.running():
            lab.until(lambda lab: routes(lab, ours) == {"10.244.1.0"})
            lab.until(lambda lab: in_cloud(lab, "serviceenginegroup", "Default-Group", ours).get("labels"))
            lab.kube.apply(service("web"))
            (address,) = lab.until_address("web")
        assert address.startswith("10.9.0." if ours == "telco" else "10.8.0.")
        assert routes(lab, other) == set()
        assert not in_cloud(lab, "serviceenginegroup", "Default-Group", other).get("labels")


def test_on_aws_the_subnet_is_named_as_the_provider_names_it(tmp_path):
    subnets = [
        NetworkSeed(
            name=name, subnets=(SubnetSeed(prefix=f"{prefix}.0/24", begin=f"{prefix}.10", end=f"{prefix}.200"),)
        )
        for name, prefix in (("subnet-a", "10.8.0"), ("subnet-b", "10.9.0"))
    ]
    controller = LabConfig(clouds=(CloudSeed(kind="CLOUD_AWS", networks=tuple(subnets)),))
    networks = json.dumps([{"networkName": "subnet-b"}])
    with runtime_lab(tmp_path, controller, serviceType="NodePort", vipNetworkList=networks) as lab, lab.running():
        lab.kube.apply(service("web"))
        (address,) = lab.until_address("web")
        assert address.startswith("10.9.0.")
        (vip,) = next(one for one in lab.avi.objects("vsvip") if one["name"] == "cluster-a--default-web")["vip"]
        assert vip["subnet_uuid"] == "subnet-b"


def stand_for(lab, vrf, router):
    """As NSX-T clouds do: the VRF says which tier-1 router it stands for."""
    document = in_cloud(lab, "vrfcontext", vrf, "telco")
    body = {**document, "attrs": [{"key": "tier1path", "value": router}]}
    with Client(lab.avi) as client:
        assert client.request("PUT", f"/api/vrfcontext/{document['uuid']}", body).status == 200


def test_on_an_nsxt_overlay_routes_go_to_the_vrf_of_the_router(tmp_path):
    controller = two_clouds(kind="CLOUD_NSXT", vrfs=("global", "management", "t1-vrf"), tier1_routers=(ROUTER,))
    settings = {"cloudName": "telco", "nsxtT1LR": ROUTER, "disableStaticRouteSync": "false"}
    networks = json.dumps([{"networkName": "vip-network", "cidr": "10.9.0.0/24"}])
    with runtime_lab(tmp_path, controller, vipNetworkList=networks, **settings) as lab:
        stand_for(lab, "t1-vrf", ROUTER)
        lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24"))
        with lab.running():
            lab.until(lambda lab: routes(lab, "telco", "t1-vrf") == {"10.244.1.0"})
            assert routes(lab, "telco") == set()
            lab.kube.delete("nodes", "node1")
            lab.until(lambda lab: routes(lab, "telco", "t1-vrf") == set())
