"""values.schema.json: what `helm install`, `lint` and `template` check values against.

An unknown key is refused at every level that is the chart's own, so a misspelt key fails with its name. In the sections
of the official chart, which has no schema, and in its lists of networks any key is taken, as the process takes it: a
values file that installs there installs here. `strict` refuses them there as well. Free are also the places where
Kubernetes decides what is allowed, and `global`, which Helm shares between charts. Sections may not be null: templates
look into them. Values are not taken in any spelling: rights and ports follow from them in templates.
"""

import json
from collections.abc import Sequence
from typing import Final, TypeGuard

from ako_builder.chart.catalogue import Entry
from ako_builder.chart.extras import Json
from ako_runtime.settings import OFFICIAL_SECTIONS

OPEN_BRANCHES: Final = frozenset({"global"})


def schema_document(listed: Sequence[Entry], *, title: str, strict: bool = False) -> dict[str, Json]:
    """The schema as a JSON-able document; `strict` refuses every key that is not known."""
    root: dict[str, Json] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": {},
    }
    for entry in listed:
        node = root
        *branches, leaf = entry.path.split(".")
        for depth, branch in enumerate(branches):
            path = ".".join(branches[: depth + 1])
            shared = path in OPEN_BRANCHES
            takes_any = shared or (branches[0] in OFFICIAL_SECTIONS and not strict)
            node = _branch(node, branch, takes_any=takes_any, required=not shared)
        described: dict[str, Json] = {"description": entry.meaning}
        official = bool(branches) and branches[0] in OFFICIAL_SECTIONS
        _properties(node)[leaf] = described | (_taking_any(entry.schema) if official and not strict else entry.schema)
    return root


def schema_text(listed: Sequence[Entry], *, title: str) -> str:
    """The schema as a file."""
    return json.dumps(schema_document(listed, title=title), indent=2, ensure_ascii=False) + "\n"


def _taking_any(schema: dict[str, Json]) -> dict[str, Json]:
    """The schema of a list of objects, which may have fields that nobody knows."""
    items = schema.get("items")
    return schema | {"items": items | {"additionalProperties": True}} if _is_of_objects(items) else schema


def _is_of_objects(items: Json) -> TypeGuard[dict[str, Json]]:
    return isinstance(items, dict) and "additionalProperties" in items


def _branch(node: dict[str, Json], name: str, *, takes_any: bool, required: bool) -> dict[str, Json]:
    properties = _properties(node)
    if name not in properties:
        # `global` may be absent where the chart is used on its own; every other section has defaults.
        properties[name] = {"type": "object", "additionalProperties": takes_any, "properties": {}}
        if required:
            names = node.setdefault("required", [])
            if isinstance(names, list):
                names.append(name)
    branch = properties[name]
    if not isinstance(branch, dict) or "properties" not in branch:
        raise TypeError(f"{name} is a value and a branch")
    return branch


def _properties(node: dict[str, Json]) -> dict[str, Json]:
    properties = node["properties"]
    if not isinstance(properties, dict):
        raise TypeError("properties of a schema are a mapping")
    return properties
