"""What the official AKO wrote, written again: a strict simulator takes every object, and its removal in reverse."""

import datetime as dt
import ipaddress
import json
import re

import pytest
from support.avi_lab.core import Core
from support.data_folder import test_data

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.config import CloudSeed, NetworkSeed, ObjectSeed, SubnetSeed

# The order in which AKO creates; nothing refers to what comes later.
ORDER = [
    "sslkeyandcertificate",
    "applicationpersistenceprofile",
    "pkiprofile",
    "vsvip",
    "pool",
    "poolgroup",
    "stringgroup",
    "httppolicyset",
    "l4policyset",
    "vsdatascriptset",
    "virtualservice",
]
CERTIFICATE, _ = self_made_certificate("custom.example.com", now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
# The stub controller that AKO was watched with kept these objects with less than a real one requires.
COMPLETED = {
    "wafpolicy": {"mode": "WAF_MODE_DETECTION_ONLY"},
    "sslkeyandcertificate": {"certificate": {"certificate": CERTIFICATE}},
}
SCENARIOS = [
    *(f"a{number}" for number in range(1, 16) if number != 8),
    "a10_infra", "a10_l4", "a11_evh", "a12_foreign", "a14_empty", "a14_v6",
    "a15_late", "a15_sni", "a3_auto", "a4_late", "a5_infra", "a7_late", "a7_udp", "a8_default", "a8_disabled",
    "a8_domain", "a8_flat", "a9_large",
]  # fmt: skip


def config_for(environment: dict) -> LabConfig:
    networks = tuple(
        NetworkSeed(
            name=network["name"],
            vrf=network.get("vrf", "global"),
            subnets=tuple(subnet(prefix) for prefix in network.get("subnets", ())),
        )
        for network in environment["networks"]
    )
    cloud = CloudSeed(
        name=environment["cloud"]["name"],
        kind=environment["cloud"]["vtype"],
        networks=networks,
        dns_domains=tuple(environment["dns_domains"]),
        vrfs=tuple(environment["vrfs"]),
        se_groups=tuple(group["name"] for group in environment["segs"]),
    )
    extra = [
        ObjectSeed(type=kind, data={**data, **COMPLETED.get(kind, {})})
        for kind, objects in environment["extra_objects"].items()
        for data in objects
    ]
    return LabConfig(license_tier=environment["license"], clouds=(cloud,), objects=tuple(extra), lenient=bool(extra))


def subnet(prefix: str) -> SubnetSeed:
    network = ipaddress.ip_network(prefix)
    return SubnetSeed(prefix=prefix, begin=str(network[10]), end=str(network[200]))


def by_name(value):
    """References that AKO copied from the stub, by uuid and name, as references by name."""
    if isinstance(value, str):
        found = re.fullmatch(r"https://[^/]+/api/(\w+)/[^#]+#(.+)", value)
        return f"/api/{found[1]}/?name={found[2]}" if found else value
    if isinstance(value, dict):
        return {name: by_name(item) for name, item in value.items() if name not in ("url", "uuid", "_last_modified")}
    return [by_name(item) for item in value] if isinstance(value, list) else value


def in_order(kind: str, objects: list[dict]) -> list[dict]:
    """Parents before children, certificates of authorities before those that name them."""
    return sorted(objects, key=lambda item: ("vh_parent_vs_ref" in item, "ca_certs" in item))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_object_of_the_official_client_is_accepted(scenario):
    observed = json.loads(test_data("observed", f"{scenario}.json").read_text())
    core = Core(config_for(observed["avi_environment"]))
    created: list[tuple[str, dict]] = []
    for kind in ORDER:
        written = in_order(kind, observed["objects"].get(kind, []))
        created.extend((kind, core.create(kind, by_name(sent))) for sent in written)
    assert created
    for kind, made in created:
        shown = core.read(f"/api/{kind}/{made['uuid']}?include_name=")
        again = core.call("PUT", f"/api/{kind}/{made['uuid']}", shown)
        assert again.status == 200, again.body
    for kind, made in reversed(created):
        reply = core.call("DELETE", f"/api/{kind}/{made['uuid']}")
        assert reply.status == 204, reply.body
    assert not core.controller.ipam.holders
    assert not core.controller.dns.holders
