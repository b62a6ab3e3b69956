"""The whole state as one JSON document: for snapshots, for restores, for the comparison of two labs.

The document holds the objects in stored form by key, in the order of their creation, and what lives beside them
(passwords, tokens, forced states, the leader). Indexes, addresses and names are derived from the objects again. A
document may come from anywhere, so it is checked as a whole, every value and every reference, before it replaces
anything; what still goes wrong afterwards puts the old state back.
"""

from collections.abc import Mapping

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.accounts import Token
from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.store import Record
from ako_lab.avi_controller.validation import Intake
from ako_lab.avi_controller.values import MARK, Json

FORMAT = 1
# Stored references are written with this in front: the private-use character is no fun in an editor. A text that
# happens to begin like one is written with the other prefix.
_SHOWN_MARK, _SHOWN_TEXT = "ref:", "text:"
_REQUIRED = frozenset({"systemconfiguration/default", "tenant/admin"})


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What lives beside the objects."""

    passwords: dict[str, str] = msgspec.field(default_factory=dict)
    tokens: tuple[Token, ...] = ()
    forced: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    own_vips: dict[str, str] = msgspec.field(default_factory=dict)
    leader: int = 1
    leader_since: float = 0.0


def snapshot(controller: Controller) -> dict[str, Json]:
    """The state of a controller."""
    return {
        "format": FORMAT,
        "version": controller.config.version,
        "objects": {key: shown(record.document()) for key, record in controller.store.records.items()},
        "beside": msgspec.json.decode(msgspec.json.encode(beside(controller))),
    }


def encoded_snapshot(controller: Controller) -> bytes:
    """The same as JSON text, one object at a time: decoded, fifty thousand take more than a gigabyte."""
    text = bytearray(b'{"format":%d,"version":' % FORMAT)
    text += msgspec.json.encode(controller.config.version) + b',"objects":{'
    for number, (key, record) in enumerate(controller.store.records.items()):
        text += b"," if number else b""
        text += msgspec.json.encode(key) + b":" + msgspec.json.encode(shown(record.document()))
    text += b'},"beside":' + msgspec.json.encode(beside(controller)) + b"}"
    return bytes(text)


def beside(controller: Controller) -> Beside:
    """What lives beside the objects of a controller."""
    return Beside(
        passwords=dict(controller.objects.passwords),
        tokens=tuple(controller.accounts.tokens.values()),
        forced=dict(controller.objects.states.forced),
        own_vips=dict(controller.objects.inline_vips.owners),
        leader=controller.leader,
        leader_since=controller.leader_since,
    )


def restore(controller: Controller, document: dict[str, Json]) -> None:
    """Make a controller what a snapshot says; sessions end. Anything but a snapshot is refused and changes nothing."""
    objects = document.get("objects")
    if document.get("format") != FORMAT or not isinstance(objects, dict):
        raise errors.bad_request(f"not a snapshot of format {FORMAT}")
    install(controller, {key: hidden(content) for key, content in objects.items()}, document.get("beside") or {})


def install(controller: Controller, objects: Mapping[str, Json], content: Json) -> None:
    """Replace everything by stored documents and what lives beside them, or refuse and leave everything as it is.

    The documents are asked for one by one, and again after they were checked.
    """
    try:
        kept = msgspec.convert(content, Beside)
    except msgspec.ValidationError as error:
        raise errors.bad_request(f"snapshot: beside: {error}") from error
    _check(controller, objects)
    before, beside_before = list(controller.store.records.values()), beside(controller)
    try:
        _replace(controller, [Record(key=key, document=document) for key, document in objects.items()], kept)
    except (Refusal, LookupError, TypeError, ValueError, AttributeError) as error:
        _replace(controller, before, beside_before)
        raise errors.bad_request(f"snapshot: its objects do not fit together: {error!r}"[:300]) from error


def _check(controller: Controller, objects: Mapping[str, Json]) -> None:
    if not objects.keys() >= _REQUIRED:
        raise errors.bad_request("snapshot: the tenant admin or the system configuration is missing")

    def resolve(target: str, value: str) -> str:
        del target
        key = value.removeprefix(MARK)
        if key not in objects:
            raise errors.bad_request(f"refers to {key[:80]!r}, which is not in the snapshot")
        return key

    intake = Intake(resolve=resolve)
    for key, document in objects.items():
        kind, _, identifier = key.partition("/")
        if kind not in controller.store.tables or not isinstance(document, dict) or not identifier:
            raise errors.bad_request(f"snapshot: {key[:80]!r} is not the key of an object")
        # The address of an object is a stored reference to itself, in a field of plain text.
        content = {name: value for name, value in document.items() if name != "url"}
        try:
            controller.objects.stored.converted(controller.schema.types[kind].model, content, intake)
        except Refusal as refusal:
            raise errors.bad_request(f"snapshot: {key[:80]}: {refusal.body['error']}") from refusal


def _replace(controller: Controller, records: list[Record], kept: Beside) -> None:
    for record in list(controller.store.records.values()):
        controller.store.remove(record)
    for record in records:
        controller.store.put(record)
    for record in controller.store.tables["virtualservice"].records.values():
        # Listeners depend on profiles that may stand later in the document.
        record.facts = controller.objects.semantics.facts("virtualservice", record.document())
    controller.objects.passwords.clear()
    controller.objects.passwords.update(kept.passwords)
    controller.accounts.tokens = {token.uuid: token for token in kept.tokens}
    controller.objects.states.forced = dict(kept.forced)
    controller.objects.inline_vips.owners = dict(kept.own_vips)
    controller.leader, controller.leader_since = kept.leader, kept.leader_since
    controller.settings_changed()
    controller.ipam.rebuild()
    controller.dns.rebuild()
    controller.accounts.purge()


def shown(value: Json) -> Json:
    """A stored value with readable references."""
    if isinstance(value, str):
        if value.startswith(MARK):
            return _SHOWN_MARK + value[len(MARK) :]
        return _SHOWN_TEXT + value if value.startswith((_SHOWN_MARK, _SHOWN_TEXT)) else value
    return _mapped(value, shown)


def hidden(value: Json) -> Json:
    """The stored form of a readable value."""
    if isinstance(value, str):
        if value.startswith(_SHOWN_MARK):
            return MARK + value[len(_SHOWN_MARK) :]
        return value.removeprefix(_SHOWN_TEXT).replace(MARK, "")
    return _mapped(value, hidden)


def _mapped(value: Json, convert: Json) -> Json:
    if isinstance(value, dict):
        return {name: convert(item) for name, item in value.items()}
    return [convert(item) for item in value] if isinstance(value, list) else value
