"""Changes that a controller cannot make in place, whatever it allows instead: the rest goes on, and nothing goes."""

import json

import pytest
from support.ingress.objects import MODES, backend, definitions, ingress, ingress_class
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.config import CloudSeed, NetworkSeed, SubnetSeed
from ako_lab.avi_controller.faults import Fault

FIRST, SECOND = "a.lab.example.com", "b.lab.example.com"
PROBLEM = "ako.vmware.com/ingress-problem"
NETWORKS = (("vip-network", "10.10.0"), ("second", "10.30.0"))
SETTING = {
    "apiVersion": "ako.vmware.com/v1beta1",
    "kind": "AviInfraSetting",
    "metadata": {"name": "edge"},
    "spec": {"network": {"vipNetworks": [{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]}},
}
RULE = {
    "apiVersion": "ako.vmware.com/v1beta1",
    "kind": "HostRule",
    "metadata": {"name": "address", "namespace": "default"},
    "spec": {
        "virtualhost": {
            "fqdn": "Shared-L7",
            "fqdnType": "Contains",
            "tcpSettings": {
                "loadBalancerIP": "10.10.0.77",
                "listeners": [{"port": 80}, {"port": 443, "enableSSL": True}],
            },
        }
    },
}
# What the simulated controller refuses to change.
ALLOWS = {
    "everything": {},
    "no other VsVip": {"virtualservice": ("vsvip_ref",)},
    "no other parent": {"virtualservice": ("vh_parent_vs_ref",)},
    "neither": {"virtualservice": ("vsvip_ref", "vh_parent_vs_ref")},
}


def controller(fixed, *, addresses_change=False):
    networks = tuple(
        NetworkSeed(name=name, subnets=(SubnetSeed(prefix=f"{lead}.0/24", begin=f"{lead}.10", end=f"{lead}.250"),))
        for name, lead in NETWORKS
    )
    cloud = CloudSeed(dns_domains=("lab.example.com",), networks=networks, se_groups=("Default-Group", "other-group"))
    return LabConfig(clouds=(cloud,), fixed_fields=fixed, vip_addresses_change=addresses_change)


@pytest.fixture(params=["evh", "sni"])
def served(request, tmp_path):
    """How to begin: a lab whose controller keeps some fields, and a runtime that serves a host on a shared parent."""

    def begin(fixed, **allowed):
        return runtime_lab(tmp_path, controller(fixed, **allowed), **MODES[request.param])

    return begin


def prepare(lab):
    for manifest in (*definitions(), SETTING):
        lab.kube.apply(manifest)
    # What names a setting before its definition is seen would be served elsewhere first.
    lab.kube.wait_for(lambda _kube: lab.kube.objects("aviinfrasettings", group="ako.vmware.com")[0].get("status"))
    parameters = {"apiGroup": "ako.vmware.com", "kind": "AviInfraSetting", "name": "edge"}
    lab.kube.apply({**ingress_class(), "spec": {"controller": "ako.vmware.com/avi-lb", "parameters": parameters}})
    lab.kube.apply(backend("web"))
    lab.kube.apply(endpoints("web", "10.244.1.5"))
    lab.kube.apply(ingress("first", {FIRST: {"/": "web"}}))
    lab.kube.wait_for(lambda _kube: shown(lab, "first"))


def changed(what):
    """The manifest of a change."""
    setting = json.loads(json.dumps(SETTING))
    if what == "network":
        setting["spec"]["network"]["vipNetworks"] = [{"networkName": "second", "cidr": "10.30.0.0/24"}]
    elif what == "group":
        setting["spec"]["seGroup"] = {"name": "other-group"}
    elif what == "tier-1":
        setting["spec"]["nsxSettings"] = {"t1lr": "/infra/tier-1s/lab-t1"}
    else:
        return RULE
    return setting


def shown(lab, name):
    status = lab.kube.read("ingresses", name, "default").get("status", {})
    return [entry.get("ip") for entry in status.get("loadBalancer", {}).get("ingress") or ()]


def problem(lab, name):
    return lab.kube.read("ingresses", name, "default")["metadata"].get("annotations", {}).get(PROBLEM, "")


def leftovers(lab):
    return [
        one["name"]
        for kind in ("vsvip", "virtualservice")
        for one in lab.avi.objects(kind)
        if one["name"].endswith("--next")
    ]


def told_at(lab, kind, reason):
    events = lab.kube.objects("events", group="events.k8s.io")
    return any(one["regarding"]["kind"] == kind and one["reason"] == reason for one in events)


def pods_move(lab, address):
    """Members follow, which is the last thing that a key does."""
    lab.kube.apply(endpoints("web", address))
    lab.until(lambda lab: all(one["servers"][0]["ip"]["addr"] == address for one in lab.avi.objects("pool")))


@pytest.mark.parametrize("allows", ALLOWS)
@pytest.mark.parametrize("what", ["network", "rule"])
def test_a_shared_address_changes_or_stays_and_everything_else_goes_on(served, what, allows):
    with served(ALLOWS[allows]) as lab, lab.running(pace=QUICK):
        prepare(lab)
        before = shown(lab, "first")
        mark = lab.mark()
        lab.kube.apply(changed(what))
        lab.kube.apply(ingress("second", {SECOND: {"/": "web"}}))
        lab.kube.wait_for(lambda _kube: shown(lab, "second"))
        # A parent of SNI mode has no children here: a new front is always possible.
        children = [one for one in lab.avi.objects("virtualservice") if one["type"] == "VS_TYPE_VH_CHILD"]
        if allows == "neither" and children:
            lab.kube.wait_for(lambda _kube: problem(lab, "first") and problem(lab, "second"))
            assert problem(lab, "first").startswith("AddressKept")
            assert shown(lab, "first") == shown(lab, "second") == before
            kind = "HostRule" if what == "rule" else "AviInfraSetting"
            lab.kube.wait_for(lambda _kube: told_at(lab, kind, "AddressKept"))
        else:
            lead = "10.10.0.77" if what == "rule" else "10.30.0."
            lab.kube.wait_for(lambda _kube: shown(lab, "first")[0].startswith(lead))
            lab.kube.wait_for(lambda _kube: shown(lab, "second") == shown(lab, "first"))
            assert problem(lab, "first") == ""
        pods_move(lab, "10.244.9.9")
        lab.until(lambda lab: leftovers(lab) == [])
        # No child was deleted, and nothing is tried again.
        gone = [one for one in lab.avi.requests(since=mark) if one.method == "DELETE" and one.status == 204]
        uuids = {one["uuid"] for one in children}
        assert not [one for one in gone if one.path.rpartition("/")[2] in uuids]
        quiet = lab.mark()
        lab.kube.apply(ingress("third", {"c.lab.example.com": {"/": "web"}}))
        lab.kube.wait_for(lambda _kube: shown(lab, "third") == shown(lab, "first"))
        assert "POST vsvip" not in lab.writes(since=quiet)


@pytest.mark.parametrize("allows", ALLOWS)
@pytest.mark.parametrize("what", ["network", "rule"])
def test_a_controller_that_changes_addresses_in_place_is_served_as_well(served, what, allows):
    """A new front or the old address, which is told: a host that arrives meanwhile is served, and nothing is left."""
    with served(ALLOWS[allows], addresses_change=True) as lab, lab.running(pace=QUICK):
        prepare(lab)
        lab.kube.apply(changed(what))
        lab.kube.apply(ingress("second", {SECOND: {"/": "web"}}))
        children = [one for one in lab.avi.objects("virtualservice") if one["type"] == "VS_TYPE_VH_CHILD"]
        if allows == "neither" and children:
            lab.kube.wait_for(lambda _kube: problem(lab, "first").startswith("AddressKept"))
        else:
            lead = "10.10.0.77" if what == "rule" else "10.30.0."
            lab.kube.wait_for(lambda _kube: shown(lab, "first")[0].startswith(lead))
        lab.kube.wait_for(lambda _kube: shown(lab, "second") == shown(lab, "first"))
        pods_move(lab, "10.244.9.9")
        lab.until(lambda lab: leftovers(lab) == [])


@pytest.mark.parametrize("count", range(0, 12, 2))
@pytest.mark.parametrize("allows", ["everything", "no other VsVip", "neither"])
def test_a_death_while_children_are_led_over_is_completed(tmp_path, allows, count):
    with runtime_lab(tmp_path, controller(ALLOWS[allows]), **MODES["evh"]) as lab:
        with lab.running(pace=QUICK):
            prepare(lab)
            lab.kube.apply(ingress("second", {SECOND: {"/": "web"}}))
            lab.kube.wait_for(lambda _kube: shown(lab, "second"))
            lab.avi.faults.add(Fault(kind="reset", path="/api/.*", after=count, applied=bool(count % 4)))
            lab.kube.apply(changed("network"))
            lab.until(lambda lab: lab.mark() and (lab.avi.faults.struck.get("reset") or settled(lab)))
        lab.avi.faults.clear()
        with lab.running(pod="ako-1", pace=QUICK):
            lab.until(lambda lab: settled(lab) or allows == "neither")
            lab.kube.apply(ingress("third", {"c.lab.example.com": {"/": "web"}}))
            lab.kube.wait_for(lambda _kube: shown(lab, "third") == shown(lab, "first") == shown(lab, "second"))
            lab.until(lambda lab: leftovers(lab) == [])
            assert len(parents(lab)) == 1


def settled(lab):
    vips = [one["vip"][0]["ip_address"]["addr"] for one in lab.avi.objects("vsvip")]
    return len(vips) == 1 and vips[0].startswith("10.30.0.") and not leftovers(lab)


FIXED = {
    "group": {"virtualservice": ("se_group_ref",)},
    "tier-1": {"vsvip": ("tier1_lr",), "virtualservice": ("tier1_lr",), "pool": ("tier1_lr",)},
}


@pytest.mark.parametrize("what", FIXED)
def test_another_place_is_refused_and_everything_else_goes_on(served, what):
    with served(FIXED[what]) as lab, lab.running(pace=QUICK):
        prepare(lab)
        before = shown(lab, "first")
        lab.kube.apply(changed(what))
        lab.kube.wait_for(lambda _kube: problem(lab, "first").startswith("PlacementKept"))
        lab.kube.apply(ingress("second", {SECOND: {"/": "web"}}))
        lab.kube.wait_for(lambda _kube: shown(lab, "second") == before)
        lab.kube.wait_for(lambda _kube: told_at(lab, "AviInfraSetting", "PlacementKept"))
        pods_move(lab, "10.244.9.9")
        # What is taken back is no problem any more.
        lab.kube.apply({**SETTING, "spec": {**SETTING["spec"], "seGroup": None, "nsxSettings": None}})
        lab.kube.wait_for(lambda _kube: problem(lab, "first") == problem(lab, "second") == "")


@pytest.mark.parametrize("what", FIXED)
def test_another_place_is_taken_where_the_controller_takes_it(served, what):
    with served({}) as lab, lab.running(pace=QUICK):
        prepare(lab)
        lab.kube.apply(changed(what))
        lab.kube.apply(ingress("second", {SECOND: {"/": "web"}}))
        lab.kube.wait_for(lambda _kube: shown(lab, "second") == shown(lab, "first"))
        lab.until(lambda lab: stands(lab, what))
        assert problem(lab, "first") == ""
        assert len(parents(lab)) == 1


def parents(lab):
    return [one for one in lab.avi.objects("virtualservice") if one["type"] == "VS_TYPE_VH_PARENT"]


def stands(lab, what):
    """Whether the virtual service is where the changed setting wants it."""
    if what == "tier-1":
        # The schema of the simulated controller has no such field in virtual services.
        placed = (*lab.avi.objects("vsvip"), *lab.avi.objects("pool"))
        return all(one.get("tier1_lr") == "/infra/tier-1s/lab-t1" for one in placed)
    groups = {one["uuid"]: one["name"] for one in lab.avi.objects("serviceenginegroup")}
    (parent,) = parents(lab)
    return groups[parent["se_group_ref"].rpartition("/")[2].partition("#")[0]] == "other-group"
