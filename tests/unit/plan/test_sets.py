"""What has no order is equal in any order; what has one is not."""

import json

import msgspec
import pytest

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.refs import Ref
from ako_runtime.model.wire import KINDS
from ako_runtime.plan.compare import differences
from ako_runtime.plan.sets import UNORDERED


def port(number, **more):
    return avi.ServicePort(port=number, port_range_end=number, **more)


def l4_rule(index, number, pool):
    return avi.L4Rule(
        name=f"rule {index}",
        index=index,
        match=avi.L4Match(
            port=avi.PortMatch(match_criteria="IS_IN", ports=(number,)),
            protocol=avi.ProtocolMatch(match_criteria="IS_IN", protocol="PROTOCOL_TCP"),
        ),
        action=avi.L4Action(select_pool=avi.SelectPool(action_type="L4_RULE_ACTION_SELECT_POOL", pool_ref=pool)),
    )


def l4_policy(*rules):
    return avi.L4PolicySet(name="a", l4_connection_policy=avi.L4ConnectionPolicy(rules=rules))


def member(name, label, **more):
    return avi_l7.PoolGroupMember(pool_ref=Ref("pool", name), priority_label=label, **more)


def redirects(*hosts):
    match = avi_l7.RequestMatch(host_hdr=avi_l7.HostHeaderMatch(match_criteria="HDR_EQUALS", value=hosts))
    rule = avi_l7.RequestRule(name="r", index=0, match=match)
    return avi_l7.HTTPPolicySet(name="a", http_request_policy=avi_l7.RequestPolicy(rules=(rule,)))


def virtualservice(**fields):
    return avi.VirtualService(name="a", **fields)


UDP = Ref("networkprofile", "System-UDP-Fast-Path")
SAME = {
    "ports": (
        virtualservice(services=(port(53), port(53, override_network_profile_ref=UDP), port(80, enable_ssl=False))),
        virtualservice(services=(port(80), port(53, override_network_profile_ref=UDP), port(53))),
    ),
    "rules of ports": (
        l4_policy(l4_rule(0, 80, Ref("pool", "x")), l4_rule(1, 443, Ref("pool", "y"))),
        l4_policy(l4_rule(0, 443, Ref("pool", "y")), l4_rule(1, 80, Ref("pool", "x"))),
    ),
    "members of a group": (
        avi_l7.PoolGroup(name="a", members=(member("x", "a/", ratio=1), member("y", "b/"))),
        avi_l7.PoolGroup(name="a", members=(member("y", "b/"), member("x", "a/"))),
    ),
    "names in DNS": (
        avi.VsVip(name="a", dns_info=(avi.DnsInfo(fqdn="x"), avi.DnsInfo(fqdn="y"))),
        avi.VsVip(name="a", dns_info=(avi.DnsInfo(fqdn="y"), avi.DnsInfo(fqdn="x"))),
    ),
    "hosts of a redirect": (redirects("x", "y"), redirects("y", "x")),
    "markers": (
        virtualservice(markers=(avi.Marker(key="x", values=("1", "2")), avi.Marker(key="y", values=("3",)))),
        virtualservice(markers=(avi.Marker(key="y", values=("3",)), avi.Marker(key="x", values=("2", "1", "1")))),
    ),
    "attachments by their index": (
        virtualservice(
            http_policies=(
                avi.HttpPolicyLink(index=11, http_policy_set_ref=Ref("httppolicyset", "x")),
                avi.HttpPolicyLink(index=12, http_policy_set_ref=Ref("httppolicyset", "y")),
            )
        ),
        virtualservice(
            http_policies=(
                avi.HttpPolicyLink(index=12, http_policy_set_ref=Ref("httppolicyset", "y")),
                avi.HttpPolicyLink(index=11, http_policy_set_ref=Ref("httppolicyset", "x")),
            )
        ),
    ),
    "names in metadata": (
        virtualservice(service_metadata=json.dumps({"hostnames": ["x", "y"], "gateway": ""})),
        virtualservice(service_metadata=json.dumps({"gateway": "", "hostnames": ["y", "x"]})),
    ),
}
OTHER = {
    "a port more": (virtualservice(services=(port(53), port(80))), virtualservice(services=(port(53),)), "services"),
    "a profile of a port": (
        virtualservice(services=(port(53), port(80, override_network_profile_ref=UDP))),
        virtualservice(services=(port(53, override_network_profile_ref=UDP), port(80))),
        "services",
    ),
    "a pool behind another port": (
        l4_policy(l4_rule(0, 80, Ref("pool", "x")), l4_rule(1, 443, Ref("pool", "y"))),
        l4_policy(l4_rule(0, 80, Ref("pool", "y")), l4_rule(1, 443, Ref("pool", "x"))),
        "l4_connection_policy",
    ),
    "the same rule twice": (
        l4_policy(l4_rule(0, 80, Ref("pool", "x"))),
        l4_policy(l4_rule(0, 80, Ref("pool", "x")), l4_rule(1, 80, Ref("pool", "x"))),
        "l4_connection_policy",
    ),
    "a label of another member": (
        avi_l7.PoolGroup(name="a", members=(member("x", "a/"), member("y", "b/"))),
        avi_l7.PoolGroup(name="a", members=(member("x", "b/"), member("y", "a/"))),
        "members",
    ),
    "order by index": (
        virtualservice(http_policies=(avi.HttpPolicyLink(index=11, http_policy_set_ref=Ref("httppolicyset", "x")),)),
        virtualservice(http_policies=(avi.HttpPolicyLink(index=12, http_policy_set_ref=Ref("httppolicyset", "x")),)),
        "http_policies",
    ),
    "a name in metadata": (
        virtualservice(service_metadata=json.dumps({"hostnames": ["x"]})),
        virtualservice(service_metadata=json.dumps({"hostnames": ["x", "y"]})),
        "service_metadata",
    ),
    "metadata that is no JSON": (
        virtualservice(service_metadata="{}"),
        virtualservice(service_metadata="{"),
        "service_metadata",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_another_order_is_no_difference(name):
    wanted, held = SAME[name]
    assert wanted != held
    assert differences(wanted, held) == ()
    assert differences(held, wanted) == ()


@pytest.mark.parametrize("name", OTHER)
def test_what_says_something_is_a_difference(name):
    wanted, held, field = OTHER[name]
    assert differences(wanted, held) == (field,)
    assert differences(held, wanted) == (field,)


def test_every_unordered_field_is_a_list_of_its_class():
    for kind, fields in UNORDERED.items():
        assert fields <= {field.name for field in msgspec.structs.fields(kind)}, kind
    assert KINDS.keys() == {kind.kind for kind in UNORDERED if issubclass(kind, avi.AviObject)}
