"""For every field that translation reads: a value that is surely wrong is told, and what is told names the field.

A field is either in `WRONG`, or in `ANY` with the reason why no value of it can be wrong here. A new field in neither
of them fails.
"""

import copy

import pytest
from support.l4_objects import SCENARIO, case_of, settled_outcomes

SPEC = "spec.network."
BACKEND = "spec.backendProperties"
TUNED = "L4Rule tuned"
NOWHERE = "none-such"
# Object, field (indexes left out; the first one is meant), wrong value, and what the diagnostic must name instead of
# the field's own name, where that is more telling; then the mode, if not Antrea in ClusterIP mode.
WRONG = [
    ("Service full", "metadata.annotations.ako.vmware.com/load-balancer-ip", "10.10.0"),
    ("Service full", "metadata.annotations.aviinfrasetting.ako.vmware.com/name", "Not A Name"),
    ("Service full", "metadata.annotations.aviinfrasetting.ako.vmware.com/name", NOWHERE),
    ("Service full", "metadata.annotations.ako.vmware.com/l4rule", "a/b/c"),
    ("Service full", "metadata.annotations.ako.vmware.com/l4rule", NOWHERE),
    ("Service full", "metadata.annotations.ako.vmware.com/disable-traffic", "perhaps"),
    ("Service full", "metadata.annotations.ako.vmware.com/vip-ip-family", "V5"),
    ("Service full", "metadata.annotations.ako.vmware.com/lb-algorithm", "FAIR"),
    ("Service full", "metadata.annotations.ako.vmware.com/application-profile", NOWHERE),
    ("Service full", "metadata.annotations.external-dns.alpha.kubernetes.io/hostname", "not a name"),
    ("Service full", "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 86400),
    ("Service guest", "metadata.annotations.ako.vmware.com/shared-vip-namespace", NOWHERE),
    ("Service labelled", "metadata.labels.ako.vmware.com/gateway-name", NOWHERE),
    ("Service labelled", "metadata.labels.ako.vmware.com/gateway-namespace", NOWHERE, f"Gateway {NOWHERE}/gw"),
    ("Service labelled", "spec.ports.port", 82),
    ("Service spec", "spec.ports.protocol", "DCCP", "spec.ports"),
    ("Service spec", "spec.ports.nodePort", 0, "node port", "node-port"),
    ("Service spec", "spec.loadBalancerIP", "10.10.0"),
    ("Service spec", "spec.loadBalancerSourceRanges", "10.0.0.0/99"),
    ("AviInfraSetting telco", "spec.seGroup.name", ""),
    ("AviInfraSetting telco", "spec.seGroup.name", NOWHERE),
    ("AviInfraSetting telco", f"{SPEC}vipNetworks.networkName", NOWHERE),
    ("AviInfraSetting telco", f"{SPEC}vipNetworks.networkName", ""),
    ("AviInfraSetting telco", f"{SPEC}vipNetworks.cidr", "10.0.0.0/99"),
    ("AviInfraSetting telco", f"{SPEC}vipNetworks.v6cidr", "10.0.0.0/8"),
    ("AviInfraSetting telco", f"{SPEC}nodeNetworks.networkName", NOWHERE),
    ("AviInfraSetting telco", f"{SPEC}nodeNetworks.cidrs", "10.0.0.1"),
    ("AviInfraSetting by-uuid", f"{SPEC}vipNetworks.networkUUID", NOWHERE),
    ("AviInfraSetting by-uuid", f"{SPEC}nodeNetworks.networkUUID", NOWHERE),
    ("AviInfraSetting telco", f"{SPEC}listeners.port", 0),
    ("AviInfraSetting telco", f"{SPEC}listeners.enableSSL", False),
    ("AviInfraSetting telco", f"{SPEC}enableRhi", False),
    ("AviInfraSetting telco", "spec.l7Settings.shardSize", "HUGE"),
    ("AviInfraSetting telco", "spec.nsxSettings.t1lr", ""),
    *((TUNED, f"spec.{kind}Ref", NOWHERE) for kind in ("analyticsProfile", "applicationProfile", "networkProfile")),
    *((TUNED, f"spec.{kind}Ref", NOWHERE) for kind in ("networkSecurityPolicy", "securityPolicy", "sslProfile")),
    (TUNED, "spec.vsDatascriptRefs", NOWHERE),
    (TUNED, "spec.sslKeyAndCertificateRefs", NOWHERE),
    (TUNED, "spec.loadBalancerIP", "front"),
    (TUNED, "spec.listenerProperties.port", 8080, "listenerProperties"),
    (TUNED, "spec.listenerProperties.protocol", "UDP"),
    (TUNED, "spec.listenerProperties.enableSsl", False),
    (TUNED, f"{BACKEND}.port", 0),
    (TUNED, f"{BACKEND}.protocol", "DCCP", BACKEND),
    (TUNED, f"{BACKEND}.lbAlgorithm", "FAIR"),
    (TUNED, f"{BACKEND}.lbAlgorithm", "LB_ALGORITHM_ROUND_ROBIN"),
    (TUNED, f"{BACKEND}.lbAlgorithmHash", "FAIR"),
    (TUNED, f"{BACKEND}.lbAlgorithmConsistentHashHdr", ""),
    (TUNED, f"{BACKEND}.healthMonitorRefs", NOWHERE),
    (TUNED, f"{BACKEND}.applicationPersistenceProfileRef", NOWHERE),
    (TUNED, f"{BACKEND}.pkiProfileRef", NOWHERE),
    (TUNED, f"{BACKEND}.sslProfileRef", NOWHERE),
    (TUNED, f"{BACKEND}.sslKeyAndCertificateRef", NOWHERE),
    ("L4Rule pools", f"{BACKEND}.healthMonitorCrdRefs", NOWHERE),
    ("HealthMonitor alive", "spec.type", "HEALTH_MONITOR_HTTP"),
    ("HealthMonitor alive", "status.backendObjectName", "", "HealthMonitor 'alive'"),
    ("HealthMonitor alive", "status.conditions.type", "Other", "HealthMonitor 'alive'"),
    ("HealthMonitor alive", "status.conditions.status", "False", "HealthMonitor 'alive'"),
    ("GatewayClass avi", "spec.parametersRef.group", "example.com", "parametersRef"),
    ("GatewayClass avi", "spec.parametersRef.kind", "Secret", "parametersRef"),
    ("GatewayClass avi", "spec.parametersRef.name", NOWHERE, f"AviInfraSetting '{NOWHERE}'"),
    ("Gateway gw", "spec.gatewayClassName", NOWHERE),
    ("Gateway gw", "spec.addresses.type", "NamedAddress"),
    ("Gateway gw", "spec.addresses.value", "10.20.0", "spec.addresses"),
    ("Gateway gw", "spec.listeners.port", 0),
    ("Gateway gw", "spec.listeners.protocol", "HTTP", "spec.listeners"),
    ("Gateway gw", "spec.listeners.hostname", "not a name"),
    *(
        ("Gateway gw", f"spec.listeners.routes.selector.matchLabels.ako.vmware.com/gateway-{part}", NOWHERE)
        for part in ("name", "namespace")
    ),
    ("Node node1", "metadata.annotations.ako.vmware.com/pod-cidrs", "10.0.0.0/99"),
    ("Node node2", "spec.podCIDRs", "x"),
    ("Node node2", "metadata.annotations.k8s.ovn.org/node-subnets", "{", "node-subnets", "ovn-kubernetes"),
    ("Node node2", "status.addresses.address", "x"),
    ("Node node2", "status.addresses.type", "Hostname", "address"),
    ("Pod p1", "metadata.annotations.nodeportlocal.antrea.io", "{", "nodeportlocal.antrea.io", "node-port-local"),
    ("Namespace red", "metadata.annotations.ako.vmware.com/tenant-name", NOWHERE),
    ("Namespace red", "metadata.annotations.ako.vmware.com/shared-vip-allowed-from", NOWHERE),
    ("Namespace blue", "metadata.annotations.aviinfrasetting.ako.vmware.com/name", NOWHERE),
    ("BlockAffinity node2-block", "spec.cidr", "x", "BlockAffinity", "calico"),
    ("CiliumNode node2", "spec.ipam.podCIDRs", "x", "podCIDRs", "cilium"),
    ("HostSubnet node2", "subnet", "x", "HostSubnet", "openshift"),
    ("HostSubnet node2", "host", NOWHERE, "no pod network", "openshift"),
]
API_SERVER = "the API server takes nothing wrong"
BOUNDED = "its definition says the type and the bounds"
# Kind and beginning of the field.
ANY = {
    ("Service", "metadata.annotations.ako.vmware.com/enable-shared-vip"): "any text is a key",
    ("Service", "metadata.annotations.skipnodeport.ako.vmware.com/enabled"): "any text means yes",
    ("Service", "spec.type"): API_SERVER,
    ("Service", "spec.ipFamil"): API_SERVER,
    ("Service", "spec.externalTrafficPolicy"): API_SERVER,
    ("Service", "spec.sessionAffinity"): API_SERVER,
    ("Service", "spec.publishNotReadyAddresses"): API_SERVER,
    ("Service", "spec.loadBalancerClass"): "another class is somebody else's Service",
    ("Service", "spec.ports.name"): "endpoints without that port are no members",
    ("Service", "spec.ports.targetPort"): "EndpointSlices say it",
    ("AviInfraSetting", f"{SPEC}enablePublicIP"): BOUNDED,
    ("AviInfraSetting", f"{SPEC}bgpPeerLabels"): "any text is a label",
    ("AviInfraSetting", f"{SPEC}listeners.enableHTTP2"): BOUNDED,
    ("L4Rule", "spec.analyticsPolicy"): BOUNDED,
    ("L4Rule", "spec.performanceLimits"): BOUNDED,
    ("L4Rule", "spec.revokeVipRoute"): BOUNDED,
    ("L4Rule", f"{BACKEND}.enabled"): BOUNDED,
    ("L4Rule", f"{BACKEND}.minServersUp"): BOUNDED,
    ("L4Rule", f"{BACKEND}.analyticsPolicy"): BOUNDED,
    ("HealthMonitor", "status.uuid"): "its name is used",
    ("GatewayClass", "spec.controller"): "another controller is somebody else's class",
    ("Gateway", "spec.listeners.routes.kind"): "not read",
    ("Node", "metadata.annotations.node.antrea.io/transport-addresses"): "the node's own address is used instead",
    ("Node", "metadata.annotations.projectcalico.org/IPv4Address"): "the node's own address is used instead",
    ("Node", "spec.podCIDR"): API_SERVER,
    ("Node", "status.conditions"): API_SERVER,
    ("EndpointSlice", ""): API_SERVER,
    ("BlockAffinity", "spec.node"): "a node of that name may come",
    ("BlockAffinity", "spec.deleted"): "anything but true means no",
}


def documents():
    return {f"{one['kind']} {one['metadata']['name']}": at for at, one in enumerate(SCENARIO)}


def leaves(value, path=()):
    """Every value that is no object or list, by its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def dotted(path):
    return ".".join(step for step in path if isinstance(step, str))


def places():
    """Object and path of every value, identity excepted."""
    for at, document in enumerate(SCENARIO):
        for path in leaves(document):
            if path[0] not in {"apiVersion", "kind"} and path[:2] not in {
                ("metadata", "name"),
                ("metadata", "namespace"),
                ("metadata", "creationTimestamp"),
            }:
                yield at, path


def test_every_field_has_a_wrong_value_or_a_reason_why_there_is_none():
    wrong = {(about.partition(" ")[0], field) for about, field, *_ in WRONG}
    fields = {(SCENARIO[at]["kind"], dotted(path)) for at, path in places()}
    excused = {
        (kind, field) for kind, field in fields for other, start in ANY if kind == other and field.startswith(start)
    }
    assert fields - wrong - excused == set()
    assert wrong - fields == set()


def first_path(about, field):
    at = documents()[about]
    return at, next(path for other, path in places() if other == at and dotted(path) == field)


@pytest.mark.parametrize("given", WRONG, ids=lambda given: f"{given[0]} {given[1]} {given[2]!r}")
def test_a_wrong_value_is_told_and_the_field_is_named(given):
    about, field, value, *more = given
    at, path = first_path(about, field)
    objects = copy.deepcopy(SCENARIO)
    holder = objects[at]
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    outcomes = settled_outcomes(case_of(objects, more[1] if len(more) > 1 else "antrea"))
    told = {f"{one.field}: {one.message}" for outcome in outcomes.values() for one in outcome.diagnostics}
    named = more[0] if more else next(step for step in reversed(path) if isinstance(step, str))
    assert any(named in text for text in told), told
