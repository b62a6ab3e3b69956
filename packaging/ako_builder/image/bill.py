"""What an image consists of, for its bill of materials: one bill a platform, made from the pins.

The image is the product and everything pinned is a part of it, each with version, supplier, SHA-256 and package URL.
The bill's identifier and time come from the image's digest and the build's epoch, so that the same image has the same
document.
"""

from collections.abc import Sequence

from ako_builder.image.lock import Pin
from ako_builder.release import Release
from ako_builder.sbom.bill import Bill, Component


def image_bill(release: Release, pins: Sequence[Pin], *, platform: str, manifest_digest: str, epoch: int) -> Bill:
    """The bill of one platform's image."""
    architecture = platform.partition("/")[2]
    hexadecimal = manifest_digest.removeprefix("sha256:")
    image = Component(
        kind="image",
        name=release.image.name,
        version=release.version,
        supplier=release.provider,
        home=release.home,
        licence=release.licence,
        sha256=hexadecimal,
        purl=f"pkg:oci/{release.chart.name}@{manifest_digest}?repository_url={release.image.name}",
    )
    return Bill(
        name=f"{release.image.repository}-{release.version}-{architecture}",
        product=image,
        parts=tuple(_part(pin, architecture=architecture) for pin in pins),
        uri=f"{release.home}/sbom/{hexadecimal}",
        organisation=release.provider,
        tool=(release.product, release.version),
        comment="SBOM Type: Build",
        epoch=epoch,
    )


def _part(pin: Pin, *, architecture: str) -> Component:
    debian = pin.kind == "debian"
    purl = f"deb/debian/{pin.name}@{pin.version}?arch={architecture}" if debian else f"pypi/{pin.name}@{pin.version}"
    return Component(
        kind=pin.kind,
        name=pin.name,
        version=pin.version,
        supplier="Debian" if debian else "",
        file=pin.file,
        sha256=pin.sha256,
        purl=f"pkg:{purl}",
    )
