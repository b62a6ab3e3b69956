"""Conditions in the words of Envoy's routes.

One path condition becomes the route's own path match, which leaves the query out; all others are matches of headers,
where `:path` holds the query as well, so their expressions end before it.
"""

import re
from collections.abc import Iterable

from ako_lab.service_engine.model import Condition
from ako_lab.service_engine.objects import Json

_PORT = r"(?::\d+)?"


def route_match(conditions: Iterable[Condition]) -> dict[str, Json]:
    """The match of a route."""
    found: dict[str, Json] = {}
    headers: list[Json] = []
    for condition in conditions:
        own = _path_match(condition) if condition.subject == "path" and not found else None
        if own is not None:
            found.update(own)
        else:
            headers.append(_header_match(condition))
    if not found:
        found["prefix"] = "/"
    return {**found, "headers": headers} if headers else found


def _path_match(condition: Condition) -> dict[str, Json] | None:
    if condition.negated:
        return None
    single = condition.texts[0] if len(condition.texts) == 1 else None
    case = {"case_sensitive": False} if condition.any_case else {}
    if condition.comparison == "equals" and single is not None:
        return {"path": single, **case}
    if condition.comparison == "begins" and single is not None:
        return {"prefix": single, **case}
    return {"safe_regex": {"regex": _flags(condition) + _around(condition, ".*", "")}}


def _header_match(condition: Condition) -> dict[str, Json]:
    negated = {"invert_match": True} if condition.negated else {}
    name, expression = _expression(condition)
    if expression is None:
        return {"name": name, "present_match": True, **negated}
    return {"name": name, "string_match": {"safe_regex": {"regex": expression}}, **negated}


def _expression(condition: Condition) -> tuple[str, str | None]:
    """The header that a condition is about, and the expression that it must match as a whole; None: be there."""
    flags = _flags(condition)
    match condition.subject:
        case "path":
            return ":path", flags + _around(condition, "[^?]*", r"(?:\?.*)?")
        case "host":
            return ":authority", "(?i)" + _around(condition, "[^:]*", _PORT)
        case "method":
            return ":method", _around(condition, ".*", "")
        case "query":
            return ":path", flags + r"[^?]*\?" + _query(condition)
        case "cookie":
            value = "[^;]*" if condition.comparison == "exists" else _around(condition, "[^;]*", "")
            return "cookie", rf"{flags}(?:.*;\s*)?{re.escape(condition.name)}={value}(?:;.*)?"
        case _:
            name = ":authority" if condition.name == "host" else condition.name
            return name, None if condition.comparison == "exists" else flags + _around(condition, ".*", "")


def _flags(condition: Condition) -> str:
    return "(?i)" if condition.any_case else ""


def _around(condition: Condition, anything: str, tail: str) -> str:
    """An expression for the whole text: the alternatives, with what may stand around them."""
    plain = condition.comparison == "regex"
    inner = "(?:" + "|".join(text if plain else re.escape(text) for text in condition.texts) + ")"
    before = anything if condition.comparison in ("ends", "contains", "regex") else ""
    after = anything if condition.comparison in ("begins", "contains", "regex") else ""
    return f"{before}{inner}{after}{tail}"


def _query(condition: Condition) -> str:
    if condition.comparison == "exists":
        return ".+"
    if condition.comparison != "regex":
        return _around(condition, ".*", "")
    return "(?:" + "|".join(map(_in_query, condition.texts)) + ")"


def _in_query(expression: str) -> str:
    """A searched expression that begins at a parameter and ends at one is anchored to the query, not to the path."""
    begins, ends = "(^|&)", "(&|$)"
    before, after = ".*", ".*"
    if expression.startswith(begins):
        expression, before = expression.removeprefix(begins), "(?:.*&)?"
    elif expression.startswith("^"):
        expression, before = expression.removeprefix("^"), ""
    if expression.endswith(ends):
        expression, after = expression.removesuffix(ends), "(?:&.*)?"
    elif expression.endswith("$") and not expression.endswith("\\$"):
        expression, after = expression.removesuffix("$"), ""
    return f"{before}(?:{expression}){after}"
