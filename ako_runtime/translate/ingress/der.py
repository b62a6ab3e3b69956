"""Whether a certificate and a private key belong together, as far as their DER tells.

Reading is strict about structure (tags, lengths, nothing left over at the top), because the controller refuses what is
broken, and blind to everything that does not matter here: names, dates, extensions, signatures. Of RSA keys the modulus
is compared, of others the public point, which a private key need not carry; then nothing is said against it.

    Certificate  SEQUENCE { tbs SEQUENCE { [0]?, serial, algorithm, issuer, validity, subject, public key, ... }, ... }
    public key   SEQUENCE { SEQUENCE { OID, ... }, BIT STRING }
    PKCS#8       SEQUENCE { INTEGER, SEQUENCE { OID, ... }, OCTET STRING { the key proper } }
    RSA          SEQUENCE { INTEGER 0, modulus, exponent, ... }
    EC           SEQUENCE { INTEGER 1, OCTET STRING, [0]?, [1]? { BIT STRING } }
"""

from typing import NamedTuple

INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
VERSION, POINT = 0xA0, 0xA1
RSA, EC = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a8648ce3d0201")
_LONG, _MAX_LENGTH_BYTES = 0x80, 4
_TBS_FIELDS = 6


class Element(NamedTuple):
    """A tag with its content."""

    tag: int
    body: bytes


class PublicPart(NamedTuple):
    """Algorithm (an OID) and what identifies the pair; empty if it is not known."""

    algorithm: bytes
    identity: bytes


def public_part_of_certificate(der: bytes) -> PublicPart | None:
    """The public key that is certified; None if this is no certificate."""
    try:
        tbs = _only(der)[0]
        fields = [one for one in _elements(_body(tbs, SEQUENCE)) if one.tag != VERSION]
        algorithm, bits = _elements(_body(fields[_TBS_FIELDS - 1], SEQUENCE))[:2]
        name, key = _algorithm(algorithm), _body(bits, BIT_STRING)[1:]
        return PublicPart(name, _body(_only(key)[0], INTEGER) if name == RSA else key)
    except (ValueError, IndexError):
        return None


def public_part_of_key(der: bytes, label: str) -> PublicPart | None:
    """The public part of a private key in a PEM block of this label; None if it cannot be read."""
    try:
        fields = _only(der)
        if label == "PRIVATE KEY":
            name, inner = _algorithm(fields[1]), _body(fields[2], OCTET_STRING)
        else:
            name, inner = {"RSA PRIVATE KEY": RSA, "EC PRIVATE KEY": EC}[label], der
        if name == RSA:
            return PublicPart(RSA, _body(_only(inner)[1], INTEGER))
        return PublicPart(name, _point(_only(inner)) if name == EC else b"")
    except (ValueError, IndexError, KeyError):
        return None


def belong_together(certificate: PublicPart, key: PublicPart) -> bool:
    """Whether nothing says that they do not."""
    if certificate.algorithm != key.algorithm:
        return False
    return not key.identity or certificate.identity == key.identity


def _point(fields: list[Element]) -> bytes:
    for one in fields:
        if one.tag == POINT:
            return _body(_elements(one.body)[0], BIT_STRING)[1:]
    return b""


def _algorithm(element: Element) -> bytes:
    return _body(_elements(_body(element, SEQUENCE))[0], OID)


def _only(der: bytes) -> list[Element]:
    """What is in the one sequence that this is."""
    (whole,) = _elements(der)
    return _elements(_body(whole, SEQUENCE))


def _body(element: Element, tag: int) -> bytes:
    if element.tag != tag:
        raise ValueError(f"tag {element.tag} instead of {tag}")
    return element.body


def _elements(der: bytes) -> list[Element]:
    found, at = [], 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & _LONG:
            width = length & ~_LONG
            if not 0 < width <= _MAX_LENGTH_BYTES:
                raise ValueError(f"a length of {width} bytes")
            length, at = int.from_bytes(der[at : at + width]), at + width
        if at + length > len(der):
            raise ValueError("cut off")
        found.append(Element(tag, der[at : at + length]))
        at += length
    return found
