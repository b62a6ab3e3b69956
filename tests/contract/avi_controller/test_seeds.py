"""What a fresh lab holds: every seed passes the checks for clients' objects and loses nothing on the way."""

import json
from typing import get_args

import pytest
from support.avi_lab.core import Core

from ako_lab.avi_controller.config import (
    Assumptions,
    CloudKind,
    CloudSeed,
    LabConfig,
    NetworkSeed,
    ObjectSeed,
    SubnetSeed,
)
from ako_lab.avi_controller.objects import Objects
from ako_lab.avi_controller.schema import load_schema
from ako_runtime.errors import UserError

SCHEMA = load_schema()
TIERS = SCHEMA.messages["SystemConfiguration"].fields["default_license_tier"].enum
NETWORK = NetworkSeed(name="front", subnets=(SubnetSeed(prefix="10.1.0.0/24", begin="10.1.0.5", end="10.1.0.9"),))
CLOUDS = [
    *(CloudSeed(kind=kind, networks=(NETWORK,), dns_domains=("example.com",)) for kind in get_args(CloudKind)),
    CloudSeed(kind="CLOUD_NSXT", transport_zone="VLAN", networks=(NETWORK,)),
    CloudSeed(kind="CLOUD_VCENTER"),
]
# Written by the controller itself, or used up by the write.
KEPT_BACK = {"password", "key"}


def seeded(monkeypatch, config):
    """A lab, and what its seeds sent, with the objects that came of it."""
    sent = []
    create = Objects.create

    def noting(self, kind, data, call):
        record = create(self, kind, data, call)
        sent.append((kind, data, record.document()))
        return record

    monkeypatch.setattr(Objects, "create", noting)
    core = Core(config)
    monkeypatch.undo()
    return core, sent


def lost(sent, stored, path=""):
    """Paths of what was sent and is not there."""
    if isinstance(sent, dict):
        for name, value in sent.items():
            if name not in KEPT_BACK:
                if not isinstance(stored, dict) or name not in stored:
                    yield f"{path}.{name}"
                else:
                    yield from lost(value, stored[name], f"{path}.{name}")
    elif isinstance(sent, list):
        if len(sent) != len(stored):
            yield path
        for one, two in zip(sent, stored, strict=False):
            yield from lost(one, two, path)
    elif not path.endswith(("_ref", "_refs")) and sent != stored:
        yield f"{path}: {sent!r} became {stored!r}"


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: f"{cloud.kind}-{cloud.transport_zone}")
def test_every_seed_passes_the_checks_whole(monkeypatch, cloud, tier):
    core, sent = seeded(monkeypatch, LabConfig(clouds=(cloud,), license_tier=tier))
    assert len(sent) > 60
    assert [f"{kind} {data.get('name')}{what}" for kind, data, stored in sent for what in lost(data, stored)] == []
    for kind, data, _ in sent:
        assert list(SCHEMA.unknown_fields(SCHEMA.types[kind].model, data)) == [], (kind, data)
    for record in core.controller.store.records.values():
        body = record.document()
        assert list(SCHEMA.unknown_fields(SCHEMA.types[record.type].model, body)) == [], record.key


def test_what_the_official_controller_reads_at_its_start_is_there():
    core = Core(LabConfig(clouds=(CloudSeed(kind="CLOUD_VCENTER"), CloudSeed(name="nsx", kind="CLOUD_NSXT"))))
    vcenter, nsx = (core.read(f"/api/cloud?name={name}")["results"][0] for name in ("Default-Cloud", "nsx"))
    place = vcenter["vcenter_configuration"]["management_network"]
    assert core.read(place)["name"] == "management"
    assert nsx["nsxt_configuration"]["data_network_config"]["tz_type"] == "OVERLAY"
    (vrf,) = core.read(f"/api/vrfcontext?cloud_ref.uuid={nsx['uuid']}&name=lab-t1")["results"]
    assert vrf["attrs"] == [{"key": "tier1path", "value": "/infra/tier-1s/lab-t1"}]


