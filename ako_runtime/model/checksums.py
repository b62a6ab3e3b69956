"""The numbers by which the official AKO 2.2.1 tells at its start whether an object is as it would make it.

A number says "the same *model*", not "the same body": it is computed from what the official AKO would build of the same
Kubernetes objects and settings. A `...Model` holds exactly that, and one function a kind makes the number of it. Where
our content differs from the official one on purpose (a `Prefix` path is two of our rules), the model is the official
one, so that the official AKO leaves our object alone when it is given back.

All numbers are sums modulo 2^32, so their terms have no order; only the text inside a hash has one. References count in
the official spelling (`reference`), whatever spelling is sent. Facts: official-checksums, sections 2 to 5.
"""

import functools
import json
from collections.abc import Iterable

from msgspec import UNSET, Struct

from ako_runtime.model.avi import Server
from ako_runtime.model.avi_l7 import PoolGroupMember

MarkerPairs = tuple[tuple[str, tuple[str, ...]], ...]
_MODULUS = 1 << 32
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def text_hash(text: str) -> int:
    """FNV-1a of the UTF-8 bytes, 32 bit."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def compact(value: object) -> str:
    """JSON without blanks, keys in the order of the value, escaped as Go does."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPES)


def alphabetical(value: object) -> str:
    """The same with the keys of every level in alphabetical order, as the Avi objects of the official AKO have them."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True).translate(_ESCAPES)


def listed(values: Iterable[str]) -> str:
    """A list of texts, sorted."""
    return compact(sorted(values))


def reference(kind: str, name: str) -> str:
    """An object by its name, spelled as the official AKO does for what custom resources name."""
    return f"/api/{kind}?name={name}" if name else ""


@functools.lru_cache(maxsize=8)
def cluster_number(cluster: str) -> int:
    """What every object of a cluster has in its number."""
    return text_hash(f"clustername{cluster}")


def markers_number(markers: MarkerPairs, cluster: str) -> int:
    """The markers of an object and the cluster; only the values count, a marker with several is one text."""
    joined = "".join(sorted("-".join(sorted(value for value in values if value)) for _, values in markers))
    return cluster_number(cluster) + (text_hash(joined) if joined else 0)


def flag(value: object) -> str:
    """A boolean as text."""
    return "true" if value else "false"


class PoolNetwork(Struct, frozen=True, kw_only=True):
    """A network on which the servers of a pool are, as the setting names it, with the UUID that the controller says."""

    key: str
    uuid: str = ""
    cidrs: tuple[str, ...] = ()


class PoolModel(Struct, frozen=True, kw_only=True):
    """A pool; what is empty or None is not set. `monitors`, profiles and certificates are references."""

    cluster: str
    port: int
    markers: MarkerPairs
    servers: tuple[Server, ...]
    # Of layer 4 alone.
    protocol: str = ""
    port_name: str = ""
    # Nodes: nobody says whether they are enabled. Node ports of single pods: each server has a port of its own.
    by_node: bool = False
    by_pod: bool = False
    # A list without servers is an empty list rather than none.
    listed_empty: bool = False
    algorithm: str = ""
    hash: str = ""
    header: str = ""
    sni_enabled: bool = False
    priority_label: str = ""
    # None: there is no placement; empty: an empty setting.
    networks: tuple[PoolNetwork, ...] | None = None
    ssl_profile: str = ""
    pki_profile: str = ""
    certificate: str = ""
    services: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()
    http2: bool | None = None
    monitors: tuple[str, ...] = ()
    persistence: str = ""
    # Name, text and markers of authorities that are made for this pool.
    authorities: tuple[str, str, MarkerPairs] | None = None
    tier1: str = ""
    metrics: bool | None = None
    enabled: bool | None = None
    min_servers_up: int | None = None


def pool_checksum(model: PoolModel) -> int:
    """The number of a Pool."""
    parts = [model.protocol, str(model.port), model.port_name, _servers_text(model)]
    parts += [one for one in (model.algorithm, model.hash, model.header) if one]
    parts.append(flag(model.sni_enabled))
    parts += [model.ssl_profile] if model.ssl_profile else []
    parts += [model.priority_label, _placement_text(model.networks)]
    parts += [one for one in (model.pki_profile, model.certificate) if one]
    parts += [listed(one) for one in (model.services, model.hostnames) if one]
    parts += [] if model.http2 is None else [flag(model.http2)]
    number = text_hash(":".join(parts)) + markers_number(model.markers, model.cluster)
    number += text_hash(compact(model.monitors)) if model.monitors else 0
    number += authorities_number(*model.authorities, cluster=model.cluster) if model.authorities is not None else 0
    number += text_hash(model.persistence) if model.persistence else 0
    number += text_hash(model.tier1) if model.tier1 else 0
    number += text_hash(":".join(_rule_texts(model)))
    return number % _MODULUS


def _servers_text(model: PoolModel) -> str:
    if not model.servers:
        return "[]" if model.listed_empty else "null"
    found = sorted(model.servers, key=lambda one: one.ip.addr)
    return compact(
        [
            {
                "Ip": {"addr": one.ip.addr, "type": one.ip.type},
                "ServerNode": "" if one.server_node is UNSET or model.by_pod else one.server_node,
                "Port": one.port if model.by_pod else 0,
                "Enabled": None if model.by_node else one.enabled is not False,
            }
            for one in found
        ]
    )


def _placement_text(networks: tuple[PoolNetwork, ...] | None) -> str:
    if networks is None:
        return "null"
    found = {one.key: {"networkUUID": one.uuid, "cidrs": list(one.cidrs) or None} for one in networks}
    return compact(dict(sorted(found.items())))


def _rule_texts(model: PoolModel) -> list[str]:
    texts = [] if model.metrics is None else [compact({"enableRealtimeMetrics": model.metrics})]
    texts += [] if model.enabled is None else [flag(model.enabled)]
    return texts + ([] if model.min_servers_up is None else [str(model.min_servers_up)])


def authorities_number(name: str, text: str, markers: MarkerPairs, *, cluster: str) -> int:
    """The number of a PKIProfile that the official AKO makes itself; it is part of that of the pool."""
    return text_hash(name + text) + markers_number(markers, cluster)


class PoolGroupModel(Struct, frozen=True, kw_only=True):
    """A pool group; without markers if hosts share it."""

    cluster: str
    members: tuple[PoolGroupMember, ...]
    markers: MarkerPairs = ()


def pool_group_checksum(model: PoolGroupModel) -> int:
    """The number of a PoolGroup."""
    found = sorted(
        (
            {"pool_ref": reference("pool", one.pool_ref.name)}
            | ({} if one.priority_label is UNSET else {"priority_label": one.priority_label})
            | ({} if one.ratio is UNSET else {"ratio": one.ratio})
            for one in model.members
        ),
        key=lambda one: str(one["pool_ref"]),
    )
    text = compact(found) if found else "null"
    return (text_hash(text) + markers_number(model.markers, model.cluster)) % _MODULUS


class VsVipNetwork(Struct, frozen=True, kw_only=True):
    """A network for addresses, as the setting names it."""

    name: str = ""
    uuid: str = ""
    cidr: str = ""
    v6cidr: str = ""


class VsVipModel(Struct, frozen=True, kw_only=True):
    """A VsVip; `address` is one that was asked for. `public_ip` None: nobody said."""

    cluster: str
    fqdns: tuple[str, ...] = ()
    address: str = ""
    networks: tuple[VsVipNetwork, ...] = ()
    public_ip: bool | None = None
    bgp_peer_labels: tuple[str, ...] = ()
    tier1: str = ""


def vsvip_checksum(model: VsVipModel) -> int:
    """The number of a VsVip."""
    number = cluster_number(model.cluster)
    number += text_hash(listed(model.fqdns)) if model.fqdns else 0
    number += text_hash(model.address) if model.address else 0
    number += text_hash(listed(map(_network_text, model.networks))) if model.networks else 0
    number += text_hash(flag(model.public_ip)) if model.public_ip is not None else 0
    number += text_hash(listed(model.bgp_peer_labels)) if model.bgp_peer_labels else 0
    number += text_hash(model.tier1) if model.tier1 else 0
    return number % _MODULUS


def _network_text(network: VsVipNetwork) -> str:
    return ":".join((network.name, network.cidr, *(one for one in (network.v6cidr, network.uuid) if one)))


class PathModel(Struct, frozen=True, kw_only=True):
    """The one rule by which the official AKO leads a path of an Ingress to its pools.

    `changed_path` is what the application root of a HostRule makes of it; with `string_group` the path is a regular
    expression, and the pool group is then called `changed_group`.
    """

    name: str
    path: str
    group: str
    ingress: str
    service_port: int
    exact: bool = False
    changed_path: str = ""
    changed_group: str = ""
    string_group: str = ""


class PolicySetModel(Struct, frozen=True, kw_only=True):
    """A policy set: paths, the hosts of each redirect (None: the application root), and host names that are changed."""

    cluster: str
    markers: MarkerPairs = ()
    paths: tuple[PathModel, ...] = ()
    redirects: tuple[tuple[str, ...] | None, ...] = ()
    rewrites: tuple[tuple[str, str], ...] = ()


def policy_set_checksum(model: PolicySetModel) -> int:
    """The number of an HTTPPolicySet."""
    number = markers_number(model.markers, model.cluster) + sum(map(_path_number, model.paths))
    number += sum(text_hash("null" if hosts is None else listed(hosts)) for hosts in model.redirects)
    for source, target in model.rewrites:
        number += text_hash(compact({"Name": "", "SourceHost": source, "TargetHost": target}))
    return number % _MODULUS


def _path_number(rule: PathModel) -> int:
    """A chain: each text holds the number of the one before it."""
    fields: dict[str, object] = {
        "Name": rule.name,
        "Checksum": 0,
        "Host": None,
        "Path": [rule.path] if rule.path else None,
        "Port": 0,
        "Pool": "",
        "PoolGroup": rule.group,
        "MatchCriteria": "EQUALS" if rule.exact else "BEGINS_WITH",
        "Protocol": "",
        "IngName": rule.ingress,
        "MatchCase": "",
        "StringGroupRefs": None,
        "SvcPort": rule.service_port,
    }
    number = text_hash(compact(fields))
    if rule.changed_path:
        fields["Path"] = [rule.changed_path]
    if rule.string_group:
        fields |= {
            "MatchCriteria": "REGEX_MATCH",
            "MatchCase": "INSENSITIVE",
            "StringGroupRefs": [rule.string_group],
            "PoolGroup": rule.changed_group or rule.group,
        }
        # The official AKO goes over a rule twice after it has made it.
        number = text_hash(compact(fields | {"Checksum": number}))
    return text_hash(compact(fields | {"Checksum": number}))
