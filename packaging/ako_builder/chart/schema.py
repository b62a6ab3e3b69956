"""values.schema.json: what `helm install`, `lint` and `template` check values against.

Unknown keys are refused at every level that the chart knows, so a misspelt key fails with its name. Free are only the
places where Kubernetes decides what is allowed, and `global`, which Helm shares between charts. Sections may not be
null: templates look into them.
"""

import json
from collections.abc import Sequence
from typing import Final

from ako_builder.chart.catalogue import Entry
from ako_builder.chart.extras import Json

_OPEN_BRANCHES: Final = frozenset({"global"})


def schema_document(listed: Sequence[Entry], *, title: str) -> dict[str, Json]:
    """The schema as a JSON-able document."""
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
            node = _branch(node, branch, open_=".".join(branches[: depth + 1]) in _OPEN_BRANCHES)
        described: dict[str, Json] = {"description": entry.meaning}
        _properties(node)[leaf] = described | entry.schema
    return root


def schema_text(listed: Sequence[Entry], *, title: str) -> str:
    """The schema as a file."""
    return json.dumps(schema_document(listed, title=title), indent=2, ensure_ascii=False) + "\n"


def _branch(node: dict[str, Json], name: str, *, open_: bool) -> dict[str, Json]:
    properties = _properties(node)
    if name not in properties:
        # `global` may be absent where the chart is used on its own; every other section has defaults.
        properties[name] = {"type": "object", "additionalProperties": open_, "properties": {}}
        if not open_:
            required = node.setdefault("required", [])
            if isinstance(required, list):
                required.append(name)
    branch = properties[name]
    if not isinstance(branch, dict) or "properties" not in branch:
        raise TypeError(f"{name} is a value and a branch")
    return branch


def _properties(node: dict[str, Json]) -> dict[str, Json]:
    properties = node["properties"]
    if not isinstance(properties, dict):
        raise TypeError("properties of a schema are a mapping")
    return properties
