"""A vendor's bill of materials in XML beside the chart: read, compared, and judged by a schema."""

import hashlib

import click.testing
import pytest
from support.csar.workbench import signed_again, write_files

from ako_builder.csar.cli import csar
from ako_builder.csar.verify import verify_csar

BILL = """<?xml version="1.0" encoding="UTF-8"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1"><components>
<component type="application"><name>web</name><version>1.10.0</version>
<hashes><hash alg="SHA-256">{}</hash></hashes><purl>pkg:helm/web@1.10.0</purl></component></components></bom>
"""
SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
targetNamespace="http://cyclonedx.org/schema/bom/1.5"><xs:element name="bom"><xs:complexType/></xs:element></xs:schema>
"""


@pytest.fixture
def with_bill(sound_files, signer, tmp_path):
    def make(text):
        files = {**sound_files, "Artifacts/sbom/vendor.cdx.xml": text.encode()}
        return write_files(tmp_path / "a.csar", signed_again(files, certified=signer))

    return make


@pytest.fixture
def bill(sound_files):
    return BILL.format(hashlib.sha256(sound_files["Artifacts/charts/web.tgz"]).hexdigest())


def rules_of(path, signer):
    return {finding.rule for finding in verify_csar(path, trust=signer.trust).findings}


def test_a_true_bill(with_bill, bill, signer):
    assert rules_of(with_bill(bill), signer) == set()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('type="application"', 'type="chart"', "CON-010"),
        ("1.10.0</version>", "1.10.0</edition>", "CON-009"),
        ("<bom ", '<!DOCTYPE bom [<!ENTITY x "y">]><bom ', "CON-009"),
        ('SHA-256">', 'SHA-256">0', "CON-010"),
    ],
)
def test_bills_that_are_none(with_bill, bill, signer, old, new, rule):  # noqa: PLR0917
    assert rule in rules_of(with_bill(bill.replace(old, new)), signer)


def test_a_bill_of_another_chart(with_bill, signer):
    assert rules_of(with_bill(BILL.format("0" * 64)), signer) == {"CON-005"}


def test_a_schema_by_option(with_bill, bill, tmp_path):
    path = with_bill(bill)
    (tmp_path / "bom.xsd").write_text(SCHEMA)
    arguments = ("verify", str(path), "--bom-schema", str(tmp_path / "bom.xsd"))
    result = click.testing.CliRunner().invoke(csar, arguments, standalone_mode=False)
    assert result.return_value == 1
    assert "CON-010   Artifacts/sbom/vendor.cdx.xml:2" in result.output
