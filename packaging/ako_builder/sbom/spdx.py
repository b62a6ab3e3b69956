"""SPDX 2.3 in JSON.

The document follows the OpenChain Telco SBOM Guide: creator with organisation and tool, the CISA SBOM type in the
creator comment, for every package a version, a supplier, a checksum where the bytes are known, a package URL.
"""

from typing import Any, Final

from ako_builder.sbom.bill import Bill, Component, identified
from ako_builder.times import rfc3339

MEDIA_TYPE: Final = "application/spdx+json"
_UNKNOWN: Final = "NOASSERTION"
_PURPOSES: Final = {"image": "CONTAINER"}


def spdx_document(bill: Bill) -> dict[str, Any]:
    """The document of a bill: the product is described, and contains the parts."""
    root = "SPDXRef-Product"
    parts = [(f"SPDXRef-{identifier}", part) for identifier, part in identified(bill.parts)]
    relations = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", root)]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": bill.name,
        "documentNamespace": bill.uri,
        "creationInfo": {
            "created": rfc3339(bill.epoch),
            "creators": [f"Organization: {bill.organisation}", f"Tool: {'-'.join(bill.tool)}"],
            "comment": bill.comment,
        },
        "packages": [_package(bill.product, root), *(_package(part, reference) for reference, part in parts)],
        "relationships": [*relations, *(_relation(root, "CONTAINS", reference) for reference, _ in parts)],
    }


def _relation(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}


def _package(component: Component, reference: str) -> dict[str, Any]:
    licence = component.licence or _UNKNOWN
    document: dict[str, Any] = {
        "SPDXID": reference,
        "name": component.name,
        "versionInfo": component.version,
        "supplier": f"Organization: {component.supplier}" if component.supplier else _UNKNOWN,
        "downloadLocation": component.home or _UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": _UNKNOWN,
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": component.purl}
        ],
    }
    if component.kind in _PURPOSES:
        document["primaryPackagePurpose"] = _PURPOSES[component.kind]
    if component.file and (component.file_sha256 or component.sha256):
        document["packageFileName"] = component.file
    checksum = component.sha256 or component.file_sha256
    if checksum:
        document["checksums"] = [{"algorithm": "SHA256", "checksumValue": checksum}]
    if component.comment:
        document["comment"] = component.comment
    return document
