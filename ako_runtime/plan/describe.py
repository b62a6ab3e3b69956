"""A plan for people and for programs: what each operation creates, changes or deletes, secrets redacted.

Edits of objects that are not ours alone (a VRF's routes, a Service Engine group's labels) are updates like others; they
are said to be `shared`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from msgspec import UNSET

from ako_runtime.model.avi import AviObject
from ako_runtime.model.checksum import CHECKSUMS
from ako_runtime.model.operation import Operation
from ako_runtime.model.stack import Edited
from ako_runtime.model.wire import shown

_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}


def described(operation: Operation) -> Mapping[str, object]:
    """One operation as plain data: verb, object, and for each field that differs the value before and after."""
    before = _fields(operation.held.content if operation.held is not None else None, operation.fields)
    after = _fields(operation.wish, operation.fields)
    return {
        "verb": operation.verb,
        "kind": operation.ref.kind,
        "tenant": operation.ref.tenant,
        "name": operation.ref.name,
        "changes": [
            {"field": name, "before": before.get(name), "after": after.get(name)} for name in _shown(operation, after)
        ],
    }


def diff_lines(operations: Iterable[Operation]) -> Iterator[str]:
    """The plan as a readable diff, one block an object."""
    for operation in operations:
        yield f"{_SIGNS[operation.verb]} {operation.ref.kind} {operation.ref.name} (tenant {operation.ref.tenant})"
        before = _fields(operation.held.content if operation.held is not None else None, operation.fields)
        after = _fields(operation.wish, operation.fields)
        for name in _shown(operation, after):
            if name in before:
                yield f"    - {name}: {_text(before[name])}"
            if name in after:
                yield f"    + {name}: {_text(after[name])}"


def described_edit(edited: Edited) -> Mapping[str, object]:
    """One edit of a shared object, in the shape of `described`."""
    return {
        "verb": "update",
        "kind": edited.ref.kind,
        "tenant": edited.ref.tenant,
        "name": edited.ref.name,
        "shared": True,
        "changes": [
            {"field": name, "before": edited.before.get(name), "after": (edited.after or {}).get(name)}
            for name in _differing(edited)
        ],
    }


def edit_lines(edits: Iterable[Edited]) -> Iterator[str]:
    """Edits of shared objects as a readable diff, one block an object."""
    for edited in edits:
        yield f"{_SIGNS['update']} {edited.ref.kind} {edited.ref.name} (shared)"
        for name in _differing(edited):
            for sign, document in (("-", edited.before), ("+", edited.after or {})):
                if name in document:
                    yield f"    {sign} {name}: {_text(document[name])}"


def _differing(edited: Edited) -> tuple[str, ...]:
    after = edited.after or {}
    return tuple(sorted(name for name in after if after[name] != edited.before.get(name)))


def _shown(operation: Operation, after: Mapping[str, object]) -> tuple[str, ...]:
    if operation.verb == "delete":
        return ()
    if operation.verb == "create" or operation.fields == ("*",):
        return tuple(name for name in after if name != "name")
    return operation.fields


def _fields(content: AviObject | None, fields: Iterable[str]) -> Mapping[str, object]:
    """What people see; a checksum only where it is what is written."""
    if content is None:
        return {}
    held = {name: getattr(content, name) for name in CHECKSUMS.intersection(fields)}
    return shown(content) | {name: one.text for name, one in held.items() if one is not UNSET}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
