"""Every value of the chart in one list: settings, the official chart's manifest values, and our own.

An `Entry` has what the generated files need: the path, the JSON schema of what may be written, the default that
values.yaml shows, and the words. Types in the schema are as wide as the official chart's habits: booleans and integers
may come as strings, null means "the default".
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ako_builder.chart.extras import DEFAULTS, EXTRAS, NOT_USED, SCHEMAS, Json
from ako_builder.chart.number_pattern import number_pattern
from ako_builder.release import Release
from ako_runtime.settings import CHART_VALUES, SETTINGS, ChartValue, ItemField, Setting

_WORDS: Final[dict[str, Json]] = {"enum": [True, False, "true", "false", None]}
# As the official controller reads them: every spelling of Go's ParseBool, which the process reads too.
_SPELLINGS: Final = ("true", "false", "True", "False", "TRUE", "FALSE", "t", "f", "T", "F", "1", "0", 1, 0)
_BOOLEAN: Final[dict[str, Json]] = {"enum": [True, False, *_SPELLINGS, None]}
# A network is given by one of these; which one is up to the user.
_IPV4: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}"
_CIDR_PATTERNS: Final[dict[str, dict[str, Json]]] = {
    "cidr": {"pattern": rf"^({_IPV4}/(3[0-2]|[12]?[0-9]))?$"},
    # The shape only: which groups an address may leave out is for the runtime to say.
    "v6cidr": {"pattern": r"^([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$"},
}
_NOT_BLANK: Final = r".*\S.*"
_NAMES: Final = frozenset({"networkName", "networkUUID"})
_HEADS: Final = (
    "global", "replicaCount", "image", "AKOSettings", "featureGates", "ControllerSettings", "avicredentials",
    "NetworkSettings", "L4Settings", "L7Settings", "nodePortSelector",
)  # fmt: skip


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One value of the chart."""

    path: str
    schema: dict[str, Json]
    default: Json
    meaning: str
    since: str
    # The reason why it has no effect here; empty if it has one.
    unused: str = ""


def entries(release: Release) -> tuple[Entry, ...]:
    """Every value, in the order in which documents list it."""
    found = [*_settings(), *(_chart_value(value, release) for value in CHART_VALUES), *_extras()]
    unique = {entry.path: entry for entry in reversed(found)}
    # `global` itself is described by its parts.
    unique.pop("global", None)
    order = [entry for entry in found if unique.get(entry.path) is entry]
    return tuple(sorted(order, key=lambda entry: _rank(entry.path)))


def tree(listed: Sequence[Entry]) -> dict[str, Json]:
    """The defaults as one nested document."""
    root: dict[str, Json] = {}
    for entry in listed:
        node = root
        *branches, leaf = entry.path.split(".")
        for branch in branches:
            child = node.setdefault(branch, {})
            if not isinstance(child, dict):
                raise TypeError(f"{entry.path}: {branch} is a value and a branch")
            node = child
        node[leaf] = entry.default
    return root


def _rank(path: str) -> tuple[int, str]:
    head = path.split(".", 1)[0]
    return (_HEADS.index(head), "") if head in _HEADS else (len(_HEADS), head)


def _settings() -> Iterator[Entry]:
    for setting in SETTINGS:
        if setting.helm is None:
            continue
        unused = "" if setting.honoured else "this version does not act on it"
        schema = setting_schema(setting)
        default: Json = None if setting.secret else _plain(setting.default)
        yield Entry(
            path=setting.helm,
            schema=schema,
            default=default,
            meaning=setting.meaning,
            since=setting.since,
            unused=unused,
        )
        for alias in setting.helm_aliases:
            meaning = f"Older spelling of {setting.helm}, which wins."
            yield Entry(
                path=alias, schema=schema, default=_plain(setting.default), meaning=meaning, since=setting.since
            )


