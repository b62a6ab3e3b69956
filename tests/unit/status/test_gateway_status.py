"""What a Gateway and a custom resource show, and that a shown thing is not written again."""

import jsonschema
import msgspec
import pytest
import yaml
from support.data_folder import test_data

from ako_runtime.model.intents import CustomResourceStatus, GatewayStatus, ListenerVerdict
from ako_runtime.model.observed import Observed
from ako_runtime.model.patch import Applied
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef, ServiceStatus
from ako_runtime.resources.ako import AviInfraSetting
from ako_runtime.resources.core import Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway
from ako_runtime.status.dispatch import patches_for

ABOUT = ObjectRef(resource="gateways", namespace="red", name="gw")
VSVIP, VS = Ref("vsvip", "n", tenant="admin"), Ref("virtualservice", "n", tenant="admin")
NOW = "2025-01-01T00:00:00Z"
PROBLEM = Diagnostic(object=ABOUT, field="spec", reason="InvalidAddress", message="no address")


def observed(*addresses):
    vip = Observed(ref=VSVIP, uuid="u1", content=None, addresses=addresses)
    return Applied(observed={VSVIP: vip, VS: Observed(ref=VS, uuid="u2", content=None)}, now=NOW)


def gateway(status=None, **metadata):
    document = {"metadata": {"name": "gw", "namespace": "red", **metadata}, "status": status or {}}
    return msgspec.convert(document, Gateway)


def served(*listeners):
    return GatewayStatus(about=ABOUT, vsvip=VSVIP, virtualservice=VS, listeners=listeners)


def conditions(document):
    return {one["type"]: (one["status"], one["reason"]) for one in document["conditions"]}


def test_every_address_is_shown_and_the_second_time_nothing_is_written():
    intent = served(ListenerVerdict(port=80, protocol="TCP"))
    applied = observed("10.10.0.5", "fd00::5")
    (patch,) = patches_for(intent, gateway(), applied)
    status = patch.body["status"]
    assert [one["value"] for one in status["addresses"]] == ["10.10.0.5", "fd00::5"]
    assert conditions(status) == {
        "Scheduled": ("True", "Scheduled"),
        "ako.vmware.com/Ready": ("True", "Ready"),
    }
    assert patches_for(intent, gateway(status), applied) == ()


def test_conditions_of_others_stay_and_defaults_of_the_definition_go():
    foreign = {"type": "Audited", "status": "True", "reason": "Seen", "message": "", "lastTransitionTime": NOW}
    waiting = {
        "type": "Scheduled",
        "status": "False",
        "reason": "NotReconciled",
        "message": "",
        "lastTransitionTime": NOW,
    }
    (patch,) = patches_for(served(), gateway({"conditions": [waiting, foreign]}), observed("10.10.0.5"))
    found = conditions(patch.body["status"])
    assert found["Audited"] == ("True", "Seen")
    assert found["Scheduled"] == ("True", "Scheduled")


def as_the_official_one_writes(status, *, served):
    """The status after the official AKO has written an address (or taken it back): what it finds, changed."""
    changed = msgspec.json.decode(msgspec.json.encode(status))
    for one in changed["conditions"]:
        if one["type"] in ("Ready", "Pending"):
            one |= {"status": "True" if served == (one["type"] == "Ready") else "False", "reason": "", "message": ""}
    for listener in changed["listeners"]:
        for one in listener["conditions"]:
            if one["type"] != "Ready" and served:
                one |= {"status": "False", "reason": "", "message": ""}
        listener["conditions"] = [one for one in listener["conditions"] if one["type"] != "Ready"]
        listener["conditions"].append(
            {"type": "Ready", "status": "True" if served else "False", "reason": "Ready", "message": ""}
        )
    return changed


def with_times(status):
    """The status with times where the writer puts them."""
    for one in (status, *status["listeners"]):
        for condition in one["conditions"]:
            condition.setdefault("lastTransitionTime", NOW)
    return status


@pytest.mark.parametrize("served_there", [True, False])
def test_the_official_ako_can_write_its_status_after_ours(served_there):
    """The definition takes no empty reason, and one condition with one has the whole status refused."""
    path = test_data("crds", "services-api-v1alpha1", "networking.x-k8s.io_gateways.yaml")
    definition = next(iter(yaml.safe_load_all(path.read_text())))
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    taken = ListenerVerdict(port=53, protocol="UDP", reason="PortConflict", message="taken")
    broken = ListenerVerdict(port=54, protocol="X", reason="UnsupportedProtocol", message="use TCP", ready=False)
    listeners = (ListenerVerdict(port=53, protocol="TCP"), taken, broken)
    for intent in (served(*listeners), GatewayStatus(about=ABOUT, problem=PROBLEM, listeners=listeners)):
        (patch,) = patches_for(intent, gateway(), observed("10.10.0.5"))
        ours = patch.body["status"]
        jsonschema.validate(ours, schema)
        jsonschema.validate(with_times(as_the_official_one_writes(ours, served=served_there)), schema)


