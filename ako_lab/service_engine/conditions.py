"""What a rule asks of a request, in the model's words.

Documented of Avi: texts of one match are alternatives, parts of a match all have to hold; case counts only where the
match says so. Assumed: regular expressions search (they are not anchored), and the port in a Host header is no part
of it.
"""

from collections.abc import Iterable

from ako_lab.service_engine.model import Comparison, Condition
from ako_lab.service_engine.objects import Document, Objects

_CRITERIA: dict[str, tuple[Comparison, bool]] = {
    "BEGINS_WITH": ("begins", False),
    "DOES_NOT_BEGIN_WITH": ("begins", True),
    "CONTAINS": ("contains", False),
    "DOES_NOT_CONTAIN": ("contains", True),
    "ENDS_WITH": ("ends", False),
    "DOES_NOT_END_WITH": ("ends", True),
    "EQUALS": ("equals", False),
    "DOES_NOT_EQUAL": ("equals", True),
    "REGEX_MATCH": ("regex", False),
    "REGEX_DOES_NOT_MATCH": ("regex", True),
    "EXISTS": ("exists", False),
    "DOES_NOT_EXIST": ("exists", True),
}
_KNOWN = frozenset({"path", "host_hdr", "hdrs", "method", "query", "cookie", "vs_port", "protocol"})


class NotSimulated(Exception):  # noqa: N818 - a fact about the rule, not a failure
    """The rule asks for something that is not simulated; the text says what."""


def conditions_of(objects: Objects, match: Document, *, port: int, tls: bool) -> tuple[Condition, ...] | None:
    """The conditions of a match for requests at one port; None if it cannot hold there."""
    unknown = sorted(match.keys() - _KNOWN)
    if unknown:
        raise NotSimulated(f"a match by {unknown[0]}")
    if not _holds(match.get("vs_port"), port) or not _protocol_holds(match.get("protocol"), tls=tls):
        return None
    return tuple(_conditions(objects, match))


def _conditions(objects: Objects, match: Document) -> Iterable[Condition]:
    if path := match.get("path"):
        yield _text(path, "path", _path_texts(objects, path))
    if host := match.get("host_hdr"):
        yield _text({"match_case": "INSENSITIVE", **host}, "host", host.get("value") or ())
    for header in match.get("hdrs") or ():
        yield _text(header, "header", header.get("value") or (), name=header["hdr"].lower())
    if query := match.get("query"):
        yield _text(query, "query", query.get("match_str") or ())
    if cookie := match.get("cookie"):
        yield _text(cookie, "cookie", [cookie["value"]] if cookie.get("value") else (), name=cookie["name"])
    if method := match.get("method"):
        names = tuple(one.removeprefix("HTTP_METHOD_") for one in method.get("methods") or ())
        negated = method.get("match_criteria") == "IS_NOT_IN"
        yield Condition(subject="method", comparison="equals", texts=names, negated=negated)


def _text(match: Document, subject: str, texts: Iterable[str], name: str = "") -> Condition:
    criteria = match["match_criteria"].removeprefix("HDR_").removeprefix("QUERY_MATCH_")
    if criteria not in _CRITERIA:
        raise NotSimulated(f"the comparison {criteria}")
    comparison, negated = _CRITERIA[criteria]
    any_case = match.get("match_case", "INSENSITIVE") != "SENSITIVE"
    return Condition(
        subject=subject,  # type: ignore[arg-type] # given by the calls above
        comparison=comparison,
        texts=tuple(texts),
        name=name,
        negated=negated,
        any_case=any_case,
    )


def _path_texts(objects: Objects, path: Document) -> list[str]:
    texts = list(path.get("match_str") or ())
    for ref in path.get("string_group_refs") or ():
        texts += [pair["key"] for pair in objects.get(ref).get("kv") or ()]
    return texts


def _holds(match: Document | None, value: int) -> bool:
    if not match:
        return True
    return (value in (match.get("ports") or ())) != (match.get("match_criteria") == "IS_NOT_IN")


def _protocol_holds(match: Document | None, *, tls: bool) -> bool:
    if not match:
        return True
    return (match.get("protocols") == ("HTTPS" if tls else "HTTP")) != (match.get("match_criteria") == "IS_NOT_IN")


def prefixes_of(match: Document) -> tuple[str, ...]:
    """The addresses of an address match, as prefixes."""
    if match.get("ranges") or match.get("group_refs"):
        raise NotSimulated("a match by ranges or groups of addresses")
    found = [f"{one['ip_addr']['addr']}/{one['mask']}" for one in match.get("prefixes") or ()]
    return (*found, *(one["addr"] for one in match.get("addrs") or ()))


def implies(conditions: Iterable[Condition], others: Iterable[Condition]) -> bool:
    """Whether requests for which the first hold are known to meet the others."""
    held = set(conditions)
    return all(other in held for other in others)


def disjoint(conditions: Iterable[Condition], others: Iterable[Condition]) -> bool:
    """Whether no request can meet both, as far as it can be told from exact texts."""
    exact = {(one.subject, one.name): one for one in conditions if one.comparison == "equals" and not one.negated}
    for other in others:
        one = exact.get((other.subject, other.name))
        if one is None or other.negated or other.comparison not in ("equals", "begins"):
            continue
        fold = one.any_case or other.any_case
        pairs = [
            (left.lower(), right.lower()) if fold else (left, right) for left in one.texts for right in other.texts
        ]
        if not any(left == right if other.comparison == "equals" else left.startswith(right) for left, right in pairs):
            return True
    return False
