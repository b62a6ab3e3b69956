"""A valid scenario of layer 4 in which every kind that translation reads occurs, with every field that it reads.

Tests take it and make one thing wrong. `BYSTANDERS` refer to nothing of it and are in the same namespace: whatever goes
wrong beside them, they stay as they are.
"""

import msgspec
from support.golden_cases import context_of, references_of, snapshot_of

from ako_runtime.model.environment import Reference
from ako_runtime.translate.keys import all_keys, outcome_for

LABELS = {"ako.vmware.com/gateway-name": "gw", "ako.vmware.com/gateway-namespace": "red"}
OTHER_LABELS = {"ako.vmware.com/gateway-name": "aside", "ako.vmware.com/gateway-namespace": "red"}


def service(name, namespace="red", *, annotations=None, labels=None, day=1, **spec):
    """A LoadBalancer Service with one TCP port."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": f"2025-01-0{day}T00:00:00Z",
            "annotations": annotations or {},
            "labels": dict(labels or {}),
        },
        "spec": {
            "type": "LoadBalancer",
            "ipFamilies": ["IPv4"],
            "ports": [{"name": "p", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080}],
            **spec,
        },
    }


def gateway(name, labels, *listeners, **spec):
    """A Gateway of namespace red; listeners are protocol, port and host name."""
    return {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": "red", "creationTimestamp": "2025-01-01T00:00:00Z"},
        "spec": {
            "gatewayClassName": "avi",
            "listeners": [
                {
                    "port": port,
                    "protocol": protocol,
                    "hostname": hostname,
                    "routes": {"kind": "Service", "selector": {"matchLabels": dict(labels)}},
                }
                for protocol, port, hostname in listeners
            ],
            **spec,
        },
    }


def gateway_class(name, **spec):
    """A GatewayClass that is ours."""
    return {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {"controller": "ako.vmware.com/avi-lb", **spec},
    }


def endpoints(name, namespace="red", *, pod="p1", address="10.244.1.5"):
    """The EndpointSlice of a Service, every field of it said."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-1", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": "node1",
                "targetRef": {"kind": "Pod", "name": pod},
            }
        ],
        "ports": [{"name": "p", "port": 8080, "protocol": "TCP"}],
    }


def pod(name, port=61000):
    """A Pod as Antrea annotates it."""
    entry = f'{{"podPort":8080,"nodeIP":"10.0.0.11","nodePort":{port},"protocol":"tcp","protocols":["tcp"]}}'
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "red", "annotations": {"nodeportlocal.antrea.io": f"[{entry}]"}},
    }


