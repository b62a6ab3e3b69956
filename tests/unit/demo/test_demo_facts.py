"""What the demo takes for true, on small documents: each missing link is noticed."""

import copy

import msgspec
import pytest

from ako_lab import demo_facts as facts

SERVICE = {
    "kind": "Service",
    "metadata": {"name": "oam", "namespace": "core"},
    "spec": {
        "type": "LoadBalancer",
        "ports": [
            {"name": "https", "port": 443, "protocol": "TCP"},
            {"name": "pfcp", "port": 8805, "protocol": "UDP"},
        ],
    },
    "status": {"loadBalancer": {"ingress": [{"ip": "10.10.0.9", "hostname": "oam.example.com"}]}},
}
SLICE = {
    "metadata": {"name": "oam-1", "namespace": "core", "labels": {"kubernetes.io/service-name": "oam"}},
    "ports": [{"name": "https", "port": 8443, "protocol": "TCP"}, {"name": "pfcp", "port": 8805, "protocol": "UDP"}],
    "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": {"ready": False}}],
}


def pool(name, port):
    return {
        "name": name,
        "uuid": f"pool-{name}",
        "markers": [{"key": "ServiceName", "values": ["oam"]}],
        "servers": [
            {"ip": {"addr": "10.0.0.1", "type": "V4"}, "port": port},
            {"ip": {"addr": "10.0.0.2", "type": "V4"}, "port": port, "enabled": False},
        ],
    }


def rule(name):
    return {"action": {"select_pool": {"pool_ref": f"https://avi/api/pool/pool-{name}#{name}"}}}


OBJECTS = {
    "vsvip": [
        {
            "name": "vip",
            "uuid": "vsvip-1",
            "dns_info": [{"fqdn": "other.example.com"}, {"fqdn": "oam.core.example.com"}],
            "vip": [
                {
                    "ip_address": {"addr": "10.10.0.9", "type": "V4"},
                    "ipam_network_subnet": {"network_ref": "https://avi/api/network/network-1#front"},
                }
            ],
        }
    ],
    "serviceenginegroup": [{"name": "engines", "uuid": "seg-1"}, {"name": "others", "uuid": "seg-2"}],
    "network": [{"name": "front", "uuid": "network-1"}, {"name": "back", "uuid": "network-2"}],
    "virtualservice": [
        {
            "name": "vs",
            "uuid": "vs-1",
            "vsvip_ref": "/api/vsvip/vsvip-1",
            "se_group_ref": "/api/serviceenginegroup/seg-1",
            "l4_policies": [{"l4_policy_set_ref": "/api/l4policyset/l4-1"}],
        }
    ],
    "l4policyset": [
        {"name": "l4", "uuid": "l4-1", "l4_connection_policy": {"rules": [rule("a"), rule("b")]}},
    ],
    "pool": [pool("a", 8443), pool("b", 8805), {"name": "foreign", "uuid": "pool-foreign", "servers": []}],
}


def test_a_served_service_is_followed_through_the_references():
    view = facts.served(SERVICE, OBJECTS)
    assert view is not None
    assert (view.virtual_service, view.vsvip, view.pools) == ("vs", "vip", ("a", "b"))
    assert view.members == ("10.0.0.1:8443", "10.0.0.1:8805")
    assert frozenset(view.members) == facts.expected_members(SERVICE, [SLICE])
    assert view.placement == PLACED
    assert view.row() == {
        "service": "core/oam",
        "asks by": "its type",
        "VIP": "10.10.0.9",
        "ports": "443/TCP 8805/UDP",
        "pool members": "10.0.0.1",
        "host name": "oam.example.com",
    }
    other = msgspec.structs.replace(view, service="core/other", pools=("c",))
    assert [tuple(row.values()) for row in facts.object_rows([view, other])] == [
        ("VirtualService", "vs", "on engines", "oam other"),
        ("VsVip", "vip", "in front", "oam other"),
        ("L4PolicySet", "l4", "", "oam other"),
        ("Pool", "a", "", "oam"),
        ("Pool", "b", "", "oam"),
        ("Pool", "c", "", "other"),
    ]


def attached(kind, ingress=()):
    labels = {"ako.vmware.com/gateway-namespace": "core", "ako.vmware.com/gateway-name": "gw"}
    return {
        **SERVICE,
        "metadata": {**SERVICE["metadata"], "labels": labels},
        "spec": {**SERVICE["spec"], "type": kind},
        "status": {"loadBalancer": {"ingress": [{"ip": address} for address in ingress]}},
    }


GATEWAY = {
    "kind": "Gateway",
    "metadata": {"name": "gw", "namespace": "core"},
    "spec": {"gatewayClassName": "class"},
    "status": {
        "addresses": [{"type": "IPAddress", "value": "10.10.0.9"}],
        "conditions": [{"type": "Scheduled", "status": "True"}, {"type": "ako.vmware.com/Ready", "status": "True"}],
    },
}
CLASS = {
    "kind": "GatewayClass",
    "metadata": {"name": "class"},
    "spec": {"parametersRef": {"kind": "AviInfraSetting", "name": "setting"}},
}
SETTING = {
    "kind": "AviInfraSetting",
    "metadata": {"name": "setting"},
    "spec": {"seGroup": {"name": "engines"}, "network": {"vipNetworks": [{"networkName": "front"}]}},
    "status": {"status": "Accepted"},
}
PLACED = facts.Placement(se_group="engines", networks=frozenset({"front"}))
ELSEWHERE = facts.Placement(se_group="Default-Group", networks=frozenset({"back"}))


