"""Values of one chart as values of another: the official chart's releases and ours.

Mostly the identity, because our chart takes the official keys as they are. What differs is explained, key by key: a key
that was renamed, one that has no effect, one that the target does not know. Keys of charts before 1.10 are turned into
their successors on the way.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from ako_builder.chart.catalogue import Entry
from ako_builder.chart.extras import NOT_USED, Json
from ako_builder.chart.values_files import OFFICIAL_IMAGE, Values
from ako_runtime.errors import UserError

OURS: Final = "ours"
OFFICIAL: Final = ("1.10", "1.11", "1.12", "1.13", "2.1", "2.2")

# Keys that had gone before 1.10 -> what became of them.
_GONE: Final = {
    "AKOSettings.syncNamespace": "removed; use AKOSettings.namespaceSelector",
    "AKOSettings.l7ShardingScheme": "removed; sharding is always by host name",
    "L7Settings.l7ShardingScheme": "removed; sharding is always by host name",
    "featureGates.enableEndpointSlice": "removed; EndpointSlices are always used",
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one key, and why."""

    key: str
    change: str


def converted(values: Values, listed: Sequence[Entry], *, target: str) -> tuple[Values, list[Change]]:
    """The values for the target chart (`ours` or `official-X.Y`), and every change that was necessary."""
    result: Values = msgspec.json.decode(msgspec.json.encode(values), type=dict)
    changes = [*_modernised(result), *(_for_us(result, listed) if target == OURS else [])]
    if target != OURS:
        changes += _for_official(result, listed, version=_version(target.removeprefix("official-")))
    return result, changes


def _modernised(values: Values) -> list[Change]:
    changes = [Change(key=path, change=reason) for path, reason in _GONE.items() if _take(values, path) is not None]
    network = {old: _take(values, f"NetworkSettings.{old}") for old in ("networkName", "subnetIP", "subnetPrefix")}
    if network["networkName"]:
        entry: dict[str, Json] = {"networkName": network["networkName"]}
        if network["subnetIP"] and network["subnetPrefix"]:
            entry["cidr"] = f"{network['subnetIP']}/{network['subnetPrefix']}"
        if _at(values, "NetworkSettings.vipNetworkList") is None:
            _put(values, "NetworkSettings.vipNetworkList", [entry])
        changes.append(Change(key="NetworkSettings.networkName", change="became NetworkSettings.vipNetworkList"))
    return changes


def _for_us(values: Values, listed: Sequence[Entry]) -> list[Change]:
    changes = []
    old = _at(values, "L4Settings.defaultDomain")
    if old:
        _take(values, "L4Settings.defaultDomain")
        if not _at(values, "NetworkSettings.defaultDomain"):
            _put(values, "NetworkSettings.defaultDomain", old)
        changes.append(Change(key="L4Settings.defaultDomain", change="became NetworkSettings.defaultDomain"))
    repository = _at(values, "image.repository")
    if isinstance(repository, str) and OFFICIAL_IMAGE.search(repository):
        _take(values, "image.repository")
        changes.append(Change(key="image.repository", change=f"{repository} is the official image; our own is used"))
    unused = [entry for entry in listed if entry.path in NOT_USED and _take(values, entry.path) is not None]
    return changes + [Change(key=entry.path, change=f"no effect: {entry.unused}") for entry in unused]


def _for_official(values: Values, listed: Sequence[Entry], *, version: tuple[int, ...]) -> list[Change]:
    changes = []
    for entry in listed:
        # The feature gate is official, only its key in the ConfigMap is ours.
        ours = entry.since == "ours" and entry.path != "featureGates.GatewayAPI"
        if (ours or _since(entry) > version) and _take(values, entry.path) is not None:
            reason = "only our chart knows it" if ours else f"the official chart knows it since {entry.since}"
            changes.append(Change(key=entry.path, change=f"left out: {reason}"))
    if _take(values, "image.repository") is not None:
        changes.append(Change(key="image.repository", change="left out: name the official image yourself"))
    return changes


def _since(entry: Entry) -> tuple[int, ...]:
    found = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", entry.since)
    if entry.path == "featureGates.GatewayAPI":
        return (1, 11)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _version(text: str) -> tuple[int, ...]:
    if text not in OFFICIAL:
        raise UserError(f"official-{text}: known are official-{', official-'.join(OFFICIAL)}")
    return tuple(int(part) for part in text.split("."))


def _at(values: Values, path: str) -> Json:
    node: Json = values
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _put(values: Values, path: str, value: Json) -> None:
    *branches, leaf = path.split(".")
    node = values
    for branch in branches:
        child = node.setdefault(branch, {})
        if not isinstance(child, dict):
            raise UserError(f"{path}: {branch} is not a section; correct the values file")
        node = child
    node[leaf] = value


def _take(values: Values, path: str) -> Json:
    """Remove a key and give its value; sections that become empty go with it."""
    head, _, rest = path.partition(".")
    if not rest:
        return values.pop(head, None)
    child = values.get(head)
    if not isinstance(child, dict):
        return None
    value = _take(child, rest)
    if not child:
        del values[head]
    return value
