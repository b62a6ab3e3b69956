"""A real API server takes our definitions and refuses at admission what the runtime would refuse later."""

from pathlib import Path

import pytest
import yaml
from support.kube.servers import DEFINITIONS, Rest, is_established, wait_until

pytestmark = pytest.mark.cluster
CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"
NAMES = (
    "ako.vmware.com_aviinfrasettings",
    "ako.vmware.com_l4rules",
    "ako.vmware.com_hostrules",
    "ako.vmware.com_httprules",
    "ako.vmware.com_l7rules",
    "ako.vmware.com_ssorules",
    "networking.x-k8s.io_gatewayclasses",
    "networking.x-k8s.io_gateways",
)


@pytest.fixture(scope="module")
def rest(own_control_plane):
    client = Rest(own_control_plane.kubeconfig)
    for name in NAMES:
        document = yaml.safe_load((CRDS / f"{name}.yaml").read_text())
        reply = client.post(DEFINITIONS, document)
        assert reply.status == 201, reply
        path = f"{DEFINITIONS}/{document['metadata']['name']}"
        wait_until(lambda path=path: is_established(client.get(path).json))
    yield client
    client.close()


INFRA = "/apis/ako.vmware.com/v1beta1/aviinfrasettings"
RULES = "/apis/ako.vmware.com/v1alpha2/namespaces/default/l4rules"
HASH = "LB_ALGORITHM_CONSISTENT_HASH"


def infra(**spec):
    return INFRA, "ako.vmware.com/v1beta1", "AviInfraSetting", spec


def rule(**spec):
    return RULES, "ako.vmware.com/v1alpha2", "L4Rule", spec


def backend(**fields):
    return rule(backendProperties=[{"port": 80, "protocol": "TCP", **fields}])


def host(**fields):
    path = "/apis/ako.vmware.com/v1beta1/namespaces/default/hostrules"
    return path, "ako.vmware.com/v1beta1", "HostRule", {"virtualhost": {"fqdn": "a.example.com", **fields}}


def path_rule(**fields):
    path = "/apis/ako.vmware.com/v1beta1/namespaces/default/httprules"
    spec = {"fqdn": "a.example.com", "paths": [{"target": "/", **fields}]}
    return path, "ako.vmware.com/v1beta1", "HTTPRule", spec


def l7(**spec):
    return "/apis/ako.vmware.com/v1alpha2/namespaces/default/l7rules", "ako.vmware.com/v1alpha2", "L7Rule", spec


def login(**spec):
    path = "/apis/ako.vmware.com/v1alpha2/namespaces/default/ssorules"
    return path, "ako.vmware.com/v1alpha2", "SSORule", {"fqdn": "a.example.com", "ssoPolicyRef": "p", **spec}


def oauth(**fields):
    return login(oauthVsConfig={"oauthSettings": [{"authProfileRef": "idp", **fields}]})


SAML = {"authnReqAcsType": "SAML_AUTHN_REQ_ACS_TYPE_NONE", "entityID": "e", "singleSignonURL": "https://a/acs"}
JWT, OPAQUE = "ACCESS_TOKEN_TYPE_JWT", "ACCESS_TOKEN_TYPE_OPAQUE"