def test_conditions_that_an_earlier_version_of_ours_wrote_go():
    def old(type_, status, reason):
        return {"type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": NOW}

    held = {
        "conditions": [old("Ready", "True", "Ready"), old("Pending", "False", "Ready")],
        "listeners": [{"port": 80, "protocol": "TCP", "conditions": [old("Conflicted", "False", "NoConflicts")]}],
    }
    (patch,) = patches_for(served(ListenerVerdict(port=80, protocol="TCP")), gateway(held), observed("10.10.0.5"))
    status = patch.body["status"]
    assert conditions(status).keys() == {"Scheduled", "ako.vmware.com/Ready"}
    assert conditions(status["listeners"][0]) == {"Ready": ("True", "Ready")}


def test_conditions_of_the_official_ako_are_kept_up():
    held = {
        "conditions": [
            {"type": "Pending", "status": "True", "reason": "", "message": "", "lastTransitionTime": NOW},
            {"type": "Ready", "status": "False", "reason": "", "message": "", "lastTransitionTime": NOW},
        ]
    }
    intent, applied = served(), observed("10.10.0.5")
    (patch,) = patches_for(intent, gateway(held), applied)
    status = patch.body["status"]
    found = conditions(status)
    assert (found["Pending"], found["Ready"]) == (("False", ""), ("True", ""))
    assert patches_for(intent, gateway(status), applied) == ()


def test_listeners_of_one_port_share_an_entry():
    taken = ListenerVerdict(port=53, protocol="UDP", reason="PortConflict", message="taken")
    intent = served(ListenerVerdict(port=53, protocol="TCP"), taken)
    (patch,) = patches_for(intent, gateway(), observed("10.10.0.5"))
    (listener,) = patch.body["status"]["listeners"]
    assert listener["protocol"] == "TCP,UDP"
    assert conditions(listener) == {"Ready": ("True", "PortConflict")}


def test_a_refused_gateway_keeps_the_addresses_that_it_shows():
    held = {"addresses": [{"type": "IPAddress", "value": "10.10.0.5"}]}
    (patch,) = patches_for(GatewayStatus(about=ABOUT, problem=PROBLEM), gateway(held), Applied(now=NOW))
    status = patch.body["status"]
    assert [one["value"] for one in status["addresses"]] == ["10.10.0.5"]
    assert conditions(status)["Scheduled"] == ("False", "InvalidAddress")


def test_only_the_official_finalizer_is_removed():
    deleted = gateway(
        deletionTimestamp="2025-01-01T00:00:00Z", finalizers=["gateway.ako.vmware.com", "example.com/mine"]
    )
    (patch,) = patches_for(GatewayStatus(about=ABOUT), deleted, Applied(now=NOW))
    assert patch.body["metadata"]["finalizers"] == ["example.com/mine"]
    assert patches_for(GatewayStatus(about=ABOUT), gateway(deletionTimestamp=NOW), Applied(now=NOW)) == ()


def test_a_custom_resource_shows_its_verdict_once():
    about = ObjectRef(resource="aviinfrasettings", namespace="", name="telco")
    fresh = msgspec.convert({"metadata": {"name": "telco"}}, AviInfraSetting)
    (patch,) = patches_for(CustomResourceStatus(about=about, problem=PROBLEM), fresh, Applied())
    assert patch.body["status"] == {"status": "Rejected", "error": "no address"}
    shown = msgspec.convert({"metadata": {"name": "telco"}, "status": {"status": "Accepted"}}, AviInfraSetting)
    assert patches_for(CustomResourceStatus(about=about), shown, Applied()) == ()


def service(kind, status=None):
    document = {"metadata": {"name": "web", "namespace": "red"}, "spec": {"type": kind}, "status": status or {}}
    return msgspec.convert(document, Service)


def test_addresses_go_to_load_balancer_services_only():
    about = ObjectRef(resource="services", namespace="red", name="web")
    intent = ServiceStatus(about=about, vsvip=VSVIP, virtualservice=VS)
    assert patches_for(intent, service("ClusterIP"), observed("10.10.0.5")) == ()
    (patch,) = patches_for(intent, service("LoadBalancer"), observed("10.10.0.5"))
    assert patch.body["status"]["loadBalancer"]["ingress"] == [{"ip": "10.10.0.5"}]


def test_a_withdrawn_service_shows_no_address_and_the_reason():
    about = ObjectRef(resource="services", namespace="red", name="web")
    held = {"loadBalancer": {"ingress": [{"ip": "10.10.0.5"}]}}
    intent = ServiceStatus(about=about, problem=PROBLEM, withdrawn=True)
    (patch,) = patches_for(intent, service("LoadBalancer", held), Applied(now=NOW))
    assert patch.body["status"]["loadBalancer"] == {"ingress": None}
    assert conditions(patch.body["status"]) == {"ako.vmware.com/Accepted": ("False", "InvalidAddress")}