def _chart_value(value: ChartValue, release: Release) -> Entry:
    default: Json = _plain(value.default)
    if value.path == "image.repository":
        default = release.image.name
    elif value.path in DEFAULTS:
        default = DEFAULTS[value.path]
    elif value.default is None:
        default = {} if value.type == "object" else ""
    return Entry(
        path=value.path,
        schema=SCHEMAS.get(value.path) or _value_schema(value),
        default=default,
        meaning=value.meaning,
        since=value.since,
        unused=NOT_USED.get(value.path, ""),
    )


def _extras() -> Iterator[Entry]:
    for extra in EXTRAS:
        yield Entry(path=extra.path, schema=extra.schema, default=extra.default, meaning=extra.meaning, since="ours")


def _plain(default: object) -> Json:
    if isinstance(default, tuple):
        return []
    if isinstance(default, str | bool | int) or default is None:
        return default
    raise TypeError(f"{default!r} is no default")


def setting_schema(setting: Setting) -> dict[str, Json]:
    """JSON schema of what a values file may say for a setting."""
    match setting.type:
        case "boolean":
            # Nothing else costs so much as what this one does, so it has one spelling.
            return dict(_WORDS if setting.name == "deleteConfig" else _BOOLEAN)
        case "integer":
            text = number_pattern(setting.minimum or 0, setting.maximum)
            schema: dict[str, Json] = {"type": ["integer", "string", "null"], "pattern": text}
            return schema | _limits(setting.minimum, setting.maximum)
        case "list":
            pattern = f"^({setting.pattern})$" if setting.pattern else _NOT_BLANK
            return {"type": ["array", "null"], "items": {"type": "string", "pattern": pattern}}
        case "object-list":
            return _object_list(setting)
        case "string":
            return _string(setting)


def _string(setting: Setting) -> dict[str, Json]:
    if setting.enum:
        spellings = dict.fromkeys(each for text in setting.enum for each in (text, text.lower(), text.upper()))
        return {"enum": [*spellings, *([""] if "" not in spellings else []), None]}
    # Blanks alone would be taken for nothing by the runtime, but not by a template.
    schema: dict[str, Json] = {"type": ["string", "null"], "pattern": f"^({_NOT_BLANK})?$"}
    if setting.pattern:
        # JSON schema knows no inline flags; a dot that matches newlines is spelled out.
        pattern = setting.pattern
        if pattern.startswith("(?s)"):
            pattern = re.sub(r"(?<!\\)\.", r"[\\s\\S]", pattern.removeprefix("(?s)"))
        schema["pattern"] = f"^({pattern})?$"
    return schema


def _object_list(setting: Setting) -> dict[str, Json]:
    properties: dict[str, Json] = {field.name: _field(field) for field in setting.fields}
    item: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    if properties.keys() >= _NAMES:
        item["anyOf"] = [
            {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}} for name in sorted(_NAMES)
        ]
    schema: dict[str, Json] = {"type": ["array", "null"], "items": item}
    if setting.maximum is not None:
        schema["maxItems"] = setting.maximum
    return schema


def _field(field: ItemField) -> dict[str, Json]:
    described: dict[str, Json] = {"description": field.meaning}
    if field.type == "list":
        return described | {"type": "array", "items": {"type": "string"}}
    return described | {"type": "string"} | _CIDR_PATTERNS.get(field.name, {})


def _value_schema(value: ChartValue) -> dict[str, Json]:
    match value.type:
        case "boolean":
            return dict(_BOOLEAN if value.since != "ours" else _WORDS)
        case "integer":
            return {"type": "integer"} | _limits(value.minimum, value.maximum)
        case "object":
            return {"type": ["object", "null"]}
        case "list":
            return {"type": ["array", "null"], "items": {"type": "string"}}
        case "object-list":
            return {"type": ["array", "null"], "items": {"type": "object"}}
        case "string":
            return {"enum": [*value.enum, None]} if value.enum else {"type": ["string", "null"]}


def _limits(minimum: int | None, maximum: int | None) -> dict[str, Json]:
    limits: dict[str, Json] = {}
    if minimum is not None:
        limits["minimum"] = minimum
    if maximum is not None:
        limits["maximum"] = maximum
    return limits