GOOD = {
    "login-saml": login(samlSpConfig=SAML),
    "login-oauth": oauth(appSettings={"clientID": "c", "clientSecret": "s", "oidcConfig": {"oidcEnable": True}}),
    "login-jwt": oauth(resourceServer={"accessType": JWT, "jwtParams": {"audience": "a"}}),
    "login-opaque": oauth(
        resourceServer={"accessType": OPAQUE, "opaqueTokenParams": {"serverID": "i", "serverSecret": "s"}}
    ),
    "host": host(
        aliases=["b.example.com"],
        tls={"sslKeyCertificate": {"name": "c", "type": "ref"}},
        tcpSettings={"listeners": [{"port": 8443, "enableSSL": True}]},
        applicationRootPath="/start",
        gslb={"fqdn": "global.example.com"},
    ),
    "host-wildcard": host(fqdn="*.example.com", fqdnType="Wildcard"),
    "host-part": host(fqdn="Shared-L7", fqdnType="Contains", icapProfile=["one"]),
    "path": path_rule(
        loadBalancerPolicy={"algorithm": HASH, "hash": f"{HASH}_CUSTOM_HEADER", "hostHeader": "X-User"},
        tls={"type": "reencrypt", "pkiProfile": "p"},
    ),
    "path-plain": path_rule(loadBalancerPolicy={"algorithm": "LB_ALGORITHM_ROUND_ROBIN"}),
    "l7": l7(minPoolsUp=1, wafPolicy={"kind": "AviRef", "name": "w"}),
    "l7-empty": l7(),
    "infra": infra(seGroup={"name": "g"}, network={"enableRhi": True, "bgpPeerLabels": ["a"]}),
    "infra-dual": infra(network={"vipNetworks": [{"networkName": "n", "cidr": "10.0.0.0/24", "v6cidr": "fd00::/64"}]}),
    "infra-nodes": infra(
        network={"nodeNetworks": [{"networkUUID": "u", "cidrs": ["10.0.0.0/24", "fd00:1::/64", "10.0.0.7/32"]}]}
    ),
    "infra-empty": infra(),
    "infra-listeners": infra(network={"listeners": [{"port": 80}, {"port": 443, "enableSSL": True}]}),
    "rule-address": rule(loadBalancerIP="10.10.0.30"),
    "rule-address-six": rule(loadBalancerIP="fd00::30"),
    "rule-address-none": rule(loadBalancerIP=""),
    "rule-empty": rule(),
    "rule-tls": rule(listenerProperties=[{"port": 443, "protocol": "TCP", "enableSsl": True}], sslProfileRef="strong"),
    "rule-hash": backend(lbAlgorithm=HASH, lbAlgorithmHash=f"{HASH}_URI"),
}
BAD = {
    "login-both": (login(samlSpConfig=SAML, oauthVsConfig={}), "spec"),
    "login-neither": (login(), "spec"),
    "login-fqdn": (login(fqdn="", samlSpConfig=SAML), "fqdn"),
    "login-acs": (login(samlSpConfig=SAML | {"authnReqAcsType": "ANY"}), "authnReqAcsType"),
    "login-index": (login(samlSpConfig=SAML | {"acsIndex": 65}), "acsIndex"),
    "login-timeout": (login(oauthVsConfig={"cookieTimeout": 0}), "cookieTimeout"),
    "login-two": (
        login(oauthVsConfig={"oauthSettings": [{"authProfileRef": "a"}, {"authProfileRef": "b"}]}),
        "Settings",
    ),
    "login-secret": (oauth(appSettings={"clientID": "c", "clientSecret": ""}), "clientSecret"),
    "login-token": (oauth(resourceServer={"accessType": OPAQUE, "jwtParams": {"audience": "a"}}), "goes with"),
    "login-token-both": (
        oauth(
            resourceServer={
                "accessType": JWT,
                "jwtParams": {"audience": "a"},
                "opaqueTokenParams": {"serverID": "i", "serverSecret": "s"},
            }
        ),
        "resourceServer",
    ),
    "host-empty": (host(fqdn=""), "fqdn"),
    "host-wildcard": (host(fqdn="example.com", fqdnType="Wildcard"), "Wildcard"),
    "host-aliases": (host(fqdn="*.example.com", fqdnType="Wildcard", aliases=["b.example.com"]), "aliases"),
    "host-gslb": (host(gslb={"fqdn": "a.example.com"}), "gslb"),
    "host-icap": (host(icapProfile=["a", "b"]), "icapProfile"),
    "host-listeners": (host(tcpSettings={"listeners": [{"port": 80}]}), "enableSSL"),
    "host-port": (host(tcpSettings={"listeners": [{"port": 70000, "enableSSL": True}]}), "port"),
    "host-root": (host(applicationRootPath="start"), "applicationRootPath"),
    "host-throttle": (host(analyticsPolicy={"fullClientLogs": {"throttle": "SOME"}}), "throttle"),
    "path-target": (path_rule(target="api"), "target"),
    "path-hash": (path_rule(loadBalancerPolicy={"algorithm": HASH}), "hash"),
    "path-header": (path_rule(loadBalancerPolicy={"hostHeader": "X"}), "hostHeader"),
    "path-authorities": (path_rule(tls={"type": "reencrypt", "pkiProfile": "p", "destinationCA": "x"}), "exclude"),
    "path-tls": (path_rule(tls={"type": "edge"}), "reencrypt"),
    "l7-cache": (l7(sslSessCacheAvgSize=5), "sslSessCacheAvgSize"),
    "l7-pools": (l7(minPoolsUp=-1), "minPoolsUp"),
    "peers-without-rhi": (infra(network={"enableRhi": False, "bgpPeerLabels": ["a"]}), "enableRhi"),
    "no-ssl": (infra(network={"listeners": [{"port": 80}]}), "enableSSL"),
    "cidr": (infra(network={"vipNetworks": [{"networkName": "n", "cidr": "10.0.0.0/40"}]}), "cidr"),
    "v6cidr": (infra(network={"vipNetworks": [{"networkName": "n", "v6cidr": "10.0.0.0/24"}]}), "v6cidr"),
    "both-names": (infra(network={"vipNetworks": [{"networkName": "n", "networkUUID": "u"}]}), "vipNetworks"),
    "node-cidr": (infra(network={"nodeNetworks": [{"networkName": "n", "cidrs": ["10.0.0.1"]}]}), "cidrs"),
    "nameless": (infra(network={"vipNetworks": [{"networkName": ""}]}), "networkName"),
    "port-of-listener-twice": (
        infra(network={"listeners": [{"port": 443, "enableSSL": True}, {"port": 443}]}),
        "listeners have a port twice",
    ),
    "group": (infra(seGroup={"name": ""}), "seGroup.name"),
    "shards": (infra(l7Settings={"shardSize": "HUGE"}), "shardSize"),
    "address": (rule(loadBalancerIP="front"), "loadBalancerIP"),
    "address-cut": (rule(loadBalancerIP="10.10.0"), "loadBalancerIP"),
    "address-too-big": (rule(loadBalancerIP="10.10.0.300"), "loadBalancerIP"),
    "listener-port": (rule(listenerProperties=[{"port": 0, "protocol": "TCP"}]), "port"),
    "ssl-alone": (rule(sslProfileRef="strong"), "enableSsl"),
    "tls-udp": (rule(listenerProperties=[{"port": 443, "protocol": "UDP", "enableSsl": True}]), "protocol"),
    "hash-alone": (backend(lbAlgorithmHash=f"{HASH}_URI"), "lbAlgorithmHash"),
    "algorithm-alone": (backend(lbAlgorithm=HASH), "lbAlgorithmHash"),
    "header-alone": (backend(lbAlgorithmConsistentHashHdr="X"), "lbAlgorithmConsistentHashHdr"),
    "port-twice": (
        rule(backendProperties=[{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}]),
        "Duplicate",
    ),
}


def created(rest, name, given):
    path, version, kind, spec = given
    return rest.post(path, {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_is_taken(rest, name):
    assert created(rest, name, GOOD[name]).status == 201


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_with_the_field(rest, name):
    given, said = BAD[name]
    reply = created(rest, f"bad-{name}", given)
    assert reply.status == 422
    assert said in reply.body.decode()


def test_a_rule_without_network_profile_gets_none(rest):
    reply = created(rest, "profile", rule())
    assert "networkProfileRef" not in reply.json["spec"]
