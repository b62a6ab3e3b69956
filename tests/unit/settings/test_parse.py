"""Parsing: every spelling, every error at once, and no secret in any text."""

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.settings import (
    ALL_SETTINGS,
    BY_KEY,
    NodeNetwork,
    Problem,
    SecretText,
    Settings,
    SettingsError,
    VipNetwork,
    parse,
    parse_environment,
    remarks,
)

USABLE = {"controllerIP": "avi.example.com", "vipNetworkList": '[{"networkName":"vip","cidr":"10.10.0.0/24"}]'}
CREDENTIALS = {"username": "ako", "password": "verysecret"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def problems_of(mapping, environ=None, secret=None) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(mapping, environ or {}, secret, strict=True)
    return caught.value.problems


def test_a_whole_configmap_and_secret():
    settings = parse(
        {
            **USABLE,
            "clusterName": "edge-7",
            "enableRHI": "true",
            "bgpPeerLabels": '["core","edge"]',
            "nodeNetworkList": '[{"networkName":"nodes","cidrs":["10.20.0.0/24","fd00::/64"]}]',
            "vipNetworkList": '[{"networkUUID":"net-1","cidr":"10.10.0.0/24","v6cidr":"fd00:10::1/64"}]',
            "blockedNamespaceList": '["kube-system","kube-public"]',
            "fullSyncFrequency": "0",
            "nsxtT1LR": "",
        },
        {},
        secret={**CREDENTIALS, "certificateAuthorityData": PEM},
    )
    assert settings.cluster_name == "edge-7"
    assert settings.bgp_peer_labels == ("core", "edge")
    assert settings.node_networks == (NodeNetwork(network_name="nodes", cidrs=("10.20.0.0/24", "fd00::/64")),)
    assert settings.vip_networks == (VipNetwork(network_uuid="net-1", cidr="10.10.0.0/24", v6cidr="fd00:10::1/64"),)
    assert settings.blocked_namespaces == {"kube-system", "kube-public"}
    assert settings.full_sync_frequency == 0
    assert settings.password.reveal() == "verysecret"
    assert settings.certificate_authority == PEM


def test_every_error_is_reported_at_once_by_the_name_that_was_written():
    found = problems_of(
        {
            "clustername": "x",
            "logLevel": "warning",
            "controllerIP": "https://avi.example.com",
            "vipNetworkList": '[{"networkNam":"a"}]',
            "bgpPeerLabels": '["a"]',
            "fullSyncFrequency": "30m",
            "password": "x",
        },
        {"CNI_PLUGIN": "anterea"},
        {},
    )
    assert {problem.name: problem.message for problem in found} == {
        "clustername": "unknown setting; did you mean 'clusterName'?",
        "password": "belongs in the Secret avi-secret, not in the ConfigMap",
        "controllerIP": "expected an address, a host name or host:port, without https://, not 'https://avi.example.com'",
        "logLevel": "expected one of DEBUG, INFO, WARN, ERROR, not 'warning'",
        "fullSyncFrequency": "expected a whole number of seconds from 0 to 31536000, not '30m'",
        "CNI_PLUGIN": "expected one of calico, canal, flannel, openshift, antrea, ncp, ovn-kubernetes, cilium, "
        "not 'anterea'",
        "vipNetworkList": "entry 1 names neither networkName nor networkUUID",
        "bgpPeerLabels": "needs enableRHI to be true",
        "avi-secret username": "is required: a user on the Avi Controller",
        "avi-secret password": "is required, or authtoken instead of it",
    }


@pytest.mark.parametrize(
    ("mapping", "name"),
    [
        ({"nsSyncLabelKey": "team"}, "nsSyncLabelValue"),
        ({"nsSyncLabelValue": "a"}, "nsSyncLabelKey"),
        ({"nodeValue": "a"}, "nodeKey"),
        ({"serviceType": "NodePortLocal", "cniPlugin": "calico"}, "serviceType"),
        ({"controllerVersion": "22.1.2"}, "controllerVersion"),
        ({"controllerVersion": "latest"}, "controllerVersion"),
        ({"vpcMode": "true", "nsxtT1LR": "/orgs/o/projects/p/vpcs/v"}, "vipNetworkList"),
        ({"vpcMode": "true", "vipNetworkList": "[]", "nsxtT1LR": "/infra/tier-1s/a"}, "nsxtT1LR"),
        ({"nsxtT1LR": "avi-t1"}, "nsxtT1LR"),
        ({"vipNetworkList": "[]"}, "vipNetworkList"),
        ({"controllerIP": ""}, "controllerIP"),
        ({"apiServerPort": "0"}, "apiServerPort"),
        ({"apiServerPort": "65536"}, "apiServerPort"),
        ({"enableEVH": "yes"}, "enableEVH"),
        ({"clusterName": "two words"}, "clusterName"),
        ({"vipNetworkList": '[{"cidr":"10.0.0.0/24"}]'}, "vipNetworkList"),
        ({"vipNetworkList": '[{"networkName":"a","cidr":"fd00::/64"}]'}, "vipNetworkList"),
        ({"vipNetworkList": '[{"networkName":"a","v6cidr":"10.0.0.0/24"}]'}, "vipNetworkList"),
        ({"nodeNetworkList": '[{"networkName":"a","cidrs":["10.0.0.1"]}]'}, "nodeNetworkList"),
        ({"nodeNetworkList": str([{"networkName": "a"}] * 6).replace("'", '"')}, "nodeNetworkList"),
        ({"blockedNamespaceList": "kube-system"}, "blockedNamespaceList"),
        ({"blockedNamespaceList": "[1]"}, "blockedNamespaceList"),
        ({"blockedNamespaceList": "{}"}, "blockedNamespaceList"),
    ],
)
def test_one_wrong_setting_is_one_problem(mapping, name):
    assert [problem.name for problem in problems_of({**USABLE, **mapping})] == [name]


def test_a_router_without_a_path_is_taken_as_it_stands():
    settings = parse({**USABLE, "nsxtT1LR": "avi-t1"}, {})
    (problem,) = settings.tolerated
    assert (settings.nsxt_t1_lr, problem.name) == ("avi-t1", "nsxtT1LR")
    assert "/infra/tier-1s/" in problem.message


def test_the_configmap_wins_over_the_environment_and_an_empty_text_says_nothing():
    settings = parse(
        {**USABLE, "cloudName": "from-map", "tenantName": ""},
        {"CLOUD_NAME": "from-env", "TENANT_NAME": "from-env", "SEG_NAME": "from-env", "PATH": "/bin"},
    )
    assert (settings.cloud_name, settings.tenant_name, settings.service_engine_group_name) == (
        "from-map",
        "from-env",
        "from-env",
    )


def test_the_environment_alone_is_enough():
    environ = {
        "CTRL_IPADDRESS": "[2001:db8::1]:9443",
        "VIP_NETWORK_LIST": '[{"networkName":"vip"}]',
        "CTRL_USERNAME": "ako",
        "CTRL_PASSWORD": "p",
        "POD_NAMESPACE": "avi-system",
        "USE_PVC": "true",
    }
    assert parse_environment(environ) == parse({}, environ)
    assert parse({}, environ, secret={}).username == "ako"
    with pytest.raises(SettingsError, match=r"CTRL_IPADRESS: unknown setting; did you mean 'CTRL_IPADDRESS'\?"):
        parse_environment({"CTRL_IPADRESS": "a"}, strict=True)
    with pytest.raises(SettingsError, match="BGP_PEER_LABELS: needs ENABLE_RHI to be true"):
        parse_environment({**environ, "BGP_PEER_LABELS": '["a"]'})


def test_no_secret_in_any_text():
    settings = parse(USABLE, {}, secret=CREDENTIALS)
    assert "verysecret" not in f"{settings} {settings!r} {settings.password} {settings.password!r}"
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)
    found = problems_of(USABLE, {}, {**CREDENTIALS, "certificateAuthorityData": "not a verysecret certificate"})
    assert "verysecret" not in str(found)


