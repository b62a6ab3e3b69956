"""Documents that are odd, not bad; and bad ones beyond the list of a hundred."""

import pytest
from csar_hostile_documents import entry
from csar_workbench import signature_over, signed_again, write_files

from ako_builder.csar.verify import verify_csar


def test_a_manifest_with_windows_line_ends_verifies(sound_files, signer, tmp_path):
    text = sound_files["web.mf"].decode()
    body = text[: text.index("-----BEGIN")].replace("\n", "\r\n")
    files = {**sound_files, "web.mf": (body + signature_over(body.encode(), certified=signer)).encode()}
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust)
    assert report.good, report.findings


OTHER_CHART = (
    '<bom xmlns="http://cyclonedx.org/schema/bom/1.5"><components><component type="library"><name>web</name>'
    f'<purl>pkg:helm/web@1</purl><hashes><hash alg="SHA-256">{"0" * 64}</hash></hashes>'
    "</component></components></bom>"
)


@pytest.mark.parametrize(("content", "rule"), [("<!DOCTYPE a><bom/>", "CON-009"), (OTHER_CHART, "CON-005")])
def test_a_bill_of_materials_in_xml(sound_files, tmp_path, signer, content, rule):  # noqa: PLR0917
    files = signed_again({**sound_files, "Artifacts/sbom/bom.xml": content.encode()}, certified=signer)
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust)
    assert [finding.rule for finding in report.errors] == [rule]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        targets:\n          - vdu-web", "        targets:\n          - {a: b}"),
        ("default_level: default", "default_level: [a]"),
        ("aspect: replicas", "aspect: {a: b}"),
        ("tosca_definitions_version: tosca_simple_yaml_1_3", "tosca_definitions_version: [a]"),
        ("          name: web\n          type: Deployment", "          name: {a: b}\n          type: [c]"),
        ("vnfm_info:\n          - etsivnfm:v4.3.1", "vnfm_info: 7"),
    ],
)
def test_collections_where_a_word_belongs(sound_files, tmp_path, signer, old, new):  # noqa: PLR0917
    files = signed_again(entry(sound_files, old, new), certified=signer)
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust)
    assert not report.good or "CON-008" in {finding.rule for finding in report.findings}
