"""The simulated controller as a system: its parts, put together, and what it says about itself.

How a request goes through the parts says `controller`; the end points that are not objects (`endpoints`, `macro`) work
on what is here.
"""

import datetime as dt
import random
import threading
import time
from collections.abc import Callable

from ako_lab.avi_controller.accounts import Accounts
from ako_lab.avi_controller.call import Call
from ako_lab.avi_controller.config import LabConfig
from ako_lab.avi_controller.dns import Dns
from ako_lab.avi_controller.faults import Faults, Kind
from ako_lab.avi_controller.ipam import Ipam
from ako_lab.avi_controller.objects import Objects
from ako_lab.avi_controller.schema import load_schema, version_of
from ako_lab.avi_controller.semantics import Semantics
from ako_lab.avi_controller.store import ADMIN, Store
from ako_lab.avi_controller.values import Document

_COOKIE_ATTRIBUTES = "HttpOnly; Max-Age=86400; Path=/; Secure"
_CSRF_ATTRIBUTES = "Max-Age=31449600; Path=/; Secure"


class System:
    """All parts of the simulated controller, and what it says about itself."""

    def __init__(self, *, config: LabConfig, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.clock = clock
        self.lock = threading.RLock()
        chance = random.Random(config.seed)  # noqa: S311 - a lab that can be repeated
        self.schema = load_schema()
        self.store = Store(schema=self.schema)
        self.faults = Faults(seed=config.seed, faults=config.faults)
        self.dns = Dns(
            store=self.store,
            check_domain=config.dns_domain_check,
            one_holder=config.assumptions.one_vsvip_per_fqdn,
        )
        self.ipam = Ipam(
            store=self.store,
            floating_prefix=config.floating_prefix,
            exhausted=lambda: self.in_force("ipam-exhausted"),
        )
        self.answering: Call | None = None
        self.objects = Objects(
            schema=self.schema,
            store=self.store,
            semantics=Semantics(
                store=self.store,
                tier=config.license_tier,
                import_error_status=config.import_error_status,
                strict=not config.lenient,
                assumptions=config.assumptions,
                clock=clock,
            ),
            ipam=self.ipam,
            dns=self.dns,
            clock=clock,
            chance=chance,
            strict=not config.lenient,
            name_first=not config.assumptions.content_before_name,
        )
        self.objects.fixed_fields = config.fixed_fields
        self.ipam.addresses_change = config.vip_addresses_change
        self.accounts = Accounts(
            store=self.store,
            passwords=self.objects.passwords,
            clock=clock,
            chance=chance,
            idle=config.session_idle_seconds,
            maximum=config.session_maximum_seconds,
        )
        self.leader = 1
        self.leader_since = clock()

    def settings_changed(self) -> None:
        """The system configuration changed: apply what the controller itself obeys."""
        document = self.store.records["systemconfiguration/default"].document()
        self.objects.semantics.tier = document.get("default_license_tier", "ENTERPRISE")
        self.objects.use_uuid_from_input = bool(document.get("portal_configuration", {}).get("use_uuid_from_input"))

    def in_force(self, kind: Kind) -> bool:
        """Whether a fault that is a state is in force for the request that is being answered."""
        call = self.answering
        if call is None:
            return False
        tenant = call.headers.get("X-Avi-Tenant", "")
        return self.faults.active(kind, method=call.method, path=call.path, tenant=tenant)

    def version_document(self) -> Document:
        """The version block of login and initial-data."""
        version = self.config.version
        return {
            "build": 9000,
            "Tag": f"{version}-9000-20240101.000000",
            "ProductName": "Avi Cloud Controller",
            "min_version": 15.2,
            "Version": version,
            "Product": "controller",
            "Date": "2024-01-01T00:00:00+00:00",
        }

    def cluster_runtime(self) -> Document:
        """State of the cluster and its nodes; a change of leader shows as another name and time."""
        since = dt.datetime.fromtimestamp(self.leader_since, tz=dt.UTC)
        up_since = since.strftime("%Y-%m-%d %H:%M:%S")
        cluster = next(iter(self.store.tables["cluster"].records.values())).document()
        nodes = cluster.get("nodes", [])
        leader = self.leader % max(1, len(nodes))
        states = [
            {
                "name": node.get("name", ""),
                "role": "CLUSTER_LEADER" if index == leader else "CLUSTER_FOLLOWER",
                "state": "CLUSTER_ACTIVE",
                "up_since": up_since,
                "mgmt_ip": node.get("ip", {}).get("addr", ""),
            }
            for index, node in enumerate(nodes)
        ]
        state = "CLUSTER_UP_NO_HA" if len(nodes) == 1 else "CLUSTER_UP_HA_ACTIVE"
        return {
            "node_states": states,
            "cluster_state": {"state": state, "progress": 100, "up_since": up_since},
            "service_states": [],
            "node_info": {"uuid": cluster.get("uuid", ""), "version": self.config.version},
        }

    def change_leader(self) -> None:
        """Another node leads: sessions are lost, name and time of the leader change."""
        self.leader += 1
        self.leader_since = self.clock()
        self.accounts.purge()


def system_call(version: str) -> Call:
    """A call that the controller makes to itself."""
    call = Call(method="POST", target="/", headers={}, body=b"")
    call.user, call.tenant, call.version = "system", ADMIN, version_of(version)
    call.tenants = call.allowed = None
    return call
