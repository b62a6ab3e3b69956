"""From one dialect to another: the chart stays, everything around it is written anew.

What a package is comes from its own descriptor (provider, product, versions), what it runs from its chart. A package
without its chart (the TCA designer's export has none) needs it given. The descriptor id is made anew, because it is
another descriptor; images that lie in the package as a layout are carried over without unpacking.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from ako_builder.archive.container import Container
from ako_builder.archive.entry_blob import EntryBlob
from ako_builder.archive.writer import Blob, FileBlob
from ako_builder.csar.chart import Workload, chart_facts
from ako_builder.csar.check_charts import chart_paths
from ako_builder.csar.check_descriptor import UNIT, VNF
from ako_builder.csar.check_package import layout
from ako_builder.csar.identity import Identity
from ako_builder.csar.layout_images import read_json
from ako_builder.csar.package import PackageRequest
from ako_builder.csar.profile import load_profile, type_files
from ako_builder.csar.tosca import Template, artifact_file, artifact_type, inner_path, load_template, mapping
from ako_builder.oci.reading import OciContent, images_of
from ako_runtime.errors import UserError

_IMAGES = "Artifacts/images/"


def conversion_request(
    container: Container,
    *,
    profile: str,
    epoch: int,
    chart: Path | None = None,
    types: Path | None = None,
    workloads: tuple[Workload, ...] = (),
) -> PackageRequest:
    """The request that builds the package in another profile; the container must stay open until it is built."""
    parts = layout(container)
    if parts.entry is None:
        raise UserError(f"{container.path}: no descriptor in it; 'ako csar verify' says more")
    template = load_template(container, parts.entry, others=parts.others)
    blob = _chart(container, template=template, given=chart)
    with blob.open() as stream:
        facts = chart_facts(stream, origin=str(chart or container.path))
    facts = msgspec.structs.replace(facts, workloads=workloads or _stated_workloads(template) or facts.workloads)
    with blob.open() as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()
    loaded = load_profile(profile)
    images = _images(container)
    return PackageRequest(
        identity=_identity(template, container=container, metadata=parts.manifest.metadata if parts.manifest else {}),
        profile=loaded,
        chart=facts,
        chart_archive=blob,
        chart_sha256=digest,
        types=type_files(loaded, replacements=types),
        epoch=epoch,
        images=images,
        image_references=() if images else _references(template, container=container) or facts.images,
        infra_requirements=_infra(template) if loaded.dialect == "tca" else None,
    )


def _chart(container: Container, *, template: Template, given: Path | None) -> Blob:
    if given is not None:
        if not given.is_file():
            raise UserError(f"--chart {given}: no such file; give the chart's archive")
        return FileBlob(given)
    paths = chart_paths(template, container=container)
    if len(paths) != 1:
        raise UserError(f"{container.path}: {len(paths)} charts in it; give the one to use with --chart")
    return EntryBlob(container, container.entries[paths[0]])


def _identity(template: Template, *, container: Container, metadata: dict[str, str]) -> Identity:
    vnfs = template.required_nodes(VNF)
    if len(vnfs) != 1:
        raise UserError(f"{container.path}: {len(vnfs)} VNF nodes in the descriptor; one is needed to convert it")
    properties = vnfs[0].properties

    def text(name: str, key: str) -> str:
        value = properties.get(name) or metadata.get(key)
        if not value:
            raise UserError(f"{container.path}: the descriptor states no {name}; correct it before converting")
        return str(value)

    product = text("product_name", "vnf_product_name")
    return Identity(
        provider=text("provider", "vnf_provider_id"),
        product=product,
        title=product,
        summary=str(template.tree.get("description") or product),
        version=text("software_version", "vnf_software_version"),
        descriptor_version=text("descriptor_version", "vnf_package_version"),
        licence="",
        home="",
    )


def _stated_workloads(template: Template) -> tuple[Workload, ...]:
    """What the package's own descriptor says that the chart runs."""
    found = []
    for level in template.levels:
        for node in level.required_nodes(UNIT):
            data = mapping(node.properties.get("mcio_identification_data"))
            most = mapping(node.properties.get("vdu_profile")).get("max_number_of_instances")
            if isinstance(data.get("name"), str) and isinstance(data.get("type"), str):
                count = most if isinstance(most, int) and not isinstance(most, bool) else 1
                found.append(Workload(kind=data["type"], name=data["name"], replicas=min(1, count), most=count))
    return tuple(dict.fromkeys(found))


def _infra(template: Template) -> dict[str, object] | None:
    for node in template.required_nodes(VNF):
        if "infra_requirements" in node.properties:
            return mapping(node.properties["infra_requirements"])
    return None


def _references(template: Template, *, container: Container) -> tuple[str, ...]:
    """Images by the names that an ETSI descriptor gives them."""
    found = []
    for level in template.levels:
        for node in level.nodes:
            for artifact in node.artifacts.values():
                properties = mapping(mapping(artifact).get("properties"))
                if artifact_type(artifact).endswith(".SwImage") and properties.get("name"):
                    found.append(_reference(level, artifact_file(artifact), properties, container=container))
    return tuple(dict.fromkeys(found))


def _reference(level: Template, file: str, properties: dict[str, Any], *, container: Container) -> str:
    """The reference that our pointer states whole, else name and version."""
    path = inner_path(level.path, file)
    pointer = read_json(container, path) if path in container.entries and str(path).endswith(".json") else None
    stated = mapping(pointer).get("image")
    return stated if isinstance(stated, str) else f"{properties['name']}:{properties.get('version', 'latest')}"


def _images(container: Container) -> OciContent | None:
    names = [name for name in container.entries if name.startswith(_IMAGES) and not name.endswith("/")]
    if f"{_IMAGES}index.json" in names:
        files: dict[str, Blob] = {
            name.removeprefix(_IMAGES): EntryBlob(container, container.entries[name])
            for name in names
            if name.removeprefix(_IMAGES) in {"index.json", "oci-layout"} or "/blobs/" in name
        }

        def read(name: str) -> bytes:
            return container.read(f"{_IMAGES}{name}", limit=4 << 20)

        return OciContent(images=images_of(read, origin=str(container.path)), files=files, entry="index.json")
    if f"{_IMAGES}images.tar" in names:
        blob = EntryBlob(container, container.entries[f"{_IMAGES}images.tar"])
        return OciContent(images=(), files={"images.tar": blob}, entry="images.tar")
    return None
