"""Admission, offline: what the CRD and the webhooks would refuse."""

import copy

import pytest
import yaml
from support.data_folder import test_data

from ako_builder.addon.admission.webhook import adc_violations, bootstrap_violations, cluster_violations
from ako_builder.addon.shapes.keys import OPERATOR_VERSIONS

LATEST = OPERATOR_VERSIONS[-1]


def adc(**changes):
    document = {
        "apiVersion": "networking.tkg.tanzu.vmware.com/v1alpha1",
        "kind": "AKODeploymentConfig",
        "metadata": {"name": "a"},
        "spec": {
            "cloudName": "Default-Cloud",
            "controller": "192.0.2.10",
            "serviceEngineGroup": "Default-Group",
            "adminCredentialRef": {"name": "a", "namespace": "n"},
            "certificateAuthorityRef": {"name": "a", "namespace": "n"},
            "clusterSelector": {"matchLabels": {"a": "b"}},
            "dataNetwork": {
                "name": "vip",
                "cidr": "198.51.100.0/24",
                "ipPools": [{"start": "198.51.100.10", "end": "198.51.100.20", "type": "V4"}],
            },
        },
    }
    for path, value in changes.items():
        node = document
        *parents, last = path.split("__")
        for part in parents:
            node = node.setdefault(part, {}) if isinstance(node, dict) else node[int(part)]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return document


def test_a_good_one_passes():
    assert adc_violations(adc(), version=LATEST) == ()


