"""Create, change and delete in any order: never a dangling reference, never a leaked or doubly held address."""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.avi_lab.core import Core

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.config import CloudSeed, NetworkSeed, SubnetSeed

# Few addresses, so that they run out.
CONFIG = LabConfig(
    clouds=(
        CloudSeed(
            networks=(
                NetworkSeed(
                    name="vip-network",
                    subnets=(
                        SubnetSeed(prefix="10.10.0.0/24", begin="10.10.0.10", end="10.10.0.13"),
                        SubnetSeed(prefix="fd00:10:10::/64", begin="fd00:10:10::10", end="fd00:10:10::12"),
                    ),
                ),
            ),
            dns_domains=("lab.example.com",),
        ),
    )
)
NAMES = st.sampled_from(["a", "b", "c", "d"])
FAMILIES = st.sampled_from(["V4_ONLY", "V6_ONLY", "V4_V6"])
ADDRESSES = st.sampled_from(["10.10.0.10", "10.10.0.12", "10.10.0.99", "192.0.2.1"])
PORTS = st.sampled_from([(80,), (443,), (80, 443), (80, 80)])
KINDS = st.sampled_from(["pool", "poolgroup", "vsvip", "virtualservice", "network", "vrfcontext", "cloud"])


class Lab(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.core = Core(CONFIG)

    def sent(self, method, kind, name, body):
        """Create an object, or change the one of this name."""
        found = self.core.read(f"/api/{kind}?name={name}")["results"]
        target = f"/api/{kind}/{found[0]['uuid']}" if found and method != "POST" else f"/api/{kind}"
        before = self.core.written()
        reply = self.core.call(method if found else "POST", target, body)
        assert reply.status < 500, reply.body
        if reply.status >= 400:
            assert self.core.written() == before
        if reply.status < 300 and kind == "vsvip":
            wanted, given = body["vip"], json.loads(reply.body)["vip"]
            for one, two in zip(wanted, given, strict=True):
                kinds = {"V4_ONLY": {"ip_address"}, "V6_ONLY": {"ip6_address"}, "V4_V6": {"ip_address", "ip6_address"}}
                if one.get("auto_allocate_ip"):
                    assert kinds[one["auto_allocate_ip_type"]] <= two.keys()

    @rule(
        method=st.sampled_from(["POST", "PUT"]),
        name=NAMES,
        family=FAMILIES,
        ids=st.lists(st.sampled_from("012"), min_size=1, max_size=2, unique=True),
        fqdn=st.lists(st.sampled_from(["x", "y"]), max_size=2, unique=True),
    )
    def automatic_vip(self, method, name, family, ids, fqdn):  # noqa: PLR0917 - filled by name
        vips = [{"vip_id": vip_id, "auto_allocate_ip": True, "auto_allocate_ip_type": family} for vip_id in ids]
        names = [{"fqdn": f"{label}.lab.example.com"} for label in fqdn]
        self.sent(method, "vsvip", name, {"name": name, "vip": vips, "dns_info": names})

    @rule(method=st.sampled_from(["POST", "PUT"]), name=NAMES, address=ADDRESSES, automatic=st.booleans())
    def static_vip(self, method, name, address, automatic):
        vip = {"vip_id": "0", "ip_address": {"addr": address, "type": "V4"}}
        if automatic:
            vip |= {"auto_allocate_ip": True, "auto_allocate_ip_type": "V4_ONLY"}
        self.sent(method, "vsvip", name, {"name": name, "vip": [vip]})

    @rule(method=st.sampled_from(["POST", "PUT"]), name=NAMES)
    def pool(self, method, name):
        self.sent(method, "pool", name, {"name": name})

    @rule(method=st.sampled_from(["POST", "PUT"]), name=NAMES, pools=st.lists(NAMES, max_size=2))
    def pool_group(self, method, name, pools):
        members = [{"pool_ref": f"/api/pool/?name={pool}"} for pool in pools]
        self.sent(method, "poolgroup", name, {"name": name, "members": members})

    @rule(
        method=st.sampled_from(["POST", "PUT"]),
        name=NAMES,
        vip=NAMES,
        port=st.sampled_from([80, 443]),
        kind=st.sampled_from(["", "pool", "poolgroup"]),
        to=NAMES,
    )
    def virtual_service(self, method, name, vip, port, kind, to):  # noqa: PLR0917 - filled by name
        body = {"name": name, "vsvip_ref": f"/api/vsvip?name={vip}", "services": [{"port": port}]}
        if kind:
            field = "pool_ref" if kind == "pool" else "pool_group_ref"
            body[field] = f"/api/{kind}?name={to}"
        self.sent(method, "virtualservice", name, body)

    @rule(method=st.sampled_from(["POST", "PUT"]), name=NAMES, family=FAMILIES, ports=PORTS, floating=st.booleans())
    def inline_vip(self, method, name, family, ports, floating):  # noqa: PLR0917 - filled by name
        """Two equal ports are refused after the VsVip was made."""
        vip = {"vip_id": "0", "auto_allocate_ip": True, "auto_allocate_ip_type": family}
        if floating:
            vip["auto_allocate_floating_ip"] = True
        services = [{"port": port} for port in ports]
        self.sent(method, "virtualservice", name, {"name": name, "vip": [vip], "services": services})

    @rule(name=NAMES, vip=NAMES, pools=st.lists(NAMES, max_size=2), fqdn=st.sampled_from(["x", "y"]), ports=PORTS)
    def macro(self, name, vip, pools, fqdn, ports):  # noqa: PLR0917 - filled by name
        """A virtual service with everything beneath it, refused or not at any of its objects."""
        made = {"vip_id": "0", "auto_allocate_ip": True}
        members = [{"pool_ref": {"name": pool}} for pool in pools]
        data = {
            "name": name,
            "vsvip_ref": {"name": vip, "vip": [made], "dns_info": [{"fqdn": f"{fqdn}.lab.example.com"}]},
            "pool_group_ref": {"name": name, "members": members},
            "services": [{"port": port} for port in ports],
        }
        before = self.core.written()
        reply = self.core.call("POST", "/api/macro", {"model_name": "VirtualService", "data": data})
        assert reply.status < 500, reply.body
        if reply.status >= 400:
            assert self.core.written() == before

    @rule(kind=KINDS, name=st.one_of(NAMES, st.sampled_from(["vip-network", "global", "Default-Cloud"])))
    def delete(self, kind, name):
        for found in self.core.read(f"/api/{kind}?name={name}")["results"]:
            referred = self.core.read(f"/api/{kind}/{found['uuid']}")
            reply = self.core.call("DELETE", f"/api/{kind}/{referred['uuid']}")
            assert reply.status in (204, 400, 403)
            if reply.status != 204:
                assert json.loads(reply.body)["obj_name"] == name

    @invariant()
    def no_reference_dangles(self):
        records = self.core.controller.store.records
        assert {key for record in records.values() for key in record.references} <= records.keys()

    @invariant()
    def addresses_are_held_by_exactly_those_that_show_them(self):
        shown: dict[str, tuple[str, str]] = {}
        for record in self.core.controller.store.tables["vsvip"].records.values():
            for vip in record.document()["vip"]:
                for field in ("ip_address", "ip6_address"):
                    if field in vip:
                        assert vip[field]["addr"] not in shown
                        shown[vip[field]["addr"]] = (record.key, vip["vip_id"])
        held = {address: holder for (_, address), holder in self.core.controller.ipam.holders.items()}
        assert held == shown

    @invariant()
    def floating_addresses_are_held_by_those_that_show_them(self):
        shown = {
            vip["floating_ip"]["addr"]: (record.key, vip["vip_id"])
            for record in self.core.controller.store.tables["vsvip"].records.values()
            for vip in record.document()["vip"]
            if "floating_ip" in vip
        }
        assert self.core.controller.ipam.floating_holders == shown

    @invariant()
    def owned_vips_are_those_of_virtual_services(self):
        records = self.core.controller.store.records
        for vip, service in self.core.controller.objects.inline_vips.owners.items():
            assert {vip, service} <= records.keys()

    @invariant()
    def names_are_held_by_exactly_those_that_show_them(self):
        shown = {
            item["fqdn"]: record.key
            for record in self.core.controller.store.tables["vsvip"].records.values()
            for item in record.document().get("dns_info", ())
        }
        assert {name: key for (_, name), key in self.core.controller.dns.holders.items()} == shown

    def teardown(self):
        """Everything can be removed, users first; then every address is free again."""
        for kind in ("virtualservice", "poolgroup", "pool", "vsvip"):
            for found in self.core.read(f"/api/{kind}?page_size=200")["results"]:
                reply = self.core.call("DELETE", f"/api/{kind}/{found['uuid']}")
                # A VsVip that was made for a virtual service has gone with it.
                assert reply.status in (204, 404), reply.body
        assert not self.core.controller.ipam.holders
        assert not self.core.controller.dns.holders
        if self.core.read("/api/network?name=vip-network")["count"]:
            for number in range(4):
                vip = {"vip_id": "0", "auto_allocate_ip": True}
                self.core.create("vsvip", {"name": f"again-{number}", "vip": [vip]})


TestIntegrity = Lab.TestCase
TestIntegrity.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
