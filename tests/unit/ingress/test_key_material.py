"""Keys and certificates of every common kind are told apart, and what is no key raises nothing."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.translate.ingress.certificates import pair_in
from ako_runtime.translate.ingress.key_material import belongs, blocks

START = datetime(2025, 1, 1, tzinfo=UTC)
KEYS = {
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
FORMS = {"pkcs8": serialization.PrivateFormat.PKCS8, "traditional": serialization.PrivateFormat.TraditionalOpenSSL}


def certificate_of(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example.com")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
        .sign(key, algorithm)
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def text_of(key, form, encryption=None):
    return key.private_bytes(
        serialization.Encoding.PEM, FORMS[form], encryption or serialization.NoEncryption()
    ).decode()


def in_secret(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind != "ed25519"])
def test_a_pair_belongs_together_and_another_key_does_not(kind, form):
    key, other = KEYS[kind](), KEYS[kind]()
    assert belongs(text_of(key, form), certificate_of(key))
    assert not belongs(text_of(other, form), certificate_of(key))
    pair, problem = pair_in(in_secret(certificate_of(key)), in_secret(text_of(other, form)))
    assert pair is None
    assert "does not belong" in problem


def test_the_first_certificate_of_a_chain_counts():
    key, authority = KEYS["p256"](), KEYS["rsa"]()
    assert belongs(text_of(key, "pkcs8"), certificate_of(key) + certificate_of(authority))
    assert not belongs(text_of(key, "pkcs8"), certificate_of(authority) + certificate_of(key))


def test_a_key_that_does_not_hold_its_public_part_is_left_to_the_controller():
    key, other = KEYS["ed25519"](), KEYS["ed25519"]()
    assert belongs(text_of(other, "pkcs8"), certificate_of(key))


def test_an_encrypted_key_is_refused():
    key = KEYS["p256"]()
    locked = text_of(key, "pkcs8", serialization.BestAvailableEncryption(b"word"))
    pair, problem = pair_in(in_secret(certificate_of(key)), in_secret(locked))
    assert pair is None
    assert "encrypted" in problem


@given(st.binary(max_size=200), st.sampled_from(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]))
def test_what_is_no_key_raises_nothing(content, label):
    text = f"-----BEGIN {label}-----\n{base64.b64encode(content).decode()}\n-----END {label}-----\n"
    assert all(isinstance(der, bytes) for _, der in blocks(text))
    assert belongs(text, "") in (True, False)
