"""The building blocks, and what no observed document holds.

Numbers of the first tests are published test vectors of FNV-1a or stand in official-checksums; the others follow from
what the page says about each term: a term that is added makes the sum differ by its hash.
"""

import pytest

from ako_runtime.model.avi import IpAddr, Server
from ako_runtime.model.avi_l7 import PoolGroupMember
from ako_runtime.model.checksum import checksum_of, counted_by, read_checksum
from ako_runtime.model.checksums import (
    PathModel,
    PolicySetModel,
    PoolGroupModel,
    PoolModel,
    PoolNetwork,
    VsVipModel,
    VsVipNetwork,
    cluster_number,
    compact,
    markers_number,
    policy_set_checksum,
    pool_checksum,
    pool_group_checksum,
    text_hash,
    vsvip_checksum,
)
from ako_runtime.model.checksums_vs import ListenerModel, VirtualServiceModel, virtual_service_checksum
from ako_runtime.model.names import sha1_hex
from ako_runtime.model.refs import Ref
from ako_runtime.settings import SecretText

MODULUS = 1 << 32
CLUSTER = "cluster-a"
NUMBER = cluster_number(CLUSTER)
MARKERS = (("Namespace", ("red",)), ("ServiceName", ("web",)), ("Port", ("80",)))
SERVERS = tuple(
    Server(ip=IpAddr(addr=addr, type="V4"), port=8080, server_node=node)
    for addr, node in (("10.244.2.6", "node2"), ("10.244.1.5", "node1"))
)
POOL = {
    "cluster": CLUSTER, "port": 8080, "port_name": "http", "protocol": "TCP", "markers": MARKERS, "servers": SERVERS,
}  # fmt: skip


@pytest.mark.parametrize(("text", "number"), [("", 2166136261), ("a", 3826002220), ("foobar", 3214735720)])
def test_the_checksum_of_a_text_is_fnv_1a(text, number):
    assert text_hash(text) == number


def test_the_cluster_is_part_of_every_checksum():
    assert cluster_number("cluster-a") == 1335099578


def test_json_in_a_checksum_is_written_as_go_does():
    assert compact({"b": [None, True], "a": '<&>é"\u2028'}) == (
        '{"b":[null,true],"a":"\\u003c\\u0026\\u003eé\\"\\u2028"}'
    )


def test_markers_in_a_checksum_are_values_without_keys_in_any_order():
    several = (("Host", ("b", "a")), ("Path", ()), ("Namespace", ("red",)))
    assert markers_number(several, CLUSTER) == NUMBER + text_hash("a-bred")
    assert markers_number(several[::-1], CLUSTER) == markers_number(several, CLUSTER)
    assert markers_number((), CLUSTER) == NUMBER


def test_checksum_of_a_pool_as_worked_out_in_the_reference():
    assert pool_checksum(PoolModel(**POOL)) == 3089882916


def test_checksum_of_a_pool_has_no_order_of_servers():
    assert pool_checksum(PoolModel(**{**POOL, "servers": SERVERS[::-1]})) == pool_checksum(PoolModel(**POOL))


def test_checksum_of_a_pool_without_servers_tells_none_from_an_empty_list():
    none, empty = (pool_checksum(PoolModel(**{**POOL, "servers": (), "listed_empty": one})) for one in (False, True))
    assert none - empty == text_hash("TCP:8080:http:null:false::null") - text_hash("TCP:8080:http:[]:false::null")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("monitors", ("/api/healthmonitor?name=one",), '["/api/healthmonitor?name=one"]'),
        ("persistence", "/api/applicationpersistenceprofile?name=own", "/api/applicationpersistenceprofile?name=own"),
        ("tier1", "/infra/tier-1s/t1", "/infra/tier-1s/t1"),
    ],
)
def test_checksum_of_a_pool_grows_by_a_term(field, value, text):
    added = pool_checksum(PoolModel(**POOL, **{field: value})) - pool_checksum(PoolModel(**POOL))
    assert added % MODULUS == text_hash(text)


def test_checksum_of_a_pool_with_what_an_l4_rule_says_of_it():
    model = PoolModel(**POOL, metrics=True, enabled=False, min_servers_up=2)
    added = pool_checksum(model) - pool_checksum(PoolModel(**POOL))
    assert added % MODULUS == (text_hash('{"enableRealtimeMetrics":true}:false:2') - text_hash("")) % MODULUS


