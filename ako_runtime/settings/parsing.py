"""ConfigMap, Secret, environment or chart values to `Settings`, or every error at once.

A setting may be written in more than one place. The ConfigMap wins over the environment: the official pod copies the
ConfigMap into variables when it starts, so a variable can only be the older of two, and a ConfigMap that is edited at
run time must be able to take effect. Where nothing is written the catalogue's default applies.

Unknown keys of a ConfigMap, a Secret or a values file are errors; unknown environment variables are not, because every
process has many. Each value is decoded by itself first; rules across values run on what could be decoded, so one run
reports everything that can be known.
"""

from collections.abc import Iterable, Mapping

from ako_runtime.settings.catalogue import ALL_SETTINGS, BY_KEY, BY_SECRET_KEY, BY_VARIABLE
from ako_runtime.settings.decoding import Decoded, Given, decoded, is_unset
from ako_runtime.settings.description import Setting
from ako_runtime.settings.problems import Problem, refuse, unknown
from ako_runtime.settings.rules import conflicts
from ako_runtime.settings.values import Settings


def parse(
    mapping: Mapping[str, object], environ: Mapping[str, str], secret: Mapping[str, object] | None = None
) -> Settings:
    """The settings that a ConfigMap's data, an environment and (if given) a Secret's decoded data amount to."""
    given, problems = _collected(mapping, environ, secret)
    return settled(given, problems=problems, credentials=secret is not None, source="the configuration")


def parse_environment(environ: Mapping[str, str]) -> Settings:
    """The settings of an environment file that holds nothing but ours: an unknown variable is an error."""
    problems = [unknown(name, known=BY_VARIABLE) for name in environ if name not in BY_VARIABLE]
    given, more = _collected({}, environ, None)
    return settled(given, problems=[*problems, *more], credentials=False, source="the environment")


def settled(given: Mapping[str, Given], *, problems: Iterable[Problem], credentials: bool, source: str) -> Settings:
    """`Settings` of the written values (by setting name); raises for `problems` and whatever else is wrong."""
    found = list(problems)
    chosen: dict[str, Decoded] = {}
    for setting in ALL_SETTINGS:
        if not setting.attribute:
            continue
        written = given.get(setting.name)
        if written is None:
            continue
        value = decoded(setting, written)
        if isinstance(value, Problem):
            found.append(value)
        else:
            chosen[setting.attribute] = value
    settings = _settings(chosen)
    broken = {problem.name for problem in found}
    found.extend(
        problem for problem in conflicts(settings, given, credentials=credentials) if problem.name not in broken
    )
    if found:
        refuse(found, source=source)
    return settings


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
    return unknown(key, known=BY_KEY)


def _settings(chosen: Mapping[str, Decoded]) -> Settings:
    """A `Settings` with the chosen attributes; every one has been decoded to its attribute's type."""
    return Settings(**chosen)  # type: ignore[arg-type]
