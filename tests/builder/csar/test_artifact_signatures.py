"""Files with signatures of their own: judged like the package's, kept when somebody signs the package again."""

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from support.csar.workbench import NOW, certified, manifest_name, signed_again, write_files

from ako_builder.csar.build import Signing
from ako_builder.csar.manifest import parse_manifest
from ako_builder.csar.resign import resign_csar
from ako_builder.csar.verify import verify_csar
from ako_builder.signing.cms import detached_signature

SOURCE = "Artifacts/charts/web.tgz"


def with_own_signature(files, signer, *, other=b"", carried=False, certificate=True, drop_hash=False):
    """The package with a signature of the chart by itself."""
    digest = hashlib.sha256(other or files[SOURCE]).digest()
    files = dict(files)
    files[f"{SOURCE}.cms"] = detached_signature(digest, key=signer.key, time=NOW, with_certificates=carried)
    lines = f"Signature: {SOURCE}.cms\n"
    if certificate:
        files["signer.cert"] = signer.key.certificates[0].public_bytes(serialization.Encoding.PEM)
        lines += "Certificate: signer.cert\n"
    files = signed_again(files, certified=None)
    name = manifest_name(files)
    head, _, rest = files[name].decode().partition(f"Source: {SOURCE}\n")
    algorithm, value, rest = rest.split("\n", 2)
    kept = "" if drop_hash else f"{algorithm}\n{value}\n"
    return signed_again(files, certified=signer, text=f"{head}Source: {SOURCE}\n{kept}{lines}{rest}")


def rules_of(path, signer):
    return {finding.rule for finding in verify_csar(path, trust=signer.trust).findings}


@pytest.mark.parametrize("drop_hash", [False, True])
def test_a_good_one(sound_files, signer, tmp_path, drop_hash):
    path = write_files(tmp_path / "a.csar", with_own_signature(sound_files, signer, drop_hash=drop_hash))
    report = verify_csar(path, trust=signer.trust)
    assert report.findings == ()
    assert [reported.verified for reported in report.signers] == [True, True]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"other": b"another chart"}, "SIG-005"),
        ({"certificate": False}, "SIG-010"),
        ({"carried": True}, "SIG-016"),
    ],
)
def test_bad_ones(sound_files, signer, tmp_path, changes, rule):  # noqa: PLR0917
    path = write_files(tmp_path / "a.csar", with_own_signature(sound_files, signer, **changes))
    assert rules_of(path, signer) == {rule}


def test_a_stranger_is_not_trusted(sound_files, signer, tmp_path):
    files = with_own_signature(sound_files, certified())
    files = signed_again(files, certified=signer, text=files[manifest_name(files)].decode().split("-----BEGIN")[0])
    assert rules_of(write_files(tmp_path / "a.csar", files), signer) == {"SIG-013"}


def test_files_that_are_named_must_be_there(sound_files, signer, tmp_path):
    files = with_own_signature(sound_files, signer)
    text = files[manifest_name(files)].decode().split("-----BEGIN")[0]
    for name in ("signer.cert", f"{SOURCE}.cms"):
        text = text.replace(f": {name}\n", f": missing/{name}\n")
    files = signed_again(files, certified=signer, text=text)
    assert "SIG-024" in rules_of(write_files(tmp_path / "a.csar", files), signer)


def test_what_signs_must_be_listed(sound_files, signer, tmp_path):
    files = with_own_signature(sound_files, signer)
    text = files[manifest_name(files)].decode().split("-----BEGIN")[0]
    start = text.index("Source: signer.cert\n")
    text = text[:start] + text[text.index("\n\n", start) + 2 :]
    files = signed_again(files, certified=signer, text=text)
    assert rules_of(write_files(tmp_path / "a.csar", files), signer) == {"MF-005"}


def test_a_certificate_without_a_signature_breaks_the_grammar():
    manifest = parse_manifest(b"metadata:\n  a: b\n\nSource: x\nAlgorithm: SHA-256\nHash: 00\nCertificate: c\n")
    assert [flaw.code for flaw in manifest.flaws] == ["grammar"]


def test_signing_again_keeps_them(sound_files, signer, tmp_path):
    write_files(tmp_path / "a.csar", with_own_signature(sound_files, signer))
    other = certified()
    resign_csar(
        tmp_path / "a.csar", target=tmp_path / "b.csar", signing=Signing(key=other.key), epoch=int(NOW.timestamp())
    )
    report = verify_csar(tmp_path / "b.csar", trust=other.trust)
    assert len(report.signers) == 2
    assert {finding.rule for finding in report.findings} == {"SIG-013"}  # the file's signer is trusted by others
