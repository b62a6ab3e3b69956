"""A plan for people and for programs: what each operation creates, changes or deletes; secrets are not shown."""

import json
from collections.abc import Iterable, Iterator, Mapping

from ako_runtime.model.avi import AviObject
from ako_runtime.model.avi_struct import HIDDEN, AviStruct
from ako_runtime.model.operation import Operation
from ako_runtime.model.wire import builtins

_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}


def described(operation: Operation) -> Mapping[str, object]:
    """One operation as plain data: verb, object, and for each field that differs the value before and after."""
    before = _fields(operation.held.content if operation.held is not None else None)
    after = _fields(operation.wish)
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
        before = _fields(operation.held.content if operation.held is not None else None)
        after = _fields(operation.wish)
        for name in _shown(operation, after):
            if name in before:
                yield f"    - {name}: {_text(before[name])}"
            if name in after:
                yield f"    + {name}: {_text(after[name])}"


def _shown(operation: Operation, after: Mapping[str, object]) -> tuple[str, ...]:
    if operation.verb == "delete":
        return ()
    if operation.verb == "create" or operation.fields == ("*",):
        return tuple(name for name in after if name != "name")
    return operation.fields


def _fields(content: AviObject | None) -> Mapping[str, object]:
    return _without_secrets(content, builtins(content)) if content is not None else {}


def _without_secrets(part: object, document: object) -> Mapping[str, object]:
    """A message as plain data, without what the controller never shows either."""
    fields = document if isinstance(document, dict) else {}
    secret = part.write_only if isinstance(part, AviStruct) else frozenset()
    return {
        name: HIDDEN if name in secret else _visible(getattr(part, name, None), value) for name, value in fields.items()
    }


def _visible(part: object, value: object) -> object:
    if isinstance(part, AviStruct):
        return _without_secrets(part, value)
    if isinstance(part, tuple) and isinstance(value, list):
        return [_visible(one, shown) for one, shown in zip(part, value, strict=True)]
    return value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
