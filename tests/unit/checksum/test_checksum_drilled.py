"""Numbers that the official AKO 2.2.1 wrote or accepted without a write for inputs of ours.

It was started over what our runtime had made of an observed document with a few objects or settings more. `WROTE` are
numbers of its own PUTs (of objects whose content is ours now), `ACCEPTED` those that made it write nothing.
"""

import json

import pytest
from support.golden_cases import outcomes_of
from support.observed.documents import case_of, observed

from ako_runtime.model.avi import IpAddr, Server
from ako_runtime.model.checksum import CHECKSUMS
from ako_runtime.model.checksums import PoolModel, PoolNetwork, pool_checksum
from ako_runtime.model.wire import body_of

NODE_NETWORK = json.dumps([{"networkName": "node-net", "cidrs": ["10.0.0.0/24"]}])
SECURE_EVH = "cluster-a--37e9661597212df70b0f9b952ef0c0e1f7721faf"
PLAIN_EVH = "cluster-a--d43a7c1aaff43e866a4a0c5476060f052b1f6ae2"
PARENT_EVH, PARENT_SNI, THROUGH = (
    "cluster-a--Shared-L7-EVH-0",
    "cluster-a--Shared-L7-0",
    "cluster-a--Shared-Passthrough-0",
)


def host_rule(name, fqdn, **said):
    virtualhost = {"fqdn": fqdn, "fqdnType": "Exact", **said}
    metadata = {"name": name, "namespace": "red"}
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": metadata,
        "spec": {"virtualhost": virtualhost},
    }


def passthrough(name, host, service, port):
    backend = {"service": {"name": service, "port": {"number": port}}}
    annotations = {"passthrough.ako.vmware.com/enabled": "true"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "red", "annotations": annotations},
        "spec": {
            "ingressClassName": "avi-lb",
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
    }


def name_of_all_clusters(name):
    return {"fqdn": name, "includeAliases": False}


GLOBAL = [
    host_rule(
        "hr", "sec.example.com", useRegex=True, applicationRootPath="/home", aliases=["al.example.com"],
        gslb=name_of_all_clusters("g.global.com"),
    ),
    host_rule("hr2", "foo.example.com", gslb=name_of_all_clusters("f.global.com")),
]  # fmt: skip
L7_RULE = {
    "apiVersion": "ako.vmware.com/v1alpha2",
    "kind": "L7Rule",
    "metadata": {"name": "l7", "namespace": "red"},
    "spec": {
        "minPoolsUp": 1, "closeClientConnOnConfigUpdate": True, "allowInvalidClientCert": False,
        "ignPoolNetReach": False, "removeListeningPortOnVsDown": False, "sslSessCacheAvgSize": 2048,
        "hostNameXlate": "x.example.com", "performanceLimits": {"maxConcurrentConnections": 100},
        "wafPolicy": {"kind": "AviRef", "name": "w1"},
    },
}  # fmt: skip
SHARED = {
    "enableVirtualHost": True,
    "tcpSettings": {
        "listeners": [{"port": 80}, {"port": 8443, "enableSSL": True}],
        "loadBalancerIP": "10.10.0.77",
    },
    "analyticsPolicy": {"fullClientLogs": {"enabled": True, "throttle": "LOW"}, "logAllHeaders": False},
}
# The document, settings, environment and objects more; (kind, name) -> the number.
WROTE = {
    "global-name-sni": ("a9", {}, {}, GLOBAL, {("virtualservice", "cluster-a--sec.example.com"): "2160407597"}),
    "global-name-evh": (
        "a10", {}, {}, GLOBAL,
        {
            ("virtualservice", SECURE_EVH): "2903103179",
            ("virtualservice", PLAIN_EVH): "430581167",
            ("httppolicyset", "cluster-a--b7da43e17d75e42c0726e86750be91a85bcf4077"): "159374749",
        },
    ),
    "aliases-dedicated-sni": (
        "a11", {}, {}, [host_rule("hr2", "foo.example.com", aliases=["fa.example.com"])],
        {("httppolicyset", "cluster-a--red-foo.example.com"): "2537964976"},
    ),
    "aliases-dedicated-evh": (
        "a11_evh", {}, {},
        [host_rule("hr", "sec.example.com", aliases=["sa.example.com"], analyticsPolicy={"logAllHeaders": True})],
        {("virtualservice", "cluster-a--32233a935d796b630ed6c827f88c90edb91db631-EVH"): "2697883655"},
    ),
    "routes-evh": (
        "a10", {"enableRHI": "true", "bgpPeerLabels": '["b","a"]'}, {}, [], {("vsvip", PARENT_EVH): "3404502309"},
    ),
    "pods-by-node-port": (
        "a10", {"serviceType": "NodePortLocal", "cniPlugin": "antrea"}, {}, [],
        {("virtualservice", PARENT_EVH): "327534096"},
    ),
}  # fmt: skip
ACCEPTED = {
    "passthrough": (
        "a9", {}, {},
        [passthrough("p1", "pass.example.com", "web", 80), passthrough("p2", "other.example.com", "api", 8081)],
        {
            ("pool", "cluster-a--pass.example.com-web"): "1970315564",
            ("pool", "cluster-a--other.example.com-api"): "1957759592",
            ("poolgroup", "cluster-a--pass.example.com"): "4136036840",
            ("httppolicyset", f"{THROUGH}-insecure"): "2697543094",
            ("virtualservice", THROUGH): "814442886",
            ("virtualservice", f"{THROUGH}-insecure"): "44605694",
            ("vsvip", THROUGH): "3183950233",
        },
    ),
    "l7-rule": (
        "a10", {}, {}, [L7_RULE, host_rule("hr", "sec.example.com", l7Rule="l7")],
        {("virtualservice", SECURE_EVH): "3631642799"},
    ),
    "rule-of-parent-evh": (
        "a10", {}, {}, [host_rule("hr", f"{PARENT_EVH}.admin.example.com", **SHARED)],
        {("vsvip", PARENT_EVH): "2400306656", ("virtualservice", PARENT_EVH): "403439208"},
    ),
    "rule-of-parent-sni": (
        "a9", {}, {}, [host_rule("hr", f"{PARENT_SNI}.admin.example.com", **SHARED)],
        {("vsvip", PARENT_SNI): "1105695448", ("virtualservice", PARENT_SNI): "3529958516"},
    ),
    "node-network": (
        "a1", {"nodeNetworkList": NODE_NETWORK}, {"cloud_type": "CLOUD_VCENTER"}, [],
        {("virtualservice", "cluster-a--red-web"): "1472486974"},
    ),
    "root-path": (
        "a9", {}, {}, [host_rule("hr", "sec.example.com", applicationRootPath="/home")],
        {("httppolicyset", "cluster-a--red-sec.example.com"): "2746961232"},
    ),
}  # fmt: skip


