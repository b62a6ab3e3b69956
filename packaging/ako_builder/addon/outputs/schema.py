"""The schema of the package's data values, as OpenAPI for the Package and as a schema for ytt.

The public packages of the official AKO ship none, so there a typing mistake is accepted and forgotten. Here both the
chart's own values and the root that ako-operator writes are described, from the one description of settings, and an
unknown key is refused on every level that we know. Booleans, numbers and lists may come as text too, because the
official chart and ako-operator both write them so; enumerations and ranges are those of the setting.

ytt gets the same tree with every leaf open and absent: what a value may be is said by the OpenAPI schema and checked
again by the chart's own schema, ytt's part is to refuse keys that do not exist.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ako_builder.addon.documents import Document, Value
from ako_builder.addon.shapes.keys import DERIVED_DATA, KEYS, ROOT, Encoding
from ako_builder.addon.shapes.vks import ONLY_THERE
from ako_builder.chart.schema import OPEN_BRANCHES
from ako_runtime.settings.catalogue import BY_VALUES_PATH
from ako_runtime.settings.description import Setting

_ITEMS: Final[Mapping[str, Document]] = {
    "list": {"type": "string"},
    "object-list": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
_DATA: Final[Mapping[Encoding, Document]] = {
    "text": {"type": "string"},
    "JSON text": {"type": "string"},
    "boolean": {"type": "boolean"},
    "boolean text": {"type": "string", "enum": ["", "true", "false"]},
    "integer": {"type": "integer"},
}
_ANYTHING: Final[Document] = {"nullable": True, "x-kubernetes-preserve-unknown-fields": True}
_FREE: Final[Document] = {"type": "object", "nullable": True, "x-kubernetes-preserve-unknown-fields": True}


def values_schema(chart: Mapping[str, Value]) -> Document:
    """The OpenAPI v3 schema of the data values, given the values.schema.json of the chart that the package wraps."""
    document: Document = {
        "type": "object",
        "title": "Values of the package: the chart's own, or what ako-operator writes",
        "additionalProperties": False,
        "properties": {ROOT: _operator_schema()},
    }
    document["properties"].update(_opened(chart.get("properties") or {}))
    for path in sorted(ONLY_THERE):
        # So that values of the official package install unchanged; the translation hands them to nobody.
        _put_schema(document, path, {**_ANYTHING, "description": "An option of the official package; no effect here."})
    return document


def _opened(properties: Mapping[str, Value], prefix: str = "") -> Document:
    """The chart's JSON schema in the words of OpenAPI v3: no null type, no type lists, enums without null."""
    return {name: _node(schema, path=f"{prefix}{name}") for name, schema in properties.items()}


def _node(schema: Mapping[str, Value], *, path: str) -> Document:
    if "properties" in schema:
        node: Document = {
            "type": "object",
            # The chart takes unknown keys where the official one does; a package has no `values check` to tell of them.
            "additionalProperties": path in OPEN_BRANCHES,
            "properties": _opened(schema["properties"], prefix=f"{path}."),
        }
        return node
    setting = BY_VALUES_PATH.get(path)
    described = {"description": schema["description"]} if "description" in schema else {}
    if setting is not None:
        return {**described, **_setting_schema(setting)}
    return {**described, **_leaf(schema)}


def _leaf(schema: Mapping[str, Value]) -> Document:
    enum = [item for item in schema.get("enum", ()) if item is not None]
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    if enum:
        return {"nullable": True, "enum": enum}
    if len(kinds) == 1 and kinds[0] == "object":
        return dict(_FREE)
    if len(kinds) == 1 and kinds[0] == "array":
        return {"type": "array", "nullable": True, "items": {"x-kubernetes-preserve-unknown-fields": True}}
    if kinds:
        return {"nullable": True, "anyOf": [{"type": kind} for kind in kinds]}
    return {"nullable": True, "x-kubernetes-preserve-unknown-fields": True}


