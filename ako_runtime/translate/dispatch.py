"""From a changed object to the keys whose outcome may differ.

Nothing is declared: a key is touched if it stands for the object, or if its last translation asked about it
(`ako_runtime.translate.readers`). Two changes are looked at more closely, because what keys ask is coarser than what
they use: a change within the rules of an Ingress concerns the keys of the hosts whose rules differ, and a Node concerns
pools only by what pools say of nodes.
"""

import msgspec

from ako_runtime.model.stack import StackKey
from ako_runtime.resources.core import Node
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST, makes_host, written_hosts
from ako_runtime.resources.journal import Change
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress, IngressRule, unmarked
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate.ingress.seats import placed_hosts
from ako_runtime.translate.keys import own_keys, placed_keys
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.nodes import standing_of
from ako_runtime.translate.routes import KEY as ROUTES


def keys_touched_by(change: Change, snapshot: Snapshot, context: L4Context) -> frozenset[StackKey]:
    """Keys whose outcome a change may alter, as far as the memory of `context` has seen them translated.

    `snapshot` holds the change already.
    """
    old, new = change.old, change.new
    if change.resource == "nodes" and not _moves_members(old, new, context.settings):
        return frozenset({ROUTES})
    if isinstance(old, Ingress) and isinstance(new, Ingress):
        narrow = _keys_of_changed_rules(old, new, snapshot, context)
        if narrow is not None:
            return narrow
    keys: set[StackKey] = set()
    for obj in (old, new):
        if obj is not None:
            keys |= own_keys(change.resource, obj, snapshot, context)
    for reader in context.recall.readers.of(change):
        if isinstance(reader, StackKey):
            keys.add(reader)
        else:
            keys |= placed_keys(reader, snapshot, context)
    return frozenset(keys)


def _moves_members(old: Resource | None, new: Resource | None, settings: Settings) -> bool:
    """Whether a change of a Node reaches pools: in NodePort mode every pool has every node, in others none has."""
    before, after = (standing_of(node, settings) if isinstance(node, Node) else None for node in (old, new))
    return settings.service_type == "NodePort" and before != after


def _keys_of_changed_rules(
    old: Ingress, new: Ingress, snapshot: Snapshot, context: L4Context
) -> frozenset[StackKey] | None:
    """Keys of a change within the rules or the status of an Ingress, which are most changes; None if it is another one.

    Only the hosts whose rules changed are concerned, and the first host, whose key tells what is wrong with the
    Ingress; likewise of the others that name these hosts, which share paths with it.
    """
    before, now = unmarked(old), unmarked(new)
    aligned = msgspec.structs.replace(now, spec=msgspec.structs.replace(now.spec, rules=before.spec.rules))
    hosts = written_hosts(old)
    if aligned != before or makes_host(old) or makes_host(new) or hosts != written_hosts(new):
        return None
    changed = {host for host in hosts if _rules_of(host, old) != _rules_of(host, new)}
    concerned = changed | {min(hosts)}
    keys = {key for host, key in placed_hosts(new, snapshot, context=context) if host in concerned}
    for host in changed:
        for rival in only(snapshot.found(INGRESSES_OF_HOST, ("", host)), Ingress):
            if rival.identity != new.identity:
                keys |= {key for _, key in placed_hosts(rival, snapshot, context=context)}
    return frozenset(keys)


def _rules_of(host: str, ingress: Ingress) -> tuple[IngressRule, ...]:
    return tuple(rule for rule in ingress.spec.rules if rule.host == host)
