"""The acceptance matrix: every profile of our own product against every program that reads packages.

Where a program refuses a profile, the reason is known and stands here; if one day it accepts, the test says so too.
"""

import subprocess

import pytest
from support.csar.outside_tools import TOOLS, sbom_validator, tosca_parser
from support.csar.workbench import EPOCH, build_package, files_of
from support.data_folder import test_data

from ako_builder.archive.writer import FileBlob, file_sha256
from ako_builder.chart.tree import package
from ako_builder.csar.build import Signing, build_csars, write_csar
from ako_builder.csar.chart import load_chart
from ako_builder.csar.check_signature import Trust
from ako_builder.csar.identity import release_identity
from ako_builder.csar.package import PackageRequest
from ako_builder.csar.profile import NAMES, load_profile, type_files
from ako_builder.csar.verify import verify_csar
from ako_builder.release import load_release
from ako_builder.signer import demo_signer
from ako_builder.signing.keys import LocalKey

# Why a program refuses a profile.
_NODE_TYPE = "the designer's 'node_type' is not TOSCA: known to be refused"
REFUSED = {
    ("tosca-parser", "tca-classic"): _NODE_TYPE,
    ("tacker", "tca-classic"): _NODE_TYPE,
    ("puccini", "tca-classic"): "Puccini does not know tosca_simple_profile_for_nfv_1_0_0",
    ("puccini", "tca-2x"): "TCA's keys propertyName and format are not TOSCA",
    ("tacker", "tca-2x"): "Tacker looks for a VNF node directly below tosca.nodes.nfv.VNF",
    ("tacker", "etsi-4"): "Tacker wants Release 2's sw_image_data on whatever has a SwImage",
    ("tacker", "etsi-5"): "Tacker wants Release 2's sw_image_data on whatever has a SwImage",
}


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    return package(load_release(), out=tmp_path_factory.mktemp("chart"), epoch=EPOCH)


@pytest.fixture(scope="module")
def ours(tmp_path_factory, chart):
    out = tmp_path_factory.mktemp("ours")
    paths = build_csars(load_release(), chart_archive=chart, out=out, signer=demo_signer(), epoch=EPOCH)
    return dict(zip(NAMES, paths, strict=True))


@pytest.mark.parametrize("profile", NAMES)
@pytest.mark.parametrize("tool", TOOLS)
def test_acceptance(ours, tool, profile):
    said = TOOLS[tool](ours[profile])
    if (tool, profile) in REFUSED:
        assert said, f"{tool} accepts {profile} now; the reason it used to refuse: {REFUSED[tool, profile]}"
    else:
        assert said == ""


@pytest.mark.parametrize("profile", NAMES)
def test_our_own_verifier(ours, profile):
    policy = "tca" if profile.startswith("tca") else "strict"
    report = verify_csar(ours[profile], trust=Trust(allow_demo=True), policy=policy)
    assert report.good
    if profile != "tca-classic":
        assert report.findings == ()


def test_the_classic_dialect_has_its_own_check(ours):
    report = verify_csar(ours["tca-classic"], trust=Trust(allow_demo=True), policy="tca")
    assert {finding.rule for finding in report.findings} == {"TCA-002", "META-014", "MF-003", "TOSCA-009"}


@pytest.mark.parametrize("profile", NAMES)
def test_openssl_verifies_the_manifest(ours, profile, tmp_path):
    files = files_of(ours[profile])
    text = files[next(name for name in files if name.endswith(".mf"))]
    start = text.index(b"-----BEGIN CMS-----")
    (tmp_path / "text").write_bytes(text[:start])
    (tmp_path / "cms").write_bytes(text[start:])
    (tmp_path / "ca").write_bytes(demo_signer().certificate_pem)
    command = [
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "PEM",
        "-in",
        "cms",
        "-content",
        "text",
        "-CAfile",
        "ca",
    ]
    subprocess.run([*command, "-purpose", "any", "-out", "out"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("option", [1, 2])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_openssl_verifies_option_2_and_both_kinds_of_keys(tmp_path, option, kind):
    from cryptography.hazmat.primitives import serialization
    from support.csar.workbench import certified, rsa_key

    signer = certified(key=rsa_key() if kind == "rsa" else None)
    path = build_package(tmp_path, certified=signer, option=option, name="a.zip")
    files = files_of(path)
    if option == 2:
        name = next(name for name in files if name.endswith(".csar"))
        content, block = files[name], files[name.replace(".csar", ".cms")]
    else:
        text = files["web.mf"]
        content, block = text[: text.index(b"-----BEGIN")], text[text.index(b"-----BEGIN") :]
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "cms").write_bytes(block)
    (tmp_path / "ca").write_bytes(signer.anchor.public_bytes(serialization.Encoding.PEM))
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-in", "cms", "-content", "content"]
    more = ["-CAfile", "ca", "-purpose", "any", "-out", "out", "-no_check_time"]
    subprocess.run([*command, *more], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("profile", [name for name in NAMES if load_profile(name).full])
def test_the_sbom_is_clean_for_telco_operators(ours, tmp_path, profile):
    path = tmp_path / "ako.spdx.json"
    path.write_bytes(files_of(ours[profile])["Artifacts/sbom/ako.spdx.json"])
    assert sbom_validator(path) == ""


def test_the_sbom_of_a_foreign_chart_is_clean(tmp_path):
    files = files_of(build_package(tmp_path, certified=None))
    path = tmp_path / "web.spdx.json"
    path.write_bytes(files["Artifacts/sbom/web.spdx.json"])
    assert sbom_validator(path) == ""


@pytest.mark.parametrize(("profile", "release"), [("etsi-4", "4.4.1"), ("etsi-2.7", "2.7.1")])
def test_with_the_type_files_of_etsi(chart, tmp_path, profile, release):
    folder = test_data(f"etsi-sol001-{release}")
    loaded = load_profile(profile)
    facts = load_chart(chart)
    request = PackageRequest(
        identity=release_identity(load_release()),
        profile=loaded,
        chart=facts,
        chart_archive=FileBlob(chart),
        chart_sha256=file_sha256(chart),
        types=type_files(loaded, replacements=folder),
        epoch=EPOCH,
        image_references=(load_release().image_reference,),
    )
    path = tmp_path / "ako.csar"
    write_csar(request, path=path, signing=Signing(key=LocalKey(demo_signer())))
    assert tosca_parser(path) == ""
    report = verify_csar(path, trust=Trust(allow_demo=True))
    assert report.good, report.findings
