"""What of a Service is ours to write, and what is not."""

import json

import msgspec
import pytest

from ako_runtime.model.intents import NodePortLocalMark
from ako_runtime.model.observed import Observed
from ako_runtime.model.patch import Applied
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef, ServiceStatus
from ako_runtime.resources.core import Service
from ako_runtime.status.dispatch import patches_for

ABOUT = ObjectRef(resource="services", namespace="red", name="web")
VSVIP, VS = Ref("vsvip", "n", tenant="admin"), Ref("virtualservice", "n", tenant="admin")
NOW = "2025-01-01T00:00:00Z"
ANTREA = "nodeportlocal.antrea.io/enabled"
OURS = {
    "ako.vmware.com/host-fqdn-vs-uuid-map": '{"web.example.com":"vs-uuid"}',
    "ako.vmware.com/controller-cluster-uuid": "cluster-uuid",
    "ako.vmware.com/tenant-name": "admin",
}
REFUSED = {
    "type": "ako.vmware.com/Accepted",
    "status": "False",
    "reason": "InvalidValue",
    "message": "x",
    "lastTransitionTime": NOW,
}


def applied(*addresses, withdrawn=()):
    found = {
        VSVIP: Observed(ref=VSVIP, uuid="vip-uuid", content=None, addresses=addresses),
        VS: Observed(ref=VS, uuid="vs-uuid", content=None),
    }
    return Applied(
        observed=found if addresses else {}, withdrawn=frozenset(withdrawn), cluster_uuid="cluster-uuid", now=NOW
    )


def service(*addresses, annotations=None, conditions=(), kind="LoadBalancer", hostname="web.example.com"):
    ingress = [{"ip": address, "hostname": hostname} for address in addresses]
    document = {
        "metadata": {"name": "web", "namespace": "red", "annotations": annotations or {}},
        "spec": {"type": kind, "ipFamilies": ["IPv4"]},
        "status": {"loadBalancer": {"ingress": ingress}, "conditions": list(conditions)},
    }
    return msgspec.convert(document, Service)


def served(**fields):
    return ServiceStatus(about=ABOUT, vsvip=VSVIP, virtualservice=VS, hostnames=("web.example.com",), **fields)


def written(intent, held, facts):
    """The parts that are patched: addresses, conditions, annotations."""
    found = {}
    for patch in patches_for(intent, held, facts):
        status = patch.body.get("status", {})
        if "loadBalancer" in status:
            found["addresses"] = [one["ip"] for one in status["loadBalancer"]["ingress"] or ()]
        if "conditions" in status:
            found["conditions"] = [(one["type"], one["status"]) for one in status["conditions"]]
        found |= patch.body.get("metadata", {}).get("annotations", {})
    return found


def test_a_served_service_shows_address_and_annotations_once():
    assert written(served(), service(), applied("10.0.0.1")) == {"addresses": ["10.0.0.1"], **OURS}
    assert written(served(), service("10.0.0.1", annotations=OURS), applied("10.0.0.1")) == {}


def test_addresses_are_in_the_order_of_the_families():
    intent = served(families=("IPv6", "IPv4"))
    assert written(intent, service(), applied("10.0.0.1", "fd00::1"))["addresses"] == ["fd00::1", "10.0.0.1"]


@pytest.mark.parametrize("value", ["true", "false"])
def test_what_the_user_tells_antrea_stays_where_it_is_not_ours_to_say(value):
    told = {ANTREA: value}
    assert ANTREA not in written(served(), service(annotations=told), applied("10.0.0.1"))
    assert written(ServiceStatus(about=ABOUT), service(annotations=told), applied()) == {}


def test_antrea_is_told_and_untold_where_it_is_ours_to_say():
    intent = served(node_port_local=True)
    assert written(intent, service(), applied("10.0.0.1"))[ANTREA] == "true"
    told = service(annotations={ANTREA: "true"})
    assert written(intent.cleared(), told, applied(withdrawn=["10.0.0.1"])) == {ANTREA: None}
    assert served().cleared().node_port_local is None


def test_what_another_instance_serves_is_not_touched():
    intent = ServiceStatus(about=ABOUT, elsewhere=True)
    held = service("10.0.0.9", annotations=OURS | {ANTREA: "true"}, conditions=[REFUSED])
    assert written(intent, held, applied()) == {}
    assert written(intent.cleared(), held, applied()) == {}


def test_what_was_ours_until_now_is_cleaned_up():
    intent = ServiceStatus(about=ABOUT, elsewhere=True)
    held = service("10.0.0.1", "10.0.0.9", annotations=OURS)
    assert written(intent, held, applied(withdrawn=["10.0.0.1"])) == {
        "addresses": ["10.0.0.9"],
        **dict.fromkeys(OURS),
    }


def test_a_refusal_leaves_addresses_and_annotations_and_its_end_is_told():
    problem = Diagnostic(object=ABOUT, field="spec", reason="InvalidValue", message="x")
    held = service("10.0.0.1", annotations=OURS)
    refused = written(ServiceStatus(about=ABOUT, problem=problem), held, applied())
    assert refused == {"conditions": [("ako.vmware.com/Accepted", "False")]}
    held = service("10.0.0.1", annotations=OURS, conditions=[REFUSED])
    assert written(served(), held, applied("10.0.0.1")) == {"conditions": [("ako.vmware.com/Accepted", "True")]}


def test_the_map_of_host_names_is_json():
    intent = msgspec.structs.replace(served(), hostnames=("a.example.com", "b.example.com"))
    found = written(intent, service(), applied("10.0.0.1"))["ako.vmware.com/host-fqdn-vs-uuid-map"]
    assert json.loads(found) == {"a.example.com": "vs-uuid", "b.example.com": "vs-uuid"}


def test_a_service_of_another_type_gets_no_address():
    assert "addresses" not in written(served(), service(kind="ClusterIP"), applied("10.0.0.1"))


def test_a_service_behind_an_ingress_is_marked_for_antrea_once_and_unmarked_in_the_end():
    mark = NodePortLocalMark(about=ABOUT)
    plain, marked = service(annotations=OURS), service(annotations=OURS | {ANTREA: "true"})
    assert written(mark, plain, applied()) == {ANTREA: "true"}
    assert written(mark, marked, applied()) == {}
    assert written(mark.cleared(), marked, applied()) == {ANTREA: None}