@pytest.mark.parametrize(
    ("networks", "text"),
    [
        (None, "null"),
        ((), "{}"),
        (
            (PoolNetwork(key="b", cidrs=("10.0.0.0/8",)), PoolNetwork(key="a", uuid="dvportgroup-1")),
            '{"a":{"networkUUID":"dvportgroup-1","cidrs":null},"b":{"networkUUID":"","cidrs":["10.0.0.0/8"]}}',
        ),
    ],
)
def test_checksum_of_a_pool_with_its_networks(networks, text):
    empty = {**POOL, "servers": (), "markers": (), "networks": networks}
    whole = text_hash(f"TCP:8080:http:null:false::{text}") + NUMBER + text_hash("")
    assert pool_checksum(PoolModel(**empty)) == whole % MODULUS


def test_checksum_of_a_pool_whose_members_have_ports_of_their_own():
    alone = {**POOL, "servers": SERVERS[:1], "markers": ()}
    servers = '[{"Ip":{"addr":"10.244.2.6","type":"V4"},"ServerNode":"","Port":8080,"Enabled":true}]'
    whole = text_hash(f"TCP:8080:http:{servers}:false::null") + NUMBER + text_hash("")
    assert pool_checksum(PoolModel(**alone, by_pod=True)) == whole % MODULUS


def test_checksum_of_a_pool_of_nodes_does_not_say_whether_they_are_enabled():
    node = Server(ip=IpAddr(addr="10.0.0.1", type="V4"), port=30080, enabled=False)
    servers = '[{"Ip":{"addr":"10.0.0.1","type":"V4"},"ServerNode":"","Port":0,"Enabled":null}]'
    whole = text_hash(f"TCP:30080:http:{servers}:false::null") + NUMBER + text_hash("")
    model = PoolModel(**{**POOL, "port": 30080, "servers": (node,), "markers": (), "by_node": True})
    assert pool_checksum(model) == whole % MODULUS


def test_checksum_of_a_pool_group_has_no_order_of_members():
    members = tuple(PoolGroupMember(pool_ref=Ref("pool", name), ratio=100) for name in ("two", "one"))
    text = '[{"pool_ref":"/api/pool?name=one","ratio":100},{"pool_ref":"/api/pool?name=two","ratio":100}]'
    assert pool_group_checksum(PoolGroupModel(cluster=CLUSTER, members=members)) == (text_hash(text) + NUMBER) % MODULUS


def test_checksum_of_a_pool_group_without_members():
    whole = (text_hash("null") + NUMBER) % MODULUS
    assert pool_group_checksum(PoolGroupModel(cluster=CLUSTER, members=())) == whole


def test_checksum_of_a_vsvip_as_worked_out_in_the_reference():
    network = VsVipNetwork(name="vip-net", cidr="10.10.0.0/24")
    model = VsVipModel(cluster=CLUSTER, fqdns=("web.red.example.com",), networks=(network,))
    assert vsvip_checksum(model) == 3858077162


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"networks": (VsVipNetwork(uuid="u", v6cidr="fd00::/64"),)}, '["::fd00::/64:u"]'),
        ({"public_ip": False}, "false"),
        ({"bgp_peer_labels": ("b", "a")}, '["a","b"]'),
        ({"tier1": "/infra/tier-1s/t1"}, "/infra/tier-1s/t1"),
        ({"address": "10.0.0.9"}, "10.0.0.9"),
    ],
)
def test_checksum_of_a_vsvip_grows_by_a_term(fields, text):
    assert vsvip_checksum(VsVipModel(cluster=CLUSTER, **fields)) == (NUMBER + text_hash(text)) % MODULUS


def path_text(number, **changed):
    held = {
        "Name": "n", "Checksum": number, "Host": None, "Path": ["/a"], "Port": 0, "Pool": "", "PoolGroup": "n",
        "MatchCriteria": "BEGINS_WITH", "Protocol": "", "IngName": "i", "MatchCase": "", "StringGroupRefs": None,
        "SvcPort": 80,
    }  # fmt: skip
    return compact(held | changed)


def only_path(**fields):
    path = PathModel(**{"name": "n", "path": "/a", "group": "n", "ingress": "i", "service_port": 80, **fields})
    return (policy_set_checksum(PolicySetModel(cluster=CLUSTER, paths=(path,))) - NUMBER) % MODULUS


def test_checksum_of_a_path_is_that_of_a_text_with_its_own_first_checksum():
    assert only_path() == text_hash(path_text(text_hash(path_text(0))))


def test_checksum_of_an_application_root_changes_the_last_text_alone():
    first = text_hash(path_text(0))
    assert only_path(changed_path="/home") == text_hash(path_text(first, Path=["/home"]))


