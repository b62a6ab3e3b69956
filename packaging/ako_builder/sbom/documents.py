"""Software bill of materials: the product, its chart and its images, as CycloneDX and as SPDX.

Both are made from the same list of components, so they cannot disagree. The SPDX one follows the OpenChain Telco SBOM
Guide: creator with organisation and tool, the CISA SBOM type in the creator comment, for every package a version, a
supplier, a checksum where the bytes are known, a package URL. Nothing in them depends on the clock or on chance: times
are the build's epoch, serial numbers are name-based UUIDs.
"""

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from ako_builder.csar.identity import Identity

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://ako-toolkit.example.org/sbom")
Document = dict[str, Any]


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is delivered."""

    kind: str  # "chart" or "image"
    name: str
    version: str
    sha256: str | None
    purl: str
    licence: str = ""
    # The file of the package that stands for it where its own bytes are not at hand, and that file's digest.
    file: str | None = None
    file_sha256: str | None = None


def chart_component(*, name: str, version: str, sha256: str, licence: str) -> Component:
    """The chart."""
    purl = f"pkg:helm/{name}@{version}"
    return Component(kind="chart", name=name, version=version, sha256=sha256, purl=purl, licence=licence)


def image_component(
    *,
    reference: str,
    name: str,
    version: str,
    digest: str | None,
    file: str | None = None,
    file_sha256: str | None = None,
) -> Component:
    """A container image; `file` is what refers to it in the package."""
    sha256 = digest.removeprefix("sha256:") if digest else None
    repository = re.sub(r"[@:][^/]*$", "", reference)
    identifier = f"sha256%3A{sha256}" if sha256 else version
    purl = f"pkg:oci/{name}@{identifier}?repository_url={repository}"
    return Component(
        kind="image", name=name, version=version, sha256=sha256, purl=purl, file=file, file_sha256=file_sha256
    )


def cyclonedx(identity: Identity, *, components: Iterable[Component], epoch: int, tool_version: str) -> bytes:
    """CycloneDX 1.5 in JSON."""
    components = tuple(components)
    root = f"pkg:generic/{identity.provider}/{identity.product}@{identity.version}"
    document: Document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{_serial(identity, components)}",
        "version": 1,
        "metadata": {
            "timestamp": _time(epoch),
            "tools": {"components": [{"type": "application", "name": "ako-toolkit", "version": tool_version}]},
            "supplier": {"name": identity.provider},
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": identity.product,
                "version": identity.version,
                "supplier": {"name": identity.provider},
                "purl": root,
            },
        },
        "components": [_cyclonedx_component(component, supplier=identity.provider) for component in components],
        "dependencies": [{"ref": root, "dependsOn": [component.purl for component in components]}],
    }
    return _json(document)


def _cyclonedx_component(component: Component, *, supplier: str) -> Document:
    document: Document = {
        "type": "container" if component.kind == "image" else "application",
        "bom-ref": component.purl,
        "supplier": {"name": supplier},
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.sha256:
        document["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.licence:
        document["licenses"] = [{"license": {"id": component.licence}}]
    return document


def spdx(
    identity: Identity,
    *,
    components: Iterable[Component],
    descriptor: tuple[str, str],
    epoch: int,
    tool_version: str,
) -> bytes:
    """SPDX 2.3 in JSON; `descriptor` is path and digest of the file that stands for the product as a whole."""
    components = tuple(components)
    root = "SPDXRef-Product"
    packages = [_spdx_product(identity, descriptor=descriptor)]
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": root}]
    for component in components:
        reference = f"SPDXRef-{component.kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', component.name)}"
        packages.append(_spdx_package(component, reference=reference, supplier=identity.provider))
        relations.append({"spdxElementId": root, "relationshipType": "CONTAINS", "relatedSpdxElement": reference})
    document: Document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{identity.product}-{identity.version}",
        "documentNamespace": f"https://ako-toolkit.example.org/spdx/{_serial(identity, components)}",
        "creationInfo": {
            "created": _time(epoch),
            "creators": [f"Organization: {identity.provider}", f"Tool: ako-toolkit-{tool_version}"],
            "comment": "SBOM Type: Build",
        },
        "packages": packages,
        "relationships": relations,
    }
    return _json(document)


def _spdx_product(identity: Identity, *, descriptor: tuple[str, str]) -> Document:
    purl = f"pkg:generic/{identity.provider}/{identity.product}@{identity.version}"
    licence = identity.licence or "NOASSERTION"
    return {
        "SPDXID": "SPDXRef-Product",
        "name": identity.product,
        "versionInfo": identity.version,
        "supplier": f"Organization: {identity.provider}",
        "downloadLocation": identity.home or "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "packageFileName": descriptor[0],
        "checksums": [{"algorithm": "SHA256", "checksumValue": descriptor[1]}],
        "externalRefs": [_purl(purl)],
    }


def _spdx_package(component: Component, *, reference: str, supplier: str) -> Document:
    licence = component.licence or "NOASSERTION"
    document: Document = {
        "SPDXID": reference,
        "name": component.name,
        "versionInfo": component.version,
        "supplier": f"Organization: {supplier}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": [_purl(component.purl)],
    }
    if component.sha256:
        document["checksums"] = [{"algorithm": "SHA256", "checksumValue": component.sha256}]
    elif component.file and component.file_sha256:
        document["packageFileName"] = component.file
        document["checksums"] = [{"algorithm": "SHA256", "checksumValue": component.file_sha256}]
        document["comment"] = "The checksum is that of the file that refers to the image; the image is not included."
    return document


def _purl(locator: str) -> Document:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}


def _serial(identity: Identity, components: Iterable[Component]) -> uuid.UUID:
    words = [identity.provider, identity.product, identity.version]
    words += [f"{component.purl} {component.sha256}" for component in components]
    return uuid.uuid5(_NAMESPACE, "\n".join(words))


def _time(epoch: int) -> str:
    return dt.datetime.fromtimestamp(epoch, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(document: Document) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
