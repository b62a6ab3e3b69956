"""Texts that cells of tables are made of, as a real server writes them: ages, selectors, lists that are cut short."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ako_lab.kube_api.documents import at
from ako_lab.kube_api.errors import JsonObject

NONE = "<none>"
UNKNOWN = "<unknown>"

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_YEAR = 365 * _DAY
# Below so many seconds an age is told in one unit, or in two of which the second is left out when it is zero.
_STEPS: tuple[tuple[int, tuple[tuple[int, str], ...]], ...] = (
    (2 * _MINUTE, ((1, "s"),)),
    (10 * _MINUTE, ((_MINUTE, "m"), (1, "s"))),
    (3 * _HOUR, ((_MINUTE, "m"),)),
    (8 * _HOUR, ((_HOUR, "h"), (_MINUTE, "m"))),
    (2 * _DAY, ((_HOUR, "h"),)),
    (8 * _DAY, ((_DAY, "d"), (_HOUR, "h"))),
    (2 * _YEAR, ((_DAY, "d"),)),
    (8 * _YEAR, ((_YEAR, "y"), (_DAY, "d"))),
)


def duration(seconds: int) -> str:
    """A time span as kubectl writes it: `45s`, `5m3s`, `25m`, `3h20m`, `4d`."""
    units = next((units for limit, units in _STEPS if seconds < limit), ((_YEAR, "y"),))
    size, letter = units[0]
    text = f"{seconds // size}{letter}"
    for smaller, name in units[1:]:
        rest = seconds % size // smaller
        text += f"{rest}{name}" if rest else ""
    return text


def age(text: object) -> str:
    """The time since a timestamp."""
    try:
        then = datetime.fromisoformat(str(text))
    except ValueError:
        return UNKNOWN
    return duration(max(0, int((datetime.now(UTC) - then).total_seconds())))


def count(document: JsonObject, path: str) -> int:
    """A number, or the number of members of a list or map; zero where there is nothing."""
    value = at(document, path) or 0
    return value if isinstance(value, int) else len(value)


def labels(pairs: Mapping[str, str] | None) -> str:
    """A map as a selector is written."""
    return ",".join(f"{key}={value}" for key, value in sorted((pairs or {}).items())) or NONE


def selector(value: Mapping[str, Any] | None) -> str:
    """A label selector: equalities, then expressions."""
    if not value:
        return NONE
    texts = [f"{key}={item}" for key, item in sorted((value.get("matchLabels") or {}).items())]
    texts += [_expression(one) for one in value.get("matchExpressions") or ()]
    return ",".join(texts) or NONE


def _expression(one: JsonObject) -> str:
    key, operator, values = one["key"], one["operator"], ",".join(sorted(one.get("values") or ()))
    if operator == "Exists":
        return str(key)
    return f"!{key}" if operator == "DoesNotExist" else f"{key} {operator.lower()} ({values})"


def shortened(items: Sequence[str], nothing: str, limit: int = 3) -> str:
    """The first few, and how many more there are."""
    text = ",".join(items[:limit])
    return f"{text} + {len(items) - limit} more..." if len(items) > limit else text or nothing


def balancer_addresses(document: JsonObject) -> list[str]:
    """Addresses and names in `status.loadBalancer`, each once, sorted."""
    entries = at(document, "status.loadBalancer.ingress") or ()
    return sorted({entry.get("ip") or entry.get("hostname", "") for entry in entries} - {""})


def conditions(document: JsonObject) -> dict[str, str]:
    """Type and status of each condition."""
    return {item.get("type", ""): item.get("status", "") for item in at(document, "status.conditions") or ()}


def containers(document: JsonObject) -> tuple[str, str]:
    """Names and images of the containers in a Pod template."""
    found: Iterable[JsonObject] = at(document, "spec.template.spec.containers") or ()
    pairs = [(item.get("name", ""), item.get("image", "")) for item in found]
    return ",".join(name for name, _ in pairs), ",".join(image for _, image in pairs)
