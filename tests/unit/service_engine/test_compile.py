"""What objects mean: pure, without Envoy."""

import pytest

from ako_lab.service_engine import Assumptions
from ako_lab.service_engine.compile import model_of
from ako_lab.service_engine.envoy import allowed_prefixes, clusters_of, listeners_of
from ako_lab.service_engine.model import Answer, Forward, Redirect, Sources
from ako_lab.service_engine.objects import Objects

TCP = {"name": "tcp", "profile": {"type": "PROTOCOL_TYPE_TCP_PROXY"}}
HTTP = {"name": "http", "type": "APPLICATION_PROFILE_TYPE_HTTP"}
L4 = {"name": "l4", "type": "APPLICATION_PROFILE_TYPE_L4"}


def pool(name, *ports, **more):
    servers = [{"ip": {"addr": "10.0.0.1"}, "port": port} for port in ports]
    return {"name": name, "servers": servers, **more}


def world(**more):
    return {
        "networkprofile/tcp": TCP,
        "applicationprofile/http": HTTP,
        "applicationprofile/l4": L4,
        "vsvip/v": {"name": "v", "vip": [{"ip_address": {"addr": "10.10.0.1"}}]},
        "pool/a": pool("a", 8080),
        "pool/b": pool("b", 8081),
        **{key.replace("__", "/"): value for key, value in more.items()},
    }


def service(profile="l4", port=80, **more):
    return {
        "name": "vs",
        "vsvip_ref": "vsvip/v",
        "network_profile_ref": "networkprofile/tcp",
        "application_profile_ref": f"applicationprofile/{profile}",
        "services": [{"port": port, "port_range_end": port}],
        **more,
    }


def http_service(*rules, **more):
    return {
        "virtualservice__vs": service(
            "http", http_policies=[{"index": 11, "http_policy_set_ref": "httppolicyset/p"}], **more
        ),
        "httppolicyset__p": {"name": "p", "http_request_policy": {"rules": list(rules)}},
    }


def switching(path, to, index=0, criteria="BEGINS_WITH", **more):
    match = {"path": {"match_criteria": criteria, "match_case": "SENSITIVE", "match_str": [path]}, **more}
    action = {"action": "HTTP_SWITCHING_SELECT_POOL", "pool_ref": f"pool/{to}"}
    return {"name": f"to-{to}", "index": index, "match": match, "switching_action": action}


def model(assumptions=None, down=(), **more):
    return model_of(Objects(world(**more)), down, assumptions)


def routes(found):
    [listener] = found.listeners
    return listener.chains[0].routes


def upstreams(route):
    return [share.upstream for share in route.action.target.shares]


def test_a_layer_4_service_listens_and_forwards():
    found = model(virtualservice__vs=service(pool_ref="pool/a"))
    [listener] = found.listeners
    assert (listener.address, listener.port, listener.protocol) == ("10.10.0.1", 80, "TCP")
    assert [share.upstream for share in listener.chains[0].target.shares] == ["pool/a"]
    assert found.alerts == ()


@pytest.mark.parametrize("field", ["enabled", "traffic_enabled"])
def test_what_is_disabled_does_not_listen(field):
    found = model(virtualservice__vs=service(pool_ref="pool/a", **{field: False}))
    assert found.listeners == ()
    assert found.states["virtualservice/vs"][0] == "OPER_DISABLED"


def test_a_service_that_is_down_listens_unless_it_says_otherwise():
    down = {("pool/a", "10.0.0.1", 8080)}
    found = model(virtualservice__vs=service(pool_ref="pool/a"), down=down)
    assert found.states["virtualservice/vs"][0] == "OPER_DOWN"
    assert len(found.listeners) == 1
    gone = model(virtualservice__vs=service(pool_ref="pool/a", remove_listening_port_on_vs_down=True), down=down)
    assert gone.listeners == ()


def test_as_many_pools_must_be_up_as_the_service_says():
    group = {"name": "g", "members": [{"pool_ref": "pool/a"}, {"pool_ref": "pool/b"}]}
    vs = service("http", pool_group_ref="poolgroup/g", min_pools_up=2, remove_listening_port_on_vs_down=True)
    assert model(virtualservice__vs=vs, poolgroup__g=group).listeners
    down = {("pool/b", "10.0.0.1", 8081)}
    assert not model(virtualservice__vs=vs, poolgroup__g=group, down=down).listeners


def test_the_highest_priority_with_a_pool_that_is_up_gets_all():
    members = [
        {"pool_ref": "pool/a", "priority_label": "10", "ratio": 3},
        {"pool_ref": "pool/b", "priority_label": "5", "ratio": 1},
    ]
    group = {"name": "g", "members": members}
    vs = service("http", pool_group_ref="poolgroup/g")
    assert upstreams(routes(model(virtualservice__vs=vs, poolgroup__g=group))[-1]) == ["pool/a"]
    down = {("pool/a", "10.0.0.1", 8080)}
    assert upstreams(routes(model(virtualservice__vs=vs, poolgroup__g=group, down=down))[-1]) == ["pool/b"]


