"""Bills of materials in XML (CycloneDX), read from strangers: no DTD, no entities, no network, no surprises.

XML is the form in which some vendors deliver their SBOM beside a chart. What is read is what can be compared: the
purl and the SHA-256 of each component. A document with a DOCTYPE is refused as a whole, because entities expand.

Whether a bill is one is judged by a schema: our own, which knows the names and values that matter and leaves the rest
alone, or the one that the user gives (CycloneDX publishes one a generation). A schema may bring others along, from its
own folder only.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from lxml import etree

from ako_builder.sources import source
from ako_runtime.errors import UserError

_NAMESPACES: Final = tuple(f"http://cyclonedx.org/schema/bom/1.{minor}" for minor in range(8))
_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_MAX_DEPTH = 64
_MAX_FLAWS = 20
_MAX_SCHEMAS = 20


class XmlProblem(ValueError):  # noqa: N818 - named after the finding
    """The document is refused."""


class XmlComponent(msgspec.Struct, frozen=True, kw_only=True):
    """One component of the bill."""

    name: str
    purl: str
    sha256: str


class XmlFlaw(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bill breaks its schema, and how."""

    line: int
    text: str


class XmlBill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill that was read."""

    components: tuple[XmlComponent, ...]
    flaws: tuple[XmlFlaw, ...]


def bill_of(data: bytes, *, schema: etree.XMLSchema | None = None) -> XmlBill:
    """A CycloneDX document: its components, and what a schema (ours without another) finds wrong with it."""
    root = _root(data)
    space = {"c": str(etree.QName(root).namespace)}
    components = tuple(
        XmlComponent(
            name=_text(component, "c:name", space),
            purl=_text(component, "c:purl", space),
            sha256=_text(component, "c:hashes/c:hash[@alg='SHA-256']", space).lower(),
        )
        for component in root.iterfind(".//c:component", space)
    )
    return XmlBill(components=components, flaws=tuple(_flaws(root, schema=schema, space=space)))


def load_bom_schema(path: Path) -> etree.XMLSchema:
    """A schema (XSD) of the user, with what it includes from its own folder."""
    try:
        _check_includes(path)
        return etree.XMLSchema(etree.parse(str(path), _parser()))
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise UserError(f"{path}: not a readable schema ({' '.join(str(error).split())[:160]}); give an XSD") from error


def _root(data: bytes) -> etree._Element:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise XmlProblem("a document type is declared; entities are not read from strangers")
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlProblem(f"not XML ({str(error)[:100]})") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlProblem("a document type is declared; entities are not read from strangers")
    name = etree.QName(root)
    if name.localname != "bom" or name.namespace not in _NAMESPACES:
        raise XmlProblem(f"the root is {name.localname}, not a CycloneDX bom")
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _MAX_DEPTH + 1:
            raise XmlProblem(f"nested deeper than {_MAX_DEPTH}")
    return root


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )


def _flaws(root: etree._Element, *, schema: etree.XMLSchema | None, space: dict[str, str]) -> Iterator[XmlFlaw]:
    judge = schema if schema is not None else _own_schema(space["c"])
    if not judge.validate(root):
        log: Any = judge.error_log  # its stubs do not say that it is a sequence
        for entry in log[:_MAX_FLAWS]:
            yield XmlFlaw(line=entry.line, text=entry.message.replace(f"{{{space['c']}}}", "")[:300])
    if schema is None:
        # An order-free schema cannot ask for exactly one of several children.
        for component in root.iterfind(".//c:component", space):
            if len(component.findall("c:name", space)) != 1:
                line: Any = component.sourceline
                yield XmlFlaw(line=line or 0, text="a component without exactly one name")


@functools.cache
def _own_schema(namespace: str) -> etree.XMLSchema:
    text = source("csar", "cyclonedx.xsd").read_bytes().replace(b"NAMESPACE", namespace.encode())
    return etree.XMLSchema(etree.fromstring(text, _parser()))


def _check_includes(path: Path) -> None:
    """Refuse schemas that would be looked for outside of the first one's folder."""
    folder = path.resolve().parent
    waiting, seen = [path.resolve()], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        tree = etree.parse(str(file), _parser())
        for kind in ("import", "include", "redefine"):
            for element in tree.iter(f"{_XS}{kind}"):
                place = element.get("schemaLocation")
                if place is None:
                    continue
                target = (file.parent / place).resolve()
                if "://" in place or not target.is_relative_to(folder) or len(seen) > _MAX_SCHEMAS:
                    raise UserError(f"{file}: brings in {place}; put that file beside it and name it without a path")
                waiting.append(target)


def _text(element: etree._Element, path: str, space: dict[str, str]) -> str:
    found = element.findtext(path, namespaces=space)
    return (found or "").strip()
