"""Label selectors and field selectors: text to predicates over documents.

The grammar is that of the API's query parameters: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. A selector that cannot be
parsed, or a field that the kind does not support, is a 400, as on a real server; nothing is silently ignored, because
a client that believes its list was filtered would act on objects that are not its own.
"""

import re
from collections.abc import Callable, Mapping

from ako_lab.kube_api.documents import at
from ako_lab.kube_api.errors import ApiError, JsonObject

Predicate = Callable[[JsonObject], bool]

_SET = re.compile(r"^\s*(?P<key>[^\s!=,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*(?P<key>[^\s!=,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s,()=]*)\s*$")
_EXISTS = re.compile(r"^\s*(?P<not>!?)\s*(?P<key>[^\s!=,()]+)\s*$")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^()]*\))")


def label_predicate(selector: str) -> Predicate | None:
    """The predicate of a `labelSelector`, or None when everything matches."""
    tests = [_label_test(part) for part in _COMMA_OUTSIDE_PARENTHESES.split(selector) if part.strip()]
    if not tests:
        return None

    def matches(document: JsonObject) -> bool:
        labels = document.get("metadata", {}).get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


def _label_test(part: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(part):
        key, values = found["key"], {value.strip() for value in found["values"].split(",")}
        if found["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.match(part):
        key, value = found["key"], found["value"]
        if found["operator"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _EXISTS.match(part):
        key = found["key"]
        if found["not"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise ApiError(400, f"unable to parse requirement: {part.strip()!r} is not a label selector")


def field_predicate(selector: str, supported: tuple[str, ...]) -> Predicate | None:
    """The predicate of a `fieldSelector` over the fields that a kind supports, or None when everything matches."""
    known = ("metadata.name", "metadata.namespace", *supported)
    tests: list[tuple[str, str, bool]] = []
    for part in selector.split(","):
        if not part.strip():
            continue
        found = _EQUAL.match(part)
        if found is None:
            raise ApiError(400, f"invalid selector: {part.strip()!r}; can't understand it")
        if found["key"] not in known:
            raise ApiError(400, f'field label not supported: "{found["key"]}"')
        tests.append((found["key"], found["value"], found["operator"] != "!="))
    if not tests:
        return None
    return lambda document: all((_text(at(document, path)) == value) is wanted for path, value, wanted in tests)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a plain map selector (as Services have) chooses these labels; an empty one chooses nothing."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
