"""Whatever is wrong in an object: translation never raises, says which field it is, and leaves other stacks alone.

A valid scenario is taken, one value anywhere in one of its objects is replaced by something else (wrong text, another
type, nothing), and everything is translated again. A change that does not decode is refused by the reflector and not
seen here.
"""

import copy

import msgspec
from golden_cases import BASE_ENVIRONMENT, context_of, outcomes_of, references_of, snapshot_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ako_runtime.translate.dispatch import all_keys, keys_touched_by, outcome_for

LABELS = {"ako.vmware.com/gateway-name": "gw", "ako.vmware.com/gateway-namespace": "red"}


def service(name, namespace="red", *, annotations=None, labels=None, day=1, **spec):
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


MUTABLE = [
    service(
        "full",
        annotations={
            "ako.vmware.com/load-balancer-ip": "10.10.0.50",
            "aviinfrasetting.ako.vmware.com/name": "telco",
            "ako.vmware.com/l4rule": "tuned",
            "ako.vmware.com/disable-traffic": "false",
            "ako.vmware.com/vip-ip-family": "V4",
            "ako.vmware.com/lb-algorithm": "ROUND_ROBIN",
            "ako.vmware.com/application-profile": "System-L4-Application",
            "skipnodeport.ako.vmware.com/enabled": "true",
            "external-dns.alpha.kubernetes.io/hostname": "full.example.com",
        },
        ipFamilyPolicy="SingleStack",
        externalTrafficPolicy="Local",
        publishNotReadyAddresses=True,
        loadBalancerSourceRanges=["192.0.2.0/24"],
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 600}},
        loadBalancerIP="10.10.0.51",
    ),
    service("second", annotations={"ako.vmware.com/enable-shared-vip": "sig"}, day=3),
    service(
        "both",
        ipFamilies=["IPv4", "IPv6"],
        ipFamilyPolicy="RequireDualStack",
        loadBalancerClass="ako.vmware.com/avi-lb",
        day=4,
    ),
    service("labelled", labels=LABELS, day=2, loadBalancerSourceRanges=["192.0.2.0/24"]),
    service(
        "other-protocol",
        labels=LABELS,
        day=3,
        ports=[{"name": "q", "port": 80, "protocol": "UDP"}],
        loadBalancerSourceRanges=["192.0.2.0/24"],
    ),
    {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": "telco"},
        "spec": {
            "seGroup": {"name": "telco-seg"},
            "network": {
                "vipNetworks": [{"networkName": "telco-net", "cidr": "10.20.0.0/24"}],
                "nodeNetworks": [{"networkName": "telco-net", "cidrs": ["10.0.0.0/24"]}],
                "listeners": [{"port": 443, "enableSSL": True}],
                "enableRhi": True,
                "bgpPeerLabels": ["peer"],
            },
            "l7Settings": {"shardSize": "SMALL"},
        },
    },
    {
        "apiVersion": "ako.vmware.com/v1alpha2",
        "kind": "L4Rule",
        "metadata": {"name": "tuned", "namespace": "red"},
        "spec": {
            "loadBalancerIP": "10.10.0.77",
            "performanceLimits": {"maxThroughput": 10},
            "listenerProperties": [{"port": 80, "protocol": "TCP"}],
            "backendProperties": [
                {
                    "port": 80,
                    "protocol": "TCP",
                    "lbAlgorithm": "LB_ALGORITHM_CONSISTENT_HASH",
                    "lbAlgorithmHash": "LB_ALGORITHM_CONSISTENT_HASH_URI",
                }
            ],
        },
    },
    {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "GatewayClass",
        "metadata": {"name": "avi"},
        "spec": {
            "controller": "ako.vmware.com/avi-lb",
            "parametersRef": {"group": "ako.vmware.com", "kind": "AviInfraSetting", "name": "telco"},
        },
    },
    {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "red", "creationTimestamp": "2025-01-01T00:00:00Z"},
        "spec": {
            "gatewayClassName": "avi",
            "addresses": [{"type": "IPAddress", "value": "10.20.0.60"}],
            "listeners": [
                {
                    "port": 80,
                    "protocol": "TCP",
                    "hostname": "gw.example.com",
                    "routes": {"kind": "Service", "selector": {"matchLabels": dict(LABELS)}},
                },
                {
                    "port": 80,
                    "protocol": "UDP",
                    "routes": {"kind": "Service", "selector": {"matchLabels": dict(LABELS)}},
                },
            ],
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "node1",
            "annotations": {
                "ako.vmware.com/pod-cidrs": "10.244.1.0/24",
                "node.antrea.io/transport-addresses": "10.0.0.11",
            },
        },
        "spec": {"podCIDRs": ["10.244.1.0/24"]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "10.0.0.11"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    },
    {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "full-1", "namespace": "red", "labels": {"kubernetes.io/service-name": "full"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.244.1.5"], "nodeName": "node1", "targetRef": {"kind": "Pod", "name": "p1"}}],
        "ports": [{"name": "p", "port": 8080, "protocol": "TCP"}],
    },
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p1",
            "namespace": "red",
            "annotations": {"nodeportlocal.antrea.io": '[{"podPort":8080,"nodeIP":"10.0.0.11","nodePort":61000}]'},
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "red", "annotations": {"ako.vmware.com/tenant-name": "admin"}, "labels": {}},
    },
]
# Not touched by any mutation: whatever happens above, these stay.
BYSTANDERS = [
    service("alone", "green"),
    service("first", annotations={"ako.vmware.com/enable-shared-vip": "other"}, namespace="green"),
]
REFERENCES = {
    "serviceenginegroup": ["telco-seg"],
    "network": ["telco-net", {"name": "vip-net", "families": ["V4", "V6"]}],
}
TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "x", "-", "a/b/c", "10.0.0", "10.0.0.0/99", "::", "fd00::/64", "*", "true", "[]", "{", "0"]
    ),
    st.text(max_size=20),
)
VALUES = st.one_of(TEXTS, st.integers(-1, 70000), st.booleans(), st.just([]), st.just({}))


