import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.observed import Observed, observed_from
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack
from ako_runtime.plan.compare import differences
from ako_runtime.plan.operations import plan_for

NAMES = st.sampled_from(["a", "b", "c"])


def pools(name, port):
    return avi.Pool(
        name=name,
        tenant_ref=Ref("tenant", "admin"),
        servers=(avi.Server(ip=avi.IpAddr(addr="10.0.0.1", type="V4"), port=port),),
    )


@st.composite
def stacks(draw):
    objects = {}
    for name in draw(st.sets(NAMES)):
        objects[Ref("pool", name, tenant="admin")] = pools(name, draw(st.integers(1, 3)))
    for name in draw(st.sets(NAMES)):
        links = draw(st.lists(NAMES, max_size=2))
        rules = tuple(
            avi.L4Rule(
                name=link,
                index=index,
                match=avi.L4Match(
                    port=avi.PortMatch(match_criteria="IS_IN", ports=(index,)),
                    protocol=avi.ProtocolMatch(match_criteria="IS_IN", protocol="PROTOCOL_TCP"),
                ),
                action=avi.L4Action(
                    select_pool=avi.SelectPool(action_type="L4_RULE_ACTION_SELECT_POOL", pool_ref=Ref("pool", link))
                ),
            )
            for index, link in enumerate(links)
        )
        objects[Ref("l4policyset", name, tenant="admin")] = avi.L4PolicySet(
            name=name, l4_connection_policy=avi.L4ConnectionPolicy(rules=rules)
        )
    return Stack(objects=objects)


def answered(ref, body):
    """As the controller would answer: identity and some defaults added."""
    document = {"uuid": f"{ref.kind}-{ref.name}", "_last_modified": "1", "enabled": True, "lb_weight": 3, **body}
    return observed_from(ref.kind, msgspec.json.encode(document), tenant=ref.tenant, interned={})


def carried_out(operations, observed):
    state = dict(observed)
    done = set()
    for operation in operations:
        assert operation.waits_for <= done, "an operation stands before one that it waits for"
        done.add(operation.ref)
        if operation.verb == "delete":
            for other in state.values():
                if other.ref != operation.ref and other.content is not None:
                    assert operation.ref not in {link.within("admin") for link in _links(other.content)}
            del state[operation.ref]
        else:
            assert (operation.verb == "create") == (operation.ref not in state)
            state[operation.ref] = answered(operation.ref, json.loads(msgspec.json.encode(operation.body)))
    return state


def _links(content):
    from ako_runtime.model.stack import links

    return links(content)


@given(stacks())
def test_what_was_applied_needs_nothing_more(stack):
    state = carried_out(plan_for(stack, {}, surplus=frozenset()), {})
    assert state.keys() == stack.objects.keys()
    assert plan_for(stack, state, surplus=frozenset()) == ()


@given(stacks(), stacks())
def test_a_plan_turns_one_state_into_the_other(before, after):
    state = carried_out(plan_for(before, {}, surplus=frozenset()), {})
    surplus = frozenset(state) - frozenset(after.objects)
    kept_links = {
        link.within("admin") for ref, obj in after.objects.items() for link in _links(obj) if ref.kind == "l4policyset"
    }
    state = carried_out(plan_for(after, state, surplus=surplus - kept_links), state)
    assert plan_for(after, state, surplus=frozenset()) == ()


def sni_shard(*hosts):
    """A parent that leads the hosts to TLS, and their children."""
    rules = tuple(
        avi_l7.RequestRule(
            name=host,
            index=at,
            enable=True,
            redirect_action=avi_l7.RedirectAction(
                protocol="HTTPS", port=443, status_code="HTTP_REDIRECT_STATUS_CODE_302"
            ),
        )
        for at, host in enumerate(hosts)
    )
    redirect = avi_l7.HTTPPolicySet(name="parent", http_request_policy=avi_l7.RequestPolicy(rules=rules))
    links = (avi.HttpPolicyLink(index=11, http_policy_set_ref=Ref("httppolicyset", "parent")),)
    parent = avi.VirtualService(
        name="parent",
        type="VS_TYPE_VH_PARENT",
        vsvip_ref=Ref("vsvip", "parent"),
        http_policies=links if hosts else UNSET,
    )
    names = tuple(avi.DnsInfo(fqdn=host) for host in hosts)
    objects = {
        Ref("vsvip", "parent", tenant="admin"): avi.VsVip(name="parent", dns_info=names or UNSET),
        Ref("virtualservice", "parent", tenant="admin"): parent,
    }
    if hosts:
        objects[Ref("httppolicyset", "parent", tenant="admin")] = redirect
    for host in hosts:
        objects[Ref("virtualservice", host, tenant="admin")] = avi.VirtualService(
            name=host, type="VS_TYPE_VH_CHILD", vh_parent_vs_ref=Ref("virtualservice", "parent"), vh_domain_name=(host,)
        )
    return Stack(objects=objects)


