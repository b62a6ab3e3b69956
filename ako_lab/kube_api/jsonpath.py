r"""The part of Kubernetes' JSONPath that printer columns use.

`.a.b`, `.a[0]`, `.a[*].b`, `.a['b.c']`, `.a\\.b`, `.a[?(@.type=="Ready")].status`. Everything else finds nothing.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(
    r"""\.?\[\?\(\s*@\.(?P<field>[\w.]+)\s*==\s*["'](?P<value>[^"']*)["']\s*\)\]"""
    r"""|\.?\[(?P<index>-?\d+|\*)\]"""
    r"""|\.?\[["'](?P<quoted>[^"']+)["']\]"""
    r"""|\.(?P<name>(?:\\.|[^.\[\\])+)"""
)


def found(document: Any, path: str) -> list[Any]:  # noqa: ANN401 - JSON of any shape
    """Every value at a path."""
    values = [document]
    for kind, text, value in _tokens(path.strip("{}")):
        values = [item for each in values for item in _step(each, kind, text, value)]
    return values


@lru_cache(maxsize=512)
def _tokens(path: str) -> tuple[tuple[str, str, str], ...]:
    tokens: list[tuple[str, str, str]] = []
    position = 0
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            return (("nothing", "", ""),)
        kind = match.lastgroup or ""
        if kind == "value":
            tokens.append(("filter", match["field"], match["value"]))
        else:
            tokens.append((kind, match[kind].replace("\\.", "."), ""))
        position = match.end()
    return tuple(tokens)


def _step(value: Any, kind: str, text: str, wanted: str) -> Iterable[Any]:  # noqa: ANN401
    if kind in {"name", "quoted"}:
        return [value[text]] if isinstance(value, dict) and text in value else []
    if kind == "filter":
        items = value if isinstance(value, list) else []
        return [item for item in items if str(next(iter(found(item, f".{text}")), "")) == wanted]
    if kind == "index" and isinstance(value, list):
        if text == "*":
            return value
        return value[int(text) : int(text) + 1] if int(text) >= 0 else value[int(text) :][:1]
    return list(value.values()) if kind == "index" and text == "*" and isinstance(value, dict) else []