def places(value, path=()):
    """Every place in a document that may be mutated; identity and kind excepted."""
    if isinstance(value, dict):
        for key, item in value.items():
            if path == () and key in {"apiVersion", "kind"}:
                continue
            if path == ("metadata",) and key in {"name", "namespace", "creationTimestamp"}:
                continue
            if path:
                yield (*path, key)
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*path, index)
            yield from places(item, (*path, index))


PLACES = [(at, path) for at, document in enumerate(MUTABLE) for path in places(document)]
MODES = ("ClusterIP", "NodePort", "NodePortLocal")


def mutated(objects, at, path, value):
    objects = copy.deepcopy(objects)
    holder = objects[at]
    for step in path[:-1]:
        holder = holder[step]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return objects


def case_of(objects, mode):
    # A network whose subnets only the controller knows.
    networks = '[{"networkName":"vip-net"}]'
    options = {
        "servicesAPI": "true",
        "serviceType": mode,
        "disableStaticRouteSync": "false",
        "vipNetworkList": networks,
    }
    if mode == "NodePortLocal":
        options["cniPlugin"] = "antrea"
    return {"settings": options, "references": REFERENCES, "given": [*objects, *BYSTANDERS]}


def bystanders(outcomes):
    return {key: outcome for key, outcome in outcomes.items() if "/green/" in key}


EXPECTED = {mode: bystanders(outcomes_of(case_of(MUTABLE, mode))) for mode in MODES}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(place=st.sampled_from(PLACES), value=st.one_of(st.none(), VALUES), mode=st.sampled_from(MODES))
def test_one_wrong_value_raises_nothing_and_reaches_nobody_else(place, value, mode):
    at, path = place
    case = case_of(mutated(MUTABLE, at, path, value), mode)
    try:
        outcomes = outcomes_of(case)
    except msgspec.ValidationError:
        assume(False)
    assert bystanders(outcomes) == EXPECTED[mode]
    for outcome in outcomes.values():
        assert not outcome.held
        for one in outcome.diagnostics:
            assert one.message
            assert one.field
            assert one.reason.isidentifier()
        if outcome.keeps_last_good:
            assert outcome.diagnostics
            assert not outcome.stack.objects


@settings(max_examples=100, deadline=None)
@given(place=st.sampled_from(PLACES), value=st.one_of(st.none(), VALUES), mode=st.sampled_from(MODES))
def test_every_key_whose_outcome_changes_is_touched(place, value, mode):
    """A change of one object queues every key that comes out differently."""
    at, path = place
    after = mutated(MUTABLE, at, path, value)
    case = case_of(MUTABLE, mode)
    try:
        old, new = (snapshot_with(case, objects) for objects in (MUTABLE, after))
    except msgspec.ValidationError:
        assume(False)
    context = context_of(case["settings"], new)
    resource, before, now = changed(old, new)
    assume(resource is not None)
    touched = keys_touched_by(resource, old=before, new=now, snapshot=new, settings=context.settings)
    for key in all_keys(old) | all_keys(new):
        if outcome_for(old, key, context) != outcome_for(new, key, context):
            assert key in touched, (str(key), path)


def snapshot_with(case, objects):
    return snapshot_of([*objects, *BYSTANDERS], BASE_ENVIRONMENT, references_of(case))


def changed(old, new):
    for resource, objects in new.objects.items():
        for identity, obj in objects.items():
            held = old.of(resource).get(identity)
            if held != obj:
                return resource, held, obj
    return None, None, None
