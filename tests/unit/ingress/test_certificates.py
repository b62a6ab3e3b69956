"""Which pairs of certificate and key are taken: the judgement is compared with that of a real TLS library."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ako_runtime.translate.ingress.certificates import pair_in

PKCS8, OPENSSL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
KEYS = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "other rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "other p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}


def certificate(name):
    key, subject = KEYS[name], x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .sign(key, None if name == "ed25519" else hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def private_key(name, shape=PKCS8, encryption=None):
    encryption = encryption or serialization.NoEncryption()
    return KEYS[name].private_bytes(serialization.Encoding.PEM, shape, encryption)


def judged(chain, key):
    pair, problem = pair_in(base64.b64encode(chain).decode(), base64.b64encode(key).decode())
    assert (pair is None) == bool(problem)
    return problem


@pytest.mark.parametrize("held", sorted(KEYS))
@pytest.mark.parametrize("certified", sorted(KEYS))
@pytest.mark.parametrize("shape", [PKCS8, OPENSSL], ids=["pkcs8", "traditional"])
def test_only_the_own_key_is_taken(certified, held, shape):
    if held == "ed25519":
        shape = PKCS8
    problem = judged(certificate(certified), private_key(held, shape))
    assert bool(problem) == (certified != held), problem


def test_of_a_chain_the_first_certificate_counts():
    chain = certificate("p256") + certificate("rsa")
    assert judged(chain, private_key("p256")) == ""
    assert "is not the key" in judged(chain, private_key("rsa"))


def test_a_key_with_a_password_is_refused_and_said_so():
    encrypted = private_key("p256", encryption=serialization.BestAvailableEncryption(b"word"))
    assert "needs a password" in judged(certificate("p256"), encrypted)
    assert judged(certificate("p256"), private_key("p256", OPENSSL, serialization.BestAvailableEncryption(b"word")))


def test_parameters_before_a_key_do_not_matter():
    before = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert judged(certificate("p256"), before + private_key("p256", OPENSSL)) == ""


PEMS = [certificate("p256"), private_key("p256"), certificate("rsa"), private_key("rsa", OPENSSL)]


@settings(max_examples=300, deadline=None)
@given(which=st.integers(0, 3), cut=st.integers(1, 400), text=st.binary(max_size=30))
def test_whatever_the_secret_holds_there_is_an_answer(which, cut, text):
    broken = list(PEMS)
    broken[which] = broken[which][:-cut] + text
    assert judged(broken[0], broken[1]) == "" or which < 2
    assert judged(broken[2], broken[3]) == "" or which >= 2


@settings(max_examples=200, deadline=None)
@given(which=st.integers(0, 3), cut=st.integers(1, 60))
def test_der_that_is_cut_off_is_refused(which, cut):
    lines = PEMS[which].decode().split("\n")
    der = base64.b64decode("".join(lines[1:-2]))[:-cut]
    body = base64.b64encode(der).decode()
    broken = list(PEMS)
    broken[which] = "\n".join((lines[0], body, lines[-2], "")).encode()
    first = which - which % 2
    assert judged(broken[first], broken[first + 1])