def test_secret_texts_compare_by_content():
    assert SecretText("a") == SecretText("a")
    assert SecretText("a") != SecretText("b")
    assert SecretText("a") != "a"
    assert len({SecretText("a"), SecretText("a")}) == 1
    assert not SecretText("")
    assert pickle.loads(pickle.dumps(SecretText("a"))) == SecretText("a")  # noqa: S301 - our own bytes


def test_remarks_name_what_has_no_effect():
    remarked = parse({**USABLE, "clusterName": "c" * 33, "vipPerNamespace": "true", "nodeKey": "a"}, {}, CREDENTIALS)
    names = {name for name, _ in remarks(remarked)}
    assert {"clusterName", "vipPerNamespace", "nodeKey", "certificateAuthorityData"} <= names
    assert remarks(Settings(cluster_name="edge-1")) == ()


def outcome(mapping) -> Settings | SettingsError:
    try:
        return parse(mapping, {})
    except SettingsError as error:
        return error


@given(st.dictionaries(st.sampled_from(sorted(BY_KEY)), st.text(max_size=40)))
def test_any_text_is_either_settings_or_named_problems(mapping):
    result = outcome(mapping)
    if isinstance(result, SettingsError):
        assert result.problems
        assert {problem.name for problem in result.problems} <= set(BY_KEY)


