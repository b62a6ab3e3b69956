"""What the demo takes for true, on small documents: each missing link is noticed."""

import copy

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
    "vsvip": [{"name": "vip", "uuid": "vsvip-1", "vip": [{"ip_address": {"addr": "10.10.0.9", "type": "V4"}}]}],
    "virtualservice": [
        {
            "name": "vs",
            "uuid": "vs-1",
            "vsvip_ref": "/api/vsvip/vsvip-1",
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
    assert view.row() == {
        "service": "core/oam",
        "VIP": "10.10.0.9",
        "host name": "oam.example.com",
        "ports": "443/TCP 8805/UDP",
        "pool members": "10.0.0.1",
    }
    assert [row["name"] for row in view.object_rows()] == ["vs", "vip", "a", "b"]


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
    assert facts.created(OBJECTS, before) == ["pool a", "pool b"]
