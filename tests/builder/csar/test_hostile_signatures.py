"""Signatures that do not hold: each ends in its rule."""

import datetime as dt
import hashlib
import subprocess

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from csar_workbench import (
    NOW,
    YEAR,
    certified,
    rsa_key,
    signature_over,
    signed_again,
    write_files,
    zipped,
)

from ako_builder.csar.check_signature import Trust
from ako_builder.csar.verify import verify_csar
from ako_builder.signer import demo_signer
from ako_builder.signing.cms import detached_signature, pem
from ako_builder.signing.structures import (
    DATA,
    DIGESTS,
    WEAK_DIGESTS,
    ContentInfo,
    Encapsulated,
    PlainAlgorithm,
    SignedData,
    SignerInfo,
)


def body(files):
    text = files["web.mf"]
    return text[: text.index(b"-----BEGIN CMS")]


def with_block(files, block):
    return {**files, "web.mf": body(files) + (block if isinstance(block, bytes) else block.encode())}


def der(files, signer, **options):
    return detached_signature(hashlib.sha256(body(files)).digest(), key=signer.key, time=NOW, **options)


def changed(data, **fields):
    """The same message with other fields in SignedData."""
    info = asn1.decode_der(ContentInfo, data)
    values = {name: getattr(info.content, name) for name in SignedData.__annotations__}
    return asn1.encode_der(ContentInfo(kind=info.kind, content=SignedData(**{**values, **fields})))


def changed_signer(data, **fields):
    """The same message with other fields in its one SignerInfo."""
    old = asn1.decode_der(ContentInfo, data).content.signers.as_list()[0]
    values = {name: getattr(old, name) for name in SignerInfo.__annotations__}
    return changed(data, signers=asn1.SetOf([SignerInfo(**{**values, **fields})]))


def signer_of(data):
    return asn1.decode_der(ContentInfo, data).content.signers.as_list()[0]


def rules_of(path, trust, policy="strict"):
    return {finding.rule for finding in verify_csar(path, trust=trust, policy=policy).errors}


@pytest.fixture
def judged(sound_files, tmp_path, signer):
    def judge(block):
        path = write_files(tmp_path / "a.csar", with_block(sound_files, block))
        return rules_of(path, signer.trust)

    return judge


def test_67_over_other_bytes(judged, signer):
    assert judged(signature_over(b"other bytes", certified=signer)) == {"SIG-005"}


def test_68_attached(judged, sound_files, signer):
    attached = Encapsulated(kind=DATA, content=b"other")
    assert judged(pem(changed(der(sound_files, signer), encapsulated=attached))) == {"SIG-004"}


def test_69_no_signer(judged, sound_files, signer):
    assert judged(pem(changed(der(sound_files, signer), signers=asn1.SetOf([])))) == {"SIG-003"}


def test_70_two_signers_one_bad(judged, sound_files, signer):
    other = certified()
    good, bad = der(sound_files, signer), detached_signature(b"x" * 32, key=other.key, time=NOW)
    certificates = asn1.SetOf(
        [
            asn1.decode_der(asn1.TLV, c.public_bytes(serialization.Encoding.DER))
            for c in (*signer.signer.certificates, *other.signer.certificates)
        ]
    )
    both = changed(good, signers=asn1.SetOf([signer_of(good), signer_of(bad)]), certificates=certificates)
    assert "SIG-005" in judged(pem(both))


def test_71_algorithms_contradict_each_other(judged, sound_files, signer):
    sha512 = PlainAlgorithm(algorithm=DIGESTS["SHA-512"], parameters=None)
    assert "SIG-008" in judged(pem(changed_signer(der(sound_files, signer), digest=sha512)))


def test_72_no_message_digest(judged, sound_files, signer):
    data = der(sound_files, signer)
    kept = [a for a in signer_of(data).signed.as_list() if a.kind.dotted_string != "1.2.840.113549.1.9.4"]
    attributes = asn1.SetOf(kept)
    signature = signer.key.sign(asn1.encode_der(attributes))
    assert "SIG-009" in judged(pem(changed_signer(data, signed=attributes, signature=signature)))