@pytest.mark.parametrize(
    ("change", "path", "judge"),
    [
        ({"apiVersion": "network.tanzu.vmware.com/v1alpha1"}, "apiVersion", "crd"),
        ({"spec__cloudName": None}, "spec.cloudName", "crd"),
        ({"spec__cludName": "x"}, "spec.cludName", "crd"),
        ({"spec__extraConfigs__enableEVH": "true"}, "spec.extraConfigs.enableEVH", "crd"),
        ({"spec__extraConfigs__replicaCount": 3}, "spec.extraConfigs.replicaCount", "crd"),
        ({"spec__extraConfigs__ipFamily": "V4_V6"}, "spec.extraConfigs.ipFamily", "crd"),
        ({"spec__extraConfigs__fullSyncFrequency": 1800}, "spec.extraConfigs.fullSyncFrequency", "crd"),
        (
            {"spec__extraConfigs__ingress__nodeNetworkList": {"networkName": "n"}},
            "spec.extraConfigs.ingress.nodeNetworkList",
            "crd",
        ),
        ({"spec__clusterSelector": {}}, "spec.clusterSelector", "webhook"),
        ({"metadata__name": "install-ako-for-management-cluster"}, "spec.clusterSelector", "webhook"),
        ({"spec__controllerVersion": "v22"}, "spec.controllerVersion", "webhook"),
        ({"spec__dataNetwork__cidr": "198.51.100.0"}, "spec.dataNetwork.cidr", "webhook"),
        ({"spec__dataNetwork__cidr": "203.0.113.0/24"}, "spec.dataNetwork.ipPools[0]", "webhook"),
        ({"spec__dataNetwork__ipPools__0__end": "198.51.100.5"}, "spec.dataNetwork.ipPools[0]", "webhook"),
        ({"spec__dataNetwork__ipPools__0__type": "V6"}, "spec.dataNetwork.ipPools[0]", "crd"),
        ({"spec__controlPlaneNetwork": {"name": "x", "cidr": "y"}}, "spec.controlPlaneNetwork", "webhook"),
        ({"spec__controlPlaneNetwork": {"name": "x"}}, "spec.controlPlaneNetwork", "crd"),
        (
            {"spec__clusterSelector": {"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}},
            "spec.clusterSelector.matchExpressions[0]",
            "webhook",
        ),
        (
            {"spec__clusterSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            "spec.clusterSelector.matchExpressions[0]",
            "webhook",
        ),
        (
            {"spec__clusterSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}},
            "spec.clusterSelector.matchExpressions[0]",
            "webhook",
        ),
    ],
)
def test_what_would_be_refused_is_refused(change, path, judge):
    found = adc_violations(adc(**change), version=LATEST)
    assert [(item.path, item.judge) for item in found] == [(path, judge)]


def test_only_the_default_may_select_everything():
    assert adc_violations(adc(spec__clusterSelector={}, metadata__name="install-ako-for-all"), version=LATEST) == ()


def test_a_field_of_a_later_operator_is_refused():
    document = adc(spec__extraConfigs__replicaCount=2)
    assert adc_violations(document, version="1.12.0") == ()
    assert "lacks this field" in adc_violations(document, version="1.11.0")[0].why


@pytest.mark.parametrize("path", ["spec__clusterSelector", "spec__controlPlaneNetwork", "spec__tenant"])
def test_what_is_immutable_cannot_change(path):
    value = {"matchLabels": {"c": "d"}} if path.endswith("Selector") else {"name": "n", "cidr": "203.0.113.0/24"}
    if path.endswith("tenant"):
        value = {"name": "t"}
    old = adc(spec__controlPlaneNetwork={"name": "o", "cidr": "203.0.113.0/24"}, spec__tenant={"name": "o"})
    new = copy.deepcopy(old)
    new["spec"][path.removeprefix("spec__")] = value
    assert [item.path for item in adc_violations(new, version=LATEST, old=old)] == [path.replace("__", ".")]


def test_a_data_network_may_change_and_its_new_value_is_judged_like_a_first_one():
    old = adc()
    moved = {"name": "other", "cidr": "203.0.113.0/24", "ipPools": []}
    assert adc_violations(adc(spec__dataNetwork=moved), version=LATEST, old=old) == ()
    outside = adc(spec__dataNetwork__cidr="203.0.113.0/24")
    assert [item.path for item in adc_violations(outside, version=LATEST, old=old)] == ["spec.dataNetwork.ipPools[0]"]


def test_an_empty_control_plane_network_is_none():
    assert adc_violations(adc(spec__controlPlaneNetwork={"name": "", "cidr": ""}), version=LATEST) == ()


def test_a_package_has_to_be_in_the_system_namespace():
    new = bootstrap(ref("a.b.c.1.2.0"), cni=ref("antrea.x.y.1.0.0"))
    there = frozenset({"a.b.c.1.2.0", "antrea.x.y.1.0.0"})
    assert bootstrap_violations({}, new) == bootstrap_violations({}, new, packages=there) == ()
    found = bootstrap_violations({}, new, packages=frozenset({"a.b.c.1.1.0"}))
    assert [item.path for item in found] == ["spec.cni.refName", "spec.additionalPackages[0].refName"]
    assert all("apply it first" in item.why for item in found)


def test_cluster_names_and_families():
    assert cluster_violations("a" * 25) == ()
    assert "at most 25" in cluster_violations("a" * 26)[0].why
    assert cluster_violations("a", pod_cidrs=["2001:db8::/48"])[0].why.startswith("IPv6")
    assert cluster_violations("a", pod_cidrs=["10.0.0.0/16"], family="V6")[0].path == "spec.extraConfigs.ipFamily"
    assert cluster_violations("a", pod_cidrs=["10.0.0.0/16", "2001:db8::/48"], family="V6") == ()


def test_the_official_sample_is_refused_for_its_group_and_its_quoted_booleans():
    text = test_data("samples", "akoo-network_v1alpha1_akodeploymentconfig.yaml").read_text()
    document = next(iter(yaml.safe_load_all(text)))
    found = {item.path: item.why for item in adc_violations(document, version=LATEST)}
    assert "network.tanzu.vmware.com" in found["apiVersion"]
    assert "the text 'true'" in found["spec.extraConfigs.primaryInstance"]
    assert found["spec.extraConfigs.ingress.nodeNetworkList"] == "must be a list, found dict"


def bootstrap(*packages, **spec):
    return {"spec": {"additionalPackages": list(packages), **spec}}


def ref(name, **source):
    return {"refName": name, "valuesFrom": source or {"secretRef": "s"}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (bootstrap(ref("a.b.c.1.2.0")), bootstrap(ref("a.b.c.1.1.0")), "older than 1.2.0"),
        (bootstrap(ref("a.b.c.1.2.0+vmware.2")), bootstrap(ref("a.b.c.1.2.0+vmware.1")), "older than"),
        (bootstrap(ref("a.b.c.1.2.0")), bootstrap(), "cannot be removed"),
        (bootstrap(), bootstrap(ref("a.b.c.1.2.0"), ref("a.b.c.1.3.0")), "more than once"),
        (bootstrap(), bootstrap(ref("a.b.c.1.2.0", secretRef="s", inline={"a": 1})), "inline and secretRef"),
        (
            bootstrap(ref("a.b.c.1.2.0", providerRef={"name": "p"})),
            bootstrap(ref("a.b.c.1.2.0", secretRef="s")),
            "providerRef cannot become",
        ),
        (bootstrap(cni=ref("antrea.x.y.1.0.0")), bootstrap(cni=ref("calico.x.y.1.0.0")), "cannot become calico"),
        (bootstrap(), bootstrap(csi=ref("v.x.y.1.0.0", secretRef="s", inline={"a": 1})), "inline and secretRef"),
    ],
)
def test_a_cluster_bootstrap_that_would_be_refused(old, new, said):
    assert any(said in item.why for item in bootstrap_violations(old, new))


def test_adding_and_raising_a_package_is_allowed():
    old = bootstrap(ref("a.b.c.1.2.0"))
    assert bootstrap_violations(old, bootstrap(ref("a.b.c.1.3.0"), ref("x.y.z.0.1.0"))) == ()
