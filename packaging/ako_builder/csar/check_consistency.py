"""Rules about how manifest, descriptor, chart, images and bill of materials agree with each other."""

import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from lxml import etree

from ako_builder.csar.chart import ChartFacts, ChartProblem, chart_facts
from ako_builder.csar.check_descriptor import UNIT, VNF
from ako_builder.csar.check_package import Layout
from ako_builder.csar.check_tca import HELM_VDU, is_tca
from ako_builder.csar.container import Container, Unreadable
from ako_builder.csar.member_stream import MemberStream
from ako_builder.csar.oci import image_name
from ako_builder.csar.rules import Finding
from ako_builder.csar.sbom_xml import XmlProblem, bill_of
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.tosca import Template, artifact_file, artifact_type, inner_path, items, mapping, word

_MAX_CHART = 64 << 20
_MAX_JSON = 16 << 20

# Key of the manifest -> property of the VNF node that says the same.
_SAME = {
    "vnf_provider_id": "provider",
    "vnf_product_name": "product_name",
    "vnf_software_version": "software_version",
}


def consistency_findings(
    parts: Layout,
    template: Template,
    *,
    container: Container,
    digests: Mapping[str, Mapping[str, str]],
    bom_schema: etree.XMLSchema | None = None,
) -> Iterator[Finding]:
    """Whether descriptor, manifest, chart, images and bill of materials speak of the same things."""
    yield from _identity_findings(parts, template)
    for path in chart_paths(template, container=container):
        yield from _chart_findings(path, template=template, container=container)
    yield from _image_findings(container, template=template, digests=digests)
    sums = {name: found["SHA-256"] for name, found in digests.items() if "SHA-256" in found}
    for name in container.entries:
        if name.endswith(".cdx.json"):
            yield from _sbom_findings(container, name=name, template=template, sums=sums)
        elif name.endswith((".cdx.xml", "bom.xml")):
            charts = {sums[path] for path in chart_paths(template, container=container) if path in sums}
            yield from _xml_findings(container, name=name, charts=charts, schema=bom_schema)
        elif name.endswith(".intoto.jsonl"):
            yield from _provenance_findings(container, name=name, sums=sums)


def _identity_findings(parts: Layout, template: Template) -> Iterator[Finding]:
    vnfs = template.required_nodes(VNF)
    properties = vnfs[0].properties if vnfs else {}
    identifier = properties.get("descriptor_id")
    mapped = mapping(template.substitution.get("properties")).get("descriptor_id")
    metadata = parts.manifest.metadata if parts.manifest else {}
    for other, where in ((mapped, "the substitution mapping"), (metadata.get("vnfd_id"), "the manifest")):
        if other and identifier and other != identifier:
            text = f"the VNF node says {identifier}, {where} {other}"
            yield Finding(rule="CON-001", where=template.path, text=text)
    for key, name in _SAME.items():
        stated, found = metadata.get(key), properties.get(name)
        if stated and found is not None and str(found) != stated:
            text = f"{key} is {stated!r}, {name} is {found!r}"
            yield Finding(rule="CON-006", where=parts.manifest_path or "", text=text)


def chart_paths(template: Template, *, container: Container) -> list[str]:
    """Chart archives: what HelmChart artifacts name, else what lies among the artifacts."""
    named = {
        path
        for node in template.nodes
        for artifact in node.artifacts.values()
        if artifact_type(artifact).endswith(".HelmChart")
        and (path := inner_path(template.path, artifact_file(artifact))) in container.entries
    }
    found = {name for name in container.entries if name.endswith(".tgz") and "chart" in name.lower()}
    return sorted({path for path in named if path} | found)


def _chart_findings(path: str, *, template: Template, container: Container) -> Iterator[Finding]:
    entry = container.entries[path]
    if entry.size > _MAX_CHART:
        yield Finding(rule="CON-003", where=path, text=f"{entry.size} bytes are too many for a chart")
        return
    try:
        with MemberStream(container, entry) as stream:
            chart = chart_facts(stream, origin=path)
    except (ChartProblem, Unreadable) as error:
        yield Finding(rule="CON-003", where=path, text=str(error))
        return
    if is_tca(template):
        yield from _chart_name_findings(chart, template=template, path=path)
    yield from _values_findings(chart, path=f"{path.removesuffix('.tgz')}-values.yaml", container=container)
    yield from _named_image_findings(chart, path=path, container=container)
    known = {workload.name for workload in chart.workloads}
    kinds = {workload.kind for workload in chart.workloads}
    for node in template.required_nodes(UNIT):
        data = mapping(node.properties.get("mcio_identification_data"))
        named = word(data.get("name")) in known or chart.name in known
        if kinds and (word(data.get("type")) not in kinds or not named):
            text = f"{node.name}: {data.get('type')} {data.get('name')}; the chart has {', '.join(sorted(kinds))}"
            yield Finding(rule="CON-008", where=template.path, text=text)


def _chart_name_findings(chart: ChartFacts, *, template: Template, path: str) -> Iterator[Finding]:
    vdus = template.required_nodes(HELM_VDU)
    stated = {(str(node.properties.get("chartName")), str(node.properties.get("chartVersion"))) for node in vdus}
    if vdus and (chart.name, chart.version) not in stated:
        names = ", ".join(f"{name} {version}" for name, version in sorted(stated))
        text = f"{path} is {chart.name} {chart.version}, the descriptor names {names}"
        yield Finding(rule="CON-002", where=template.path, text=text)


