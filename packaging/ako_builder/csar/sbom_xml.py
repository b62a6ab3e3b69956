"""Bills of materials in XML (CycloneDX), read from strangers: no DTD, no entities, no network, no surprises.

XML is the form in which some vendors deliver their SBOM beside a chart. What is read is what can be compared: the
purl and the SHA-256 of each component. A document with a DOCTYPE is refused as a whole, because entities expand.
"""

from typing import Final

import msgspec
from lxml import etree

_NAMESPACES: Final = tuple(f"http://cyclonedx.org/schema/bom/1.{minor}" for minor in range(8))
_MAX_DEPTH = 64


class XmlProblem(ValueError):  # noqa: N818 - named after the finding
    """The document is refused."""


class XmlComponent(msgspec.Struct, frozen=True, kw_only=True):
    """One component of the bill."""

    name: str
    purl: str
    sha256: str


def components_of(data: bytes) -> tuple[XmlComponent, ...]:
    """The components of a CycloneDX document."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise XmlProblem("a document type is declared; entities are not read from strangers")
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlProblem(f"not XML ({str(error)[:100]})") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlProblem("a document type is declared; entities are not read from strangers")
    name = etree.QName(root)
    if name.localname != "bom" or name.namespace not in _NAMESPACES:
        raise XmlProblem(f"the root is {name.localname}, not a CycloneDX bom")
    if any(len(list(element.iterancestors())) > _MAX_DEPTH for element in root.iter()):
        raise XmlProblem(f"nested deeper than {_MAX_DEPTH}")
    space = {"c": str(name.namespace)}
    return tuple(
        XmlComponent(
            name=_text(component, "c:name", space),
            purl=_text(component, "c:purl", space),
            sha256=_text(component, "c:hashes/c:hash[@alg='SHA-256']", space).lower(),
        )
        for component in root.iterfind(".//c:component", space)
    )


def _text(element: etree._Element, path: str, space: dict[str, str]) -> str:
    found = element.findtext(path, namespaces=space)
    return (found or "").strip()
