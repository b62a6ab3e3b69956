"""What a package consists of, for its bills of materials: the product, its chart and its images."""

import re
import uuid
from collections.abc import Sequence
from typing import Final

from ako_builder.csar.identity import Identity
from ako_builder.sbom.bill import Bill, Component

_SITE: Final = "https://ako-toolkit.example.org"
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, f"{_SITE}/sbom")
_NOT_INCLUDED: Final = "The checksum is that of the file that refers to the image; the image is not included."


def package_bill(
    identity: Identity, *, parts: Sequence[Component], descriptor: tuple[str, str], epoch: int, tool_version: str
) -> Bill:
    """The bill of a package; `descriptor` is path and digest of the file that stands for the product as a whole."""
    words = [identity.provider, identity.product, identity.version]
    words += [f"{part.purl} {part.sha256 or None}" for part in parts]
    serial = uuid.uuid5(_NAMESPACE, "\n".join(words))
    product = Component(
        kind="product",
        name=identity.product,
        version=identity.version,
        purl=f"pkg:generic/{identity.provider}/{identity.product}@{identity.version}",
        supplier=identity.provider,
        licence=identity.licence,
        home=identity.home,
        file=descriptor[0],
        file_sha256=descriptor[1],
    )
    return Bill(
        name=f"{identity.product}-{identity.version}",
        product=product,
        parts=tuple(parts),
        uri=f"{_SITE}/spdx/{serial}",
        serial=str(serial),
        organisation=identity.provider,
        tool=("ako-toolkit", tool_version),
        comment="SBOM Type: Build",
        epoch=epoch,
    )


def chart_component(identity: Identity, *, name: str, version: str, sha256: str) -> Component:
    """The chart."""
    return Component(
        kind="chart",
        name=name,
        version=version,
        sha256=sha256,
        purl=f"pkg:helm/{name}@{version}",
        supplier=identity.provider,
        licence=identity.licence,
    )


def image_component(
    identity: Identity, *, reference: str, name: str, version: str, digest: str | None, pointer: tuple[str, str] | None
) -> Component:
    """A container image; `pointer` is path and digest of the file that refers to it in the package."""
    sha256 = (digest or "").removeprefix("sha256:")
    repository = re.sub(r"[@:][^/]*$", "", reference)
    identifier = f"sha256%3A{sha256}" if sha256 else version
    stands_for = pointer if not sha256 else None
    return Component(
        kind="image",
        name=name,
        version=version,
        sha256=sha256,
        purl=f"pkg:oci/{name}@{identifier}?repository_url={repository}",
        supplier=identity.provider,
        file=stands_for[0] if stands_for else "",
        file_sha256=stands_for[1] if stands_for else "",
        comment=_NOT_INCLUDED if stands_for else "",
    )
