"""The bill of materials of an image: SPDX 2.3, one document a platform, made from the pins.

It names the image as the described package and everything pinned as what it contains, each with version, supplier,
SHA-256 and package URL. The document's identifier and time come from the image's digest and the build's epoch, so that
the same image has the same document.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from ako_builder.image.lock import Pin
from ako_builder.release import Release

MEDIA_TYPE: Final = "application/spdx+json"
_IMAGE: Final = "SPDXRef-image"


def sbom_document(
    release: Release, pins: Sequence[Pin], *, platform: str, manifest_digest: str, epoch: int
) -> dict[str, Any]:
    """The SPDX document of one platform's image."""
    architecture = platform.partition("/")[2]
    hexadecimal = manifest_digest.removeprefix("sha256:")
    created = dt.datetime.fromtimestamp(epoch, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    packages = [_package(pin, number, architecture=architecture) for number, pin in enumerate(pins)]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{release.image.repository}-{release.version}-{architecture}",
        "documentNamespace": f"{release.home}/sbom/{hexadecimal}",
        "creationInfo": {
            "created": created,
            "creators": [f"Organization: {release.provider}", f"Tool: {release.product}-{release.version}"],
            "comment": "Made from the pinned inputs of the image.",
        },
        "packages": [_image(release, manifest_digest=manifest_digest), *packages],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": _IMAGE},
            *(
                {"spdxElementId": _IMAGE, "relationshipType": "CONTAINS", "relatedSpdxElement": package["SPDXID"]}
                for package in packages
            ),
        ],
    }


def _image(release: Release, *, manifest_digest: str) -> dict[str, Any]:
    hexadecimal = manifest_digest.removeprefix("sha256:")
    return {
        "SPDXID": _IMAGE,
        "name": release.image.name,
        "versionInfo": release.version,
        "supplier": f"Organization: {release.provider}",
        "downloadLocation": release.home,
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": release.licence,
        "copyrightText": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": hexadecimal}],
        "primaryPackagePurpose": "CONTAINER",
        "externalRefs": [_purl(f"pkg:oci/{release.chart.name}@{manifest_digest}?repository_url={release.image.name}")],
    }


def _package(pin: Pin, number: int, *, architecture: str) -> dict[str, Any]:
    if pin.kind == "debian":
        supplier = "Organization: Debian"
        purl = f"pkg:deb/debian/{pin.name}@{pin.version}?arch={architecture}"
    else:
        supplier = "NOASSERTION"
        purl = f"pkg:pypi/{pin.name}@{pin.version}"
    return {
        "SPDXID": f"SPDXRef-{number}",
        "name": pin.name,
        "versionInfo": pin.version,
        "supplier": supplier,
        "downloadLocation": "NOASSERTION",
        "packageFileName": pin.file,
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": pin.sha256}],
        "externalRefs": [_purl(purl)],
    }


def _purl(locator: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}
