"""Detached CMS signatures, written and verified from digests alone.

A detached signature covers the digest of its content, never the content itself, so neither side needs the content in
memory: whoever streams the bytes hands the digest over. Writing is deterministic: RSA with PKCS#1 v1.5 or ECDSA with
the nonce of RFC 6979, the signing time given by the caller, attributes in the order of DER. The same key, digest and
time give the same bytes.

Verifying happens in two steps, because the digest algorithm stands in the signature and the content must be hashed
before it can be judged: `parse` decodes (strictly DER, so that no two programs read different things) and tells which
digests are needed; `verdicts` then judges every signer. A message with two signers is good only if both are. Every
complaint is a `Problem` with a stable code; what a code means for a package is decided by the rules of the verifier.

The certificate's own worth (chain, time, usage) is judged in `certificates`.
"""

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ako_builder.signing.structures import (
    CONTENT_TYPE,
    DATA,
    DIGESTS,
    ECDSA_SHA256,
    MESSAGE_DIGEST,
    RSA,
    RSA_PSS,
    SIGNATURES,
    SIGNED_DATA,
    SIGNING_TIME,
    TIME_STAMP_TOKEN,
    WEAK_DIGESTS,
    Algorithm,
    Attribute,
    ContentInfo,
    Encapsulated,
    IssuerAndSerial,
    PlainAlgorithm,
    PssParameters,
    SignedData,
    SignerInfo,
)

MAX_CMS = 1 << 20
PEM_BEGIN = "-----BEGIN CMS-----"
PEM_END = "-----END CMS-----"
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----")
_NAMES = {oid: name for name, oid in {**DIGESTS, **WEAK_DIGESTS}.items()}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong with a signature: a stable code, and what was found."""

    code: str
    text: str


class NotCms(Exception):  # noqa: N818 - named after the finding
    """The bytes are not a CMS signature that can be judged."""


class SigningKey(Protocol):
    """Signs with SHA-256: the hook behind which a PEM key, a token or a signing service stands."""

    @property
    def certificates(self) -> list[x509.Certificate]:
        """The signer's certificate first, then its chain."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The raw signature of `data`: PKCS#1 v1.5 or DER-encoded ECDSA, always over SHA-256."""
        ...


class SignerVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one signer."""

    certificate: x509.Certificate | None
    digest: str
    signing_time: dt.datetime | None
    signature: bytes
    token: bytes | None
    problems: tuple[Problem, ...]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded signature: which digests of the content it needs, and the certificates that it carries."""

    data: SignedData
    digests: frozenset[str]
    certificates: tuple[x509.Certificate, ...]


# -- writing ---------------------------------------------------------------------------------------------------------


def detached_signature(
    digest: bytes,
    *,
    key: SigningKey,
    time: dt.datetime | None,
    with_certificates: bool = True,
    token_for: "TimeStamper | None" = None,
) -> bytes:
    """DER of a detached signature over content whose SHA-256 is `digest`."""
    certificates = key.certificates
    signed = [
        _attribute(CONTENT_TYPE, asn1.encode_der(DATA)),
        _attribute(MESSAGE_DIGEST, asn1.encode_der(digest)),
    ]
    if time is not None:
        signed.append(_attribute(SIGNING_TIME, asn1.encode_der(asn1.UTCTime(time.replace(microsecond=0)))))
    attributes = asn1.SetOf(signed)
    signature = key.sign(asn1.encode_der(attributes))
    unsigned = None
    if token_for is not None:
        unsigned = asn1.SetOf([_attribute(TIME_STAMP_TOKEN, token_for.token(signature))])
    sha256 = PlainAlgorithm(algorithm=DIGESTS["SHA-256"], parameters=None)
    info = SignerInfo(
        version=1,
        identifier=_identifier(certificates[0]),
        digest=sha256,
        signed=attributes,
        algorithm=_signature_algorithm(certificates[0]),
        signature=signature,
        unsigned=unsigned,
    )
    carried = [_tlv(c.public_bytes(serialization.Encoding.DER)) for c in certificates] if with_certificates else None
    data = SignedData(
        version=1,
        digests=asn1.SetOf([sha256]),
        encapsulated=Encapsulated(kind=DATA, content=None),
        certificates=asn1.SetOf(carried) if carried else None,
        crls=None,
        signers=asn1.SetOf([info]),
    )
    return asn1.encode_der(ContentInfo(kind=SIGNED_DATA, content=data))


