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
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.utils import CryptographyDeprecationWarning

from ako_builder.signing.structures import (
    CONTENT_TYPE,
    DATA,
    DIGESTS,
    ECDSA,
    ECDSA_SHA256,
    MESSAGE_DIGEST,
    MGF1,
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

# Beside the signer's chain a signature may carry revocation lists, which are not used; more than this is no signature.
MAX_CMS = 256 << 10
_MAX_CERTIFICATES = 16
_MAX_SIGNERS = 8
PEM_BEGIN = "-----BEGIN CMS-----"
PEM_END = "-----END CMS-----"
_LABELS = ("CMS", "PKCS7")
_NAMES = {oid: name for name, oid in {**DIGESTS, **WEAK_DIGESTS}.items()}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}


# What the library raises where a certificate or a list is not what it should be.
UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


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
    body = next((found for label in _LABELS if (found := _pem_body(data, label=label)) is not None), None)
    if body is None:
        raise NotCms("neither DER nor PEM with the label CMS")
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        raise NotCms(f"the PEM block is not base64 ({error})") from error


def _pem_body(data: bytes, *, label: str) -> bytes | None:
    """What stands between the first lines that begin and end a block; None without both."""
    _, begin, rest = data.partition(f"-----BEGIN {label}-----".encode())
    body, end, _ = rest.partition(f"-----END {label}-----".encode())
    return body if begin and end and body[:1].isspace() else None


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
    _refuse_odd(data)
    needed = frozenset(_digest_name(signer.digest) for signer in data.signers.as_list())
    return Message(data=data, digests=needed, certificates=certificates)


def _refuse_odd(data: SignedData) -> None:
    """Refuse parts that other readers of CMS cannot decode or do not accept, although nothing here depends on them."""
    if len(data.signers.as_list()) > _MAX_SIGNERS:
        raise NotCms(f"more than {_MAX_SIGNERS} signers")
    if data.version not in {1, 3, 4, 5}:
        raise NotCms(f"version {data.version} of SignedData")
    for algorithm in data.digests.as_list():
        if algorithm.algorithm not in _NAMES:
            raise NotCms(f"the digest algorithm {algorithm.algorithm.dotted_string} is not known")
    for item in data.crls.as_list() if data.crls else []:
        try:
            x509.load_der_x509_crl(asn1.encode_der(item))
        except UNREADABLE as error:
            raise NotCms("a revocation list in it cannot be read") from error
    for signer in data.signers.as_list():
        wanted = 1 if isinstance(signer.identifier, IssuerAndSerial) else 3
        if signer.version != wanted:
            raise NotCms(f"version {signer.version} of SignerInfo, whose identifier wants {wanted}")
        attributes = [*(signer.signed.as_list() if signer.signed else []), *_unsigned(signer)]
        if not all(attribute.values.as_list() for attribute in attributes):
            raise NotCms("an attribute without a value")


def verdicts(
    message: Message, *, digests: Mapping[str, bytes], extra: Iterable[x509.Certificate] = ()
) -> tuple[SignerVerdict, ...]:
    """Judge every signer against the digests of the content (by algorithm name)."""
    candidates = (*message.certificates, *extra)
    declared = {_digest_name(algorithm) for algorithm in message.data.digests.as_list()}
    return tuple(
        _verdict(
            signer,
            candidates=candidates,
            declared=declared,
            digests=digests,
            kind=message.data.encapsulated.kind,
        )
        for signer in message.data.signers.as_list()
    )


def _verdict(
    signer: SignerInfo,
    *,
    candidates: tuple[x509.Certificate, ...],
    declared: set[str],
    digests: Mapping[str, bytes],
    kind: x509.ObjectIdentifier,
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
    problems += _algorithm_problems(signer, certificate=certificate, name=name)
    problems += _content_problems(signer, digest=digests.get(name), kind=kind)
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


def _algorithm_problems(signer: SignerInfo, *, certificate: x509.Certificate | None, name: str) -> Iterator[Problem]:
    """Whether the signature's algorithm is known, belongs to the key and means the signer's digest."""
    algorithm = signer.algorithm
    oid = algorithm.algorithm
    stated = SIGNATURES.get(oid, "")
    if stated == "":
        yield Problem("algorithm-unknown", f"signature algorithm {oid.dotted_string} is not known")
        return
    if stated is not None and stated != name:
        yield Problem("algorithm-mismatch", f"signature algorithm says {stated}, the digest is {name}")
    key = certificate.public_key() if certificate is not None else None
    kind = ec.EllipticCurvePublicKey if oid in ECDSA else rsa.RSAPublicKey
    if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) and not isinstance(key, kind):
        yield Problem("algorithm-mismatch", f"signature algorithm {oid.dotted_string} is not one of the signer's key")
    if oid == RSA_PSS:
        problem = _pss_problem(algorithm.parameters, name=name)
        if problem:
            yield Problem("algorithm-mismatch", problem)
    elif isinstance(algorithm.parameters, PssParameters) or (oid in ECDSA and algorithm.parameters is not None):
        yield Problem("algorithm-mismatch", f"signature algorithm {oid.dotted_string} has parameters of another one")


