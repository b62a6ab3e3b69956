"""`ako config`: explain the settings, and check a configuration before it is used.

`check` takes whatever form the configuration has at the moment: the manifest of the ConfigMap (with the Secret beside
it, if one wants the credentials checked too), a values file of the chart, or an environment file with a NAME=VALUE a
line. What it finds wrong is named as it is written in that file. Exit code 0: usable; 1: problems were found; 2: the
file is none of the three.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

import click
import yaml
from msgspec import Struct

from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError
from ako_runtime.settings import (
    ALL_SETTINGS,
    BY_VALUES_PATH,
    CHART_VALUES,
    ChartValue,
    Setting,
    Settings,
    SettingsError,
    is_values_document,
    parse,
    parse_environment,
    parse_values,
    remarks,
)
from ako_runtime.settings.problems import unknown

Form: TypeAlias = Literal["configmap", "values", "environment"]
_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_CONFIGMAP_NAME: Final = "avi-k8s-config"
_NEITHER: Final = "is neither a ConfigMap manifest nor a values file nor an environment file"


class Written(Struct, frozen=True, kw_only=True):
    """A configuration as it was read: its form and its data, not judged yet."""

    form: Form
    data: Mapping[str, object]
    secret: Mapping[str, object] | None = None

    def settings(self, *, strict: bool = False) -> Settings:
        """The parsed settings; raises `SettingsError` with everything that is wrong."""
        if self.form == "values":
            return parse_values(self.data, strict=strict)
        if self.form == "environment":
            return parse_environment({name: str(value) for name, value in self.data.items()}, strict=strict)
        return parse(self.data, {}, self.secret, strict=strict)


@click.group(no_args_is_help=True)
def config() -> None:
    """Explain the settings and check configurations."""


@config.command()
@click.argument("key", required=False)
@output_option
def explain(key: str | None, output: str) -> None:
    """Print one setting, or all of them.

    KEY is a key of the ConfigMap or the Secret, an environment variable, or a path in the chart's values.
    """
    if key is None:
        print_rows([_summary(setting) for setting in ALL_SETTINGS], output=output)
        return
    rows = _facts(_known(key))
    if output == "json":
        print_rows([rows], output="json")
        return
    width = max(map(len, rows))
    for name, text in rows.items():
        click.echo(f"{name.ljust(width)}  {text}")


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--form",
    type=click.Choice(["auto", "configmap", "values", "environment"]),
    default="auto",
    show_default=True,
    help="What the file is.",
)
@click.option("--strict", is_flag=True, help="Unknown keys and values that the official AKO replaces are errors.")
@output_option
def check(*, file: Path, form: str, strict: bool, output: str) -> int:
    """Check a ConfigMap manifest, a values file or an environment file.

    Unknown keys, and values that the official AKO replaces by others, are warnings: the process starts with them.
    """
    written = written_in(file, form=form)
    try:
        settings = written.settings(strict=strict)
    except SettingsError as error:
        rows = [_finding("error", problem.name, problem.message) for problem in error.problems]
        rows += [_finding("warning", problem.name, problem.message) for problem in error.tolerated]
        print_rows(rows, output=output)
        if output == "table":
            count = len(error.problems)
            click.echo(f"{file}: {count} error{'' if count == 1 else 's'} ({written.form})", err=True)
        return EXIT_FINDINGS
    warned = {(problem.name, problem.message) for problem in settings.tolerated}
    found = remarks(settings)
    rows = [_finding("warning" if remark in warned else "remark", *remark) for remark in found]
    if rows or output == "json":
        print_rows(rows, output=output)
    if output == "table":
        click.echo(f"{file}: usable ({written.form})", err=True)
    return 0


def _finding(severity: str, name: str, message: str) -> dict[str, str]:
    return {"severity": severity, "setting": name, "finding": message}


def written_in(file: Path, *, form: str = "auto") -> Written:
    """What `file` holds; `form` overrules the guess. Raises `UserError` if it is none of the three."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read {file}: it is not UTF-8 text") from error
    if form == "environment" or (form == "auto" and _looks_like_environment(text)):
        return Written(form="environment", data=_assignments(text, file))
    documents = _documents(text, file)
    if form == "values" or (form == "auto" and len(documents) == 1 and "kind" not in documents[0]):
        if form == "auto" and not is_values_document(documents[0]):
            raise UserError(f"{file} {_NEITHER}: name it with --form")
        return Written(form="values", data=documents[0] if documents else {})
    return _from_manifests(documents, file)


def _looks_like_environment(text: str) -> bool:
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    return bool(lines) and all(_ASSIGNMENT.fullmatch(line) for line in lines)


def _assignments(text: str, file: Path) -> dict[str, object]:
    data: dict[str, object] = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise UserError(f"{file} line {number} is not NAME=VALUE")
        value = match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        data[match[1]] = value
    return data


