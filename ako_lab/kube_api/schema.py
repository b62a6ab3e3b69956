"""Structural schemas of custom kinds: prune what they do not know, fill in their defaults, report what breaks them.

The dialect is that of CustomResourceDefinition v1: OpenAPI v3 with `x-kubernetes-preserve-unknown-fields`,
`x-kubernetes-int-or-string`, `x-kubernetes-embedded-resource` and list types. The wording of the faults follows a real
API server's, since users and tests read it. CEL rules are not evaluated (see `definitions.cel_warning`).
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ako_lab.kube_api.documents import copied
from ako_lab.kube_api.errors import FieldError

Schema = Mapping[str, Any]

_RESOURCE_FIELDS = ("apiVersion", "kind", "metadata")


def completed(value: Any, schema: Schema, path: str, dropped: list[str]) -> Any:  # noqa: ANN401 - JSON of any shape
    """`value` without the fields that the schema does not know (their paths go to `dropped`) and with its defaults."""
    if isinstance(value, dict):
        return _completed_object(value, schema, path, dropped)
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [completed(item, schema["items"], f"{path}[{at}]", dropped) for at, item in enumerate(value)]
    return value


def _completed_object(value: dict[str, Any], schema: Schema, path: str, dropped: list[str]) -> dict[str, Any]:
    known: Schema = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    keeps = bool(schema.get("x-kubernetes-preserve-unknown-fields")) or extra is True
    resource = not path or bool(schema.get("x-kubernetes-embedded-resource"))
    result: dict[str, Any] = {}
    for name, item in value.items():
        below = f"{path}.{name}" if path else name
        if resource and name in _RESOURCE_FIELDS:
            result[name] = item
        elif name in known:
            if item is None and "default" in known[name] and not known[name].get("nullable"):
                continue
            result[name] = completed(item, known[name], below, dropped)
        elif isinstance(extra, Mapping):
            result[name] = completed(item, extra, below, dropped)
        elif keeps:
            result[name] = item
        else:
            dropped.append(below)
    for name, each in known.items():
        if name not in result and "default" in each:
            result[name] = completed(copied(each["default"]), each, f"{path}.{name}" if path else name, [])
    return result


def faults(value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:  # noqa: ANN401
    """Everything in `value` that the schema forbids."""
    if value is None:
        if not schema.get("nullable") and schema.get("type"):
            yield _typed(path, schema["type"], "null")
        return
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield _typed(path, "integer,string", _type_name(value))
            return
    elif schema.get("type") and not _is_of(value, schema["type"]):
        yield _typed(path, schema["type"], _type_name(value))
        return
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(json.dumps(item) for item in schema["enum"])
        message = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        yield FieldError(field=path, reason="FieldValueNotSupported", message=message)
    yield from _bounds(value, schema, path)
    yield from _combinations(value, schema, path)
    if isinstance(value, dict):
        yield from _object_faults(value, schema, path)
    elif isinstance(value, list):
        yield from _list_faults(value, schema, path)


def _object_faults(value: dict[str, Any], schema: Schema, path: str) -> Iterator[FieldError]:
    known: Schema = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name in schema.get("required") or ():
        if name not in value:
            field = f"{path}.{name}" if path else name
            yield FieldError(field=field, reason="FieldValueRequired", message="Required value")
    for name, item in value.items():
        below = known.get(name) or (extra if isinstance(extra, Mapping) else None)
        if below is not None and not (not path and name == "metadata"):
            yield from faults(item, below, f"{path}.{name}" if path else name)


def _list_faults(value: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    items = schema.get("items")
    if isinstance(items, Mapping):
        for at, item in enumerate(value):
            yield from faults(item, items, f"{path}[{at}]")
    kind = schema.get("x-kubernetes-list-type")
    seen: set[str] = set()
    for at, item in enumerate(value):
        if kind == "map" and isinstance(item, dict):
            identity = {name: item[name] for name in schema.get("x-kubernetes-list-map-keys") or () if name in item}
        elif kind == "set" or schema.get("uniqueItems"):
            identity = item
        else:
            return
        text = json.dumps(identity, sort_keys=True)
        if text in seen:
            yield FieldError(
                field=f"{path}[{at}]", reason="FieldValueDuplicate", message=f"Duplicate value: {json.dumps(identity)}"
            )
        seen.add(text)


def _bounds(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:  # noqa: ANN401
    """Lengths, sizes, ranges, patterns and formats."""
    for keyword, test, text in _tests_of(value):
        bound = schema.get(keyword)
        if bound is not None and not test(value, bound, schema):
            message = f"Invalid value: {json.dumps(value)}: {path} in body {text.format(bound)}"
            yield FieldError(field=path, reason="FieldValueInvalid", message=message)


_Test = tuple[str, Callable[[Any, Any, Schema], bool], str]

_NUMBER_TESTS: tuple[_Test, ...] = (
    (
        "minimum",
        lambda value, bound, schema: value > bound if schema.get("exclusiveMinimum") else value >= bound,
        "should be greater than or equal to {}",
    ),
    (
        "maximum",
        lambda value, bound, schema: value < bound if schema.get("exclusiveMaximum") else value <= bound,
        "should be less than or equal to {}",
    ),
    ("multipleOf", lambda value, bound, _: value % bound == 0, "should be a multiple of {}"),
)
_TEXT_TESTS: tuple[_Test, ...] = (
    ("minLength", lambda value, bound, _: len(value) >= bound, "should be at least {} chars long"),
    ("maxLength", lambda value, bound, _: len(value) <= bound, "should be at most {} chars long"),
    ("pattern", lambda value, bound, _: re.search(bound, value) is not None, "should match '{}'"),
    ("format", lambda value, bound, _: _has_format(value, bound), "must be of type {}"),
)
_LIST_TESTS: tuple[_Test, ...] = (
    ("minItems", lambda value, bound, _: len(value) >= bound, "should have at least {} items"),
    ("maxItems", lambda value, bound, _: len(value) <= bound, "must have at most {} items"),
)
_OBJECT_TESTS: tuple[_Test, ...] = (
    ("minProperties", lambda value, bound, _: len(value) >= bound, "should have at least {} properties"),
    ("maxProperties", lambda value, bound, _: len(value) <= bound, "must have at most {} properties"),
)


def _tests_of(value: Any) -> tuple[_Test, ...]:  # noqa: ANN401
    if isinstance(value, bool):
        return ()
    if isinstance(value, int | float):
        return _NUMBER_TESTS
    if isinstance(value, str):
        return _TEXT_TESTS
    return _LIST_TESTS if isinstance(value, list) else _OBJECT_TESTS


def _combinations(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:  # noqa: ANN401
    for each in schema.get("allOf") or ():
        yield from faults(value, each, path)
    for keyword, text in (
        ("anyOf", "must validate at least one schema"),
        ("oneOf", "must validate one and only one schema"),
    ):
        choices = schema.get(keyword)
        if not choices or (keyword == "anyOf" and schema.get("x-kubernetes-int-or-string")):
            continue
        fitting = sum(next(faults(value, each, path), None) is None for each in choices)
        if fitting == 0 or (keyword == "oneOf" and fitting != 1):
            message = f'Invalid value: {json.dumps(value)}: "{path}" {text} ({keyword})'
            yield FieldError(field=path, reason="FieldValueInvalid", message=message)
    if "not" in schema and next(faults(value, schema["not"], path), None) is None:
        message = f'Invalid value: {json.dumps(value)}: "{path}" must not validate the schema (not)'
        yield FieldError(field=path, reason="FieldValueInvalid", message=message)


def _typed(path: str, wanted: str, found: str) -> FieldError:
    message = f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'
    return FieldError(field=path, reason="FieldValueTypeInvalid", message=message)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def _is_of(value: Any, name: str) -> bool:  # noqa: ANN401
    if name in {"integer", "number"} and isinstance(value, bool):
        return False
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, (object,)))


def _type_name(value: Any) -> str:  # noqa: ANN401
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _has_format(value: str, name: str) -> bool:
    check = _FORMATS.get(name)
    if check is None:
        return True
    try:
        check(value)
    except ValueError:
        return False
    return True


def _check_time(value: str) -> None:
    if not re.match(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d", value):
        raise ValueError(value)
    datetime.fromisoformat(value.upper())


def _check_uuid(value: str) -> None:
    if not re.fullmatch(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", value):
        raise ValueError(value)


_FORMATS: Mapping[str, Callable[[str], object]] = {
    "date-time": _check_time,
    "date": lambda value: datetime.strptime(value, "%Y-%m-%d"),  # noqa: DTZ007 - a date has no zone
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "cidr": ipaddress.ip_interface,
    "uuid": _check_uuid,
}
