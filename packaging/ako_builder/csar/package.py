"""What goes into a CSAR, in which order: pure, from the request to the list of members.

Paths are the same in every profile that carries them, so that whoever knows one package finds their way in another:
`Definitions/` the descriptor and its types, `Artifacts/charts/` the chart and its values, `Artifacts/images/` images
or pointers to them, `Artifacts/sbom/`, `Artifacts/provenance/`, `Licenses/`, `Tests/`, `ChangeLog.txt`. The bare
layout (the TCA designer's) has only the descriptor, the types and empty folders.

Chart, values and images have names without a version: one parser takes the extension of a path to be whatever follows
its first dot.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from ako_builder.archive.writer import Blob, BytesBlob, Member
from ako_builder.csar.bill import chart_component, image_component, package_bill
from ako_builder.csar.chart import ChartFacts
from ako_builder.csar.identity import Identity
from ako_builder.csar.inputs import DescriptorInputs, ImageFact, Property, image_fact, slug
from ako_builder.csar.meta import PATH as META_PATH
from ako_builder.csar.meta import meta_text
from ako_builder.csar.nfd import tca_descriptor, tca_descriptor_id
from ako_builder.csar.profile import Profile
from ako_builder.csar.vnfd import etsi_descriptor
from ako_builder.oci.reading import OciContent
from ako_builder.sbom.bill import Component
from ako_builder.sbom.cyclonedx import cyclonedx_document
from ako_builder.sbom.spdx import spdx_document
from ako_builder.times import rfc3339
from ako_builder.yaml_text import yaml_text
from ako_runtime import __version__

CHANGE_LOG = "ChangeLog.txt"
LICENCES = "Licenses/"
TESTS = "Tests/"
PROVENANCE = "Artifacts/provenance/build.intoto.jsonl"
CERTIFICATE = "Artifacts/certificates/signer.cert"


class PackageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One CSAR to build, unsigned."""

    identity: Identity
    profile: Profile
    chart: ChartFacts
    chart_archive: Blob
    chart_sha256: str
    types: dict[str, bytes]
    epoch: int
    image_references: tuple[str, ...] = ()
    images: OciContent | None = None
    properties: tuple[Property, ...] = ()
    infra_requirements: dict[str, Any] | None = None
    change_log: bytes | None = None
    # Certificate as a file of its own (PEM), instead of inside the signature.
    certificate: bytes | None = None
    # The Helm VDU's name that an older version of the package has.
    vdu: str = ""

    @property
    def base(self) -> str:
        """The name that the package's files share."""
        return slug(self.identity.product)

    @property
    def entry(self) -> str:
        """Path of the descriptor."""
        return self.profile.entry.format(product=self.base)

    @property
    def manifest(self) -> str:
        """Path of the manifest."""
        return self.profile.manifest.format(product=self.base)

    @property
    def descriptor_id(self) -> str:
        """The descriptor's id, as the dialect writes it."""
        inputs = descriptor_inputs(self)
        return tca_descriptor_id(inputs) if self.profile.dialect == "tca" else inputs.descriptor_id

    @property
    def file_name(self) -> str:
        """How the finished package is called."""
        return f"{self.base}-{slug_version(self.identity.version)}-{self.profile.name}"


def slug_version(version: str) -> str:
    """A version as part of a file name."""
    return "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in version)


def descriptor_inputs(request: PackageRequest) -> DescriptorInputs:
    """What the descriptor is shaped from."""
    return DescriptorInputs(
        identity=request.identity,
        chart=request.chart,
        profile=request.profile,
        descriptor_id=_descriptor_id(request),
        chart_path=chart_path(request),
        images=image_facts(request),
        properties=request.properties,
        infra_requirements=request.infra_requirements,
        vdu=request.vdu,
    )


def _descriptor_id(request: PackageRequest) -> str:
    """The id without TCA's prefix where the dialect is not TCA's."""
    tca = request.profile.dialect == "tca"
    found = request.identity.descriptor_id(request.profile.name, stable=tca)
    return found if tca else found.removeprefix("nfd_")