def _documents(text: str, file: Path) -> list[dict[str, object]]:
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        at = f" line {where.line + 1}" if where else ""
        raise UserError(f"{file}{at} is not YAML: {getattr(error, 'problem', None) or error}") from error
    flat: list[dict[str, object]] = []
    for document in documents:
        if not isinstance(document, dict):
            raise UserError(f"{file} {_NEITHER}")
        items = document.get("items") if document.get("kind") == "List" else None
        flat.extend(items if isinstance(items, list) else [document])
    return flat


def _from_manifests(documents: list[dict[str, object]], file: Path) -> Written:
    maps = [document for document in documents if document.get("kind") == "ConfigMap"]
    chosen = [document for document in maps if _name(document) == _CONFIGMAP_NAME] or maps
    if len(chosen) != 1:
        raise UserError(f"{file} holds {len(chosen)} ConfigMaps: one is expected, usually named {_CONFIGMAP_NAME}")
    secrets = [document for document in documents if document.get("kind") == "Secret"]
    ours = [document for document in secrets if _name(document) == "avi-secret"] or secrets
    secret = _secret_data(ours[0], file) if ours else None
    return Written(form="configmap", data=_mapping(chosen[0].get("data"), file), secret=secret)


def _name(document: Mapping[str, object]) -> object:
    metadata = document.get("metadata")
    return metadata.get("name") if isinstance(metadata, dict) else None


def _mapping(value: object, file: Path) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{file}: 'data' is expected to be a mapping")
    return value


def _secret_data(document: Mapping[str, object], file: Path) -> dict[str, object]:
    data: dict[str, object] = {}
    for key, value in _mapping(document.get("data"), file).items():
        try:
            data[key] = base64.b64decode(str(value or ""), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise UserError(f"{file}: '{key}' of the Secret is not base64 of UTF-8 text") from error
    return data | _mapping(document.get("stringData"), file)


def _known(key: str) -> Setting | ChartValue:
    for setting in ALL_SETTINGS:
        if key in {setting.name, setting.env}:
            return setting
    if key in BY_VALUES_PATH:
        return BY_VALUES_PATH[key]
    for value in CHART_VALUES:
        if key == value.path:
            return value
    names = [name for setting in ALL_SETTINGS for name in (setting.name, setting.env) if name]
    raise UserError(str(unknown(key, known=[*names, *BY_VALUES_PATH, *(value.path for value in CHART_VALUES)])))


def _summary(setting: Setting) -> dict[str, str]:
    return {
        "setting": setting.name,
        "type": setting.type,
        "default": shown_default(setting),
        "values path": setting.helm or "",
        "variable": setting.env or "",
        "since": setting.since,
        "live": "yes" if setting.live else "no",
        "honoured": "yes" if setting.honoured else "no",
    }


def _facts(item: Setting | ChartValue) -> dict[str, str]:
    if isinstance(item, ChartValue):
        return {
            "values path": item.path,
            "meaning": item.meaning,
            "type": item.type,
            "default": shown_default(item),
            "since": item.since,
            "used by": "the chart's templates only",
        }
    facts = {"setting": item.name, "meaning": item.meaning, "written in": _place(item)}
    facts["values path"] = ", ".join(filter(None, (item.helm, *item.helm_aliases)))
    facts |= {"variable": item.env or "", "type": item.type, "allowed": allowed(item), "default": shown_default(item)}
    facts |= {"unit": item.unit or "", "since": "this project" if item.since == "ours" else f"AKO {item.since}"}
    facts["takes effect"] = "at once" if item.live else "after a restart"
    facts["honoured"] = "" if item.honoured else "no: accepted and reported, without effect in this version"
    return {name: text for name, text in facts.items() if text}


def _place(setting: Setting) -> str:
    return {"configmap": f"ConfigMap {_CONFIGMAP_NAME}", "secret": "Secret avi-secret", "environment": "environment"}[
        setting.place
    ]


def shown_default(item: Setting | ChartValue) -> str:
    """The default as the ConfigMap would hold it."""
    match item.default:
        case bool():
            return "true" if item.default else "false"
        case None:
            return ""
        case ():
            return "[]"
        case default:
            return str(default)


def allowed(setting: Setting) -> str:
    """What may be written, in words; empty where anything of the type may."""
    if setting.enum:
        return ", ".join(choice or '""' for choice in setting.enum)
    if setting.fields:
        most = f", at most {setting.maximum}" if setting.maximum else ""
        return f"objects with {', '.join(field.name for field in setting.fields)}{most}"
    if setting.minimum is not None:
        return f"{setting.minimum} to {setting.maximum}" if setting.maximum else f"{setting.minimum} or more"
    return setting.expected or ""
