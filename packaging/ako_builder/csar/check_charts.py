"""Rules about the charts in a package: which they are, and whether descriptor, values and images speak of them.

A chart is found by what it is, not by where it lies: an archive that a HelmChart artifact names, or one whose only
folder holds a Chart.yaml. Every chart is read once; nothing is rendered, because a verification runs nothing that
came with the package. So a name that a template computes is compared as far as its fixed parts go.
"""

import functools
import re
import tarfile
import zlib
from collections.abc import Iterator

import msgspec
import yaml

from ako_builder.archive.container import Container, Unreadable
from ako_builder.archive.member_stream import MemberStream
from ako_builder.csar.chart import ChartFacts, Workload, chart_facts
from ako_builder.csar.chart_archive import MAX_FILES, ChartProblem, opened_tar
from ako_builder.csar.check_descriptor import UNIT
from ako_builder.csar.check_tca import HELM_VDU, is_tca
from ako_builder.csar.layout_images import Images
from ako_builder.csar.rules import Finding
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.tosca import Template, artifact_file, artifact_type, inner_path, mapping, word

MAX_CHART = 64 << 20
_MAX_VALUES = 16 << 20
_SUFFIXES = (".tgz", ".tar.gz", ".tar", ".gz")
# How much of an archive is looked through for a Chart.yaml; Helm puts it first.
_LOOKED_THROUGH = 16 << 20


class InnerChart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart of the package: its path and what it holds."""

    path: str
    facts: ChartFacts


def chart_paths(template: Template | None, *, container: Container) -> list[str]:
    """Chart archives: what HelmChart artifacts name, and whatever else holds a Chart.yaml."""
    named = {
        path
        for level in (template.levels if template else ())
        for node in level.nodes
        for artifact in node.artifacts.values()
        if artifact_type(artifact).endswith(".HelmChart")
        and (path := inner_path(level.path, artifact_file(artifact))) in container.entries
    }
    candidates = [
        name
        for name, entry in container.entries.items()
        if name not in named and name.lower().endswith(_SUFFIXES) and entry.size <= MAX_CHART
    ]
    found = {name for name in candidates if _is_chart(container, name)}
    return sorted({path for path in named if path} | found)


def _is_chart(container: Container, name: str) -> bool:
    """Whether an archive holds one folder with a Chart.yaml; looking draws on the budget of the package."""
    seen = 0
    container.budget.spend("files of charts")
    try:
        with MemberStream(container, container.entries[name]) as stream, opened_tar(stream) as tar:
            for count, info in enumerate(tar):
                folder, _, rest = info.name.removeprefix("./").partition("/")
                if rest == "Chart.yaml" and folder and info.isfile():
                    return True
                seen += info.size
                container.budget.spend("files of charts")
                container.budget.spend("bytes of charts", min(info.size, _LOOKED_THROUGH))
                if count > MAX_FILES or seen > _LOOKED_THROUGH:
                    return False
    except (tarfile.TarError, Unreadable, EOFError, OSError, zlib.error, ValueError):
        return False
    return False


def inner_charts(paths: list[str], *, container: Container) -> tuple[list[InnerChart], list[Finding]]:
    """Read the charts; what cannot be read becomes a finding."""
    charts = []
    findings = []
    for path in paths:
        entry = container.entries[path]
        if entry.size > MAX_CHART:
            text = f"{entry.size} bytes are too many for a chart"
            findings.append(Finding(rule="CON-003", where=path, text=text))
            continue
        try:
            with MemberStream(container, entry) as stream:
                charts.append(
                    InnerChart(path=path, facts=chart_facts(stream, origin=path, spend=container.budget.spend))
                )
        except (ChartProblem, Unreadable) as error:
            findings.append(Finding(rule="CON-003", where=path, text=str(error)))
    return charts, findings


def chart_findings(
    charts: list[InnerChart], *, template: Template, container: Container, images: Images
) -> Iterator[Finding]:
    """Every finding about charts that could be read; `images` are those of the package's layouts."""
    for chart in charts:
        if is_tca(template):
            yield from _chart_name_findings(chart, template=template)
        yield from _values_findings(chart, container=container)
        yield from _named_image_findings(chart, images=images)
    if charts:
        yield from _workload_findings(charts, template=template)