def _values_findings(chart: ChartFacts, *, path: str, container: Container) -> Iterator[Finding]:
    """The values beside the chart must be values of this chart."""
    if path not in container.entries:
        return
    try:
        own, given = (mapping(parse_yaml(data)) for data in (chart.values, container.read(path, limit=_MAX_JSON)))
    except (YamlProblem, yaml.YAMLError, Unreadable) as error:
        yield Finding(rule="CON-011", where=path, text=f"not readable ({error})")
        return
    for key in sorted(str(key) for key in set(given) - set(own) - {"global"}):
        yield Finding(rule="CON-011", where=path, text=f"the chart {chart.name} has no value {key!r}")


def _named_image_findings(chart: ChartFacts, *, path: str, container: Container) -> Iterator[Finding]:
    """An image that the chart's values name by digest must be the one that lies in the package under this name."""
    inside: dict[str, set[str]] = {}
    for images in _layout_images(container).values():
        for digest, reference in images:
            inside.setdefault(_repository(reference), set()).add(digest)
    for reference in chart.images:
        digest = reference.partition("@")[2]
        found = inside.get(_repository(reference), set())
        if digest and found and digest not in found:
            text = f"the chart's values name {reference}, the package holds {', '.join(sorted(found))}"
            yield Finding(rule="CON-004", where=path, text=text)


def _repository(reference: str) -> str:
    """A reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def _image_findings(
    container: Container, *, template: Template, digests: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    for name, found in digests.items():
        blob = re.search(r"blobs/sha256/([0-9a-f]{64})$", name)
        if blob and found.get("SHA-256", blob[1]) != blob[1]:
            yield Finding(rule="CON-004", where=name, text="the content is not what its name says")
    inside = {path: {digest for digest, _ in images} for path, images in _layout_images(container).items()}
    for node in template.nodes:
        for label, artifact in node.artifacts.items():
            path = inner_path(template.path, artifact_file(artifact))
            stated = mapping(mapping(mapping(artifact).get("properties")).get("checksum")).get("hash")
            if path in inside and isinstance(stated, str) and f"sha256:{stated}" not in inside[path]:
                text = f"{node.name}.{label} names sha256:{stated[:16]}…, {path} holds others"
                yield Finding(rule="CON-004", where=template.path, text=text)


def _layout_images(container: Container) -> dict[str, list[tuple[str, str]]]:
    """Digest and name of each image in the package's image layouts, by the path that stands for the layout."""
    found = {}
    for name in container.entries:
        document: Any = None
        if name.endswith("images/index.json"):
            document = _json(container, name)
        elif name.endswith("images.tar"):
            document = _index_in_tar(container, name)
        entries = mapping(document).get("manifests")
        if isinstance(entries, list):
            found[name] = [(str(mapping(entry).get("digest")), image_name(mapping(entry)) or "") for entry in entries]
    return found


def _index_in_tar(container: Container, name: str) -> Any:  # noqa: ANN401 - a document
    try:
        with MemberStream(container, container.entries[name]) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for count, info in enumerate(tar):
                if info.name.removeprefix("./") == "index.json" and info.isfile() and info.size <= _MAX_JSON:
                    content = tar.extractfile(info)
                    return json.loads(content.read()) if content else None
                if count > 100_000:
                    return None
    except (tarfile.TarError, Unreadable, OSError, ValueError):
        return None
    return None


def _sbom_findings(
    container: Container, *, name: str, template: Template, sums: Mapping[str, str]
) -> Iterator[Finding]:
    """The SBOM's charts must be the package's charts."""
    document = mapping(_json(container, name))
    charts = {sums[path] for path in chart_paths(template, container=container) if path in sums}
    for component in items(document.get("components")):
        body = mapping(component)
        if not str(body.get("purl", "")).startswith("pkg:helm/") or not charts:
            continue
        stated = {str(mapping(item).get("content")) for item in items(body.get("hashes"))}
        if stated and not stated & charts:
            yield Finding(rule="CON-005", where=name, text=f"component {body.get('name')}")


def _xml_findings(
    container: Container, *, name: str, charts: set[str], schema: etree.XMLSchema | None
) -> Iterator[Finding]:
    """The same for a bill in XML, which must be readable in the first place, and a bill."""
    try:
        bill = bill_of(container.read(name, limit=_MAX_JSON), schema=schema)
    except (XmlProblem, Unreadable) as error:
        yield Finding(rule="CON-009", where=name, text=str(error))
        return
    for flaw in bill.flaws:
        yield Finding(rule="CON-010", where=name, text=flaw.text, line=flaw.line)
    for component in bill.components:
        if component.purl.startswith("pkg:helm/") and component.sha256 and component.sha256 not in charts:
            yield Finding(rule="CON-005", where=name, text=f"component {component.name}")


def _provenance_findings(container: Container, *, name: str, sums: Mapping[str, str]) -> Iterator[Finding]:
    for subject in items(mapping(_json(container, name)).get("subject")):
        body = mapping(subject)
        stated = mapping(body.get("digest")).get("sha256")
        found = sums.get(str(body.get("name")))
        if found is not None and stated != found:
            yield Finding(rule="CON-007", where=name, text=str(body.get("name")))


def _json(container: Container, name: str) -> Any:  # noqa: ANN401 - a document
    try:
        return json.loads(container.read(name, limit=_MAX_JSON))
    except (ValueError, Unreadable, RecursionError):
        return None
