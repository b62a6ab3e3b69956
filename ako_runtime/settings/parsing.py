"""ConfigMap, Secret, environment or chart values to `Settings`, or every error at once.

A setting may be written in more than one place. The ConfigMap wins over the environment: the official pod copies the
ConfigMap into variables when it starts, so a variable can only be the older of two, and a ConfigMap that is edited at
run time must be able to take effect. Where nothing is written the catalogue's default applies.

A configuration with which the official AKO starts never keeps the process from starting: unknown keys, and values of
which the official AKO takes another one, are remarks (`Settings.tolerated`); `strict` makes errors of them. Unknown
environment variables are neither, because every process has many. Each value is decoded by itself first; rules across
values run on what could be decoded, so one run reports everything that can be known.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from ako_runtime.settings.catalogue import ALL_SETTINGS, BY_KEY, BY_SECRET_KEY, BY_VARIABLE
from ako_runtime.settings.decoding import Decoded, Given, decoded, is_unset, without_unknown_fields
from ako_runtime.settings.description import Setting
from ako_runtime.settings.problems import Problem, refuse, unknown
from ako_runtime.settings.retired import RETIRED_KEYS
from ako_runtime.settings.rules import conflicts, half_written, unusual, without_halves
from ako_runtime.settings.values import Settings


def parse(
    mapping: Mapping[str, object],
    environ: Mapping[str, str],
    secret: Mapping[str, object] | None = None,
    *,
    strict: bool = False,
) -> Settings:
    """The settings that a ConfigMap's data, an environment and (if given) a Secret's decoded data amount to."""
    given, unknown_ones = _collected(mapping, environ, secret)
    draft = Draft(given=given, tolerable=unknown_ones)
    return settled(draft, credentials=secret is not None, source="the configuration", strict=strict)


def parse_environment(environ: Mapping[str, str], *, strict: bool = False) -> Settings:
    """The settings of an environment file that holds nothing but ours."""
    unknown_ones = [unknown(name, known=BY_VARIABLE) for name in environ if name not in BY_VARIABLE]
    given, _ = _collected({}, environ, None)
    draft = Draft(given=given, tolerable=unknown_ones)
    return settled(draft, credentials=False, source="the environment", strict=strict)


class Draft(Struct, frozen=True, kw_only=True):
    """Written values by setting name, and what is known to be wrong with the document that they come from."""

    given: Mapping[str, Given]
    problems: Iterable[Problem] = ()
    tolerable: Iterable[Problem] = ()


def settled(draft: Draft, *, credentials: bool, source: str, strict: bool) -> Settings:
    """`Settings` of a draft; raises for its problems and whatever else is wrong, with `strict` for every remark too."""
    found, tolerated = list(draft.problems), list(draft.tolerable)
    chosen: dict[str, Decoded] = {}
    for setting in ALL_SETTINGS:
        written = draft.given.get(setting.name) if setting.attribute else None
        if written is None:
            continue
        written, left_out = without_unknown_fields(setting, written)
        tolerated += left_out
        value = decoded(setting, written)
        if not isinstance(value, Problem):
            chosen[setting.attribute] = value
        elif strict or setting.fallback is None:
            found.append(value)
        else:
            tolerated.append(_fallen_back(setting, value))
            chosen[setting.attribute] = _fallback(setting)
    settings = _settings(chosen)
    tolerated += [*half_written(settings, draft.given), *unusual(settings, draft.given)]
    settings = without_halves(settings)
    broken = {problem.name for problem in [*found, *tolerated]} if strict else {problem.name for problem in found}
    rules = conflicts(settings, draft.given, credentials=credentials)
    found.extend(problem for problem in rules if problem.name not in broken)
    if strict:
        found, tolerated = [*tolerated, *found], []
    if found:
        refuse(found, source=source, tolerated=tolerated)
    return msgspec.structs.replace(settings, tolerated=tuple(dict.fromkeys(tolerated)))


def _fallback(setting: Setting) -> Decoded:
    value = decoded(setting, Given(written=setting.name, value=setting.fallback))
    if isinstance(value, Problem):
        raise TypeError(f"the fallback of {setting.name} is none of its values")
    return value


def _fallen_back(setting: Setting, problem: Problem) -> Problem:
    shown = str(setting.fallback).lower() if isinstance(setting.fallback, bool) else setting.fallback
    in_force = "an empty list" if shown == () else shown
    return Problem(name=problem.name, message=f"{problem.message}; in force is {in_force}, as with the official AKO")


def written_values(pairs: Iterable[tuple[Setting, Given]]) -> dict[str, Given]:
    """By setting name, the first of `pairs` that says something; so list what wins first."""
    chosen: dict[str, Given] = {}
    for setting, given in pairs:
        if not is_unset(given.value):
            chosen.setdefault(setting.name, given)
    return chosen


def _collected(
    mapping: Mapping[str, object], environ: Mapping[str, str], secret: Mapping[str, object] | None
) -> tuple[dict[str, Given], list[Problem]]:
    problems = [_unknown_key(key) for key in mapping if key not in BY_KEY]
    pairs = [(BY_KEY[key], Given(written=key, value=value)) for key, value in mapping.items() if key in BY_KEY]
    for key, value in (secret or {}).items():
        if key in BY_SECRET_KEY:
            pairs.append((BY_SECRET_KEY[key], Given(written=f"avi-secret {key}", value=value)))
        else:
            problems.append(unknown(key, known=BY_SECRET_KEY))
    pairs.extend(
        (setting, Given(written=variable, value=environ[variable]))
        for variable, setting in BY_VARIABLE.items()
        if variable in environ
    )
    return written_values(pairs), problems


def _unknown_key(key: str) -> Problem:
    if key in BY_SECRET_KEY:
        return Problem(name=key, message="belongs in the Secret avi-secret, not in the ConfigMap")
    return unknown(key, known=BY_KEY, retired=RETIRED_KEYS)


def _settings(chosen: Mapping[str, Decoded]) -> Settings:
    """A `Settings` with the chosen attributes; every one has been decoded to its attribute's type."""
    return Settings(**chosen)  # type: ignore[arg-type]
