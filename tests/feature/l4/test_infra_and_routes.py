"""AviInfraSetting, L4Rule, tenants and static routes against both labs: changes, deletion, what is not written."""

from pathlib import Path

import pytest
import yaml
from support.avi_lab.client import Client
from support.runtime.lab import endpoints, node, runtime_lab, service

CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"
INFRA = "aviinfrasetting.ako.vmware.com/name"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        define(lab)
        yield lab


def define(lab):
    for path in sorted(CRDS.glob("ako.vmware.com_*.yaml")):
        lab.kube.apply(yaml.safe_load(path.read_text()))


def infra(name="telco", **spec):
    return {"apiVersion": "ako.vmware.com/v1beta1", "kind": "AviInfraSetting", "metadata": {"name": name}, "spec": spec}


def rule(**spec):
    return {
        "apiVersion": "ako.vmware.com/v1alpha2",
        "kind": "L4Rule",
        "metadata": {"name": "tuned", "namespace": "default"},
        "spec": spec,
    }


def one(lab, kind, name):
    return next((document for document in lab.avi.objects(kind) if document["name"] == name), {})


def verdict(lab, plural, name, namespace=None):
    return lab.kube.read(plural, name, namespace).get("status", {}).get("status", "")


def condition(lab, name):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["status"] == "False"), "")


def until_advertised(lab):
    """Wait until the setting has reached its user: watched apart, the user may be served without it first."""
    lab.until(lambda lab: one(lab, "virtualservice", "cluster-a--default-web").get("enable_rhi"))


def test_a_setting_is_accepted_reaches_its_users_and_its_deletion_falls_back(lab):
    with lab.running():
        lab.kube.apply(infra(network={"enableRhi": True}))
        lab.kube.apply(service("web", **{INFRA: "telco"}))
        lab.kube.apply(service("other"))
        address = lab.until_address("web")
        lab.until_address("other")
        lab.kube.wait_for(lambda _kube: verdict(lab, "aviinfrasettings", "telco") == "Accepted")
        until_advertised(lab)
        mark = lab.mark()
        lab.kube.apply(infra(network={"enableRhi": False}))
        lab.until(lambda lab: not one(lab, "virtualservice", "cluster-a--default-web").get("enable_rhi"))
        assert lab.writes(since=mark) == ["PUT virtualservice"]
        lab.kube.apply(infra(network={"enableRhi": True}))
        lab.until(lambda lab: one(lab, "virtualservice", "cluster-a--default-web").get("enable_rhi"))
        lab.kube.delete("aviinfrasettings", "telco")
        lab.until(lambda lab: not one(lab, "virtualservice", "cluster-a--default-web").get("enable_rhi"))
        lab.kube.wait_for(lambda _kube: condition(lab, "web") == "InfraSettingNotFound")
        assert lab.address("web") == address


def test_a_rejected_setting_leaves_its_users_as_they_are(lab):
    with lab.running():
        lab.kube.apply(infra(network={"enableRhi": True}))
        lab.kube.apply(service("web", **{INFRA: "telco"}))
        address = lab.until_address("web")
        until_advertised(lab)
        mark = lab.mark()
        lab.kube.apply(infra(seGroup={"name": "no-such-group"}))
        lab.kube.wait_for(lambda _kube: verdict(lab, "aviinfrasettings", "telco") == "Rejected")
        lab.kube.wait_for(lambda _kube: condition(lab, "web") == "InfraSettingRejected")
        assert lab.writes(since=mark) == []
        assert lab.address("web") == address


def test_a_setting_on_the_namespace_takes_effect_while_running(lab):
    with lab.running():
        lab.kube.apply(infra(network={"enableRhi": True}))
        lab.kube.apply(service("web"))
        lab.until_address("web")
        lab.kube.apply(namespace(**{INFRA: "telco"}))
        lab.until(lambda lab: one(lab, "virtualservice", "cluster-a--default-web").get("enable_rhi"))


def namespace(name="default", **annotations):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations}}


def test_a_network_is_named_by_its_uuid(lab):
    network = one(lab, "network", "vip-network")
    with lab.running():
        lab.kube.apply(infra(network={"vipNetworks": [{"networkUUID": network["uuid"], "cidr": "10.10.0.0/24"}]}))
        lab.kube.apply(service("web", **{INFRA: "telco"}))
        lab.until_address("web")
        lab.kube.wait_for(lambda _kube: verdict(lab, "aviinfrasettings", "telco") == "Accepted")
        (vip,) = one(lab, "vsvip", "cluster-a--default-web")["vip"]
        assert vip["ipam_network_subnet"]["network_ref"].endswith(network["uuid"]) or vip["ipam_network_subnet"][
            "network_ref"
        ].endswith("#vip-network")


