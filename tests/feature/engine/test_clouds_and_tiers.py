"""The whole loop on every type of cloud and every licence tier of the lab: nothing is written twice.

What a controller fills in by itself differs from cloud to cloud. A runtime that takes it for a difference writes the
same objects for ever, which no test with one cloud shows.
"""

import json
import os
import subprocess
import sys
from typing import get_args

import msgspec
import pytest
from support.ingress.objects import backend, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import NAMESPACE, endpoints, runtime_lab, service, worked_off

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.config import CloudKind, CloudSeed, NetworkSeed, SubnetSeed
from ako_lab.avi_controller.schema import load_schema

RESYNCING = msgspec.structs.replace(QUICK, resync=0.2)
ROUTER = "/infra/tier-1s/lab-t1"
PLAIN, SECURE = "plain.lab.example.com", "secure.lab.example.com"
NOTHING = "0 to create, 0 to change, 0 to delete"
KINDS = ("vsvip", "pool", "virtualservice")
# What the documents of the release allow for the type of a cloud in the small tiers.
CLOUDS_OF_TIER = {"ESSENTIALS": ("CLOUD_NONE", "CLOUD_VCENTER"), "BASIC": ("CLOUD_NONE", "CLOUD_NSXT")}


def cloud(kind, **fields):
    subnet = SubnetSeed(prefix="10.10.0.0/24", begin="10.10.0.10", end="10.10.0.200")
    second = SubnetSeed(prefix="10.11.0.0/24", begin="10.11.0.10", end="10.11.0.200")
    networks = (
        NetworkSeed(name="vip-network", subnets=(subnet,)),
        NetworkSeed(name="vip-network-b", subnets=(second,)),
        NetworkSeed(name="node-network", subnets=(SubnetSeed(prefix="10.20.0.0/24"),), usable=False),
    )
    return CloudSeed(kind=kind, networks=networks, dns_domains=("lab.example.com",), **fields)


def networks(*names, **fields):
    return json.dumps([{"networkName": name, **fields} for name in names])


NODES = json.dumps([{"networkName": "node-network", "cidrs": ["10.20.0.0/24"]}])
VLAN = {"vipNetworkList": networks("vip-network", cidr="10.10.0.0/24"), "nodeNetworkList": NODES}
SCENES = {
    "vcenter": (cloud("CLOUD_VCENTER"), {"nodeNetworkList": NODES}),
    "none": (cloud("CLOUD_NONE"), {}),
    "nsxt-overlay": (cloud("CLOUD_NSXT"), {"nsxtT1LR": ROUTER}),
    "nsxt-vlan": (cloud("CLOUD_NSXT", transport_zone="VLAN"), VLAN),
    "aws": (cloud("CLOUD_AWS"), {"vipNetworkList": networks("vip-network", "vip-network-b")}),
    "azure": (cloud("CLOUD_AZURE"), {"vipNetworkList": networks("vip-network")}),
    "gcp": (cloud("CLOUD_GCP"), {}),
}
# The small tiers have no virtual hosting: layer 4 is all that there is.
MODES = {"evh": {"enableEVH": "true"}, "sni": {"enableEVH": "false"}, "l4": {"layer7Only": "false"}}


def small(tier):
    return [(scene, tier, "l4") for scene, (seed, _) in SCENES.items() if seed.kind in CLOUDS_OF_TIER[tier]]


CASES = [
    *((scene, "ENTERPRISE", "evh") for scene in SCENES),
    ("nsxt-overlay", "ENTERPRISE_WITH_CLOUD_SERVICES", "sni"),
    ("aws", "ENTERPRISE_WITH_CLOUD_SERVICES", "sni"),
    ("none", "ENTERPRISE_16", "sni"),
    ("nsxt-vlan", "ENTERPRISE_18", "sni"),
    *small("ESSENTIALS"),
    *small("BASIC"),
]