def _pss_problem(parameters: asn1.Null | PssParameters | None, *, name: str) -> str | None:
    """What is wrong with the parameters of RSASSA-PSS; whatever they leave out is SHA-1 and 20 bytes (RFC 4055)."""
    if not isinstance(parameters, PssParameters):
        return "RSASSA-PSS without parameters: its digest would be SHA-1"
    own = _digest_name(parameters.digest) if parameters.digest else "SHA-1"
    masked = _digest_name(parameters.mask.parameters) if parameters.mask else "SHA-1"
    if own != name or masked != name or (parameters.mask and parameters.mask.algorithm != MGF1):
        return f"the parameters of RSASSA-PSS name {own} and a mask by {masked}, the digest is {name}"
    if parameters.trailer not in {None, 1} or not 0 <= (20 if parameters.salt is None else parameters.salt) <= 512:
        return "the parameters of RSASSA-PSS have another trailer or salt than any signer uses"
    return None


def _content_problems(signer: SignerInfo, *, digest: bytes | None, kind: x509.ObjectIdentifier) -> Iterator[Problem]:
    """What the signed attributes say about the content: each of RFC 5652's once, with one value, and the right one."""
    if digest is None:
        return
    if signer.signed is None:
        yield Problem("no-content-type", "nothing but the content is signed: nothing binds what kind it is")
        return
    attributes = signer.signed.as_list()
    kinds = [attribute.kind for attribute in attributes]
    if len(set(kinds)) != len(kinds):
        yield Problem("no-content-type", "a signed attribute stands twice: readers disagree which one counts")
    stated = [_single(attribute) for attribute in attributes if attribute.kind == CONTENT_TYPE]
    if stated != [asn1.encode_der(kind)]:
        yield Problem("no-content-type", "the signed attributes do not state the content's type exactly once")
    values = [_single(attribute) for attribute in attributes if attribute.kind == MESSAGE_DIGEST]
    if len(values) != 1 or values[0] is None:
        yield Problem("no-message-digest", "the signed attributes hold no single message digest")
        return
    try:
        found = asn1.decode_der(bytes, values[0])
    except ValueError:
        yield Problem("no-message-digest", "the message digest is not an octet string")
        return
    if found != digest:
        yield Problem("digest-mismatch", "the signature is over other bytes")
    if SIGNING_TIME in kinds and _signing_time(signer) is None:
        yield Problem("no-content-type", "the signing time is not a time")


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
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, OverflowError):
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
    """The certificates that come with a signature; each must be X.509 and readable, as other readers want it."""
    items = data.certificates.as_list() if data.certificates else []
    if len(items) > _MAX_CERTIFICATES:
        raise NotCms(f"{len(items)} certificates are too many (at most {_MAX_CERTIFICATES})")
    found = []
    for number, item in enumerate(items, start=1):
        certificate = loaded_certificate(asn1.encode_der(item))
        if certificate is None:
            raise NotCms(f"its certificate {number} of {len(items)} is not an X.509 certificate that can be read")
        found.append(certificate)
    return tuple(dict.fromkeys(found))


def loaded_certificate(der: bytes) -> x509.Certificate | None:
    """A certificate all of whose parts can be read, with a serial number that RFC 5280 allows; None if it is none."""
    try:
        with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):
            certificate = x509.load_der_x509_certificate(der)
            return certificate if certificate.serial_number > 0 and is_readable(certificate) else None
    except UNREADABLE:
        return None


def is_readable(certificate: x509.Certificate) -> bool:
    """Whether all parts that are judged later can be decoded: the library decodes each when it is asked for."""
    try:
        certificate.public_key()
        parts = (certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string(), certificate.extensions)
        times = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        rest = (certificate.version, certificate.serial_number, certificate.signature_hash_algorithm)
        # The signature comes last. The library ignores a bit string that says it ends within a byte, OpenSSL does not.
        whole = certificate.public_bytes(serialization.Encoding.DER).endswith(b"\0" + certificate.signature)
    except UNREADABLE:
        return False
    return bool(parts and times and rest and whole)


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


def _unsigned(signer: SignerInfo) -> list[Attribute]:
    return signer.unsigned.as_list() if signer.unsigned else []


def _token(signer: SignerInfo) -> bytes | None:
    for attribute in _unsigned(signer):
        if attribute.kind == TIME_STAMP_TOKEN:
            return _single(attribute)
    return None


def _digest_name(algorithm: PlainAlgorithm) -> str:
    return _NAMES.get(algorithm.algorithm, algorithm.algorithm.dotted_string)
