"""Chart values to ConfigMap, Secret and `Settings`: what the chart's templates do, as functions.

A values document is nested; settings and chart values are addressed by dotted path. An unknown leaf is reported with
its successor or its nearest neighbour, all at once: in the sections of the official chart it is tolerated, as there;
elsewhere it is an error. What the chart renders from these values and what
`configmap_from_values` returns is the same by test, so whoever has no Helm at hand gets the same configuration.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ako_runtime.settings.catalogue import BY_KEY, BY_SECRET_KEY, BY_VALUES_PATH
from ako_runtime.settings.chart_values import CHART_SUBTREES, CHART_VALUES
from ako_runtime.settings.decoding import Decoded, Given, decoded, without_unknown_fields
from ako_runtime.settings.description import Setting
from ako_runtime.settings.parsing import Draft, settled, written_values
from ako_runtime.settings.problems import Problem, refuse, unknown
from ako_runtime.settings.retired import RETIRED
from ako_runtime.settings.values import Settings

_CHART_PATHS: Final = {value.path: value for value in CHART_VALUES}
_FREE_PATHS: Final = frozenset((*CHART_SUBTREES, *(value.path for value in CHART_VALUES if value.type == "object")))
_KNOWN_PATHS: Final = (*BY_VALUES_PATH, *_CHART_PATHS, *CHART_SUBTREES)
_BRANCHES: Final = frozenset(
    path.rsplit(".", depth)[0] for path in _KNOWN_PATHS for depth in range(1, path.count(".") + 1)
)
OFFICIAL_SECTIONS: Final = frozenset(
    {"AKOSettings", "NetworkSettings", "L7Settings", "L4Settings", "ControllerSettings", "nodePortSelector"}
)
"""Sections that the official chart reads; it has no schema, so a key that it does not know changes nothing."""
_NODE_PORT_ONLY: Final = frozenset({"nodeKey", "nodeValue"})


def configmap_from_values(values: Mapping[str, object]) -> dict[str, str]:
    """The data of the ConfigMap `avi-k8s-config` for chart values; what is not written has its default."""
    given, found = _collected(values)
    problems = [problem for problem in found if not is_tolerated(problem)]
    data = {}
    for setting in BY_KEY.values():
        written = given.get(setting.name, Given(written=setting.name, value=setting.default))
        written, _ = without_unknown_fields(setting, written)
        value: Decoded | Problem = setting.default if written.value == "" else decoded(setting, written)
        if isinstance(value, Problem):
            problems.append(value)
        else:
            data[setting.name] = _wire(value)
    if problems:
        refuse(problems, source="the values file")
    if data["serviceType"] != "NodePort":
        data = {key: value for key, value in data.items() if key not in _NODE_PORT_ONLY}
    return data


def secret_from_values(values: Mapping[str, object]) -> dict[str, str]:
    """The data (not base64) of the Secret `avi-secret`; empty where the chart renders none.

    As in the official chart it is rendered only for a user name and a password or token; otherwise a Secret that
    exists already is used.
    """
    given, found = _collected(values)
    problems = [problem for problem in found if not is_tolerated(problem)]
    data = {}
    for setting in BY_SECRET_KEY.values():
        if setting.name not in given:
            continue
        value = decoded(setting, given[setting.name])
        if isinstance(value, Problem):
            problems.append(value)
        else:
            data[setting.name] = str(given[setting.name].value)
    if problems:
        refuse(problems, source="the values file")
    complete = "username" in data and ("password" in data or "authtoken" in data)
    return data if complete else {}


def parse_values(values: Mapping[str, object], *, strict: bool = False) -> Settings:
    """The settings that chart values amount to; raises with every error, each by its values path."""
    given, problems = _collected(values)
    tolerable = [problem for problem in problems if is_tolerated(problem)]
    draft = Draft(given=given, problems=[one for one in problems if not is_tolerated(one)], tolerable=tolerable)
    return settled(draft, credentials=False, source="the values file", strict=strict)


def is_tolerated(problem: Problem) -> bool:
    """Whether the problem is an unknown key in a section of the official chart, which takes any."""
    return problem.name.partition(".")[0] in OFFICIAL_SECTIONS and problem.name not in _BRANCHES


def is_values_document(document: Mapping[str, object]) -> bool:
    """True if a mapping looks like chart values: one of its keys begins a known path."""
    return any(path.split(".", 1)[0] in document for path in _KNOWN_PATHS)


def _collected(values: Mapping[str, object]) -> tuple[dict[str, Given], list[Problem]]:
    pairs: list[tuple[Setting, Given]] = []
    problems: list[Problem] = []
    for path, value in sorted(_leaves(values), key=lambda leaf: _is_alias(leaf[0])):
        if path in BY_VALUES_PATH:
            pairs.append((BY_VALUES_PATH[path], Given(written=path, value=value)))
        elif path not in _CHART_PATHS:
            problems.append(_unknown_path(path))
    return written_values(pairs), problems


def _unknown_path(path: str) -> Problem:
    if path in _BRANCHES:
        return Problem(name=path, message="expected a mapping of settings, not a value")
    return unknown(path, known=_KNOWN_PATHS, retired=RETIRED)


def _is_alias(path: str) -> bool:
    return path in BY_VALUES_PATH and BY_VALUES_PATH[path].helm != path


def _leaves(node: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every (dotted path, value) that is not a branch of the known tree; null branches are Helm's "unset"."""
    for key, value in node.items():
        path = f"{prefix}{key}"
        if path in _FREE_PATHS:
            # A section of ours may bear the name of one that the official chart had once.
            below = _leaves(value, f"{path}.") if isinstance(value, Mapping) and path in CHART_SUBTREES else ()
            yield from ((name, item) for name, item in below if name in RETIRED)
            continue
        if isinstance(value, Mapping) and path not in BY_VALUES_PATH and path not in _CHART_PATHS:
            yield from _leaves(value, f"{path}.")
        elif not (value is None and path in _BRANCHES):
            yield path, value


def _wire(value: Decoded) -> str:
    """The string that the ConfigMap holds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    plain = sorted(value) if isinstance(value, frozenset) else msgspec.to_builtins(value)
    return json.dumps(plain, separators=(",", ":"), sort_keys=True)
