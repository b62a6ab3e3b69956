"""Who has the demo key is told by the key, not by a name."""

import datetime as dt
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ako_builder.signer import DEMO_KEY_SHA256, DEMO_SUBJECT, demo_signer
from ako_builder.signing.certificates import is_demo

NOW = dt.datetime(2025, 10, 9, tzinfo=dt.UTC)


def test_the_demo_certificate_is_known_by_its_key():
    certificate = demo_signer().certificates[0]
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert hashlib.sha256(key).hexdigest() == DEMO_KEY_SHA256
    assert is_demo(certificate)


def test_its_name_with_another_key_is_not_the_demo_key():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DEMO_SUBJECT)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + dt.timedelta(days=1))
    assert not is_demo(builder.sign(key, hashes.SHA256()))
