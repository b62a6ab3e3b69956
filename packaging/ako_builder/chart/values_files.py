"""Values files: read, completed with the chart's defaults, judged.

Judging uses what Helm uses, the chart's JSON schema, plus what the runtime itself would say at its start, so that a
file that passes here neither fails at `helm install` nor in the pod. What is right but has no effect in this chart is
told apart from what is wrong.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

import jsonschema_rs
import msgspec
import yaml

from ako_builder.chart.catalogue import Entry
from ako_builder.chart.extras import EXTRAS, Json
from ako_builder.chart.schema import schema_document
from ako_runtime.errors import UserError
from ako_runtime.settings import SettingsError, parse_values, remarks

Values = dict[str, Json]

# How a repository of the official controller ends, wherever it is mirrored.
OFFICIAL_IMAGE: Final = re.compile(r"(^|/)(avi-buildops|ako)/ako$")
_OURS: Final = frozenset(extra.path for extra in EXTRAS)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One remark about a values file: what is wrong, has no effect, or deserves a word."""

    level: Literal["error", "no effect", "remark"]
    key: str
    message: str


def load_values(path: Path) -> Values:
    """Read a values file; an empty one is an empty mapping."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a readable values file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text; name a values file") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())}); correct the file") from error
    if document is None:
        return {}
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise UserError(f"{path}: a values file is a mapping of keys; this is something else")
    return document


def merged(defaults: Mapping[str, Json], given: Mapping[str, Json]) -> Values:
    """The values that templates see: mappings merge, null removes a default, everything else replaces it."""
    result: Values = dict(defaults)
    for key, value in given.items():
        below = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(below, dict):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def settings_part(values: Mapping[str, Json]) -> Values:
    """The values without what only this chart knows: the part that `ako_runtime.settings` understands."""
    return _without(values, paths=_OURS, prefix="")


def findings(
    values: Mapping[str, Json], listed: Sequence[Entry], *, defaults: Mapping[str, Json], strict: bool = False
) -> list[Finding]:
    """Everything there is to say about a values file; with `strict` what the official chart takes is an error, too."""
    found = schema_errors(values, listed, defaults=defaults, strict=strict)
    named = {finding.key for finding in found}
    said = [one for one in _settings_errors(values, strict=strict) if one.key not in named]
    # Values that the schema refuses have been named; of the others only remarks are sure not to follow from these.
    found += [one for one in said if one.level == "remark"] if found else said
    found += [
        Finding(level="no effect", key=entry.path, message=entry.unused)
        for entry in listed
        if entry.unused and _text(_given(values, entry)) not in {"None", "", "{}", "[]", _text(entry.default)}
    ]
    repository = _mapping(values.get("image")).get("repository")
    if isinstance(repository, str) and OFFICIAL_IMAGE.search(repository):
        message = "is the official image; the chart uses its own instead if it is one that the official charts name"
        found.append(Finding(level="remark", key="image.repository", message=message))
    return found


def _text(value: Json) -> str:
    """A value as the official chart might write it: "false" for false."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def schema_errors(
    values: Mapping[str, Json], listed: Sequence[Entry], *, defaults: Mapping[str, Json], strict: bool = False
) -> list[Finding]:
    """What Helm refuses by the chart's schema: keys that do not exist, values of another type or out of range.

    With `strict` also keys that do not exist in the sections of the official chart.
    """
    validator = jsonschema_rs.validator_for(schema_document(listed, title="values", strict=strict))
    return [
        Finding(level="error", key=key, message=message)
        for error in validator.iter_errors(merged(defaults, values))
        for key, message in _sentences(".".join(str(part) for part in error.instance_path), error, listed)
    ]


def _sentences(where: str, error: jsonschema_rs.ValidationError, listed: Sequence[Entry]) -> list[tuple[str, str]]:
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        known = [entry.path for entry in listed]
        paths = [f"{where}.{name}" if where else name for name in kind.unexpected]
        return [(path, f"no such key{_suggestion(path, known)}") for path in paths]
    return [(where or "(top)", error.message)]


def _suggestion(path: str, known: Sequence[str]) -> str:
    near = get_close_matches(path, known, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def _settings_errors(values: Mapping[str, Json], *, strict: bool) -> Iterator[Finding]:
    """What the runtime would say; it knows rules that a schema cannot express."""
    try:
        settings = parse_values(settings_part(values), strict=strict)
    except SettingsError as error:
        for problem in error.problems:
            yield Finding(level="error", key=problem.name, message=problem.message)
        for problem in error.tolerated:
            yield Finding(level="remark", key=problem.name, message=problem.message)
        return
    for key, message in remarks(settings):
        yield Finding(level="remark", key=key, message=message)


def _given(values: Mapping[str, Json], entry: Entry) -> Json:
    node: Json = dict(values)
    for part in entry.path.split("."):
        if not isinstance(node, dict):
            return None
        node = node.get(part)
    return node


def _without(values: Mapping[str, Json], *, paths: frozenset[str], prefix: str) -> Values:
    result: Values = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if path in paths:
            continue
        if isinstance(value, dict) and any(known.startswith(f"{path}.") for known in paths):
            rest = _without(value, paths=paths, prefix=f"{path}.")
            if rest or not value:
                result[key] = rest
        else:
            result[key] = value
    return result