class TimeStamper(Protocol):
    """Gives a time stamp token for a signature."""

    def token(self, signature: bytes) -> bytes:
        """DER of a TimeStampToken over `signature`."""
        ...


def pem(der: bytes) -> str:
    """The signature as PEM; SOL004 wants the label CMS."""
    body = base64.b64encode(der).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([PEM_BEGIN, *lines, PEM_END, ""])


def _attribute(kind: x509.ObjectIdentifier, value: bytes) -> Attribute:
    return Attribute(kind=kind, values=asn1.SetOf([_tlv(value)]))


def _tlv(der: bytes) -> asn1.TLV:
    return asn1.decode_der(asn1.TLV, der)


def _identifier(certificate: x509.Certificate) -> IssuerAndSerial:
    return IssuerAndSerial(issuer=_tlv(certificate.issuer.public_bytes()), serial=certificate.serial_number)


def _signature_algorithm(certificate: x509.Certificate) -> Algorithm:
    if isinstance(certificate.public_key(), ec.EllipticCurvePublicKey):
        return Algorithm(algorithm=ECDSA_SHA256, parameters=None)
    return Algorithm(algorithm=RSA, parameters=asn1.Null())


# -- reading ---------------------------------------------------------------------------------------------------------


def der_of(data: bytes) -> bytes:
    """DER of a signature given as PEM (label CMS or PKCS7) or DER."""
    if len(data) > MAX_CMS:
        raise NotCms(f"{len(data)} bytes are too many for a signature (at most {MAX_CMS})")
    if data[:1] == b"\x30":
        return data
    found = _PEM.search(data)
    if not found or found[1] not in {b"CMS", b"PKCS7"}:
        raise NotCms("neither DER nor PEM with the label CMS")
    try:
        return base64.b64decode(b"".join(found[2].split()), validate=True)
    except binascii.Error as error:
        raise NotCms(f"the PEM block is not base64 ({error})") from error


def parse(der: bytes) -> Message:
    """Decode a signature; `NotCms` if it is not one in DER."""
    try:
        info = asn1.decode_der(ContentInfo, der)
        again = asn1.encode_der(info)
    except (ValueError, TypeError, OverflowError) as error:
        raise NotCms(f"not SignedData in DER: {' '.join(str(error).split())[:120]}") from error
    if info.kind != SIGNED_DATA:
        raise NotCms(f"the content type is {info.kind.dotted_string}, not SignedData")
    if again != der:
        raise NotCms("not canonical DER: the encoding differs from what the values encode to")
    data = info.content
    certificates = _certificates(data)
    needed = frozenset(_digest_name(signer.digest) for signer in data.signers.as_list())
    return Message(data=data, digests=needed, certificates=certificates)


def verdicts(
    message: Message, *, digests: Mapping[str, bytes], extra: Iterable[x509.Certificate] = ()
) -> tuple[SignerVerdict, ...]:
    """Judge every signer against the digests of the content (by algorithm name)."""
    candidates = (*message.certificates, *extra)
    declared = {_digest_name(algorithm) for algorithm in message.data.digests.as_list()}
    return tuple(
        _verdict(signer, candidates=candidates, declared=declared, digests=digests)
        for signer in message.data.signers.as_list()
    )


def _verdict(
    signer: SignerInfo,
    *,
    candidates: tuple[x509.Certificate, ...],
    declared: set[str],
    digests: Mapping[str, bytes],
) -> SignerVerdict:
    name = _digest_name(signer.digest)
    certificate = _certificate_of(signer, candidates=candidates)
    problems: list[Problem] = []
    if certificate is None:
        problems.append(Problem("signer-unknown", "no certificate at hand belongs to the signer"))
    if name not in DIGESTS:
        problems.append(Problem("weak-digest", f"digest algorithm {name} is not accepted"))
    elif name not in declared:
        problems.append(Problem("algorithm-mismatch", f"{name} is not among the declared digest algorithms"))
    stated = SIGNATURES.get(signer.algorithm.algorithm, "")
    if stated == "":
        oid = signer.algorithm.algorithm.dotted_string
        problems.append(Problem("algorithm-unknown", f"signature algorithm {oid} is not known"))
    elif stated is not None and stated != name:
        problems.append(Problem("algorithm-mismatch", f"signature algorithm says {stated}, the digest is {name}"))
    problems += _content_problems(signer, digest=digests.get(name))
    if certificate is not None and not problems and not _signed_by(signer, certificate=certificate, name=name):
        problems.append(Problem("bad-signature", "the signature does not verify with the signer's key"))
    return SignerVerdict(
        certificate=certificate,
        digest=name,
        signing_time=_signing_time(signer),
        signature=signer.signature,
        token=_token(signer),
        problems=tuple(problems),
    )