def chart_path(request: PackageRequest) -> str:
    """Path of the chart's archive."""
    return f"Artifacts/charts/{slug(request.chart.name)}.tgz"


def image_facts(request: PackageRequest) -> tuple[ImageFact, ...]:
    """The images, with their place in the package: the content itself or a pointer."""
    facts = []
    inside = {image.reference: image for image in request.images.images} if request.images else {}
    taken: set[str] = set()
    for reference in dict.fromkeys((*inside, *request.image_references)):
        fact = image_fact(reference)
        if reference in inside and request.images:
            image = inside[reference]
            fact = msgspec.structs.replace(
                fact, digest=image.digest, size=image.size, file=f"Artifacts/images/{request.images.entry}"
            )
        else:
            stem = next(name for name in _stems(slug(fact.name)) if name not in taken)
            taken.add(stem)
            fact = msgspec.structs.replace(fact, file=f"Artifacts/images/{stem}.json")
        facts.append(fact)
    return tuple(facts)


def _stems(name: str) -> Iterator[str]:
    """The name, then the name with a number: two images may have one name."""
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def components(request: PackageRequest) -> tuple[Component, ...]:
    """What the bill of materials lists."""
    identity, chart = request.identity, request.chart
    pointers = image_pointers(request)
    images = [
        image_component(
            identity,
            reference=fact.reference,
            name=fact.name,
            version=fact.version,
            digest=fact.digest,
            pointer=(fact.file, hashlib.sha256(pointers[fact.file]).hexdigest()) if fact.file in pointers else None,
        )
        for fact in image_facts(request)
    ]
    listed = chart_component(identity, name=chart.name, version=chart.version, sha256=request.chart_sha256)
    return (listed, *images)


def first_members(request: PackageRequest) -> list[Member]:
    """Everything but provenance and manifest, in the order of the archive, folders included."""
    descriptor = descriptor_text(request).encode()
    files: dict[str, Blob] = {request.entry: BytesBlob(descriptor)}
    for name, data in request.types.items():
        files[f"Definitions/{name}"] = BytesBlob(data)
    if request.certificate is not None:
        files[CERTIFICATE] = BytesBlob(request.certificate)
    if request.profile.full:
        files |= _full_files(request, descriptor=descriptor)
    meta = Member(name=META_PATH, content=BytesBlob(meta_text(meta_keys(request)).encode()))
    extra = [] if not request.profile.full else [PROVENANCE]
    folders = _folders([*files, *extra], more=request.profile.directories)
    names = sorted([*files, *folders], key=_tree_order)
    if not request.profile.full:
        names = _designer_order(names, entry=request.entry)
    members = [Member(name=name, content=files[name]) if name in files else Member(name=name) for name in names]
    return [Member(name="TOSCA-Metadata/"), meta, *members]


def _full_files(request: PackageRequest, *, descriptor: bytes) -> dict[str, Blob]:
    identity = request.identity
    files: dict[str, Blob] = {
        CHANGE_LOG: BytesBlob(request.change_log or _change_log(request)),
        f"{LICENCES}LICENSE.txt": BytesBlob(request.chart.licence or _licence_note(identity)),
        f"{TESTS}README.txt": BytesBlob(_tests_note(request)),
        chart_path(request): request.chart_archive,
        f"Artifacts/charts/{slug(request.chart.name)}-values.yaml": BytesBlob(request.chart.values),
    }
    name = f"Artifacts/sbom/{request.base}"
    product = (request.entry, hashlib.sha256(descriptor).hexdigest())
    bill = package_bill(
        identity, parts=components(request), descriptor=product, epoch=request.epoch, tool_version=__version__
    )
    files[f"{name}.cdx.json"] = BytesBlob(_json(cyclonedx_document(bill)))
    files[f"{name}.spdx.json"] = BytesBlob(_json(spdx_document(bill)))
    if request.images:
        files |= {f"Artifacts/images/{name}": blob for name, blob in request.images.files.items()}
    return files | {path: BytesBlob(data) for path, data in image_pointers(request).items()}