def test_an_attached_service_has_the_addresses_of_its_gateway():
    view = facts.served(attached("ClusterIP"), OBJECTS, [GATEWAY])
    assert (view.addresses, view.asks, view.hostname) == (("10.10.0.9",), "labels: Gateway gw", "oam.core.example.com")
    assert facts.served(attached("ClusterIP"), OBJECTS, [{**GATEWAY, "status": {}}]) is None
    assert facts.served(attached("LoadBalancer", ["10.10.0.9"]), OBJECTS, [GATEWAY]) is not None
    assert facts.served(attached("LoadBalancer", ["10.10.0.8"]), OBJECTS, [GATEWAY]) is None
    assert facts.served(attached("LoadBalancer"), OBJECTS, [GATEWAY]) is None


def test_how_a_service_asks():
    def asks(**annotations):
        return facts.served({**SERVICE, "metadata": {**SERVICE["metadata"], "annotations": annotations}}, OBJECTS).asks

    assert asks() == "its type"
    assert asks(**{"ako.vmware.com/host-fqdn-vs-uuid-map": "{}"}) == "its type"
    assert asks(**{"ako.vmware.com/load-balancer-ip": "10.10.0.9"}) == "annotations"
    assert asks(**{"ako.vmware.com/enable-shared-vip": "upf"}) == "annotation: shared VIP upf"


def test_where_a_service_must_live():
    everything = [GATEWAY, CLASS, SETTING]
    assert facts.expected_placement(SERVICE, everything, ELSEWHERE) == ELSEWHERE
    assert facts.expected_placement(attached("ClusterIP"), everything, ELSEWHERE) == PLACED
    assert facts.expected_placement(attached("ClusterIP"), [GATEWAY, SETTING], ELSEWHERE) == ELSEWHERE
    named = {"name": "oam", "namespace": "core", "annotations": {"aviinfrasetting.ako.vmware.com/name": "setting"}}
    assert facts.expected_placement({**SERVICE, "metadata": named}, everything, ELSEWHERE) == PLACED


def test_verdicts_of_what_is_not_a_service():
    assert facts.verdict(SETTING) == "Accepted"
    assert facts.verdict({**SETTING, "status": {"status": "Rejected"}}) == ""
    assert facts.verdict(GATEWAY) == "Ready at 10.10.0.9"
    assert facts.verdict({**GATEWAY, "status": {}}) == ""


def test_what_changed_is_named():
    before = {"vrfcontext": [{"name": "global", "uuid": "v-1", "_last_modified": "1"}]}
    assert facts.changed({"vrfcontext": [{"name": "global", "uuid": "v-1", "_last_modified": "2"}]}, before) == []
    routed = {"name": "global", "uuid": "v-1", "static_routes": [{}]}
    assert facts.changed({"vrfcontext": [routed]}, before) == ["vrfcontext global"]


@pytest.mark.parametrize("missing", ["vsvip", "virtualservice", "l4policyset", "pool"])
def test_a_missing_object_means_not_served(missing):
    assert facts.served(SERVICE, {**OBJECTS, missing: []}) is None


def test_no_address_means_not_served():
    assert facts.served({**SERVICE, "status": {}}, OBJECTS) is None


def test_a_pool_that_no_rule_selects_does_not_count():
    objects = copy.deepcopy(OBJECTS)
    objects["l4policyset"][0]["l4_connection_policy"]["rules"].pop()
    assert facts.served(SERVICE, objects) is None


def test_only_endpoints_of_the_services_own_slices_are_expected():
    others = [
        {**SLICE, "metadata": {**SLICE["metadata"], "namespace": "other"}},
        {**SLICE, "metadata": {**SLICE["metadata"], "labels": {"kubernetes.io/service-name": "other"}}},
    ]
    assert facts.expected_members(SERVICE, others) == frozenset()


def test_a_refusal_is_the_condition_that_says_so():
    condition = {"type": "ako.vmware.com/Accepted", "status": "False", "reason": "Why", "message": "because"}
    assert facts.refusal({**SERVICE, "status": {"conditions": [condition]}}) == "Why: because"
    assert facts.refusal({**SERVICE, "status": {"conditions": [{**condition, "status": "True"}]}}) == ""
    assert facts.refusal(SERVICE) == ""
    assert not facts.expects_refusal(SERVICE)
    labelled = {**SERVICE, "metadata": {"name": "oam", "labels": {facts.EXPECT_LABEL: "refused"}}}
    assert facts.expects_refusal(labelled)


def test_what_was_there_before_was_not_created():
    before = frozenset({"pool-foreign", "vs-1", "vsvip-1", "l4-1"})
    objects = {kind: items for kind, items in OBJECTS.items() if kind in facts.CONTROLLER_TYPES}
    assert facts.created(objects, before) == ["pool a", "pool b"]