def test_every_type_of_cloud_and_every_tier_of_the_lab_has_its_case():
    assert {SCENES[scene][0].kind for scene, _, _ in CASES} == set(get_args(CloudKind))
    tiers = load_schema().messages["SystemConfiguration"].fields["default_license_tier"].enum
    assert {tier for _, tier, _ in CASES} == set(tiers)


def populate(lab, mode):
    """Layer 4 in three protocols; a plain and a secure host, where there is layer 7."""
    lab.kube.apply(service("web"))
    lab.kube.apply(endpoints("web", "10.244.1.5"))
    lab.kube.apply(service("dns", ports=(53,), protocol="UDP"))
    lab.kube.apply(endpoints("dns", "10.244.1.6", ports=(53,), protocol="UDP"))
    lab.kube.apply(service("core", ports=(38412,), protocol="SCTP"))
    lab.kube.apply(endpoints("core", "10.244.1.7", ports=(38412,), protocol="SCTP"))
    if mode == "l4":
        return
    lab.kube.apply(ingress_class())
    lab.kube.apply(backend("site"))
    lab.kube.apply(endpoints("site", "10.244.1.8"))
    lab.kube.apply(tls_secret("tls", SECURE))
    lab.kube.apply(ingress("plain", {PLAIN: {"/": "site"}}))
    lab.kube.apply(ingress("secure", {SECURE: {"/": "site"}}, tls="tls"))


def shown(lab, name):
    status = lab.kube.read("ingresses", name, "default").get("status", {})
    return status.get("loadBalancer", {}).get("ingress")


def members(lab):
    """Addresses of all members of our pools: names of pools are hashed in some modes."""
    return {server["ip"]["addr"] for pool in lab.avi.objects("pool") for server in pool.get("servers", ())}


def refusals(lab, since=0):
    """Requests that the controller did not like; a look for what may not be there is none."""
    return [f"{r.method} {r.path} {r.status}" for r in lab.avi.requests(since=since) if r.status >= 400]


def planned(lab):
    command = [sys.executable, "-m", "ako_runtime", "plan", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=dict(os.environ))
    assert answer.returncode in (0, 1), answer.stderr
    return answer.stdout.strip()


def resyncs(lab, times, since):
    """Wait until the runtime has read everything anew so many times, and come to an end with it."""
    path = "/api/virtualservice"
    lab.until(lambda lab: sum(r.path == path and r.method == "GET" for r in lab.avi.requests(since=since)) > times)


@pytest.mark.parametrize(("scene", "tier", "mode"), CASES)
def test_nothing_is_written_twice(tmp_path, scene, tier, mode):
    seed, settings = SCENES[scene]
    controller = LabConfig(clouds=(seed,), license_tier=tier)
    with runtime_lab(tmp_path, controller, shardVSSize="SMALL", **MODES[mode], **settings) as lab:
        populate(lab, mode)
        with lab.running(pace=QUICK) as app:
            for name in ("web", "dns", "core"):
                assert lab.until_address(name)[0].startswith("10.10.0.")
            lab.kube.wait_for(lambda _kube: mode == "l4" or (shown(lab, "plain") and shown(lab, "secure")))
            lab.kube.wait_for(lambda _kube: worked_off(app))
        assert refusals(lab) == []
        assert all(lab.avi.objects(kind) for kind in KINDS)
        assert planned(lab) == NOTHING
        mark = lab.mark()
        with lab.running(pace=RESYNCING) as app:
            lab.kube.wait_for(lambda _kube: worked_off(app))
            resyncs(lab, 2, mark)
            assert lab.writes(mark) == []
            lab.kube.apply(endpoints("web", "10.244.1.5", "10.244.1.15"))
            changed = {"10.244.1.15"} if mode == "l4" else {"10.244.1.15", "10.244.1.18"}
            lab.kube.apply(endpoints("site", "10.244.1.8", "10.244.1.18"))
            lab.until(lambda lab: changed <= members(lab))
            lab.kube.wait_for(lambda _kube: app.idle)
            mark = lab.mark()
            resyncs(lab, 2, mark)
            assert lab.writes(mark) == []
        assert refusals(lab) == []
        assert planned(lab) == NOTHING