def node(name, number, annotations):
    """A ready Node."""
    network = f"10.244.{number}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "creationTimestamp": f"2025-01-0{number}T00:00:00Z",
            "annotations": annotations,
            "labels": {},
        },
        "spec": {"podCIDR": network, "podCIDRs": [network]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": f"10.0.0.1{number}"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def namespace(name, **annotations):
    """A Namespace; annotations by their last part."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "annotations": annotations, "labels": {}},
    }


def custom(kind, name, spec, *, version, scope=None, **fields):
    """A custom resource of ako.vmware.com."""
    metadata = {"name": name} if scope is None else {"name": name, "namespace": scope}
    return {
        "apiVersion": f"ako.vmware.com/{version}",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        **fields,
    }


SERVICES = [
    service(
        "full",
        annotations={
            "ako.vmware.com/load-balancer-ip": "10.20.0.50",
            "aviinfrasetting.ako.vmware.com/name": "telco",
            "ako.vmware.com/l4rule": "tuned",
            "ako.vmware.com/disable-traffic": "false",
            "ako.vmware.com/vip-ip-family": "V4",
            "ako.vmware.com/lb-algorithm": "ROUND_ROBIN",
            "ako.vmware.com/application-profile": "own-l4",
            "skipnodeport.ako.vmware.com/enabled": "true",
            "external-dns.alpha.kubernetes.io/hostname": "full.example.com",
        },
        ipFamilyPolicy="SingleStack",
        externalTrafficPolicy="Local",
        publishNotReadyAddresses=True,
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 600}},
    ),
    service(
        "spec",
        loadBalancerClass="ako.vmware.com/avi-lb",
        loadBalancerIP="10.10.0.51",
        loadBalancerSourceRanges=["192.0.2.0/24"],
    ),
    service(
        "member",
        annotations={
            "ako.vmware.com/enable-shared-vip": "sig",
            "aviinfrasetting.ako.vmware.com/name": "by-uuid",
            "ako.vmware.com/l4rule": "red/pools",
        },
        day=3,
    ),
    service(
        "guest",
        "blue",
        annotations={
            "ako.vmware.com/enable-shared-vip": "sig",
            "ako.vmware.com/shared-vip-namespace": "red",
            "aviinfrasetting.ako.vmware.com/name": "by-uuid",
            "ako.vmware.com/l4rule": "red/pools",
        },
        day=4,
        ports=[{"name": "q", "port": 81, "protocol": "UDP", "targetPort": "sig", "nodePort": 30081}],
    ),
    service("inherits", "blue"),
    service("both", ipFamilies=["IPv4", "IPv6"], ipFamilyPolicy="RequireDualStack", day=4),
    service("labelled", labels=LABELS, day=2, loadBalancerSourceRanges=["192.0.2.0/24"]),
    service(
        "other-protocol",
        labels=LABELS,
        day=3,
        ports=[{"name": "q", "port": 80, "protocol": "UDP", "nodePort": 30082}],
        loadBalancerSourceRanges=["192.0.2.0/24"],
    ),
]
CUSTOM = [
    custom(
        "AviInfraSetting",
        "telco",
        {
            "seGroup": {"name": "telco-seg"},
            "network": {
                "vipNetworks": [{"networkName": "telco-net", "cidr": "10.20.0.0/24", "v6cidr": "fd00:20::/64"}],
                "nodeNetworks": [{"networkName": "telco-net", "cidrs": ["10.0.0.0/24"]}],
                "listeners": [{"port": 443, "enableSSL": True, "enableHTTP2": True}],
                "enableRhi": True,
                "enablePublicIP": False,
                "bgpPeerLabels": ["peer"],
            },
            "l7Settings": {"shardSize": "SMALL"},
            "nsxSettings": {"t1lr": "/infra/tier-1s/telco"},
        },
        version="v1beta1",
    ),
    custom(
        "AviInfraSetting",
        "by-uuid",
        {
            "network": {
                "vipNetworks": [{"networkUUID": "network-1"}],
                "nodeNetworks": [{"networkUUID": "network-1", "cidrs": ["10.0.0.0/24"]}],
            }
        },
        version="v1beta1",
    ),
    custom(
        "L4Rule",
        "tuned",
        {
            "analyticsPolicy": {"fullClientLogs": {"enabled": True, "duration": 5, "throttle": 20}},
            "analyticsProfileRef": "own-analytics",
            "applicationProfileRef": "own-ssl",
            "networkProfileRef": "own-proxy",
            "networkSecurityPolicyRef": "own-network-policy",
            "securityPolicyRef": "own-policy",
            "loadBalancerIP": "10.10.0.77",
            "performanceLimits": {"maxThroughput": 10, "maxConcurrentConnections": 100},
            "vsDatascriptRefs": ["own-script"],
            "sslProfileRef": "own-tls",
            "sslKeyAndCertificateRefs": ["own-certificate"],
            "listenerProperties": [{"port": 80, "protocol": "TCP", "enableSsl": True}],
            "backendProperties": [
                {
                    "port": 80,
                    "protocol": "TCP",
                    "enabled": True,
                    "lbAlgorithm": "LB_ALGORITHM_CONSISTENT_HASH",
                    "lbAlgorithmHash": "LB_ALGORITHM_CONSISTENT_HASH_CUSTOM_HEADER",
                    "lbAlgorithmConsistentHashHdr": "X-User",
                    "healthMonitorRefs": ["own-monitor"],
                    "applicationPersistenceProfileRef": "own-persistence",
                    "pkiProfileRef": "own-pki",
                    "sslProfileRef": "own-tls",
                    "sslKeyAndCertificateRef": "own-certificate",
                    "minServersUp": 1,
                    "analyticsPolicy": {"enableRealtimeMetrics": True},
                }
            ],
            "revokeVipRoute": True,
        },
        version="v1alpha2",
        scope="red",
    ),
    custom(
        "L4Rule",
        "pools",
        {"backendProperties": [{"port": 80, "protocol": "TCP", "healthMonitorCrdRefs": ["alive"]}]},
        version="v1alpha2",
        scope="red",
    ),
    custom(
        "HealthMonitor",
        "alive",
        {"type": "HEALTH_MONITOR_TCP"},
        version="v1alpha1",
        scope="red",
        status={
            "backendObjectName": "ako-crd-alive",
            "uuid": "healthmonitor-1",
            "conditions": [{"type": "Programmed", "status": "True"}],
        },
    ),
]
GATEWAYS = [
    gateway_class("avi", parametersRef={"group": "ako.vmware.com", "kind": "AviInfraSetting", "name": "by-uuid"}),
    gateway(
        "gw",
        LABELS,
        ("TCP", 80, "gw.example.com"),
        ("UDP", 80, "gw2.example.com"),
        addresses=[{"type": "IPAddress", "value": "10.20.0.60"}],
    ),
]
CLUSTER = [
    node(
        "node1",
        1,
        {
            "ako.vmware.com/pod-cidrs": "10.244.1.0/24",
            "node.antrea.io/transport-addresses": "10.0.0.11",
            "projectcalico.org/IPv4Address": "10.0.0.11/24",
        },
    ),
    node("node2", 2, {"k8s.ovn.org/node-subnets": '{"default":["10.244.2.0/24"]}'}),
    endpoints("full"),
    pod("p1"),
    namespace(
        "red",
        **{
            "ako.vmware.com/tenant-name": "gold",
            "ako.vmware.com/shared-vip-allowed-from": "blue",
        },
    ),
    namespace("blue", **{"aviinfrasetting.ako.vmware.com/name": "by-uuid", "ako.vmware.com/tenant-name": "gold"}),
    {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "BlockAffinity",
        "metadata": {"name": "node2-block"},
        "spec": {"node": "node2", "cidr": "10.244.2.0/24", "deleted": "false"},
    },
    {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNode",
        "metadata": {"name": "node2"},
        "spec": {"ipam": {"podCIDRs": ["10.244.2.0/24"]}},
    },
    {
        "apiVersion": "network.openshift.io/v1",
        "kind": "HostSubnet",
        "metadata": {"name": "node2"},
        "host": "node2",
        "subnet": "10.244.2.0/24",
    },
]
SCENARIO = [*SERVICES, *CUSTOM, *GATEWAYS, *CLUSTER]
BYSTANDERS = [
    service("alone"),
    endpoints("alone", pod="p2", address="10.244.1.9"),
    pod("p2", port=61001),
    service("grouped", annotations={"ako.vmware.com/enable-shared-vip": "aside-vip"}),
    service("behind", labels=OTHER_LABELS),
    gateway_class("plain"),
    gateway("aside", OTHER_LABELS, ("TCP", 80, "aside.example.com"), gatewayClassName="plain"),
    custom("AviInfraSetting", "aside", {"network": {"enableRhi": False}}, version="v1beta1"),
    custom("L4Rule", "aside", {}, version="v1alpha2", scope="red"),
    service("elsewhere", "green"),
]
REFERENCES = {
    "serviceenginegroup": ["telco-seg"],
    "network": ["telco-net", {"name": "vip-net", "families": ["V4", "V6"]}, {"name": "named", "uuid": "network-1"}],
    "tenant": ["gold"],
    **{
        kind: [{"name": name, "tenant": "gold", "type": type_} for name, type_ in found]
        for kind, found in {
            "applicationprofile": [
                ("own-l4", "APPLICATION_PROFILE_TYPE_L4"),
                ("own-ssl", "APPLICATION_PROFILE_TYPE_SSL"),
            ],
            "networkprofile": [("own-proxy", "PROTOCOL_TYPE_TCP_PROXY")],
            "analyticsprofile": [("own-analytics", "")],
            "networksecuritypolicy": [("own-network-policy", "")],
            "securitypolicy": [("own-policy", "")],
            "vsdatascriptset": [("own-script", "")],
            "sslprofile": [("own-tls", "")],
            "sslkeyandcertificate": [("own-certificate", "")],
            "healthmonitor": [("own-monitor", "")],
            "applicationpersistenceprofile": [("own-persistence", "")],
            "pkiprofile": [("own-pki", "")],
        }.items()
    },
}
ENVIRONMENT = {"cloud_type": "CLOUD_NSXT", "dns_domains": ["example.com"]}
MODES = {
    "antrea": {"serviceType": "ClusterIP", "cniPlugin": "antrea"},
    "calico": {"serviceType": "ClusterIP", "cniPlugin": "calico"},
    "cilium": {"serviceType": "ClusterIP", "cniPlugin": "cilium"},
    "openshift": {"serviceType": "ClusterIP", "cniPlugin": "openshift"},
    "ovn-kubernetes": {"serviceType": "ClusterIP", "cniPlugin": "ovn-kubernetes"},
    "node-port": {"serviceType": "NodePort"},
    "node-port-local": {"serviceType": "NodePortLocal", "cniPlugin": "antrea"},
}


def settled_outcomes(case):
    """Every key's outcome, once the controller has said of everything else that is named that it does not exist."""
    snapshot = snapshot_of(case["given"], case["environment"], references_of(case))
    context = context_of(case["settings"], snapshot)
    outcomes = {key: outcome_for(snapshot, key, context) for key in all_keys(snapshot, context)}
    while needs := {ref for outcome in outcomes.values() for ref in outcome.needs}:
        absent = {ref: Reference(exists=False, name=ref.name) for ref in needs}
        snapshot = msgspec.structs.replace(snapshot, references=snapshot.references.update(absent))
        for key, outcome in outcomes.items():
            if outcome.needs:
                outcomes[key] = outcome_for(snapshot, key, context)
    return {str(key): outcome for key, outcome in outcomes.items()}


def case_of(objects, mode):
    """The objects beside the bystanders, in one of the modes; the VIP network of the configuration has no subnets."""
    options = {
        "servicesAPI": "true",
        "disableStaticRouteSync": "false",
        "akoCRDOperatorEnabled": "true",
        "vipNetworkList": '[{"networkName":"vip-net"}]',
        **MODES[mode],
    }
    given = [*objects, *BYSTANDERS]
    return {"settings": options, "environment": ENVIRONMENT, "references": REFERENCES, "given": given}
