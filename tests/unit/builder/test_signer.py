from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from ako_builder.signer import DEMO_SUBJECT, demo_signer


def test_the_demo_key_is_a_real_key_that_says_what_it_is():
    signer = demo_signer()
    certificate = x509.load_pem_x509_certificate(signer.certificate_pem)
    signature = signer.key.sign(b"data", padding.PKCS1v15(), SHA256())
    certificate.public_key().verify(signature, b"data", padding.PKCS1v15(), SHA256())
    assert signer.key.key_size == 3072
    assert DEMO_SUBJECT in certificate.subject.rfc4514_string().replace("\\", "")
    assert signer.demo


def test_the_demo_key_is_the_same_everywhere():
    demo_signer.cache_clear()
    first = demo_signer()
    demo_signer.cache_clear()
    assert demo_signer() == first
    public = first.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = x509.SubjectKeyIdentifier.from_public_key(first.key.public_key()).digest.hex()
    assert len(public) > 400
    assert digest == "df291f5c6842a35869e03c06c4ae6a2150696dc5"


def test_a_signer_does_not_print_its_key():
    assert "PRIVATE" not in repr(demo_signer())
