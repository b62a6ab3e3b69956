"""The four patches of the API as pure functions from document and patch to document.

Merge patch (RFC 7396), JSON patch (RFC 6902), strategic merge, and apply. Strategic merge needs to know which lists
are keyed; a real server reads that from Go struct tags, here a table names the lists of the kinds that we serve. A
list that is not in the table is replaced whole, which is also what a real server does with a list without a merge key.

Apply is a merge of the same sort with the lists' keys, for custom kinds from their schema
(`x-kubernetes-list-map-keys`). In place of field ownership there is a memory of what each manager applied last: what
it then mentioned and no longer mentions goes (`relinquished`), whoever else may have set it; nothing ever conflicts.
docs/explanation/kubernetes-lab.md says so to the user.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ako_lab.kube_api.documents import copied
from ako_lab.kube_api.errors import ApiError, JsonObject

ListKeys = Callable[[tuple[str, ...]], tuple[str, ...] | None]

# Field name -> merge key, wherever the field occurs in a built-in kind.
_MERGE_KEYS: Mapping[str, str] = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "podIPs": "ip",
    "readinessGates": "conditionType",
    "secrets": "name",
    "taints": "key",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
# Lists whose key depends on where they stand, by the last two fields of the path.
_PLACED_KEYS: Mapping[tuple[str, str], str] = {
    ("spec", "ports"): "port",
    ("containers", "ports"): "containerPort",
    ("initContainers", "ports"): "containerPort",
}
# Lists that are keyed by the name above but atomic in these places.
_ATOMIC = frozenset({("endpoints", "addresses"), ("subsets", "addresses")})
_PRIMITIVE_SETS = frozenset({"finalizers"})


def merge_patched(document: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """RFC 7396: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), value)
    return result


def json_patched(document: JsonObject, operations: object) -> JsonObject:
    """RFC 6902; a failed operation refuses the whole patch."""
    if not isinstance(operations, list):
        raise ApiError(400, "a JSON patch must be a list of operations")
    root: Any = copied(document)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise ApiError(400, "each operation of a JSON patch needs 'op' and 'path'")
        root = _operated(root, operation)
    if not isinstance(root, dict):
        raise ApiError(422, "the JSON patch does not leave an object", reason="Invalid")
    return root


def _operated(root: Any, operation: JsonObject) -> Any:  # noqa: ANN401
    name, path = operation.get("op"), _pointer(operation["path"])
    if name in {"add", "replace", "test"} and "value" not in operation:
        raise ApiError(400, f"the JSON patch operation {name!r} needs a value")
    if name == "remove":
        return _changed(root, path, _removed)
    if name == "replace":
        _looked_up(root, path)
        return _changed(root, path, lambda parent, token: _replaced(parent, token, operation["value"]))
    if name == "add":
        return _changed(root, path, lambda parent, token: _added(parent, token, operation["value"]))
    if name == "test":
        if _looked_up(root, path) != operation["value"]:
            raise _unprocessable(f"testing value {operation['path']} failed")
        return root
    if name in {"move", "copy"}:
        source = _pointer(str(operation.get("from", "")))
        value = copied(_looked_up(root, source))
        if name == "move":
            root = _changed(root, source, _removed)
        return _changed(root, path, lambda parent, token: _added(parent, token, value))
    raise ApiError(400, f"unknown JSON patch operation {name!r}")


def _unprocessable(text: str) -> ApiError:
    return ApiError(422, f"the server rejected our request due to an error in our request: {text}", reason="Invalid")


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ApiError(400, f"{text!r} is not a JSON pointer")
    return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:]]


def _looked_up(value: Any, path: list[str]) -> Any:  # noqa: ANN401
    for token in path:
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            raise _unprocessable(f"path /{'/'.join(path)} does not exist")
    return value


def _changed(root: Any, path: list[str], change: Callable[[Any, str], None]) -> Any:  # noqa: ANN401
    """Apply `change` to the parent of `path`; `root` is a copy already, so in place."""
    if not path:
        holder = {"": root}
        change(holder, "")
        return holder.get("")
    change(_looked_up(root, path[:-1]), path[-1])
    return root


def _removed(parent: Any, token: str) -> None:  # noqa: ANN401
    _looked_up(parent, [token])
    del parent[int(token) if isinstance(parent, list) else token]


def _replaced(parent: Any, token: str, value: object) -> None:  # noqa: ANN401
    parent[int(token) if isinstance(parent, list) else token] = value


def _added(parent: Any, token: str, value: object) -> None:  # noqa: ANN401
    if isinstance(parent, dict):
        parent[token] = value
    elif isinstance(parent, list) and (token == "-" or (token.isdigit() and int(token) <= len(parent))):  # noqa: S105
        parent.insert(len(parent) if token == "-" else int(token), value)  # noqa: S105
    else:
        raise _unprocessable(f"cannot add at {token!r}")


