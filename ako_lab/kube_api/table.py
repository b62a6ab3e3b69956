"""Tables: what `kubectl get` prints, computed by the server from the columns of a kind.

A kind without columns of its own gets Name and Age, as on a real server. Built-in kinds show fewer or simpler columns
than a real server's hand-written printers; custom kinds show exactly what their definition asks for.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ako_lab.kube_api.catalog import Column, Resource
from ako_lab.kube_api.cells import COMPUTED
from ako_lab.kube_api.documents import JsonObject
from ako_lab.kube_api.jsonpath import found

_AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date")


def table(resource: Resource, documents: Iterable[JsonObject], metadata: JsonObject, *, whole: bool) -> JsonObject:
    """The table of some objects; its rows carry the objects whole or their metadata only."""
    columns = resource.columns or (_AGE,)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            _definition(Column(name="Name", path=".metadata.name"), "name"),
            *map(_definition, columns),
        ],
        "rows": [_row(document, columns, whole=whole) for document in documents],
    }


def _definition(column: Column, form: str = "") -> JsonObject:
    return {
        "name": column.name,
        "type": column.type,
        "format": form,
        "description": column.description,
        "priority": column.priority,
    }


def _row(document: JsonObject, columns: Iterable[Column], *, whole: bool) -> JsonObject:
    shown = document
    if not whole:
        shown = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}
    cells = [document["metadata"]["name"], *(_cell(document, column) for column in columns)]
    return {"cells": cells, "object": shown}


def _cell(document: JsonObject, column: Column) -> Any:  # noqa: ANN401 - a JSON scalar
    if column.path.startswith("@"):
        return COMPUTED[column.path](document)
    values = [value for value in found(document, column.path) if value is not None]
    if not values:
        return "<none>" if column.type == "string" else None
    if column.type == "date":
        return age(str(values[0]))
    if column.type in {"integer", "number"}:
        return values[0]
    if column.type == "boolean":
        return bool(values[0])
    return ",".join(str(value) for value in values)


def age(text: str) -> str:
    """The time since a timestamp as kubectl writes it: `5s`, `12m`, `3h`, `4d`."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return "<unknown>"
    seconds = max(0, int((datetime.now(UTC) - then).total_seconds()))
    for limit, unit, size in ((120, "s", 1), (7200, "m", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86_400}d"