def test_73_attributes_out_of_order(judged, sound_files, signer):
    """DER sorts a set; the first two attributes change places."""
    data = der(sound_files, signer)
    attributes = [asn1.encode_der(attribute) for attribute in signer_of(data).signed.as_list()]
    ordered = b"".join(sorted(attributes))
    assert ordered in data
    shuffled = data.replace(ordered, b"".join(sorted(attributes, reverse=True)))
    assert judged(pem(shuffled)) == {"SIG-002"}


@pytest.mark.parametrize("name", ["SHA-1", "MD5"])
def test_74_weak_digest(judged, sound_files, signer, name):
    weak = PlainAlgorithm(algorithm=WEAK_DIGESTS[name], parameters=None)
    assert "SIG-007" in judged(pem(changed_signer(der(sound_files, signer), digest=weak)))


def test_75_short_rsa_key(sound_files, tmp_path):
    weak = certified(key=rsa_key(1024))
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=weak))
    assert "SIG-011" in rules_of(path, weak.trust)


def test_75_weak_exponent(sound_files, tmp_path):
    weak = certified(key=rsa_key(2048, 3))
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=weak))
    assert "SIG-011" in rules_of(path, weak.trust)


@pytest.mark.parametrize(("start", "end"), [(NOW - 2 * YEAR, NOW - YEAR), (NOW + YEAR, NOW + 2 * YEAR)])
def test_76_not_valid_at_signing(sound_files, tmp_path, start, end):
    late = certified(start=start, end=end)
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=late))
    assert "SIG-012" in rules_of(path, late.trust)


def test_76_a_certificate_that_ran_out_after_signing_is_good(sound_files, tmp_path):
    early = certified(start=NOW - YEAR, end=NOW + dt.timedelta(days=1))
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=early))
    assert verify_csar(path, trust=early.trust).good


def test_77_unknown_root(sound):
    other = certified()
    assert rules_of(sound, other.trust) == {"SIG-013"}
    assert rules_of(sound, msgspec.structs.replace(other.trust, relaxed=True)) == {"SIG-013"}


def test_77_a_relaxed_chain_is_still_a_chain(sound, signer):
    assert verify_csar(sound, trust=msgspec.structs.replace(signer.trust, relaxed=True)).good


def test_78_signer_is_a_ca(sound_files, tmp_path):
    authority = certified(ca=True)
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=authority))
    assert "SIG-014" in rules_of(path, authority.trust)


@pytest.mark.parametrize("wrong", [{"code_signing": False}, {"usage": False}])
def test_79_wrong_usage(sound_files, tmp_path, wrong):
    server = certified(**wrong)
    path = write_files(tmp_path / "a.csar", signed_again(sound_files, certified=server))
    assert "SIG-015" in rules_of(path, server.trust)


def test_80_certificate_twice(sound_files, tmp_path, signer):
    files = {**sound_files, "web.cert": certified().signer.certificate_pem}
    path = write_files(tmp_path / "a.csar", signed_again(files, certified=signer))
    assert rules_of(path, signer.trust) == {"SIG-016"}


def test_81_certificate_nowhere(judged, sound_files, signer):
    assert judged(pem(der(sound_files, signer, with_certificates=False))) == {"SIG-010"}


def test_82_indefinite_length(judged, sound_files, signer):
    data = der(sound_files, signer)
    assert data[:2] == b"\x30\x82"
    assert judged(pem(b"\x30\x80" + data[4:] + b"\x00\x00")) == {"SIG-002"}


def test_83_enormous_and_nested(judged):
    assert judged(pem(b"\x30\x82\xff\xff" * 500_000)) == {"SIG-022"}
    assert judged(pem(b"\x30\x80" * 100_000)) == {"SIG-002"}


def test_84_two_packages_in_one_archive(sound, tmp_path, signer):
    data = sound.read_bytes()
    path = write_files(tmp_path / "a.zip", {"a.csar": data, "b.csar": data, "a.cms": b"x"})
    assert rules_of(path, signer.trust) == {"SIG-019"}