def _workload_findings(charts: list[InnerChart], *, template: Template) -> Iterator[Finding]:
    """Units of the descriptor must be workloads of some chart of the package."""
    workloads = [workload for chart in charts for workload in chart.facts.workloads]
    kinds = ", ".join(sorted({f"{workload.kind} {workload.name}" for workload in workloads}))
    for level in template.levels if workloads else ():
        for node in level.required_nodes(UNIT):
            data = mapping(node.properties.get("mcio_identification_data"))
            kind, name = word(data.get("type")), word(data.get("name"))
            if not any(workload.kind == kind and _may_be_called(workload, name) for workload in workloads):
                text = f"{node.name}: {kind} {name}; the chart has {kinds}"
                yield Finding(rule="CON-008", where=level.path, text=text)


def _may_be_called(workload: Workload, name: str) -> bool:
    """Whether a workload may have a name: the fixed parts of its pattern, one after the other, with anything between.

    Done by hand, because an expression with many `.*` takes time without bound on the right name.
    """
    first, *rest = (re.sub(r"\\(.)", r"\1", part) for part in workload.pattern.split(".*"))
    if not rest:
        return name == first
    if not name.startswith(first):
        return False
    position = len(first)
    for part in rest[:-1]:
        position = name.find(part, position) + len(part)
        if position < len(part):
            return False
    return len(name) - position >= len(rest[-1]) and name.endswith(rest[-1])


def _chart_name_findings(chart: InnerChart, *, template: Template) -> Iterator[Finding]:
    vdus = template.required_nodes(HELM_VDU)
    stated = {(str(node.properties.get("chartName")), str(node.properties.get("chartVersion"))) for node in vdus}
    facts = chart.facts
    if vdus and (facts.name, facts.version) not in stated:
        names = ", ".join(f"{name} {version}" for name, version in sorted(stated))
        text = f"{chart.path} is {facts.name} {facts.version}, the descriptor names {names}"
        yield Finding(rule="CON-002", where=template.path, text=text)


def _values_findings(chart: InnerChart, *, container: Container) -> Iterator[Finding]:
    """The values beside the chart must be values of this chart or of a chart that it depends on."""
    path = values_path(chart.path)
    if path not in container.entries:
        return
    facts = chart.facts
    spend = functools.partial(container.budget.spend, "values in documents")
    try:
        own, given = (
            mapping(parse_yaml(data, spend=spend)) for data in (facts.values, container.read(path, limit=_MAX_VALUES))
        )
    except (YamlProblem, yaml.YAMLError, Unreadable) as error:
        yield Finding(rule="CON-011", where=path, text=f"not readable ({error})")
        return
    for key in sorted(str(key) for key in set(given) - set(own) - {"global", *facts.subcharts}):
        yield Finding(rule="CON-011", where=path, text=f"the chart {facts.name} has no value {key!r}")


def values_path(chart: str) -> str:
    """Where the values lie that belong to a chart's archive."""
    for suffix in _SUFFIXES:
        if chart.lower().endswith(suffix):
            return f"{chart[: -len(suffix)]}-values.yaml"
    return f"{chart}-values.yaml"


def _named_image_findings(chart: InnerChart, *, images: Images) -> Iterator[Finding]:
    """An image that the chart's values name by digest must be the one that lies in the package under this name."""
    inside: dict[str, set[str]] = {}
    for found in images.values():
        for digest, reference in found:
            inside.setdefault(_repository(reference), set()).add(digest)
    for reference in chart.facts.images:
        digest = reference.partition("@")[2]
        present = inside.get(_repository(reference), set())
        if digest and present and digest not in present:
            text = f"the chart's values name {reference}, the package holds {', '.join(sorted(present))}"
            yield Finding(rule="CON-004", where=chart.path, text=text)


def _repository(reference: str) -> str:
    """A reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]