def built_in_keys(path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The merge key of a list of a built-in kind; None for a list that is replaced whole."""
    place = path[-2:]
    if place in _ATOMIC:
        return None
    key = _PLACED_KEYS.get(place) if len(place) == 2 else None
    key = key or _MERGE_KEYS.get(path[-1])
    return (key,) if key else None


def schema_keys(schema: Mapping[str, Any]) -> ListKeys:
    """The merge keys that a custom kind's schema declares."""

    def keys(path: tuple[str, ...]) -> tuple[str, ...] | None:
        if path[0] == "metadata":
            return built_in_keys(path)
        node: Mapping[str, Any] = schema
        for name in path:
            node = node.get("items", node)
            node = node.get("properties", {}).get(name) or node.get("additionalProperties") or {}
            if not isinstance(node, Mapping):
                return None
        return tuple(node.get("x-kubernetes-list-map-keys", ())) or None

    return keys


def strategic_merged(document: JsonObject, patch: JsonObject, keys: ListKeys = built_in_keys) -> JsonObject:
    """Strategic merge: keyed lists merge by their key, `$patch` and `$deleteFromPrimitiveList` are obeyed."""
    return _merged_object(document, patch, keys, ())


def _merged_object(document: Any, patch: JsonObject, keys: ListKeys, path: tuple[str, ...]) -> JsonObject:  # noqa: ANN401
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    result: JsonObject = dict(document) if isinstance(document, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        result = {name: value for name, value in result.items() if name in retained}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            result[field] = [item for item in result.get(field) or () if item not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            result.pop(name, None)
        else:
            result[name] = _merged_value(result.get(name), value, keys, (*path, name))
    return _ordered(result, patch)


def _merged_value(old: Any, new: Any, keys: ListKeys, path: tuple[str, ...]) -> Any:  # noqa: ANN401
    if isinstance(new, dict):
        return _merged_object(old, new, keys, path)
    if isinstance(new, list) and isinstance(old, list):
        if path[-1] in _PRIMITIVE_SETS:
            return [*old, *(item for item in new if item not in old)]
        key = keys(path)
        if key:
            return _merged_list(old, new, keys, path)
    if isinstance(new, list):
        return _without_directives(new)
    return new


def _without_directives(items: Iterable[Any]) -> list[Any]:
    kept = (item for item in items if not (isinstance(item, dict) and item.get("$patch") == "delete"))
    return [
        {name: value for name, value in item.items() if not name.startswith("$")} if isinstance(item, dict) else item
        for item in kept
    ]


def _merged_list(old: list[Any], new: list[Any], keys: ListKeys, path: tuple[str, ...]) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in new):
        return [item for item in new if item.get("$patch") != "replace"]
    key = keys(path) or ()
    result = {_identity(item, key): item for item in old}
    for item in new:
        if not isinstance(item, dict):
            raise ApiError(400, f"the list {'.'.join(path)} must hold objects")
        identity = _identity(item, key)
        if item.get("$patch") == "delete":
            result.pop(identity, None)
        else:
            result[identity] = _merged_object(result.get(identity), item, keys, path)
    return list(result.values())


def _identity(item: Any, key: tuple[str, ...]) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(item.get(name) for name in key) if isinstance(item, dict) else (item,)


def _ordered(result: JsonObject, patch: JsonObject) -> JsonObject:
    """Obey `$setElementOrder/FIELD`: named elements in the given order, the others behind them."""
    for name, order in patch.items():
        field = name.partition("/")[2]
        items = result.get(field)
        if not name.startswith("$setElementOrder/") or not isinstance(items, list):
            continue

        def rank(item: Any, order: list[Any] = order) -> int:  # noqa: ANN401
            for position, wanted in enumerate(order):
                if item == wanted or (
                    isinstance(wanted, dict)
                    and isinstance(item, dict)
                    and all(item.get(name) == value for name, value in wanted.items())
                ):
                    return position
            return len(order)

        result[field] = sorted(items, key=rank)
    return result


def relinquished(document: JsonObject, *, last: JsonObject, new: JsonObject, keys: ListKeys) -> JsonObject:
    """`document` without what a manager's `last` apply mentioned and its `new` one does not."""
    return _without(document, (last, new), keys, ())  # type: ignore[no-any-return]


def _without(document: Any, applied: tuple[Any, Any], keys: ListKeys, path: tuple[str, ...]) -> Any:  # noqa: ANN401
    last, new = applied
    if isinstance(document, dict) and isinstance(last, dict) and isinstance(new, dict):
        dropped = last.keys() - new.keys()
        return {
            name: _without(value, (last.get(name), new.get(name)), keys, (*path, name))
            for name, value in document.items()
            if name not in dropped
        }
    key = keys(path) if path else None
    if key and isinstance(document, list) and isinstance(last, list) and isinstance(new, list):
        before = {_identity(item, key): item for item in last}
        after = {_identity(item, key): item for item in new}
        kept = [item for item in document if _identity(item, key) not in before.keys() - after.keys()]
        pairs = [(before.get(_identity(item, key)), after.get(_identity(item, key))) for item in kept]
        return [_without(item, pair, keys, path) for item, pair in zip(kept, pairs, strict=True)]
    return document
