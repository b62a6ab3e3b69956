"""The ASN.1 of signatures, as far as we write and read it: CMS (RFC 5652) and time stamps (RFC 3161).

The structures are declared with `cryptography.hazmat.asn1`, so one description encodes and decodes, in Rust, in DER
only: indefinite lengths, unsorted sets and other BER liberties fail to decode, which is what we want of a signature
that two programs must read alike. Names and numbers are those of the RFCs.

What may be of a foreign kind (certificates that are not X.509, values of attributes) stays an opaque `TLV` and is
decoded where it is needed.
"""

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1

DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.1")
SIGNED_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
TST_INFO = x509.ObjectIdentifier("1.2.840.113549.1.9.16.1.4")

CONTENT_TYPE = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
SIGNING_TIME = x509.ObjectIdentifier("1.2.840.113549.1.9.5")
TIME_STAMP_TOKEN = x509.ObjectIdentifier("1.2.840.113549.1.9.16.2.14")

RSA = x509.ObjectIdentifier("1.2.840.113549.1.1.1")
RSA_PSS = x509.ObjectIdentifier("1.2.840.113549.1.1.10")

# Digest algorithms by name; those of an OID that is not here are refused.
DIGESTS = {
    "SHA-256": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1"),
    "SHA-384": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.2"),
    "SHA-512": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.3"),
}
WEAK_DIGESTS = {
    "MD5": x509.ObjectIdentifier("1.2.840.113549.2.5"),
    "SHA-1": x509.ObjectIdentifier("1.3.14.3.2.26"),
    "SHA-224": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.4"),
}
# Signature algorithms that name their digest: OID -> digest name (None: the signer's digestAlgorithm).
SIGNATURES: dict[x509.ObjectIdentifier, str | None] = {
    RSA: None,
    RSA_PSS: None,
    x509.ObjectIdentifier("1.2.840.113549.1.1.11"): "SHA-256",
    x509.ObjectIdentifier("1.2.840.113549.1.1.12"): "SHA-384",
    x509.ObjectIdentifier("1.2.840.113549.1.1.13"): "SHA-512",
    x509.ObjectIdentifier("1.2.840.10045.4.3.2"): "SHA-256",
    x509.ObjectIdentifier("1.2.840.10045.4.3.3"): "SHA-384",
    x509.ObjectIdentifier("1.2.840.10045.4.3.4"): "SHA-512",
    x509.ObjectIdentifier("1.2.840.113549.1.1.5"): "SHA-1",
    x509.ObjectIdentifier("1.2.840.113549.1.1.4"): "MD5",
    x509.ObjectIdentifier("1.2.840.10045.4.1"): "SHA-1",
}
# Those of them that belong to keys on elliptic curves; all others belong to RSA.
ECDSA = frozenset(
    x509.ObjectIdentifier(text)
    for text in ("1.2.840.10045.4.1", "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4")
)
MGF1 = x509.ObjectIdentifier("1.2.840.113549.1.1.8")
ECDSA_SHA256 = x509.ObjectIdentifier("1.2.840.10045.4.3.2")


@asn1.sequence
class PlainAlgorithm:
    """AlgorithmIdentifier whose parameters are NULL or absent."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class MaskGeneration:
    """maskGenAlgorithm of RSASSA-PSS."""

    algorithm: x509.ObjectIdentifier
    parameters: PlainAlgorithm


@asn1.sequence
class PssParameters:
    """RSASSA-PSS-params (RFC 4055)."""

    digest: Annotated[PlainAlgorithm | None, asn1.Explicit(0)]
    mask: Annotated[MaskGeneration | None, asn1.Explicit(1)]
    salt: Annotated[int | None, asn1.Explicit(2)]
    trailer: Annotated[int | None, asn1.Explicit(3)]


@asn1.sequence
class Algorithm:
    """AlgorithmIdentifier of a signature."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | PssParameters | None


@asn1.sequence
class Attribute:
    """Attribute: a kind and its values."""

    kind: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class IssuerAndSerial:
    """IssuerAndSerialNumber; the name is compared byte for byte."""

    issuer: asn1.TLV
    serial: int


@asn1.sequence
class SignerInfo:
    """SignerInfo: who signed, with what, over which attributes."""

    version: int
    identifier: IssuerAndSerial | Annotated[bytes, asn1.Implicit(0)]
    digest: PlainAlgorithm
    signed: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(0)]
    algorithm: Algorithm
    signature: bytes
    unsigned: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(1)]


@asn1.sequence
class Encapsulated:
    """EncapsulatedContentInfo; without content the signature is detached."""

    kind: x509.ObjectIdentifier
    content: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """SignedData."""

    version: int
    digests: asn1.SetOf[PlainAlgorithm]
    encapsulated: Encapsulated
    certificates: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    crls: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(1)]
    signers: asn1.SetOf[SignerInfo]


@asn1.sequence
class ContentInfo:
    """ContentInfo around SignedData."""

    kind: x509.ObjectIdentifier
    content: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class MessageImprint:
    """The digest that a time stamp is for."""

    digest: PlainAlgorithm
    value: bytes


@asn1.sequence
class TimeStampRequest:
    """TimeStampReq."""

    version: int
    imprint: MessageImprint
    policy: x509.ObjectIdentifier | None
    nonce: int | None
    certificates: Annotated[bool, asn1.Default(value=False)]


@asn1.sequence
class Status:
    """PKIStatusInfo without its failure bits."""

    status: int
    text: list[str] | None
    failure: asn1.BitString | None


@asn1.sequence
class GrantedTimeStamp:
    """TimeStampResp with a token."""

    status: Status
    token: asn1.TLV


@asn1.sequence
class RefusedTimeStamp:
    """TimeStampResp without a token."""

    status: Status


@asn1.sequence
class Accuracy:
    """Accuracy of a time stamp."""

    seconds: int | None
    millis: Annotated[int | None, asn1.Implicit(0)]
    micros: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class AuthorityName:
    """A GeneralName, whichever."""

    name: asn1.TLV


@asn1.sequence
class TstInfo:
    """TSTInfo; name and extensions of the authority are accepted, not used."""

    version: int
    policy: x509.ObjectIdentifier
    imprint: MessageImprint
    serial: int
    time: asn1.GeneralizedTime
    accuracy: Accuracy | None
    ordering: Annotated[bool, asn1.Default(value=False)]
    nonce: int | None
    # [0] EXPLICIT GeneralName, written as an implicitly tagged sequence of one: the same bytes.
    name: Annotated[AuthorityName | None, asn1.Implicit(0)]
    extensions: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