def _content_problems(signer: SignerInfo, *, digest: bytes | None) -> list[Problem]:
    """What the signed attributes say about the content."""
    if digest is None:
        return []
    if signer.signed is None:
        return []  # the signature covers the content directly; checked with the key
    values = [_single(a) for a in signer.signed.as_list() if a.kind == MESSAGE_DIGEST]
    if len(values) != 1 or values[0] is None:
        return [Problem("no-message-digest", "the signed attributes hold no single message digest")]
    try:
        stated = asn1.decode_der(bytes, values[0])
    except ValueError:
        return [Problem("no-message-digest", "the message digest is not an octet string")]
    if stated != digest:
        return [Problem("digest-mismatch", "the signature is over other bytes")]
    return []


def _signed_by(signer: SignerInfo, *, certificate: x509.Certificate, name: str) -> bool:
    """Whether the signature verifies with the certificate's key."""
    key = certificate.public_key()
    if signer.signed is None:
        return False  # without signed attributes nothing binds the content type: refused as unverifiable
    data = asn1.encode_der(signer.signed)
    algorithm = _HASHES[name]
    hashed = hashlib.new(name.replace("-", "").lower(), data).digest()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signer.signature, hashed, _padding(signer.algorithm, algorithm), Prehashed(algorithm))
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signer.signature, hashed, ec.ECDSA(Prehashed(algorithm)))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _padding(algorithm: Algorithm, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if algorithm.algorithm != RSA_PSS:
        return padding.PKCS1v15()
    salt = 20
    if isinstance(algorithm.parameters, PssParameters) and algorithm.parameters.salt is not None:
        salt = algorithm.parameters.salt
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=salt)


def _certificates(data: SignedData) -> tuple[x509.Certificate, ...]:
    """The X.509 certificates that can be read; others cannot belong to a signer whom we could judge."""
    found = []
    for item in data.certificates.as_list() if data.certificates else []:
        try:
            certificate = x509.load_der_x509_certificate(asn1.encode_der(item))
        except ValueError:
            certificate = None
        if certificate is not None and is_readable(certificate):
            found.append(certificate)
    return tuple(found)


def is_readable(certificate: x509.Certificate) -> bool:
    """Whether all parts that are judged later can be decoded: the library decodes each when it is asked for."""
    try:
        certificate.public_key()
        parts = (certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string(), certificate.extensions)
        times = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    return bool(parts and times)


def _certificate_of(signer: SignerInfo, *, candidates: Iterable[x509.Certificate]) -> x509.Certificate | None:
    return next((c for c in candidates if _matches(signer.identifier, c)), None)


def _matches(identifier: IssuerAndSerial | bytes, certificate: x509.Certificate) -> bool:
    if isinstance(identifier, IssuerAndSerial):
        same_serial = certificate.serial_number == identifier.serial
        return same_serial and certificate.issuer.public_bytes() == asn1.encode_der(identifier.issuer)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return extension.value.digest == identifier


def _single(attribute: Attribute) -> bytes | None:
    values = attribute.values.as_list()
    return asn1.encode_der(values[0]) if len(values) == 1 else None


def _signing_time(signer: SignerInfo) -> dt.datetime | None:
    for attribute in signer.signed.as_list() if signer.signed else []:
        value = _single(attribute) if attribute.kind == SIGNING_TIME else None
        if value is None:
            continue
        try:
            if value[0] == 0x17:
                return asn1.decode_der(asn1.UTCTime, value).as_datetime()
            return asn1.decode_der(asn1.GeneralizedTime, value).as_datetime()
        except ValueError:
            return None
    return None


def _token(signer: SignerInfo) -> bytes | None:
    for attribute in signer.unsigned.as_list() if signer.unsigned else []:
        if attribute.kind == TIME_STAMP_TOKEN:
            return _single(attribute)
    return None


def _digest_name(algorithm: PlainAlgorithm) -> str:
    return _NAMES.get(algorithm.algorithm, algorithm.algorithm.dotted_string)
