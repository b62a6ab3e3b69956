"""What two versions of a package are compared by, beyond their files: values, images, workloads, rights, definitions.

These come from the charts in the package, rendered with Helm where it is at hand. A package whose structure is broken
is not compared: what cannot be read is not what was deleted.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ako_builder.archive.container import Container
from ako_builder.archive.member_stream import MemberStream
from ako_builder.csar.chart import ChartFacts, load_chart
from ako_builder.csar.chart_objects import CONTROLLERS, ChartObjects, rule_text
from ako_builder.csar.check_charts import MAX_CHART, chart_paths
from ako_builder.csar.check_package import layout
from ako_builder.csar.opened import opened_package
from ako_builder.csar.rendering import rendered
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.tosca import load_template
from ako_runtime.errors import UserError

Facts = dict[str, str]
AREAS = ("value", "image", "workload", "right", "definition")


class PackedChart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart of a package: what its archive says, and its objects."""

    facts: ChartFacts
    objects: ChartObjects
    origin: str
    certain: bool
    reason: str


def packed_charts(path: Path) -> list[PackedChart]:
    """The charts of a package, or the chart that an archive is; `UserError` where it cannot be read whole."""
    if path.suffix in {".tgz", ".gz"}:
        return [_chart(path)]
    with opened_package(path) as container, tempfile.TemporaryDirectory(prefix="ako-csar-") as folder:
        parts = layout(container)
        template = load_template(container, parts.entry, others=parts.others) if parts.entry else None
        copies = [
            _copy(container, name, Path(folder) / f"{number}.tgz")
            for number, name in enumerate(chart_paths(template, container=container))
        ]
        return [_chart(copy) for copy in copies]


def _copy(container: Container, name: str, target: Path) -> Path:
    entry = container.entries[name]
    if entry.size > MAX_CHART:
        raise UserError(f"{container.path}: {name}: {entry.size} bytes are too many for a chart")
    with MemberStream(container, entry) as stream, target.open("wb") as copy:
        shutil.copyfileobj(stream, copy)
    return target


def _chart(archive: Path) -> PackedChart:
    facts = load_chart(archive)
    found = rendered(archive, release=facts.name, templates=facts.templates)
    return PackedChart(
        facts=facts, objects=found.objects, origin=found.origin, certain=found.certain, reason=found.reason
    )


def chart_facts_by_area(charts: list[PackedChart]) -> dict[str, Facts]:
    """For each area what there is, as text by name; the chart's name stands before it where there are several."""
    found: dict[str, Facts] = {area: {} for area in AREAS}
    for chart in charts:
        prefix = f"{chart.facts.name}: " if len(charts) > 1 else ""
        for area, name, text in _chart_facts(chart):
            found[area][f"{prefix}{name}"] = text
    return found


def _chart_facts(chart: PackedChart) -> Iterator[tuple[str, str, str]]:
    for name, value in flat(_values(chart.facts)):
        yield "value", name, "null" if value is None else str(value)
    for image in chart.objects.images if chart.certain else chart.facts.images:
        name, version = _split(image)
        yield "image", name, version
    yield from (("workload", name, text) for name, text in _workloads(chart))
    for role, rules in chart.objects.rights.items():
        for rule in rules:
            for verb in rule.verbs:
                what = rule_text(msgspec.structs.replace(rule, verbs=())).rstrip(": ")
                yield "right", f"{role}: {verb} {what}", "granted"
    for name, text in chart.objects.definitions.items():
        yield "definition", name, text


def _workloads(chart: PackedChart) -> Iterator[tuple[str, str]]:
    """Controllers of pods with their number of pods; where nothing was rendered, as they are read from templates."""
    if not chart.certain:
        for unit in chart.facts.workloads:
            yield f"{unit.kind}/{unit.name}", f"{unit.replicas} pods{' (unsure)' if unit.unsure else ''}"
        return
    for owner in chart.objects.owners:
        if owner.kind in CONTROLLERS:
            hook = f", hook {owner.hook}" if owner.hook else ""
            yield f"{owner.kind}/{owner.name}", f"{owner.replicas} pods{hook}"


def _values(facts: ChartFacts) -> Any:  # noqa: ANN401 - a YAML document
    try:
        return parse_yaml(facts.values) if facts.values.strip() else {}
    except (YamlProblem, yaml.YAMLError):
        return {}


def _split(image: str) -> tuple[str, str]:
    """The repository, and what follows it."""
    name, _, digest = image.partition("@")
    head, slash, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return head + slash + repository, "@".join(part for part in (tag or "latest" * (not digest), digest) if part)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a document
    """The leaves of a document by their paths; what is empty is a leaf."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from flat(item, f"{path}[{number}]")
    else:
        yield path, value