def test_a_rule_shapes_pools_and_its_deletion_means_the_defaults(lab):
    with lab.running():
        lab.kube.apply(
            rule(backendProperties=[{"port": 80, "protocol": "TCP", "lbAlgorithm": "LB_ALGORITHM_ROUND_ROBIN"}])
        )
        lab.kube.apply(service("web", **{"ako.vmware.com/l4rule": "tuned"}))
        lab.until_address("web")
        pool = "cluster-a--default-web-TCP-80"
        lab.until(lambda lab: one(lab, "pool", pool)["lb_algorithm"] == "LB_ALGORITHM_ROUND_ROBIN")
        lab.kube.wait_for(lambda _kube: verdict(lab, "l4rules", "tuned", "default") == "Accepted")
        lab.kube.delete("l4rules", "tuned", "default")
        lab.until(lambda lab: one(lab, "pool", pool).get("lb_algorithm") != "LB_ALGORITHM_ROUND_ROBIN")
        lab.kube.wait_for(lambda _kube: condition(lab, "web") == "L4RuleNotFound")


def test_source_ranges_and_affinity_come_and_go(lab):
    with lab.running():
        document = service("web")
        document["spec"] |= {"loadBalancerSourceRanges": ["192.0.2.0/24"], "sessionAffinity": "ClientIP"}
        lab.kube.apply(document)
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.until_address("web")
        assert lab.names("networksecuritypolicy") == {"cluster-a--default-web"}
        assert lab.names("applicationpersistenceprofile") == {"cluster-a--default-web-TCP-80"}
        document["spec"] |= {"loadBalancerSourceRanges": None, "sessionAffinity": "None"}
        lab.kube.apply(document)
        lab.until(lambda lab: not lab.names("networksecuritypolicy") and not lab.names("applicationpersistenceprofile"))
        lab.kube.delete("services", "web", "default")
        lab.until(lambda lab: not lab.names("vsvip"))


def routes(lab):
    found = one(lab, "vrfcontext", "global").get("static_routes", ())
    return {(route["prefix"]["ip_addr"]["addr"], route["next_hop"]["addr"]) for route in found}


def test_routes_follow_the_nodes_and_a_restart_writes_none(tmp_path):
    with runtime_lab(tmp_path, disableStaticRouteSync="false") as lab:
        define(lab)
        with lab.running():
            lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24"))
            lab.kube.apply(node("node2", "10.20.0.12", "10.244.2.0/24"))
            lab.until(lambda lab: len(routes(lab)) == 2)
            lab.kube.delete("nodes", "node2")
            lab.until(lambda lab: routes(lab) == {("10.244.1.0", "10.20.0.11")})
            label = {"key": "clustername", "value": "cluster-a"}
            lab.until(lambda lab: one(lab, "serviceenginegroup", "Default-Group").get("labels") == [label])
        mark = lab.mark()
        with lab.running(pod="ako-1"):
            lab.kube.apply(service("web"))
            lab.until_address("web")
        assert not [write for write in lab.writes(since=mark) if write.startswith("PUT")]


def test_two_clusters_share_a_vrf(tmp_path):
    with runtime_lab(tmp_path, disableStaticRouteSync="false") as lab:
        define(lab)
        lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24"))
        with lab.running():
            lab.until(lambda lab: len(routes(lab)) == 1)
        lab.configure(clusterName="cluster-b", disableStaticRouteSync="false")
        lab.kube.delete("nodes", "node1")
        lab.kube.apply(node("node9", "10.20.0.19", "10.249.1.0/24"))
        with lab.running():
            lab.until(lambda lab: routes(lab) == {("10.244.1.0", "10.20.0.11"), ("10.249.1.0", "10.20.0.19")})


def test_a_namespace_moves_to_another_tenant(lab):
    lab.kube.apply(service("web"))
    with lab.running():
        lab.until_address("web")
        client = Client(lab.avi)
        assert client.request("POST", "/api/tenant", {"name": "gold"}).status == 201
        client.close()
        lab.kube.apply(namespace(**{"ako.vmware.com/tenant-name": "gold"}))
        lab.until(lambda lab: tenants(lab) == {"gold"})
        lab.until_address("web")


def tenants(lab):
    return {document["tenant_ref"].rpartition("#")[2] for document in lab.avi.objects("virtualservice")}


def test_delete_config_takes_routes_and_label_back(tmp_path):
    with runtime_lab(tmp_path, disableStaticRouteSync="false") as lab:
        define(lab)
        lab.kube.apply(node("node1", "10.20.0.11", "10.244.1.0/24"))
        with lab.running():
            lab.until(lambda lab: len(routes(lab)) == 1)
            lab.until(lambda lab: one(lab, "serviceenginegroup", "Default-Group").get("labels"))
            lab.configure(disableStaticRouteSync="false", deleteConfig="true")
            lab.until(lambda lab: not routes(lab))
            lab.until(lambda lab: not one(lab, "serviceenginegroup", "Default-Group").get("labels"))
            lab.configure(disableStaticRouteSync="false", deleteConfig="false")
            lab.until(lambda lab: len(routes(lab)) == 1)
