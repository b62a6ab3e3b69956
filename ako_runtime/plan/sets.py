"""Lists whose order says nothing, and how their elements are paired for a comparison.

The official AKO writes many lists in the order in which events came: ports, names, members, rules of a shared virtual
service. Nothing of what the controller does depends on it, so an object of the official AKO in another order is right
as it is. Attachments and HTTP rules have an `index` that orders them, whatever their place in the list. Everything that
is not named here has an order.
"""

import json
from operator import attrgetter
from typing import Final

from ako_runtime.model.avi import (
    ClientMatch,
    DataScriptLink,
    DnsInfo,
    HttpPolicyLink,
    IpPrefix,
    L4ConnectionPolicy,
    L4Rule,
    Marker,
    PathMatch,
    PlacementNetwork,
    Pool,
    PortMatch,
    Server,
    ServicePort,
    VhMatch,
    Vip,
    VirtualService,
    VsVip,
)
from ako_runtime.model.avi_l7 import (
    Certificate,
    HostHeaderMatch,
    KeyValue,
    PKIProfile,
    PoolGroup,
    PoolGroupMember,
    RequestPolicy,
    RequestRule,
    StringGroup,
    VSDataScriptSet,
)
from ako_runtime.model.avi_struct import AviStruct
from ako_runtime.model.refs import Ref
from ako_runtime.model.wire import KINDS

_MARKERS: Final = frozenset({"markers"})
UNORDERED: Final[dict[type[AviStruct], frozenset[str]]] = {
    **dict.fromkeys(KINDS.values(), _MARKERS),
    Marker: frozenset({"values"}),
    VsVip: _MARKERS | {"dns_info", "bgp_peer_labels", "vip"},
    Vip: frozenset({"placement_networks"}),
    Pool: _MARKERS | {"servers", "health_monitor_refs", "placement_networks"},
    PoolGroup: _MARKERS | {"members"},
    L4ConnectionPolicy: frozenset({"rules"}),
    PortMatch: frozenset({"ports"}),
    PathMatch: frozenset({"match_str", "string_group_refs"}),
    ClientMatch: frozenset({"prefixes"}),
    HostHeaderMatch: frozenset({"value"}),
    RequestPolicy: frozenset({"rules"}),
    StringGroup: _MARKERS | {"kv"},
    VSDataScriptSet: _MARKERS | {"pool_group_refs", "protocol_parser_refs"},
    PKIProfile: _MARKERS | {"ca_certs"},
    VirtualService: _MARKERS
    | {
        "services",
        "ssl_key_and_certificate_refs",
        "vh_domain_name",
        "vh_matches",
        "http_policies",
        "vs_datascripts",
    },
}
"""Fields by class."""

_BY: Final[dict[type, tuple[str, ...]]] = {
    Ref: ("kind", "name"),
    Marker: ("key",),
    DnsInfo: ("fqdn",),
    Vip: ("vip_id",),
    Server: ("ip.addr", "port"),
    IpPrefix: ("ip_addr.addr", "mask"),
    PlacementNetwork: ("network_ref.name", "subnet"),
    PoolGroupMember: ("pool_ref.name", "priority_label"),
    L4Rule: ("match.protocol.protocol", "match.port.ports", "action.select_pool.pool_ref"),
    ServicePort: ("port", "override_network_profile_ref"),
    VhMatch: ("host",),
    Certificate: ("certificate",),
    KeyValue: ("key",),
    RequestRule: ("index",),
    HttpPolicyLink: ("index",),
    DataScriptLink: ("index",),
}
"""What tells elements of a list apart; texts and numbers are it themselves."""
_PLAIN: Final = frozenset({str, int, Ref})


def in_order(value: object) -> object:
    """A list of a field without order in the one order in which lists can be compared."""
    if not isinstance(value, tuple) or not value:
        return value
    kind = type(value[0])
    # The same name, number or reference twice says nothing more.
    elements = set(value) if kind in _PLAIN else value
    places = [attrgetter(path) for path in _BY.get(kind, ())]
    return tuple(sorted(elements, key=lambda one: [str(place(one)) for place in places] or [str(one)]))


def same_metadata(one: object, other: object) -> bool:
    """Whether two texts of `service_metadata` say the same; their lists are names, in any order."""
    left, right = _metadata(one), _metadata(other)
    return left is not None and left == right


def _metadata(text: object) -> dict[str, object] | None:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return {name: _any_order(value) for name, value in found.items()} if isinstance(found, dict) else None


def _any_order(value: object) -> object:
    if isinstance(value, dict):
        return {name: _any_order(one) for name, one in value.items()}
    return sorted(value, key=str) if isinstance(value, list) else value
