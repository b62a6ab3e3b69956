"""Tables: what `kubectl get` prints, computed by the server from the columns of a kind.

Custom kinds show exactly what their definition asks for, and without columns of their own Name and Age. Built-in kinds
have printers (see `printers`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ako_lab.kube_api.catalog import Column, Resource
from ako_lab.kube_api.cells import UNKNOWN, age
from ako_lab.kube_api.errors import JsonObject
from ako_lab.kube_api.jsonpath import found
from ako_lab.kube_api.printers import printed_cells, printed_columns

_NAME = Column(name="Name", path=".metadata.name")
_AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date")
_FITTING: Mapping[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}


def table(resource: Resource, documents: Iterable[JsonObject], metadata: JsonObject, *, whole: bool) -> JsonObject:
    """The table of some objects; its rows carry the objects whole or their metadata only."""
    columns = _columns(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [_row(resource, document, columns, whole=whole) for document in documents],
    }


def _columns(resource: Resource) -> tuple[Column, ...]:
    if not resource.custom:
        return printed_columns(resource.plural)
    return (_NAME, *(resource.columns or (_AGE,)))


def _definition(column: Column) -> JsonObject:
    return {
        "name": column.name,
        "type": column.type,
        "format": "name" if column.name == "Name" else "",
        "description": column.description,
        "priority": column.priority,
    }


def _row(resource: Resource, document: JsonObject, columns: Sequence[Column], *, whole: bool) -> JsonObject:
    shown = document
    if not whole:
        shown = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}
    if resource.custom:
        return {"cells": [_cell(document, column) for column in columns], "object": shown}
    return {"cells": printed_cells(resource.plural, document), "object": shown}


def _cell(document: JsonObject, column: Column) -> Any:  # noqa: ANN401 - a JSON scalar
    """The first value at the column's path, in the column's type; null where there is none or it does not fit."""
    value = next(iter(found(document, column.path)), None)
    if value is None:
        return None
    if column.type == "date":
        text = age(value)
        return "<invalid>" if text == UNKNOWN else text
    if column.type in _FITTING:
        return value if type(value) in _FITTING[column.type] else None
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
