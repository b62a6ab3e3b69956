"""Documents that are odd, not bad; and bad ones beyond the list of a hundred."""

import json

import pytest
from support.csar.hostile_documents import entry
from support.csar.workbench import (
    build_package,
    signature_over,
    signed_again,
    stated_again,
    write_chart,
    write_files,
    write_layout,
)

from ako_builder.csar.verify import verify_csar
from ako_builder.oci.reading import load_oci


def test_a_manifest_with_windows_line_ends_verifies(sound_files, signer, tmp_path):
    text = sound_files["web.mf"].decode()
    body = text[: text.index("-----BEGIN")].replace("\n", "\r\n")
    files = {**sound_files, "web.mf": (body + signature_over(body.encode(), certified=signer)).encode()}
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust)
    assert report.good, report.findings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (b"replicaCount: 7\nglobal: {a: b}\n", None),
        (b"replicacount: 7\n", "no value 'replicacount'"),
        (b"a: &a [*a]\n", "not readable"),
    ],
)
def test_values_beside_the_chart_are_the_charts(sound_files, tmp_path, signer, values, said):  # noqa: PLR0917
    """A site may have filled them in; keys that the chart does not know are a slip."""
    files = stated_again({**sound_files, "Artifacts/charts/web-values.yaml": values})
    report = verify_csar(write_files(tmp_path / "a.csar", signed_again(files, certified=signer)), trust=signer.trust)
    assert report.good
    assert [finding.rule for finding in report.findings] == (["CON-011"] if said else [])
    assert said is None or said in report.findings[0].text


def test_an_image_of_the_values_may_have_the_digest_that_is_inside(tmp_path, signer):
    layout = write_layout(tmp_path / "oci")
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    values = f"image:\n  repository: registry.example.org/shop/web\n  digest: {digest}\n"
    write_chart(tmp_path / "web.tgz", {"values.yaml": values})
    path = build_package(tmp_path, certified=signer, images=load_oci(layout), image_references=())
    assert verify_csar(path, trust=signer.trust).findings == ()


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
        ('vnfm_info:\n          - "etsivnfm:v4.3.1"', "vnfm_info: 7"),
    ],
)
def test_collections_where_a_word_belongs(sound_files, tmp_path, signer, old, new):  # noqa: PLR0917
    files = signed_again(entry(sound_files, old, new), certified=signer)
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust)
    assert not report.good or "CON-008" in {finding.rule for finding in report.findings}
