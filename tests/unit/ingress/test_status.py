import json

import msgspec

from ako_runtime.model.intents_l7 import IngressStatus, ServedHost
from ako_runtime.model.observed import Observed
from ako_runtime.model.patch import Applied
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef
from ako_runtime.resources.marks import INGRESS_PROBLEM as PROBLEM
from ako_runtime.resources.networking import Ingress
from ako_runtime.status.ingress import ingress_patches

ABOUT = ObjectRef(resource="ingresses", namespace="red", name="a")
VSVIP, SERVICE = Ref("vsvip", "v", tenant="admin"), Ref("virtualservice", "s", tenant="admin")
SERVED = IngressStatus(about=ABOUT, hosts=(ServedHost(host="h.example.com", vsvip=VSVIP, virtualservice=SERVICE),))


def applied(*addresses, public=()):
    vsvip = Observed(ref=VSVIP, uuid="vsvip-1", content=None, addresses=addresses, public_addresses=public)
    service = Observed(ref=SERVICE, uuid="vs-1", content=None)
    return Applied(observed={VSVIP: vsvip, SERVICE: service}, cluster_uuid="cluster-1")


def ingress(entries=(), **annotations):
    document = {
        "metadata": {"name": "a", "namespace": "red", "annotations": annotations},
        "status": {"loadBalancer": {"ingress": list(entries)}},
    }
    return msgspec.convert(document, Ingress)


def shown(patches):
    return next(patch.body["status"]["loadBalancer"]["ingress"] for patch in patches if patch.subresource == "status")


def test_every_address_of_a_host_is_shown():
    assert shown(ingress_patches(SERVED, ingress(), applied("10.0.0.1", "fd00::1"))) == [
        {"ip": "10.0.0.1", "hostname": "h.example.com"},
        {"ip": "fd00::1", "hostname": "h.example.com"},
    ]


def test_public_addresses_take_the_place_of_private_ones():
    (entry,) = shown(ingress_patches(SERVED, ingress(), applied("10.0.0.1", public=("192.0.2.1",))))
    assert entry["ip"] == "192.0.2.1"


def test_what_is_shown_already_is_not_written():
    host_map = json.dumps({"h.example.com": "vs-1"}, separators=(",", ":"))
    held = ingress(
        [{"ip": "10.0.0.1", "hostname": "h.example.com"}],
        **{
            "ako.vmware.com/host-fqdn-vs-uuid-map": host_map,
            "ako.vmware.com/controller-cluster-uuid": "cluster-1",
            "ako.vmware.com/tenant-name": "admin",
        },
    )
    assert ingress_patches(SERVED, held, applied("10.0.0.1")) == ()


def test_entries_of_others_stay_and_hosts_that_left_go():
    held = ingress(
        [{"ip": "198.51.100.1", "hostname": "theirs.example.com"}, {"ip": "10.0.0.1", "hostname": "left.example.com"}],
        **{"ako.vmware.com/host-fqdn-vs-uuid-map": '{"left.example.com":"vs-0"}'},
    )
    hosts = [entry["hostname"] for entry in shown(ingress_patches(SERVED, held, applied("10.0.0.1")))]
    assert hosts == ["theirs.example.com", "h.example.com"]


def test_an_ingress_that_we_never_wrote_to_is_left_alone():
    held = ingress([{"ip": "198.51.100.1"}])
    assert ingress_patches(IngressStatus(about=ABOUT, speaks=True), held, Applied()) == ()


def test_an_address_without_virtual_service_is_not_announced():
    half = Applied(observed={VSVIP: applied("10.0.0.1").observed[VSVIP]})
    assert ingress_patches(SERVED, ingress(), half) == ()


def test_only_the_speaker_takes_a_problem_back():
    held = ingress(**{PROBLEM: "Old: text"})
    listener, speaker = IngressStatus(about=ABOUT), IngressStatus(about=ABOUT, speaks=True)
    assert ingress_patches(listener, held, Applied()) == ()
    (patch,) = ingress_patches(speaker, held, Applied())
    assert patch.body["metadata"]["annotations"] == {PROBLEM: None}


def test_a_problem_names_reason_and_message():
    problem = Diagnostic(object=ABOUT, field="spec", reason="HostRefused", message="no")
    (patch,) = ingress_patches(IngressStatus(about=ABOUT, problem=problem, speaks=True), ingress(), Applied())
    assert patch.body["metadata"]["annotations"] == {PROBLEM: "HostRefused: no"}