OFFICIAL_STARTS = [
    ({"subnetIP": "10.0.0.0"}, "subnetIP", "was replaced by vipNetworkList[].cidr", {}),
    ({"networkName": "a"}, "networkName", "was replaced by vipNetworkList[].networkName", {}),
    ({"advancedL4": "false"}, "advancedL4", "remove it", {}),
    ({"clusterNam": "x"}, "clusterNam", "did you mean 'clusterName'?", {}),
    (
        {"vipNetworkList": '[{"networkName":"a","subnet":"x"}]'},
        "vipNetworkList",
        "unknown field 'subnet' in entry 1",
        {},
    ),
    ({"enableEVH": "yes"}, "enableEVH", "in force is false", {"enable_evh": False}),
    ({"primaryInstance": "yes"}, "primaryInstance", "in force is true", {"primary_instance": True}),
    ({"defaultLBController": "no"}, "defaultLBController", "in force is true", {"default_lb_controller": True}),
    ({"deleteConfig": "1"}, "deleteConfig", "in force is false", {"delete_config": False}),
    ({"shardVSSize": "HUGE"}, "shardVSSize", "in force is SMALL", {"shard_vs_size": "SMALL"}),
    ({"autoFQDN": "none"}, "autoFQDN", "in force is disabled", {"auto_fqdn": "disabled"}),
    ({"cniPlugin": "weave"}, "cniPlugin", "in force is", {"cni_plugin": ""}),
    ({"fullSyncFrequency": "30m"}, "fullSyncFrequency", "in force is 1800", {"full_sync_frequency": 1800}),
    (
        {"blockedNamespaceList": "kube-system"},
        "blockedNamespaceList",
        "an empty list",
        {"blocked_namespaces": frozenset()},
    ),
    ({"nsSyncLabelKey": "team"}, "nsSyncLabelValue", "all Namespaces are served", {"ns_sync_label_key": ""}),
    ({"nodeValue": "a"}, "nodeKey", "all Nodes serve", {"node_value": ""}),
]


@pytest.mark.parametrize(("mapping", "name", "words", "in_force"), OFFICIAL_STARTS)
def test_with_what_the_official_one_starts_we_start(mapping, name, words, in_force):
    settings = parse({**USABLE, **mapping}, {})
    (problem,) = settings.tolerated
    assert problem.name == name
    assert words in problem.message
    assert (name, problem.message) in remarks(settings)
    assert {attribute: getattr(settings, attribute) for attribute in in_force} == in_force
    assert [problem.name for problem in problems_of({**USABLE, **mapping})] == [name]


@pytest.mark.parametrize(
    ("key", "text", "attribute", "value"),
    [
        ("logLevel", "warn", "log_level", "WARN"),
        ("cniPlugin", "Antrea", "cni_plugin", "antrea"),
        ("shardVSSize", "dedicated", "shard_vs_size", "DEDICATED"),
        ("serviceType", "nodeport", "service_type", "NodePort"),
        ("fqdnReusePolicy", "strict", "fqdn_reuse_policy", "Strict"),
        ("ipFamily", "v4_v6", "ip_family", "V4_V6"),
        ("enableEVH", "1", "enable_evh", True),
        ("enableEVH", "T", "enable_evh", True),
        ("defaultIngController", "0", "default_ing_controller", False),
        ("defaultIngController", "f", "default_ing_controller", False),
        ("enableEVH", "TRUE", "enable_evh", True),
        ("deleteConfig", "TRUE", "delete_config", True),
    ],
)
def test_the_case_of_a_choice_says_nothing_and_booleans_are_read_as_go_does(key, text, attribute, value):
    settings = parse({**USABLE, key: text}, {})
    assert (getattr(settings, attribute), settings.tolerated) == (value, ())


def test_every_fallback_is_a_value_of_its_setting():
    found = [setting for setting in ALL_SETTINGS if setting.fallback is not None]
    assert len(found) > 20
    for setting in found:
        garbage = "{" if setting.type == "list" else "no such value"
        settings = parse(
            {**USABLE, setting.name: garbage} if setting.place == "configmap" else USABLE,
            {setting.env: garbage} if setting.env else {},
        )
        assert [problem.name for problem in settings.tolerated] in ([setting.name], [setting.env]), setting.name