def test_a_pool_of_ratio_nought_gets_nothing():
    group = {"name": "g", "members": [{"pool_ref": "pool/a", "ratio": 0}, {"pool_ref": "pool/b", "ratio": 2}]}
    vs = service("http", pool_group_ref="poolgroup/g")
    assert upstreams(routes(model(virtualservice__vs=vs, poolgroup__g=group))[-1]) == ["pool/b"]


def test_rules_go_by_their_index_and_the_rest_is_404():
    found = routes(model(**http_service(switching("/", "a", 1), switching("/x", "b", 0))))
    assert [upstreams(route) for route in found[:2]] == [["pool/b"], ["pool/a"]]
    assert found[-1].action == Answer(status=404)


def test_a_redirect_applies_although_an_earlier_rule_chose_a_pool():
    redirect = {"name": "r", "index": 1, "redirect_action": {"protocol": "HTTPS", "port": 443}}
    objects = http_service(switching("/", "a", 0), redirect)
    assert isinstance(routes(model(**objects))[0].action, Redirect)
    strict = model(Assumptions(redirects_go_first=False), **objects)
    assert isinstance(routes(strict)[0].action, Forward)


def test_a_rule_for_another_port_is_not_there():
    rule = switching("/", "a", vs_port={"match_criteria": "IS_IN", "ports": [443]})
    assert [route.action for route in routes(model(**http_service(rule)))] == [Answer(status=404)]


def test_a_header_action_with_conditions_makes_two_cases_of_a_route():
    header = {
        "name": "h",
        "index": 5,
        "match": {"method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_GET"]}},
        "hdr_action": [{"action": "HTTP_ADD_HDR", "hdr": {"name": "x-a", "value": {"val": "1"}}}],
    }
    found = routes(model(**http_service(switching("/", "a"), header)))
    assert [len(route.edits) for route in found[:2]] == [1, 0]
    assert upstreams(found[0]) == upstreams(found[1]) == ["pool/a"]


def test_what_cannot_meet_is_told_apart():
    def header(path, index):
        return {
            "name": "h",
            "index": index,
            "match": {"path": {"match_criteria": "EQUALS", "match_case": "SENSITIVE", "match_str": [path]}},
            "hdr_action": [{"action": "HTTP_ADD_HDR", "hdr": {"name": "x-a", "value": {"val": "1"}}}],
        }

    rules = [switching(f"/{number}", "a", number, "EQUALS") for number in range(40)]
    found = routes(model(**http_service(*rules, *(header(f"/{number}", 100 + number) for number in range(40)))))
    # Forty routes with their header, and the rest, which each header makes a case of.
    assert sum(len(route.edits) == 1 and isinstance(route.action, Forward) for route in found) == 40
    assert len(found) < 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("waf_policy_ref", "wafpolicy/w"),
        ("icap_request_profile_refs", ["icapprofile/i"]),
        ("traffic_clone_profile_ref", "trafficcloneprofile/t"),
    ],
)
def test_what_is_not_simulated_is_an_alert(field, value):
    found = model(**http_service(switching("/", "a"), **{field: value}))
    assert [alert.object for alert in found.alerts] == ["virtualservice/vs"]
    assert "not simulated" in found.alerts[0].text


def test_a_host_that_asks_for_a_log_in_is_closed():
    found = model(**http_service(switching("/", "a"), saml_sp_config={"entity_id": "x"}))
    assert [route.action for route in routes(found)] == [Answer(status=501)]
    assert found.alerts


def test_a_rule_that_is_not_understood_lets_nobody_pass_by_it():
    rule = switching("/", "a", geo_matches=[{}])
    found = model(**http_service(rule))
    assert [route.action for route in routes(found)] == [Answer(status=404)]
    assert "geo_matches" in found.alerts[0].text


def test_lists_of_clients_meet():
    lists = [Sources(prefixes=("10.0.0.0/8", "fd00::/16"), only=True), Sources(prefixes=("10.1.0.0/16",), only=True)]
    assert allowed_prefixes(lists) == ["10.1.0.0/16"]
    assert allowed_prefixes([*lists, Sources(prefixes=("192.0.2.0/24",), only=True)]) == ["255.255.255.255/32"]
    assert allowed_prefixes([]) is None


def test_a_network_rule_that_is_not_understood_lets_nobody_in():
    policy = {"name": "n", "rules": [{"name": "r", "action": "NETWORK_SECURITY_POLICY_ACTION_TYPE_RATE_LIMIT"}]}
    vs = service(pool_ref="pool/a", network_security_policy_ref="networksecuritypolicy/n")
    found = model(virtualservice__vs=vs, networksecuritypolicy__n=policy)
    [listener] = found.listeners
    assert listener.sources == (Sources(prefixes=("0.0.0.0/0", "::/0")),)
    assert found.alerts


def test_the_same_objects_give_the_same_resources():
    objects = {**http_service(switching("/", "a"), switching("/x", "b", 1)), "pool__c": pool("c", 1)}
    one, other = (
        model_of(Objects(dict(items))) for items in (world(**objects).items(), reversed(world(**objects).items()))
    )
    assert listeners_of(one) == listeners_of(other)
    assert clusters_of(one) == clusters_of(other)


def test_only_pools_that_are_asked_for_become_clusters():
    found = model(virtualservice__vs=service(pool_ref="pool/a"))
    assert [upstream.name for upstream in found.upstreams] == ["pool/a"]
