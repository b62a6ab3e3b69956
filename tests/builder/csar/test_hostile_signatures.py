"""Signatures, certificates and times beyond the list of a hundred: what is good, and what is forgiven by whom."""

import datetime as dt
import hashlib
import subprocess

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from support.csar.hostile_signatures import body, changed_signer, with_block
from support.csar.time_stamps import Authority
from support.csar.workbench import (
    NOW,
    YEAR,
    Certified,
    build_package,
    certified,
    request_for,
    signed_again,
    write_files,
)

from ako_builder.csar.build import Signing, write_csar
from ako_builder.csar.check_signature import Trust
from ako_builder.csar.rules import POLICIES
from ako_builder.csar.verify import verify_csar
from ako_builder.signer import demo_signer
from ako_builder.signing.cms import detached_signature, pem
from ako_builder.signing.keys import LocalKey, load_signing_pair
from ako_builder.signing.structures import Algorithm


def rules_of(path, trust, policy="strict"):
    return {finding.rule for finding in verify_csar(path, trust=trust, policy=policy).errors}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tsa"))


def test_a_certificate_that_ran_out_after_signing_is_good(sound_files, tmp_path):
    early = certified(start=NOW - YEAR, end=NOW + dt.timedelta(days=1))
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=early))
    report = verify_csar(path, trust=early.trust)
    assert report.good
    # Nobody but the signer says so.
    assert [finding.rule for finding in report.findings] == ["SIG-027"]


def test_a_relaxed_chain_is_still_a_chain(sound, signer):
    assert verify_csar(sound, trust=msgspec.structs.replace(signer.trust, relaxed=True)).good
    assert rules_of(sound, msgspec.structs.replace(certified().trust, relaxed=True)) == {"SIG-013"}


def resealed(folder, files, signer, **fields):
    """A signature of which fields were changed after it was made."""
    data = detached_signature(hashlib.sha256(body(files)).digest(), key=signer.key, time=NOW)
    return write_files(folder / "a.csar", with_block(files, pem(changed_signer(data, **fields))))


def test_a_signature_of_nobodys_key(sound_files, tmp_path, signer):
    path = resealed(tmp_path, sound_files, signer, signature=certified().key.sign(b"something else"))
    assert rules_of(path, signer.trust) == {"SIG-006"}


def test_an_algorithm_that_nobody_knows(sound_files, tmp_path, signer):
    strange = Algorithm(algorithm=x509.ObjectIdentifier("1.3.101.112"), parameters=None)
    assert rules_of(resealed(tmp_path, sound_files, signer, algorithm=strange), signer.trust) == {"SIG-023"}


def test_a_certificate_that_was_signed_with_a_weak_digest(sound_files, tmp_path):
    """The library makes no such certificate any more; openssl does."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha1", "-days", "9999", "-subj", "/CN=Old"]
    uses = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"]
    subprocess.run(
        [*command, *uses, "-keyout", "k.pem", "-out", "c.pem"], cwd=tmp_path, check=True, capture_output=True
    )
    signer = load_signing_pair(tmp_path / "k.pem", certificate=tmp_path / "c.pem")
    old = Certified(signer=signer, anchor=signer.certificates[0])
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=old))
    assert "SIG-021" in rules_of(path, old.trust)


def stamped_package(folder, files, authority):
    """A package that was stamped just now, and whose signer's certificate is valid now; it and its signer."""
    now = dt.datetime.now(dt.UTC)
    fresh = certified(start=now - YEAR, end=now + YEAR)
    digest = hashlib.sha256(body(files)).digest()
    block = pem(detached_signature(digest, key=fresh.key, time=None, token_for=authority))
    return write_files(folder / "a.csar", with_block(files, block)), fresh


def test_a_true_time_stamp_counts(tmp_path, authority, sound_files):
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    path, fresh = stamped_package(tmp_path, sound_files, authority)
    report = verify_csar(path, trust=Trust(anchors=(fresh.anchor,), tsa_anchors=authority.anchors))
    assert report.findings == ()
    assert before <= dt.datetime.fromisoformat(report.signers[0].stamped_at) <= dt.datetime.now(dt.UTC)


def test_a_time_stamp_of_a_stranger_is_refused(tmp_path, authority, sound_files):
    path, fresh = stamped_package(tmp_path, sound_files, authority)
    assert rules_of(path, Trust(anchors=(fresh.anchor,), tsa_anchors=(certified().anchor,))) == {"SIG-020"}


def test_a_time_stamp_of_whomever_is_said_to_be_a_claim(tmp_path, authority, sound_files):
    path, fresh = stamped_package(tmp_path, sound_files, authority)
    assert [finding.rule for finding in verify_csar(path, trust=fresh.trust).findings] == ["SIG-026"]


def test_a_certificate_whose_key_cannot_be_decoded_makes_no_signature(tmp_path, sound_files, signer):
    digest = hashlib.sha256(body(sound_files)).digest()
    data = bytearray(detached_signature(digest, key=signer.key, time=NOW))
    public = signer.signer.certificates[0].public_key()
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    where = data.index(point)
    data[where] = 0x09  # no form of a point begins so
    path = write_files(tmp_path / "a.csar", with_block(sound_files, pem(bytes(data))))
    assert rules_of(path, signer.trust) == {"SIG-002"}


def test_the_demo_key_is_named(tmp_path):
    path = tmp_path / "demo.csar"
    write_csar(request_for(tmp_path), path=path, signing=Signing(key=LocalKey(demo_signer())))
    assert rules_of(path, Trust()) == {"SIG-017"}
    assert verify_csar(path, trust=Trust(allow_demo=True)).good


def test_nobody_trusted_is_a_warning(sound):
    report = verify_csar(sound)
    assert report.good
    assert [finding.rule for finding in report.findings] == ["SIG-018"]


@pytest.mark.parametrize("policy", POLICIES)
def test_whoever_trusts_somebody_wants_a_signature(tmp_path, signer, policy):
    """TCA's designer does not sign, so its policy forgives that; not to whoever says who has to have signed."""
    path = build_package(tmp_path, certified=None)
    assert "SIG-025" in rules_of(path, signer.trust, policy)
    assert verify_csar(path, policy=policy).good == (policy != "strict")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_demo_key_is_no_substitute_for_a_trusted_one(tmp_path, signer, policy):
    path = tmp_path / "demo.csar"
    write_csar(request_for(tmp_path), path=path, signing=Signing(key=LocalKey(demo_signer())))
    assert "SIG-025" in rules_of(path, signer.trust, policy)
    assert verify_csar(path, trust=msgspec.structs.replace(signer.trust, allow_demo=True), policy=policy).good


@pytest.mark.parametrize("policy", POLICIES)
def test_a_signature_over_no_digest_vouches_for_nothing(tmp_path, sound_files, signer, policy):
    head = sound_files["web.mf"].decode().partition("Source:")[0]
    files = signed_again(sound_files, certified=signer, text=head)
    path = write_files(tmp_path / "a.csar", files)
    assert "SIG-025" in rules_of(path, signer.trust, policy)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("name", "rule"), [("extra.sh", "MF-005"), ("TOSCA-Metadata/TOSCA.meta", "MF-014")])
def test_nothing_unlisted_passes_under_any_policy(tmp_path, sound_files, signer, policy, name, rule):  # noqa: PLR0917
    listed = signed_again({key: data for key, data in sound_files.items() if key != name}, certified=signer)
    path = write_files(tmp_path / "a.csar", {**sound_files, name: b"x", **listed})
    assert rule in rules_of(path, signer.trust, policy)
