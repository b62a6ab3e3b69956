"""An operation on the controller: a value that a plan consists of and a worker carries out.

The body of an update is a read-modify-write: managed fields are ours, every other field goes back as it was read, list
elements with a key (`Vip.vip_id`) keep what the controller put into them, messages with `kept` fields those.
"""

import json
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, Struct

from ako_runtime.model.avi import AviObject
from ako_runtime.model.avi_struct import AviStruct
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.wire import body_of, plain

Verb = Literal["create", "update", "replace", "delete"]

# Kinds on which the controller checks `_last_modified` (412).
GUARDED = frozenset({"vsvip", "vrfcontext", "serviceenginegroup"})


class Operation(Struct, frozen=True, kw_only=True):
    """One request; `wish` is None for a delete, `fields` says what differs for an update.

    A `replace` is several requests: another object takes the place of this one, beside it until `users`, which refer to
    it, and the `children` of those are led over. An update whose `held` has another name gives that object this name.
    """

    verb: Verb
    ref: Ref
    uuid: str = ""
    wish: AviObject | None = None
    held: Observed | None = None
    fields: tuple[str, ...] = ()
    waits_for: frozenset[Ref] = frozenset()
    # Of those, the ones that only come before: if they are refused, this one is carried out all the same.
    follows: frozenset[Ref] = frozenset()
    users: tuple[Observed, ...] = ()
    children: tuple[Observed, ...] = ()

    @property
    def body(self) -> Mapping[str, object]:
        """The request body of a create or update."""
        if self.wish is None:
            return {}
        mine = body_of(self.wish)
        if self.held is None:
            return mine
        return merged(mine, self.held, guarded=self.ref.kind in GUARDED)

    @property
    def content(self) -> AviObject | None:
        """What the object holds after a create or update, for kinds whose answer leaves out what was written."""
        held = self.held.content if self.held is not None else None
        if self.wish is None or held is None:
            return self.wish
        kept = {name: getattr(held, name) for name in self.wish.kept if getattr(self.wish, name) is UNSET}
        return msgspec.structs.replace(self.wish, **kept)


def merged(mine: Mapping[str, object], held: Observed, *, guarded: bool) -> Mapping[str, object]:
    """The body of an update: our fields over what is there."""
    foreign: dict[str, object] = json.loads(held.foreign)
    body = foreign | dict(mine)
    if held.content is not None:
        body = _kept(held.content) | body
        for name in type(held.content).__struct_fields__:
            if name in body:
                body[name] = _with_kept_elements(body[name], getattr(held.content, name))
    if guarded and held.last_modified:
        body["_last_modified"] = held.last_modified
    return body


def _with_kept_elements(mine: object, held: object) -> object:
    """A list of ours in which elements with a merge key keep the managed fields that only the controller filled in."""
    if isinstance(mine, dict) and isinstance(held, AviStruct):
        return _kept(held) | mine
    if not isinstance(mine, list) or not isinstance(held, tuple):
        return mine
    known = {
        getattr(element, element.merge_key): element
        for element in held
        if isinstance(element, AviStruct) and element.merge_key
    }
    if not known:
        return mine
    return [_with_kept_fields(element, known) for element in mine]


def _kept(held: AviStruct) -> dict[str, object]:
    return {name: plain(value) for name in held.kept if (value := getattr(held, name)) is not UNSET}


def _with_kept_fields(element: object, known: Mapping[object, AviStruct]) -> object:
    if not isinstance(element, dict):
        return element
    sample = next(iter(known.values()))
    held = known.get(element.get(sample.merge_key))
    if held is None:
        return element
    kept = {
        name: plain(getattr(held, name))
        for name in held.__struct_fields__
        if name not in element and getattr(held, name) is not UNSET
    }
    return kept | element
