"""A software bill of materials as values, before it has a format: what is delivered, and what it consists of.

CycloneDX (`cyclonedx`) and SPDX (`spdx`) are written from the same bill, so they cannot disagree. Nothing in a bill
depends on the clock or on chance: its time is the build's epoch, its identifier a URI that the maker derives from the
content.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is delivered; `sha256` is that of its own bytes, empty where they are not at hand."""

    kind: str  # "product", "chart", "image", "debian", "wheel" or "source"
    name: str
    version: str
    purl: str
    supplier: str = ""
    licence: str = ""
    home: str = ""
    sha256: str = ""
    # The file that is it; or, where its own bytes are not at hand, the one that stands for it, with that file's digest.
    file: str = ""
    file_sha256: str = ""
    comment: str = ""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A product and its parts, and who says so: an organisation, with a tool (name and version).

    `uri` is unlike for unlike bills; `serial` a UUID of the same kind.
    """

    name: str
    product: Component
    parts: tuple[Component, ...]
    uri: str
    organisation: str
    tool: tuple[str, str]
    comment: str
    epoch: int
    serial: str = ""


def identified(components: Iterable[Component]) -> Iterator[tuple[str, Component]]:
    """Each component with an identifier of letters, digits, dots and hyphens that no other one has."""
    seen: set[str] = set()
    for component in components:
        stem = f"{component.kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', component.name)}"
        identifier, number = stem, 1
        while identifier in seen:
            number += 1
            identifier = f"{stem}-{number}"
        seen.add(identifier)
        yield identifier, component