def test_checksum_of_a_regular_expression_is_a_chain_of_three():
    changed = {
        "MatchCriteria": "REGEX_MATCH", "MatchCase": "INSENSITIVE", "StringGroupRefs": ["/api/stringgroup?name=s"],
        "PoolGroup": "hashed",
    }  # fmt: skip
    second = text_hash(path_text(text_hash(path_text(0)), **changed))
    found = only_path(string_group="/api/stringgroup?name=s", changed_group="hashed")
    assert found == text_hash(path_text(second, **changed))


def test_checksum_of_a_regular_expression_below_a_new_root_as_the_official_program_wrote_it():
    host, group = "sec.example.com", "cluster-a--red-sec.example.com"

    def rule(path, name, port, changed=""):
        asked = f"/api/stringgroup?name=ako-cluster-a-{sha1_hex(host + (changed or path))}"
        hashed = f"cluster-a--{sha1_hex(name)}"
        return PathModel(
            name=name,
            path=path,
            group=name,
            ingress="secure",
            service_port=port,
            changed_path=changed,
            changed_group=hashed,
            string_group=asked,
        )

    markers = (
        ("Namespace", ("red",)),
        ("Host", ("al.example.com", "g.global.com", host)),
        ("Path", ("/home", "/api")),
        ("IngressName", ("secure",)),
    )
    paths = (rule("/", f"{group}_-secure", 80, "/home"), rule("/api", f"{group}_api-secure", 8081))
    model = PolicySetModel(cluster=CLUSTER, markers=markers, paths=paths, redirects=(None, None))
    assert policy_set_checksum(model) == 4056422402


def test_checksum_of_redirects_and_changed_host_names():
    model = PolicySetModel(cluster=CLUSTER, redirects=(("b", "a"), None), rewrites=(("global", "local"),))
    whole = text_hash('["a","b"]') + text_hash("null") + NUMBER
    whole += text_hash('{"Name":"","SourceHost":"global","TargetHost":"local"}')
    assert policy_set_checksum(model) == whole % MODULUS


SERVICE = {
    "cluster": CLUSTER,
    "names": ("VSVIPcluster-a--red-web", "L4Policycluster-a--red-web", "Poolcluster-a--red-web-TCP-80"),
    "application_profile": "System-L4-Application",
    "se_group": "Default-Group",
    "network_profile": "System-TCP-Proxy",
    "listeners": (ListenerModel(port=80, protocol="TCP", target_port=8080, name="http"),),
    "named": ('["web.red.example.com"]',),
    "traffic_enabled": True,
    "markers": MARKERS[:2],
    "rhi": False,
}


def test_checksum_of_a_virtual_service_as_worked_out_in_the_reference():
    assert virtual_service_checksum(VirtualServiceModel(**SERVICE)) == 1472486974


@pytest.mark.parametrize(
    ("fields", "text"), [({"enabled": False}, "false"), ({"fields": ("true", SecretText("{}"))}, "true:{}")]
)
def test_checksum_of_a_virtual_service_grows_by_a_term(fields, text):
    added = virtual_service_checksum(VirtualServiceModel(**SERVICE | fields))
    without = virtual_service_checksum(VirtualServiceModel(**SERVICE))
    taken = text_hash("") if "fields" in fields else 0
    assert (added - without + taken) % MODULUS == text_hash(text)


def test_checksum_of_a_virtual_service_counts_logging_with_the_cluster():
    added = virtual_service_checksum(VirtualServiceModel(**SERVICE, analytics_policy='{"all_headers":true}'))
    without = virtual_service_checksum(VirtualServiceModel(**SERVICE))
    assert (added - without) % MODULUS == (text_hash('{"all_headers":true}') + NUMBER) % MODULUS


def test_a_checksum_is_equal_to_another_of_the_same_origin_and_shows_no_secret():
    one, other = (checksum_of(virtual_service_checksum, VirtualServiceModel(**SERVICE)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    hidden = VirtualServiceModel(**SERVICE, fields=(SecretText("hush"),))
    assert one != checksum_of(virtual_service_checksum, hidden)
    assert "hush" not in repr(checksum_of(virtual_service_checksum, hidden))
    assert read_checksum("12").text == "12"


def test_a_model_is_made_when_somebody_asks_for_it_and_once():
    made = []

    @counted_by(len)
    def letters(text):
        """A model."""
        made.append(text)
        return text

    one, other, longer = letters("abc"), letters("abc"), letters("abcd")
    assert (made, letters.__name__) == ([], "letters")
    assert (one.text, one.text, made) == ("3", "3", ["abc"])
    assert one == other
    assert one != longer
    assert made == ["abc", "abc", "abcd"]
    assert one != read_checksum("3")
