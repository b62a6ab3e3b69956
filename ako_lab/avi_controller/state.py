"""The whole state as one JSON document: for snapshots, for restores, for the comparison of two labs.

The document holds the objects in stored form by key, in the order of their creation, and what lives beside them
(passwords, tokens, forced states, the leader). Indexes, addresses and names are derived from the objects again.
"""

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.accounts import Token
from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.store import Record
from ako_lab.avi_controller.values import MARK, Json

FORMAT = 1
# Stored references are written with this in front: the private-use character is no fun in an editor.
_SHOWN_MARK = "ref:"


def snapshot(controller: Controller) -> dict[str, Json]:
    """The state of a controller."""
    return {
        "format": FORMAT,
        "version": controller.config.version,
        "objects": {key: shown(record.document()) for key, record in controller.store.records.items()},
        "beside": beside(controller),
    }


def beside(controller: Controller) -> dict[str, Json]:
    """What lives beside the objects."""
    return {
        "passwords": dict(controller.accounts.passwords),
        "tokens": [msgspec.to_builtins(token) for token in controller.accounts.tokens.values()],
        "forced": {key: list(value) for key, value in controller.states.forced.items()},
        "own_vips": dict(controller.objects.own_vips),
        "leader": controller.leader,
        "leader_since": controller.leader_since,
    }


def restore(controller: Controller, document: dict[str, Json]) -> None:
    """Make a controller what a snapshot says; sessions end. Anything but a snapshot is refused and changes nothing."""
    if document.get("format") != FORMAT or not isinstance(document.get("objects"), dict):
        raise errors.bad_request(f"not a snapshot of format {FORMAT}")
    records = []
    for key, content in document["objects"].items():
        kind = key.partition("/")[0]
        if kind not in controller.store.tables or not isinstance(content, dict):
            raise errors.bad_request(f"snapshot: {key[:80]!r} is not the key of an object")
        stored = hidden(content)
        records.append(Record(key=key, document=stored, facts=controller.objects.semantics.facts(kind, stored)))
    required = {"systemconfiguration/default", "tenant/admin"}
    if not required <= {record.key for record in records}:
        raise errors.bad_request("snapshot: the tenant admin or the system configuration is missing")
    for record in list(controller.store.records.values()):
        controller.store.remove(record)
    for record in records:
        controller.store.put(record)
    for record in records:
        if record.type == "virtualservice":
            # Listeners depend on profiles that may stand later in the document.
            record.facts = controller.objects.semantics.facts("virtualservice", record.document())
    restore_beside(controller, document.get("beside") or {})
    rebuild(controller)


def restore_beside(controller: Controller, content: dict[str, Json]) -> None:
    """Put back what lives beside the objects."""
    controller.accounts.passwords = dict(content.get("passwords", {}))
    tokens = msgspec.convert(content.get("tokens", []), list[Token])
    controller.accounts.tokens = {token.uuid: token for token in tokens}
    controller.states.forced = {key: (value[0], value[1]) for key, value in content.get("forced", {}).items()}
    controller.objects.own_vips = dict(content.get("own_vips", {}))
    controller.leader = content.get("leader", controller.leader)
    controller.leader_since = content.get("leader_since", controller.leader_since)


def rebuild(controller: Controller) -> None:
    """Derive everything that depends on the objects again."""
    controller.settings_changed()
    controller.ipam.rebuild()
    controller.dns.rebuild()
    controller.accounts.purge()


def shown(value: Json) -> Json:
    """A stored value with readable references."""
    return _replaced(value, MARK, _SHOWN_MARK)


def hidden(value: Json) -> Json:
    """The stored form of a readable value."""
    return _replaced(value, _SHOWN_MARK, MARK)


def _replaced(value: Json, old: str, new: str) -> Json:
    if isinstance(value, str):
        return new + value[len(old) :] if value.startswith(old) else value
    if isinstance(value, dict):
        return {name: _replaced(item, old, new) for name, item in value.items()}
    return [_replaced(item, old, new) for item in value] if isinstance(value, list) else value