def image_pointers(request: PackageRequest) -> dict[str, bytes]:
    """Small files that stand for images which are not in the package."""
    inside = {image.reference for image in request.images.images} if request.images else set()
    found = {}
    for fact in image_facts(request):
        if fact.file and fact.reference not in inside:
            pointer = {"image": fact.reference, "digest": fact.digest, "included": False}
            found[fact.file] = json.dumps(pointer, indent=2).encode() + b"\n"
    return found


def meta_keys(request: PackageRequest) -> dict[str, str]:
    """The keys of TOSCA.meta."""
    keys = {
        "TOSCA-Meta-File-Version": "1.0",
        "CSAR-Version": "1.1",
        "Created-By": request.profile.creator or f"{_ascii(request.identity.provider)} ako-toolkit {__version__}",
        "Entry-Definitions": request.entry,
    }
    if request.profile.full:
        keys |= {
            "ETSI-Entry-Manifest": request.manifest,
            "ETSI-Entry-Change-Log": CHANGE_LOG,
            "ETSI-Entry-Tests": TESTS.rstrip("/"),
            "ETSI-Entry-Licenses": LICENCES.rstrip("/"),
        }
    if request.certificate is not None:
        keys["ETSI-Entry-Certificate"] = CERTIFICATE
    return keys


def manifest_metadata(request: PackageRequest) -> dict[str, str]:
    """The metadata block of the manifest."""
    identity = request.identity
    return {
        "vnfd_id": request.descriptor_id,
        "vnf_provider_id": identity.provider,
        "vnf_product_name": identity.product,
        "vnf_release_date_time": rfc3339(request.epoch),
        "vnf_software_version": identity.version,
        "vnf_package_version": identity.descriptor_version,
        "vnfm_info": ",".join(request.profile.vnfm_info),
        "compatible_specification_versions": request.profile.sol004,
    }


def artifact_sets(request: PackageRequest, *, names: list[str]) -> dict[str, tuple[str, ...]]:
    """Non-MANO artifact sets: what is for people and other tools, not for the VNFM."""
    if not request.profile.full:
        return {}
    sbom = tuple(name for name in names if name.startswith("Artifacts/sbom/"))
    provenance = tuple(name for name in names if name.startswith("Artifacts/provenance/"))
    values = tuple(name for name in names if name.endswith("-values.yaml"))
    sets = {
        "org.example.ako-toolkit.sbom": sbom,
        "org.example.ako-toolkit.provenance": provenance,
        "org.example.ako-toolkit.values": values,
    }
    return {name: sources for name, sources in sets.items() if sources}


def descriptor_text(request: PackageRequest) -> str:
    """The descriptor as YAML."""
    inputs = descriptor_inputs(request)
    tree = tca_descriptor(inputs) if request.profile.dialect == "tca" else etsi_descriptor(inputs)
    return yaml_text(tree)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _folders(names: list[str], *, more: tuple[str, ...]) -> list[str]:
    found: dict[str, None] = {}
    for name in [*names, *more]:
        parts = name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            found["/".join(parts[:depth]) + "/"] = None
    return list(found)


def _tree_order(name: str) -> list[str]:
    return name.split("/")


def _designer_order(names: list[str], *, entry: str) -> list[str]:
    """Definitions before Artifacts, the descriptor before its types (the manifest goes in between)."""
    return sorted(
        names, key=lambda name: (not name.startswith("Definitions/"), name.count("/") == 2, name != entry, name)
    )


def _change_log(request: PackageRequest) -> bytes:
    identity = request.identity
    day = rfc3339(request.epoch)[:10]
    chart = f"{request.chart.name} {request.chart.version}"
    return f"{identity.product} {identity.version} ({day})\n  Release with chart {chart}.\n".encode()


def _licence_note(identity: Identity) -> bytes:
    if identity.licence:
        return f"{identity.product} is licensed under {identity.licence} (SPDX identifier).\n".encode()
    return f"{identity.product}: the chart states no licence; ask {identity.provider}.\n".encode()


def _tests_note(request: PackageRequest) -> bytes:
    return (
        f"Tests of {request.identity.product}\n\n"
        f"After instantiation: helm test {request.chart.name}\n"
        "Of the package: ako csar verify FILE\n"
    ).encode()


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace(": ", " ")