def test_84_signature_of_another_name(sound, tmp_path, signer):
    data = sound.read_bytes()
    files = {"a.csar": data, "b.cms": signature_over(data, certified=signer).encode()}
    assert "SIG-019" in rules_of(write_files(tmp_path / "a.zip", files), signer.trust)


def test_85_outer_signature_good_inner_digest_wrong(sound_files, tmp_path, signer):
    inner = zipped({**sound_files, "ChangeLog.txt": b"changed after the digests were made"})
    files = {"a.csar": inner, "a.cms": signature_over(inner, certified=signer).encode()}
    assert "MF-021" in rules_of(write_files(tmp_path / "a.zip", files), signer.trust)


def test_86_time_stamp_over_other_bytes(judged, sound_files, signer, authority):
    class Liar:
        def token(self, _signature):
            return authority.token(b"other bytes")

    assert judged(pem(der(sound_files, signer, token_for=Liar()))) == {"SIG-020"}


def test_a_true_time_stamp_counts(tmp_path, authority, sound_files):
    """Signed with a claim of today by a certificate that ran out; stamped while it was valid."""
    now = dt.datetime.now(dt.UTC)
    fresh = certified(start=now - YEAR, end=now + YEAR)
    text = body(sound_files)
    block = pem(detached_signature(hashlib.sha256(text).digest(), key=fresh.key, time=None, token_for=authority))
    path = write_files(tmp_path / "a.csar", with_block(sound_files, block))
    report = verify_csar(path, trust=Trust(anchors=(fresh.anchor,), tsa_anchors=authority.anchors))
    assert report.good, report.findings
    assert report.signers[0].stamped_at.startswith(now.strftime("%Y-%m-%d"))
    strange = Trust(anchors=(fresh.anchor,), tsa_anchors=(certified().anchor,))
    assert rules_of(path, strange) == {"SIG-020"}


def test_a_certificate_whose_key_cannot_be_decoded_counts_as_absent(judged, sound_files, signer):
    data = bytearray(der(sound_files, signer))
    public = signer.signer.certificates[0].public_key()
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    where = data.index(point)
    data[where] = 0x09  # no form of a point begins so
    assert judged(pem(bytes(data))) == {"SIG-010"}


def test_the_demo_key_is_named(tmp_path):
    from csar_workbench import request_for

    from ako_builder.csar.build import Signing, write_csar
    from ako_builder.signing.keys import LocalKey

    path = tmp_path / "demo.csar"
    write_csar(request_for(tmp_path), path=path, signing=Signing(key=LocalKey(demo_signer())))
    assert rules_of(path, Trust()) == {"SIG-017"}
    assert verify_csar(path, trust=Trust(allow_demo=True)).good


def test_nobody_trusted_is_a_warning(sound):
    report = verify_csar(sound)
    assert report.good
    assert [finding.rule for finding in report.findings] == ["SIG-018"]


class Authority:
    """openssl as a time stamp authority."""

    def __init__(self, folder):
        self.folder = folder
        config = folder / "tsa.cnf"
        config.write_text(
            "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=Test TSA\n"
            "[ext]\nextendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
            "basicConstraints=critical,CA:FALSE\n"
            f"[tsa]\ndefault_tsa=t\n[t]\nserial={folder}/serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4\n"
            "digests=sha256\naccuracy=secs:1\nordering=no\ntsa_name=yes\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n"
        )
        (folder / "serial").write_text("01")
        self.run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-config", config
        )
        self.anchors = tuple(x509.load_pem_x509_certificates((folder / "c.pem").read_bytes()))

    def run(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True)

    def token(self, signature):
        from ako_builder.signing.timestamps import granted_token, time_stamp_request

        (self.folder / "q.tsq").write_bytes(time_stamp_request(signature, nonce=42))
        self.run(
            "ts",
            "-reply",
            "-queryfile",
            "q.tsq",
            "-signer",
            "c.pem",
            "-inkey",
            "k.pem",
            "-config",
            "tsa.cnf",
            "-out",
            "a.tsr",
        )
        return granted_token((self.folder / "a.tsr").read_bytes(), url="http://tsa.example.org")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tsa"))
