"""Rules about how manifest, descriptor, chart, images and bill of materials agree with each other."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from ako_builder.archive.container import Container, Unreadable
from ako_builder.csar.check_charts import chart_findings, chart_paths, inner_charts
from ako_builder.csar.check_descriptor import VNF
from ako_builder.csar.check_package import Layout
from ako_builder.csar.layout_images import MAX_JSON, Images, JsonProblem, layout_images, parse_json
from ako_builder.csar.rules import Finding
from ako_builder.csar.tosca import Template, artifact_file, inner_path, items, mapping
from ako_builder.sbom.xml import XmlProblem, bill_of

# What CycloneDX and SPDX call their files.
_JSON_BILLS = (".cdx.json", "bom.json", ".spdx.json")
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
    paths = chart_paths(template, container=container)
    charts, unreadable = inner_charts(paths, container=container)
    yield from unreadable
    images, unread = layout_images(container)
    yield from unread
    yield from chart_findings(charts, template=template, container=container, images=images)
    yield from _image_findings(images, template=template, digests=digests)
    chart_sums = {found for path in paths if (found := _sha256(digests, path))}
    for name in container.entries:
        if name.endswith(_JSON_BILLS):
            yield from _sbom_findings(container, name=name, charts=chart_sums)
        elif name.endswith((".cdx.xml", "bom.xml")):
            yield from _xml_findings(container, name=name, charts=chart_sums, schema=bom_schema)
        elif name.endswith(".intoto.jsonl"):
            yield from _provenance_findings(container, name=name, digests=digests)


def _sha256(digests: Mapping[str, Mapping[str, str]], name: str) -> str | None:
    return digests.get(name, {}).get("SHA-256")


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


def _image_findings(
    images: Images, *, template: Template, digests: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    for name, found in digests.items():
        blob = re.search(r"blobs/sha256/([0-9a-f]{64})$", name)
        if blob and found.get("SHA-256", blob[1]) != blob[1]:
            yield Finding(rule="CON-004", where=name, text="the content is not what its name says")
    inside = {path: {digest for digest, _ in found} for path, found in images.items()}
    for level in template.levels if inside else ():
        for node in level.nodes:
            for label, artifact in node.artifacts.items():
                path = inner_path(level.path, artifact_file(artifact))
                stated = mapping(mapping(mapping(artifact).get("properties")).get("checksum")).get("hash")
                if path in inside and isinstance(stated, str) and f"sha256:{stated}" not in inside[path]:
                    text = f"{node.name}.{label} names sha256:{stated[:16]}…, {path} holds others"
                    yield Finding(rule="CON-004", where=level.path, text=text)


def _sbom_findings(container: Container, *, name: str, charts: set[str]) -> Iterator[Finding]:
    """A bill in JSON must be readable, and its charts must be the package's charts."""
    try:
        document = _object(container.read(name, limit=MAX_JSON), container=container)
    except (JsonProblem, Unreadable) as error:
        yield Finding(rule="CON-009", where=name, text=str(error))
        return
    for title, stated in _helm_charts(document):
        if stated and charts and not stated & charts:
            yield Finding(rule="CON-005", where=name, text=f"component {title}")


def _helm_charts(document: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Names and digests of the charts in a bill of either kind."""
    for component in map(mapping, items(document.get("components"))):
        if str(component.get("purl", "")).startswith("pkg:helm/"):
            hashes = map(mapping, items(component.get("hashes")))
            yield str(component.get("name")), {str(one.get("content")) for one in hashes if one.get("alg") == "SHA-256"}
    for package in map(mapping, items(document.get("packages"))):
        references = map(mapping, items(package.get("externalRefs")))
        if any(str(one.get("referenceLocator", "")).startswith("pkg:helm/") for one in references):
            sums = map(mapping, items(package.get("checksums")))
            stated = {str(one.get("checksumValue")) for one in sums if one.get("algorithm") == "SHA256"}
            yield str(package.get("name")), stated


def _object(data: bytes, *, container: Container) -> dict[str, Any]:
    """A JSON object; `JsonProblem` for whatever else it is."""
    document = parse_json(data, container=container)
    if not isinstance(document, dict):
        raise JsonProblem("not a JSON object")
    return document


def _xml_findings(
    container: Container, *, name: str, charts: set[str], schema: etree.XMLSchema | None
) -> Iterator[Finding]:
    """The same for a bill in XML, which must be readable in the first place, and a bill."""
    try:
        data = container.read(name, limit=MAX_JSON)
        # An element or attribute begins at each of these.
        container.budget.spend("values in documents", data.count(b"<") // 2 + data.count(b"="))
        bill = bill_of(data, schema=schema)
    except (XmlProblem, Unreadable) as error:
        yield Finding(rule="CON-009", where=name, text=str(error))
        return
    for flaw in bill.flaws:
        yield Finding(rule="CON-010", where=name, text=flaw.text, line=flaw.line)
    for component in bill.components:
        if component.purl.startswith("pkg:helm/") and component.sha256 and component.sha256 not in charts:
            yield Finding(rule="CON-005", where=name, text=f"component {component.name}")


def _provenance_findings(
    container: Container, *, name: str, digests: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    """Statements, one a line or one over many lines; each as it is, or in the envelope of its signature (DSSE)."""
    try:
        subjects = [found for one in _statements(container, name=name) for found in items(one.get("subject"))]
    except (JsonProblem, Unreadable) as error:
        yield Finding(rule="CON-013", where=name, text=str(error))
        return
    if not subjects:
        yield Finding(rule="CON-013", where=name, text="no subject in it")
    for subject in subjects:
        body = mapping(subject)
        stated = mapping(body.get("digest")).get("sha256")
        found = _sha256(digests, str(body.get("name")))
        if found is not None and stated != found:
            yield Finding(rule="CON-007", where=name, text=str(body.get("name")))


def _statements(container: Container, *, name: str) -> Iterator[dict[str, Any]]:
    data = container.read(name, limit=MAX_JSON)
    try:
        documents = [_object(line, container=container) for line in data.splitlines() if line.strip()]
    except JsonProblem:
        documents = [_object(data, container=container)]
    for document in documents:
        payload = document.get("payload")
        if payload is None:
            yield document
            continue
        try:
            inner = base64.b64decode(str(payload), validate=True)
        except binascii.Error as error:
            raise JsonProblem(f"the payload of an envelope is not base64 ({error})") from error
        yield _object(inner, container=container)
