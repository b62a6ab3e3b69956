"""Option 2 with inner packages of other makers; and keys that must not sign."""

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.csar.workbench import (
    build_package,
    files_of,
    manifest_name,
    signature_over,
    signed_again,
    write_files,
    zipped,
)

from ako_builder.archive.container import Container
from ako_builder.csar.verify import verify_csar
from ako_builder.signing.keys import load_signing_pair
from ako_runtime.errors import UserError


def wrapped(folder, inner, signer):
    cms = signature_over(inner, certified=signer).encode()
    return write_files(folder / "a.zip", {"a.csar": inner, "a.cms": cms})


def test_a_good_package(tmp_path, signer):
    path = build_package(tmp_path, certified=signer, option=2, name="a.zip")
    assert verify_csar(path, trust=signer.trust).findings == ()


def test_the_manifest_may_name_another_algorithm(sound_files, tmp_path, signer):
    name = manifest_name(sound_files)
    chart = "Artifacts/charts/web.tgz"
    text = sound_files[name].decode().partition("-----BEGIN")[0]
    short, long = (hashlib.new(kind, sound_files[chart]).hexdigest() for kind in ("sha256", "sha512"))
    text = text.replace(f"SHA-256\nHash: {short}", f"SHA-512\nHash: {long}")
    files = signed_again(sound_files, certified=None, text=text)
    path = wrapped(tmp_path, zipped_stored(files, tmp_path), signer)
    assert verify_csar(path, trust=signer.trust).findings == ()


def zipped_stored(files, folder):
    return write_files(folder / "inner.csar", files).read_bytes()


def test_deflated_members(sound_files, tmp_path, signer):
    import zipfile

    with zipfile.ZipFile(tmp_path / "inner.csar", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in signed_again(sound_files, certified=None).items():
            archive.writestr(name, data)
    path = wrapped(tmp_path, (tmp_path / "inner.csar").read_bytes(), signer)
    assert verify_csar(path, trust=signer.trust).good


@pytest.mark.parametrize("place", ["web.yaml", "Artifacts/charts/web.tgz"])
def test_one_changed_byte_is_found_inside_and_outside(tmp_path, signer, place):
    path = build_package(tmp_path, certified=signer, option=2, name="a.zip")
    files = files_of(path)
    name = next(name for name in files if name.endswith(".csar"))
    (tmp_path / "inner.csar").write_bytes(files[name])
    with Container(tmp_path / "inner.csar") as container:
        offset = container.entries[place].start
    inner = bytearray(files[name])
    inner[offset + 20] ^= 1
    write_files(tmp_path / "b.zip", {**files, name: bytes(inner)})
    found = {finding.rule for finding in verify_csar(tmp_path / "b.zip", trust=signer.trust).findings}
    assert {"ZIP-018", "SIG-005"} <= found


def test_an_inner_package_of_overlapping_entries_ends_in_its_rule(sound_files, tmp_path, signer):
    inner = bytearray(zipped(sound_files))
    first = inner.index(b"PK\x01\x02")
    second = inner.index(b"PK\x01\x02", first + 4)
    inner[second + 42 : second + 46] = inner[first + 42 : first + 46]
    report = verify_csar(wrapped(tmp_path, bytes(inner), signer), trust=signer.trust)
    assert not report.good


def test_an_archive_that_shrinks_while_it_is_hashed_ends_in_its_rule(tmp_path, signer, monkeypatch):
    path = build_package(tmp_path, certified=signer, option=2, name="a.zip")
    real = Container.chunks

    def shrinking(container, entry, **options):
        if entry.name.endswith(".csar"):
            path.write_bytes(path.read_bytes()[:500])
        return real(container, entry, **options)

    monkeypatch.setattr(Container, "chunks", shrinking)
    report = verify_csar(path, trust=signer.trust)
    assert "ZIP-016" in {finding.rule for finding in report.errors}
    assert report.signers == ()


def test_a_damaged_key_signs_nothing(tmp_path):
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    broken = rsa.RSAPrivateNumbers(
        p=numbers.p,
        q=numbers.q,
        d=numbers.d ^ 6,
        dmp1=numbers.dmp1 ^ 6,
        dmq1=numbers.dmq1,
        iqmp=numbers.iqmp,
        public_numbers=numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    data = broken.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(data)
    (tmp_path / "cert.pem").write_bytes(self_certified(numbers.public_numbers.public_key()))
    with pytest.raises(UserError, match=r"damaged|cannot read the key"):
        load_signing_pair(tmp_path / "key.pem", certificate=tmp_path / "cert.pem")


def self_certified(public):
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public).serial_number(1)
    builder = builder.not_valid_before(start).not_valid_after(start + dt.timedelta(days=9999))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
        serialization.Encoding.PEM
    )
