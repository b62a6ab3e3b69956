"""CycloneDX in XML is read; what XML can do beyond data is refused."""

import pytest

from ako_builder.sbom.xml import XmlProblem, bill_of, load_bom_schema
from ako_runtime.errors import UserError

BOM = """<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.5"><components>
<component type="application"><name>web</name><purl>pkg:helm/web@1</purl>
<hashes><hash alg="MD5">00</hash><hash alg="SHA-256">AB</hash></hashes></component>
<component type="library"><name>x</name></component></components></bom>"""


def test_components():
    first, second = bill_of(BOM.encode()).components
    assert (first.name, first.purl, first.sha256) == ("web", "pkg:helm/web@1", "ab")
    assert (second.purl, second.sha256) == ("", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE bom [<!ENTITY a "b">]><bom/>', "document type"),
        ('<!DOCTYPE bom SYSTEM "http://example.org/x.dtd"><bom/>', "document type"),
        ("<bom/>", "not a CycloneDX bom"),
        ("<bom", "not XML"),
        ("", "not XML"),
        ("<a xmlns='http://cyclonedx.org/schema/bom/1.5'/>", "not a CycloneDX bom"),
        (BOM.replace("<components>", "<a>" * 100 + "</a>" * 100 + "<components>"), "nested deeper"),
    ],
)
def test_refused(text, said):
    with pytest.raises(XmlProblem, match=said):
        bill_of(text.encode())


def test_a_document_type_in_another_encoding_is_found():
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE bom [<!ENTITY a "b">]><bom>&a;</bom>'
    with pytest.raises(XmlProblem, match="document type"):
        bill_of(text.encode("utf-16"))


GOOD = BOM.replace(">00<", f">{'0' * 32}<").replace(">AB<", f">{'AB' * 32}<")


def test_a_bill_that_keeps_the_schema():
    extended = GOOD.replace(
        "<components>", "<metadata><timestamp>2026-01-31T12:00:00Z</timestamp></metadata><components>"
    )
    extended = extended.replace(
        "</name><purl>", "</name><o:x xmlns:o='urn:other'><o:y/></o:x><licenses><any/></licenses><purl>"
    )
    assert bill_of(extended.encode()).flaws == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (">AB<", ">AB<", "'AB'"),
        ('alg="MD5"', 'alg="CRC"', "'CRC'"),
        ('type="library"', 'type="thing"', "'thing'"),
        (' type="library"', "", "'type' is required"),
        ("<name>x</name>", "<version>1</version>", "exactly one name"),
        ("<name>x</name>", "<name>x</name><name>y</name>", "exactly one name"),
        ("pkg:helm/web@1", "helm/web@1", "purl"),
        ("<components>", "<component-list/><components>", "component-list"),
        ('schema/bom/1.5"', 'schema/bom/1.5" serialNumber="1"', "serialNumber"),
    ],
)
def test_bills_that_break_it(old, new, said):
    source = BOM if old == new else GOOD
    flaws = bill_of(source.replace(old, new).encode()).flaws
    assert any(said in flaw.text for flaw in flaws), flaws
    assert all(flaw.line > 0 for flaw in flaws)


SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
targetNamespace="http://cyclonedx.org/schema/bom/1.5">{}
<xs:element name="bom"><xs:complexType/></xs:element></xs:schema>"""


def test_a_schema_of_the_user_decides(tmp_path):
    (tmp_path / "other.xsd").write_text(SCHEMA.format("").replace("bom/1.5", "spdx").replace('"bom"', '"licence"'))
    include = '<xs:import namespace="http://cyclonedx.org/schema/spdx" schemaLocation="other.xsd"/>'
    (tmp_path / "own.xsd").write_text(SCHEMA.format(include))
    flaws = bill_of(GOOD.encode(), schema=load_bom_schema(tmp_path / "own.xsd")).flaws
    assert len(flaws) == 1
    assert "not allowed" in flaws[0].text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SCHEMA.format('<xs:include schemaLocation="http://example.org/x.xsd"/>'), "brings in http://example.org"),
        (SCHEMA.format('<xs:include schemaLocation="../x.xsd"/>'), "brings in ../x.xsd"),
        (SCHEMA.format('<xs:include schemaLocation="missing.xsd"/>'), "missing.xsd"),
        ("<a/>", "give an XSD"),
        ("", "give an XSD"),
    ],
)
def test_schemas_that_are_not_taken(tmp_path, text, said):
    (tmp_path / "own.xsd").write_text(text)
    with pytest.raises(UserError, match=said):
        load_bom_schema(tmp_path / "own.xsd")
