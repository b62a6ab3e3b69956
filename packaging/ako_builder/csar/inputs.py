"""What a descriptor is shaped from."""

from typing import Any

import msgspec

from ako_builder.csar.chart import ChartFacts
from ako_builder.csar.identity import Identity
from ako_builder.csar.profile import Profile


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """One configurable property: a setting as TOSCA sees it."""

    name: str
    type: str
    description: str
    default: Any = None
    choices: tuple[str, ...] = ()


class ImageFact(msgspec.Struct, frozen=True, kw_only=True):
    """One container image: how it is called, its digest and its size where they are known, its file in the package."""

    reference: str
    name: str
    version: str
    digest: str | None = None
    size: int | None = None
    file: str | None = None


class DescriptorInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a descriptor says, before it is said in a dialect."""

    identity: Identity
    chart: ChartFacts
    profile: Profile
    descriptor_id: str
    chart_path: str | None
    images: tuple[ImageFact, ...] = ()
    properties: tuple[Property, ...] = ()
    infra_requirements: dict[str, Any] | None = None
    # The name of TCA's Helm VDU, where an older version of the package has given it.
    vdu: str = ""


def slug(text: str) -> str:
    """A word for names: lower-case letters, digits and hyphens."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower()).strip("-") or "x"


def image_fact(reference: str) -> ImageFact:
    """The image that a reference names."""
    rest, _, digest = reference.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, tag = rest, ""
    return ImageFact(
        reference=reference,
        name=name.rsplit("/", 1)[-1],
        version=tag or digest or "latest",
        digest=digest or None,
    )