def test_the_management_network_is_one_that_gives_no_addresses():
    config = LabConfig()
    core = Core(config)
    cloud = core.read("/api/cloud?name=Default-Cloud")["results"][0]
    place = cloud["vcenter_configuration"]["management_network"]
    assert core.read(place)["name"] == "node-network"
    assert cloud["ipam_provider_ref"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("wafpolicy", "System-WAF-Policy"),
        ("wafprofile", "System-WAF-Profile"),
        ("errorpageprofile", "Custom-Error-Page-Profile"),
        ("stringgroup", "System-Cacheable-Resource-Types"),
        ("networkprofile", "System-UDP-No-SNAT"),
        ("applicationprofile", "System-Secure-HTTP-VDI"),
        ("healthmonitor", "System-Xternal-Shell"),
    ],
)
def test_what_the_product_ships_is_there(kind, name):
    assert Core().read(f"/api/{kind}?name={name}")["count"] == 1


@pytest.mark.parametrize(
    ("seed", "field"),
    [
        (ObjectSeed(type="pool", data={"name": "p", "enbled": True}), "enbled"),
        (ObjectSeed(type="pool", data={"name": "p", "servers": [{"ip": {"adr": "10.0.0.1"}}]}), "servers.ip.adr"),
    ],
)
def test_a_misspelt_seed_is_refused_in_words(seed, field):
    with pytest.raises(UserError) as refused:
        Core(LabConfig(objects=(seed,)))
    assert f"release 30.2.1 has no field {field}" in str(refused.value)


def test_a_type_without_documents_takes_any_field():
    core = Core(LabConfig(objects=(ObjectSeed(type="ipaddrgroup", data={"name": "i", "anything": 1}),)))
    assert core.read("/api/ipaddrgroup?name=i")["count"] == 1


def test_markers_and_protocols_are_in_every_tier():
    marker = [{"key": "clustername", "values": ["a"]}]
    match = {"protocol": {"match_criteria": "IS_IN", "protocol": "PROTOCOL_TCP"}}
    for tier in ("ESSENTIALS", "BASIC"):
        core = Core(LabConfig(license_tier=tier))
        rule = {"name": "r", "index": 0, "match": match}
        body = {"name": "l", "markers": marker, "l4_connection_policy": {"rules": [rule]}, "is_internal_policy": False}
        assert core.create("l4policyset", body)["markers"] == marker
        assert not core.read("/api/cloud")["results"][0].get("dns_provider_ref")


def test_the_content_is_looked_at_before_the_name_or_after():
    broken = {"name": "p", "default_server_port": 0}
    statuses = {}
    for first in (True, False):
        core = Core(LabConfig(assumptions=Assumptions(content_before_name=first)))
        core.create("pool", {"name": "p"})
        statuses[first] = core.call("POST", "/api/pool", broken).status
        assert core.call("POST", "/api/pool", {**broken, "name": "q"}).status == 400
    assert statuses == {True: 400, False: 409}


@pytest.mark.parametrize(("one", "status"), [(True, 400), (False, 201)])
def test_a_name_in_the_dns_has_one_holder_or_several(one, status):
    core = Core(LabConfig(assumptions=Assumptions(one_vsvip_per_fqdn=one)))
    body = {"vip": [{"vip_id": "0", "auto_allocate_ip": True}], "dns_info": [{"fqdn": "a.lab.example.com"}]}
    first = core.create("vsvip", {"name": "a", **body})
    reply = core.call("POST", "/api/vsvip", {"name": "b", **body})
    assert reply.status == status, json.loads(reply.body)
    assert core.call("DELETE", f"/api/vsvip/{first['uuid']}").status == 204


@pytest.mark.parametrize(("one", "status"), [(True, 400), (False, 201)])
def test_a_port_has_one_listener_or_several(one, status):
    core = Core(LabConfig(assumptions=Assumptions(one_listener_per_port=one)))
    core.create("vsvip", {"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True}]})
    body = {"vsvip_ref": "/api/vsvip?name=v", "services": [{"port": 80}]}
    core.create("virtualservice", {"name": "a", **body})
    assert core.call("POST", "/api/virtualservice", {"name": "b", **body}).status == status


@pytest.mark.parametrize(("one", "status"), [(True, 400), (False, 201)])
def test_pools_lie_in_the_vrf_of_their_virtual_service_or_anywhere(one, status):
    core = Core(LabConfig(assumptions=Assumptions(one_vrf=one)))
    core.create("vsvip", {"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True}]})
    core.create("pool", {"name": "p", "vrf_ref": "/api/vrfcontext?name=management"})
    body = {"name": "a", "vsvip_ref": "/api/vsvip?name=v", "services": [{"port": 80}], "pool_ref": "/api/pool?name=p"}
    assert core.call("POST", "/api/virtualservice", body).status == status