def _setting_schema(setting: Setting) -> Document:
    schema: Document = {"nullable": True}
    if setting.type == "boolean":
        schema["enum"] = [True, False, "true", "false"]
    elif setting.type == "integer":
        limits = {"minimum": setting.minimum, "maximum": setting.maximum}
        number = {"type": "integer", **{key: value for key, value in limits.items() if value is not None}}
        schema["anyOf"] = [number, {"type": "string", "pattern": "^[0-9]+$"}]
    elif setting.type == "string":
        schema["type"] = "string"
        if setting.enum:
            schema["enum"] = list(setting.enum)
    else:
        schema["anyOf"] = [{"type": "array", "items": _ITEMS[setting.type]}, {"type": "string"}]
    return schema


def _operator_schema() -> Document:
    """What ako-operator writes: every key of every pinned version."""
    config: Document = {"type": "object", "additionalProperties": False, "properties": {}}
    for key in KEYS:
        if key.data:
            _put_schema(config, key.data, {**_DATA[key.encoding], **_meaning(key.helm)})
    for path in DERIVED_DATA:
        _put_schema(config, path, {"description": "Written by ako-operator; carries no setting of its own."})
    text = {"type": "string"}
    return {
        "type": "object",
        "nullable": True,
        "description": "The values that ako-operator writes for a cluster.",
        "additionalProperties": False,
        "properties": {"name": text, "namespace": text, "config": config},
    }


def _meaning(helm: str) -> Document:
    setting = BY_VALUES_PATH.get(helm)
    return {"description": setting.meaning} if setting is not None else {}


def _put_schema(node: Document, path: str, schema: Document) -> None:
    *parents, last = path.split(".")
    for part in parents:
        node = node["properties"].setdefault(part, {"type": "object", "additionalProperties": False, "properties": {}})
    node["properties"][last] = schema


def ytt_schema(schema: Mapping[str, Value]) -> str:
    """The tree of an OpenAPI schema as a schema for ytt."""
    lines = [
        "#@data/values-schema",
        "#! Generated: every key that may be given; a leaf may be anything.",
        "---",
    ]
    return "\n".join([*lines, *_ytt_lines(schema["properties"], indent=0), ""])


def _ytt_lines(properties: Mapping[str, Value], *, indent: int) -> list[str]:
    pad = "  " * indent
    lines: list[str] = []
    for name, schema in properties.items():
        if "properties" in schema and schema.get("additionalProperties") is False:
            if indent == 0 and name == ROOT:
                lines.append(f"{pad}#@schema/nullable")
            lines += [f"{pad}{name}:", *_ytt_lines(schema["properties"], indent=indent + 1)]
        else:
            lines += [f"{pad}#@schema/type any=True", f"{pad}{name}: null"]
    return lines


def leaves_of(schema: Mapping[str, Value], prefix: str = "") -> Sequence[str]:
    """Dotted paths of everything in a schema that is a value, the operator's root left out."""
    found: list[str] = []
    for name, node in schema["properties"].items():
        path = f"{prefix}{name}"
        if path == ROOT:
            continue
        if "properties" in node and node.get("additionalProperties") is False:
            found += leaves_of(node, f"{path}.")
        else:
            found.append(path)
    return found


def starlark_table(schema: Mapping[str, Value]) -> str:
    """keys.star: the table by which the translation inside the package works."""
    rows = [
        f'    ("{key.data}", "{key.helm}", "{key.encoding}", {key.negated}),' for key in KEYS if key.data and key.helm
    ]
    chart = [f'    "{path}",' for path in leaves_of(schema) if path not in ONLY_THERE]
    return "\n".join(
        [
            "# Generated: data value of ako-operator, value of the chart, encoding, whether it says the opposite.",
            f'ROOT = "{ROOT}"',
            "KEYS = [",
            *rows,
            "]",
            "# Every value of the chart.",
            "CHART = [",
            *chart,
            "]",
            "",
        ]
    )
