"""PATCH: `add`, `replace`, `delete` (or `remove`) with whole fields, and `json_patch` with RFC 6902 operations.

The forms work on the document as a client would send it and give a new one, which then takes the way of a PUT.
Adding to a list merges: an item whose identity (name, uuid, key, index, address and port ...) is already there replaces
that one, any other is appended. Deleting from a list takes away the items with the given identities; deleting a field
takes it away whole.

The stored object may hold fields that are newer than the API version of the client; its patch may not (`check_patch`),
at whatever depth it names them.
"""

import copy

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.schema import Schema, Version, exists_in
from ako_lab.avi_controller.values import MAXIMUM_DEPTH, Document, Json

# Fields that tell the items of a list apart, the first that an item has.
_IDENTITIES = ("uuid", "vip_id", "route_id", "key", "index", "name", "fqdn", "ip", "pool_ref", "port", "host")
_FORMS = ("add", "replace", "delete", "remove", "json_patch")


def check_patch(schema: Schema, model: str, patch: Document, version: Version) -> None:
    """Refuse a patch that speaks of fields which the requested version does not have."""
    for form, content in patch.items():
        if form != "json_patch":
            _check_fields(schema, model, content, version)
            continue
        for operation in content if isinstance(content, list) else ():
            if isinstance(operation, dict):
                _check_operation(schema, model, operation, version)


def _check_operation(schema: Schema, model: str, operation: Document, version: Version) -> None:
    path = operation.get("path")
    inner: str | None = model
    for part in path.split("/")[1:] if isinstance(path, str) else ():
        if inner is None or part == "-" or part.isdigit():
            continue
        _check_fields(schema, inner, {part: None}, version)
        field = schema.messages[inner].fields.get(part)
        inner = field.type if field is not None and field.type in schema.messages else None
    if inner is not None:
        _check_fields(schema, inner, operation.get("value"), version)


def _check_fields(schema: Schema, model: str, value: Json, version: Version, *, depth: int = 0) -> None:
    if isinstance(value, list):
        for item in value:
            _check_fields(schema, model, item, version, depth=depth + 1)
    if not isinstance(value, dict) or depth > MAXIMUM_DEPTH:
        return
    for name, item in value.items():
        field = schema.messages[model].fields.get(name)
        if field is None:
            continue
        if not exists_in(field, version):
            shown = ".".join(str(part) for part in version)
            raise errors.newer_field(shown, name, field.introduced[0])
        if field.type in schema.messages:
            _check_fields(schema, field.type, item, version, depth=depth + 1)


def patched(schema: Schema, model: str, document: Document, patch: Document) -> Document:
    """The document after a patch."""
    unknown = sorted(set(patch) - set(_FORMS))
    if not patch or unknown:
        wrong = f", not {unknown[0][:60]!r}" if unknown else ""
        raise errors.bad_request(f"A PATCH holds add, replace, delete or json_patch{wrong}")
    result = copy.deepcopy(document)
    for form, content in patch.items():
        if form == "json_patch":
            result = _json_patched(result, content)
            continue
        if not isinstance(content, dict):
            raise errors.bad_request(f"{form} must hold an object")
        for name, value in content.items():
            field = schema.messages[model].fields.get(name)
            if form == "replace":
                result[name] = value
            elif form == "add":
                result[name] = _added(result.get(name), value, repeated=bool(field and field.repeated))
            else:
                _delete(result, name, value)
    return result


def _added(old: Json, value: Json, *, repeated: bool) -> Json:
    if not repeated:
        if isinstance(old, dict) and isinstance(value, dict):
            return {**old, **value}
        return value
    items = list(old or [])
    for item in value if isinstance(value, list) else [value]:
        place = next((index for index, known in enumerate(items) if _same(known, item)), None)
        if place is None:
            items.append(item)
        elif isinstance(item, dict):
            items[place] = {**items[place], **item}
    return items


def _delete(result: Document, name: str, value: Json) -> None:
    old = result.get(name)
    if isinstance(old, list) and isinstance(value, list) and value:
        result[name] = [known for known in old if not any(_same(known, item) for item in value)]
    elif isinstance(old, dict) and isinstance(value, dict) and value:
        result[name] = {key: item for key, item in old.items() if key not in value}
    else:
        result.pop(name, None)


def _same(one: Json, two: Json) -> bool:
    """Whether two items of a list are the same thing."""
    if not (isinstance(one, dict) and isinstance(two, dict)):
        return bool(_without_name(one) == _without_name(two))
    for field in _IDENTITIES:
        if field in one and field in two:
            same = bool(_without_name(one[field]) == _without_name(two[field]))
            return same and one.get("port") == two.get("port") if field == "ip" and "port" in two else same
    return bool(one == two)


def _without_name(value: Json) -> Json:
    """A reference without its `#name` and its origin, so that all forms of one compare equal."""
    if isinstance(value, str) and "/api/" in value:
        return value.split("#", 1)[0].partition("/api/")[2]
    return value


def _json_patched(document: Document, operations: Json) -> Document:
    if not isinstance(operations, list):
        raise errors.bad_request("json_patch must hold a list of operations")
    root: Json = {"": document}
    for number, operation in enumerate(operations):
        if not isinstance(operation, dict):
            raise errors.bad_request(f"json_patch operation {number} must be an object")
        try:
            _apply(root, operation)
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise errors.bad_request(f"json_patch operation {number} cannot be applied: {error!r}"[:300]) from error
    result = root.get("")
    if not isinstance(result, dict):
        raise errors.bad_request("json_patch must leave an object")
    return result


def _apply(root: Json, operation: Document) -> None:
    kind, path = operation["op"], _pointer(operation["path"])
    if kind == "test":
        if _at(root, path) != operation["value"]:
            raise ValueError("the test failed")
    elif kind == "remove":
        _take(root, path)
    elif kind == "add":
        _put(root, path, operation["value"], insert=True)
    elif kind == "replace":
        _at(root, path)
        _put(root, path, operation["value"], insert=False)
    elif kind == "copy":
        _put(root, path, copy.deepcopy(_at(root, _pointer(operation["from"]))), insert=True)
    elif kind == "move":
        _put(root, path, _take(root, _pointer(operation["from"])), insert=True)
    else:
        raise ValueError(f"unknown op {kind!r}")


def _pointer(text: Json) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise ValueError(f"{text!r} is not a JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")]


def _at(root: Json, path: list[str]) -> Json:
    value = root
    for part in path:
        value = value[_index(part, len(value) - 1)] if isinstance(value, list) else value[part]
    return value


def _index(part: str, highest: int) -> int:
    number = int(part)
    if not 0 <= number <= highest:
        raise IndexError(part)
    return number


def _take(root: Json, path: list[str]) -> Json:
    parent = _at(root, path[:-1])
    return parent.pop(_index(path[-1], len(parent) - 1)) if isinstance(parent, list) else parent.pop(path[-1])


def _put(root: Json, path: list[str], value: Json, *, insert: bool) -> None:
    parent, last = _at(root, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif not isinstance(parent, list):
        raise TypeError(f"nothing can be put into {msgspec.json.encode(parent).decode()[:40]}")
    elif last == "-":
        parent.append(value)
    elif insert:
        parent.insert(_index(last, len(parent)), value)
    else:
        parent[_index(last, len(parent) - 1)] = value