@pytest.mark.parametrize("before", [(), ("site-a",)], ids=["first", "another"])
def test_a_new_child_is_there_before_its_parent_leads_clients_to_it(before):
    old = sni_shard(*before)
    state = carried_out(plan_for(old, {}, surplus=frozenset()), {})
    new = sni_shard(*before, "site-b")
    plan = plan_for(new, state, surplus=frozenset())
    done = [f"{one.verb} {one.ref.kind} {one.ref.name}" for one in plan]
    child = Ref("virtualservice", "site-b", tenant="admin")
    later = {one.ref.kind for one in plan if child in one.waits_for}
    assert later == {"vsvip", "virtualservice" if not before else "httppolicyset"}
    assert done.index("create virtualservice site-b") < done.index("update vsvip parent")
    assert plan_for(new, carried_out(plan, state), surplus=frozenset()) == ()


def test_a_parent_that_is_not_there_comes_before_its_children():
    plan = plan_for(sni_shard("site-a", "site-b"), {}, surplus=frozenset())
    parent = Ref("virtualservice", "parent", tenant="admin")
    assert [one.ref.name for one in plan if parent in one.waits_for] == ["site-a", "site-b"]


def test_defaults_and_order_are_no_difference():
    one = avi.Server(ip=avi.IpAddr(addr="10.0.0.1", type="V4"), port=80)
    two = avi.Server(ip=avi.IpAddr(addr="10.0.0.2", type="V4"), port=80)
    wanted = avi.Pool(name="p", servers=(one, two))
    held = avi.Pool(
        name="p", servers=(two, one), lb_algorithm="LB_ALGORITHM_LEAST_CONNECTIONS", enabled=True, min_servers_up=0
    )
    assert differences(wanted, held) == ()
    assert differences(avi.Pool(name="p", sni_enabled=False), avi.Pool(name="p")) == ("sni_enabled",)


def test_an_allocated_address_is_the_controllers_choice():
    wanted = avi.VsVip(name="v", vip=(avi.Vip(vip_id="0", auto_allocate_ip=True),))
    held = avi.VsVip(
        name="v",
        vip=(avi.Vip(vip_id="0", auto_allocate_ip=True, ip_address=avi.IpAddr(addr="10.0.0.9", type="V4")),),
    )
    assert differences(wanted, held) == ()
    asked = avi.VsVip(
        name="v",
        vip=(avi.Vip(vip_id="0", auto_allocate_ip=True, ip_address=avi.IpAddr(addr="10.0.0.8", type="V4")),),
    )
    assert differences(asked, held) == ("vip",)


def test_an_update_keeps_foreign_fields_and_allocated_addresses():
    ref = Ref("vsvip", "v", tenant="admin")
    held = observed_from(
        "vsvip",
        msgspec.json.encode(
            {
                "name": "v",
                "uuid": "vsvip-1",
                "_last_modified": "7",
                "vsvip_cloud_config_cksum": "123",
                "description": "written by somebody",
                "vip": [{"vip_id": "0", "auto_allocate_ip": True, "ip_address": {"addr": "10.0.0.9", "type": "V4"}}],
            }
        ),
        tenant="admin",
        interned={},
    )
    wish = avi.VsVip(
        name="v", dns_info=(avi.DnsInfo(fqdn="a.example.com"),), vip=(avi.Vip(vip_id="0", auto_allocate_ip=True),)
    )
    (operation,) = plan_for(Stack(objects={ref: wish}), {ref: held}, surplus=frozenset())
    body = json.loads(msgspec.json.encode(operation.body))
    assert operation.fields == ("dns_info",)
    assert body["description"] == "written by somebody"
    assert body["vip"][0]["ip_address"] == {"addr": "10.0.0.9", "type": "V4"}
    assert body["_last_modified"] == "7"
    # A checksum of somebody else would claim that the content is what they wrote.
    assert "vsvip_cloud_config_cksum" not in body


def test_an_answer_of_unknown_shape_is_written_anew():
    ref = Ref("pool", "p", tenant="admin")
    held = Observed(ref=ref, uuid="pool-1", content=None)
    (operation,) = plan_for(Stack(objects={ref: pools("p", 1)}), {ref: held}, surplus=frozenset())
    assert operation.verb == "update"
