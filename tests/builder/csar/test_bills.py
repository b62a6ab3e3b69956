"""A vendor's bill of materials in XML beside the chart: read, compared, and judged by a schema."""

import base64
import hashlib
import json

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


JSON_BILL = {"bomFormat": "CycloneDX", "components": [{"purl": "pkg:helm/web@1.10.0", "name": "web"}]}
SPDX = {
    "spdxVersion": "SPDX-2.3",
    "packages": [{"name": "web", "externalRefs": [{"referenceLocator": "pkg:helm/web"}]}],
}


def with_sum(document, value):
    """The bill with a digest at its first component, as each format writes it."""
    document = json.loads(json.dumps(document))
    if "components" in document:
        document["components"][0]["hashes"] = [
            {"alg": "SHA-1", "content": "0" * 40},
            {"alg": "SHA-256", "content": value},
        ]
    else:
        document["packages"][0]["checksums"] = [{"algorithm": "SHA256", "checksumValue": value}]
    return json.dumps(document)


@pytest.mark.parametrize(
    ("name", "document"), [("a.cdx.json", JSON_BILL), ("bom.json", JSON_BILL), ("a.spdx.json", SPDX)]
)
def test_a_bill_in_json_is_compared(sound_files, signer, tmp_path, name, document):  # noqa: PLR0917
    right = hashlib.sha256(sound_files["Artifacts/charts/web.tgz"]).hexdigest()
    for value, rules in ((right, set()), ("0" * 64, {"CON-005"})):
        files = {**sound_files, f"Artifacts/sbom/{name}": with_sum(document, value).encode()}
        assert rules_of(write_files(tmp_path / "a.csar", signed_again(files, certified=signer)), signer) == rules


@pytest.mark.parametrize("name", ["a.cdx.json", "bom.json", "a.spdx.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"a": \xff}', b"[" * 100_000])
def test_a_bill_in_json_that_cannot_be_read_is_told(sound_files, signer, tmp_path, name, content):  # noqa: PLR0917
    files = {**sound_files, f"Artifacts/sbom/{name}": content}
    assert rules_of(write_files(tmp_path / "a.csar", signed_again(files, certified=signer)), signer) == {"CON-009"}


def statement(files, *, value=None):
    """Provenance of the chart."""
    found = value or hashlib.sha256(files["Artifacts/charts/web.tgz"]).hexdigest()
    return json.dumps({"subject": [{"name": "Artifacts/charts/web.tgz", "digest": {"sha256": found}}]})


def envelope(text):
    return json.dumps(
        {"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(text.encode()).decode()}
    )


def test_provenance_is_read_line_by_line_and_out_of_its_envelope(sound_files, signer, tmp_path):
    good, bad = statement(sound_files), statement(sound_files, value="0" * 64)
    pretty = json.dumps(json.loads(bad), indent=2)
    for text, rules in (
        (good, set()),
        (f"{good}\n{envelope(good)}\n", set()),
        (f"{good}\n{bad}\n", {"CON-007"}),
        (envelope(bad), {"CON-007"}),
        (pretty, {"CON-007"}),
    ):
        files = {**sound_files, "Artifacts/provenance/a.intoto.jsonl": text.encode()}
        assert rules_of(write_files(tmp_path / "a.csar", signed_again(files, certified=signer)), signer) == rules, text


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"payload": "%"}', '{"payload": "e30x"}', '{"subject": []}'])
def test_provenance_that_says_nothing_is_told(sound_files, signer, tmp_path, text):
    files = {**sound_files, "Artifacts/provenance/a.intoto.jsonl": text.encode()}
    assert rules_of(write_files(tmp_path / "a.csar", signed_again(files, certified=signer)), signer) == {"CON-013"}