def numbers(document, settings, environment, given):
    case = case_of(document)
    case["settings"] = case["settings"] | settings
    case["environment"] = case["environment"] | environment
    case["references"]["network"] = [*case["references"]["network"], "node-net"]
    case["references"]["wafpolicy"] = [{"name": "w1", "tenant": "admin"}]
    case["given"] = [*case["given"], *given]
    bodies = [(ref, body_of(obj)) for one in outcomes_of(case).values() for ref, obj in one.stack.objects.items()]
    return {(ref.kind, ref.name): body[held.pop()] for ref, body in bodies if (held := CHECKSUMS & body.keys())}


@pytest.mark.parametrize("scenario", [*WROTE, *ACCEPTED])
def test_checksums_are_those_of_the_official_program(scenario):
    name, settings, environment, given, wanted = (WROTE | ACCEPTED)[scenario]
    found = numbers(observed(name), settings, environment, given)
    assert {key: found[key] for key in wanted} == wanted


def test_the_checksum_of_a_pool_has_the_uuid_of_its_network_as_the_controller_says_it():
    """Accepted without a write, with the UUID of that controller."""
    _, settings, environment, given, _ = ACCEPTED["node-network"]
    servers = tuple(
        Server(ip=IpAddr(addr=addr, type="V4"), port=8080, server_node=node)
        for addr, node in (("10.244.1.5", "node1"), ("10.244.2.6", "node2"))
    )
    model = PoolModel(
        cluster="cluster-a",
        protocol="TCP",
        port=8080,
        port_name="http",
        markers=(("Namespace", ("red",)), ("ServiceName", ("web",)), ("Port", ("80",))),
        servers=servers,
        networks=(PoolNetwork(key="node-net", uuid="network-uuid", cidrs=("10.0.0.0/24",)),),
    )
    found = numbers(observed("a1"), settings, environment, given)
    assert found["pool", "cluster-a--red-web-TCP-80"] == str(pool_checksum(model))
