"""A change of a Node queues only what reads it: routes where they are synced, and pools in NodePort mode."""

import msgspec
import pytest
from support.golden_cases import context_of, snapshot_of

from ako_runtime.resources.core import Node
from ako_runtime.resources.journal import Change
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.keys import all_keys, outcome_for

ROUTES = "routes/nodes"
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node1", "resourceVersion": "1"},
    "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]},
    "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.11"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}
LABELS = {"ako.vmware.com/gateway-name": "gw", "ako.vmware.com/gateway-namespace": "red"}
SERVICES = [
    *(("LoadBalancer", f"lb-{index}", {}) for index in range(20)),
    ("ClusterIP", "inside", {}),
    ("NodePort", "attached", LABELS),
]
FRONTS = {*(f"service/red/lb-{index}" for index in range(20)), "gateway/red/gw"}


def service(kind, name, labels):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "red", "labels": labels},
        "spec": {"type": kind, "ports": [{"port": 80, "nodePort": 30080}]},
    }


def node(**changes):
    document = {**NODE, **changes}
    document["metadata"] = NODE["metadata"] | changes.get("metadata", {})
    return msgspec.convert(document, Node)


GATEWAY = [
    {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "GatewayClass",
        "metadata": {"name": "avi"},
        "spec": {"controller": "ako.vmware.com/avi-lb"},
    },
    {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "red"},
        "spec": {
            "gatewayClassName": "avi",
            "listeners": [
                {"protocol": "TCP", "port": 80, "routes": {"kind": "Service", "selector": {"matchLabels": LABELS}}}
            ],
        },
    },
]


def touched(mode, old, new, **settings):
    snapshot = snapshot_of([*GATEWAY, *(service(*one) for one in SERVICES)])
    context = context_of({"serviceType": mode, "cniPlugin": "antrea", "servicesAPI": "true", **settings}, snapshot)
    for key in all_keys(snapshot, context):
        outcome_for(snapshot, key, context)
    keys = keys_touched_by(Change(resource="nodes", old=old, new=new), snapshot, context)
    return {str(key) for key in keys}


MOVED = node(status={**NODE["status"], "addresses": [{"type": "InternalIP", "address": "10.0.0.12"}]})
UNREADY = node(status={**NODE["status"], "conditions": [{"type": "Ready", "status": "False"}]})
RELABELLED = node(metadata={"labels": {"topology.kubernetes.io/zone": "z2"}})
EXCLUDED = node(metadata={"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}})
OTHER_PODS = node(spec={"podCIDR": "10.244.9.0/24", "podCIDRs": ["10.244.9.0/24"]})


@pytest.mark.parametrize("mode", ["ClusterIP", "NodePortLocal"])
@pytest.mark.parametrize("new", [MOVED, UNREADY, RELABELLED, EXCLUDED, OTHER_PODS, None])
def test_only_routes_depend_on_nodes_where_members_are_pods(mode, new):
    assert touched(mode, node(), new) == {ROUTES}


@pytest.mark.parametrize("new", [MOVED, UNREADY, EXCLUDED, None])
def test_what_pools_say_of_a_node_touches_every_front_in_node_port_mode(new):
    assert touched("NodePort", node(), new) == FRONTS
    assert touched("NodePort", new, node()) == FRONTS


@pytest.mark.parametrize("new", [RELABELLED, OTHER_PODS])
def test_what_pools_do_not_say_touches_none(new):
    assert touched("NodePort", node(), new) == {ROUTES}


def test_a_node_that_no_pool_has_touches_none():
    settings = {"nodeKey": "role", "nodeValue": "edge"}
    assert touched("NodePort", node(), MOVED, **settings) == {ROUTES}
    chosen = node(metadata={"labels": {"role": "edge"}})
    assert touched("NodePort", node(), chosen, **settings) == FRONTS
