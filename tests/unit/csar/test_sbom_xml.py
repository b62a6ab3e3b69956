"""CycloneDX in XML is read; what XML can do beyond data is refused."""

import pytest

from ako_builder.csar.sbom_xml import XmlProblem, components_of

BOM = """<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.5"><components>
<component type="application"><name>web</name><purl>pkg:helm/web@1</purl>
<hashes><hash alg="MD5">00</hash><hash alg="SHA-256">AB</hash></hashes></component>
<component type="library"><name>x</name></component></components></bom>"""


def test_components():
    first, second = components_of(BOM.encode())
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
        components_of(text.encode())


def test_a_document_type_in_another_encoding_is_found():
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE bom [<!ENTITY a "b">]><bom>&a;</bom>'
    with pytest.raises(XmlProblem, match="document type"):
        components_of(text.encode("utf-16"))
