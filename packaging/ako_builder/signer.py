"""Who signs: a key with its certificate, given or made for the occasion.

A given pair is read and checked by `ako_builder.signing.keys`: nothing is signed by a pair that nobody could verify.

Without a pair a demo key signs. It has to be the same in every build, otherwise two builds of one source would differ
in their signatures; so it is derived from a public sentence. Everybody can derive it, hence it proves nothing, and its
certificate says so in its subject. The derivation is textbook RSA: primes from a SHAKE-256 stream, tested with
Miller-Rabin, 3072 bits, exponent 65537.
"""

import datetime as dt
import functools
import hashlib
from collections.abc import Iterator

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ako_runtime.errors import UserError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

DEMO_SUBJECT = "ako-toolkit DEMO key, anyone can derive it: not for production"
# SHA-256 of the demo key's SubjectPublicKeyInfo: deriving the key to compare it would take a second.
DEMO_KEY_SHA256 = "eb0a13736bbe4f7cf35a212f9ac05ab522cdcd6615f6a95f27a23126cde6b1b1"

_DEMO_SENTENCE = b"ako-toolkit demo signing key: public, reproducible, worthless as proof"
_EXPONENT = 65537
_PRIME_BITS = 1536
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
_DEMO_NOT_BEFORE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DEMO_NOT_AFTER = dt.datetime(2049, 12, 31, tzinfo=dt.UTC)


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """A private key and its certificates as PEM; `demo` says that the key is public knowledge."""

    key_pem: bytes
    certificate_pem: bytes
    demo: bool

    def __repr__(self) -> str:
        """The private key never appears in a log or a traceback."""
        return f"Signer(demo={self.demo})"

    @property
    def key(self) -> PrivateKey:
        """The private key as an object."""
        # Whoever made the pair tried the key; checking its primes would take a sixth of a second each time.
        key = serialization.load_pem_private_key(self.key_pem, password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise UserError("the signing key is neither RSA nor EC: CMS signatures need one of these")
        return key

    @property
    def certificates(self) -> list[x509.Certificate]:
        """The signer's certificate first, then the chain that was given with it."""
        return x509.load_pem_x509_certificates(self.certificate_pem)


@functools.cache
def demo_signer() -> Signer:
    """The public demo key and its self-signed certificate: the same bytes on every machine."""
    key = _derived_key(_DEMO_SENTENCE)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DEMO_SUBJECT)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(_DEMO_SENTENCE).digest()[:8]) >> 1)
        .not_valid_before(_DEMO_NOT_BEFORE)
        .not_valid_after(_DEMO_NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(_demo_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Signer(
        key_pem=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
        demo=True,
    )


def _demo_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _derived_key(sentence: bytes) -> rsa.RSAPrivateKey:
    primes = _derived_primes(sentence)
    p = next(primes)
    q = next(primes)
    p, q = max(p, q), min(p, q)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    )
    return numbers.private_key()


def _derived_primes(sentence: bytes) -> Iterator[int]:
    """Primes of the wanted size from numbered SHAKE-256 outputs: top two bits set, so that p * q has full length."""
    counter = 0
    while True:
        digest = hashlib.shake_256(sentence + counter.to_bytes(4)).digest(_PRIME_BITS // 8)
        candidate = int.from_bytes(digest) | 3 << (_PRIME_BITS - 2) | 1
        if candidate % _EXPONENT != 1 and _is_prime(candidate):
            yield candidate
        counter += 1


def _is_prime(number: int) -> bool:
    """Miller-Rabin with fixed witnesses: enough for a stream that nobody chose to deceive it."""
    if any(number % small == 0 for small in _WITNESSES):
        return False
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    return all(_passes(number, witness=witness, odd=odd, twos=twos) for witness in _WITNESSES)


def _passes(number: int, *, witness: int, odd: int, twos: int) -> bool:
    value = pow(witness, odd, number)
    if value in (1, number - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % number
        if value == number - 1:
            return True
    return False
