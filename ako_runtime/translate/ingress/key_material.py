"""Whether a private key belongs to a certificate, as far as DER alone can say.

The controller refuses a pair that does not match, and would hold up everybody on the same virtual service. An RSA key
holds its modulus and an EC key, as all common tools write it, its public point; the same bytes stand in the
certificate. So no arithmetic is needed, and no library. A key that does not show its public part (Ed25519, stripped EC
keys, a form that is not known here) is taken as matching: then the controller decides.
"""

import base64
import binascii
import re

from msgspec import Struct

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----")
_INTEGER, _BITS, _OCTETS, _SEQUENCE, _PUBLIC = 0x02, 0x03, 0x04, 0x30, 0xA1
_RSA = bytes.fromhex("2a864886f70d010101")
_EC = bytes.fromhex("2a8648ce3d0201")
_UNCOMPRESSED = 4


class _Value(Struct, frozen=True):
    tag: int
    content: bytes


def blocks(text: str) -> list[tuple[str, bytes]]:
    """Label and DER of each block of a PEM text; DER that is no base64 is empty."""
    return [(label, _der(body)) for label, body in _BLOCK.findall(text)]


def belongs(key: str, certificate: str) -> bool:
    """Whether the key may belong to the first certificate of the chain."""
    leaf = next((der for label, der in blocks(certificate) if label.endswith("CERTIFICATE")), b"")
    found = next(((label, der) for label, der in blocks(key) if label.endswith("PRIVATE KEY")), ("", b""))
    try:
        public = _public_part(*found)
    except (ValueError, IndexError):
        # Cut off, or put together in another way.
        return True
    return not public or public in leaf


def _public_part(label: str, der: bytes) -> bytes:
    parts = _sequence(der)
    if label == "RSA PRIVATE KEY":
        return _modulus(parts)
    if label == "EC PRIVATE KEY":
        return _coordinate(parts)
    if len(parts) < 3 or parts[1].tag != _SEQUENCE or parts[2].tag != _OCTETS:
        return b""
    algorithm = _values(parts[1].content)[0].content
    if algorithm == _RSA:
        return _modulus(_sequence(parts[2].content))
    return _coordinate(_sequence(parts[2].content)) if algorithm == _EC else b""


def _modulus(parts: list[_Value]) -> bytes:
    if len(parts) < 2 or parts[1].tag != _INTEGER:
        raise ValueError("no RSA key")
    return parts[1].content.lstrip(b"\0")


def _coordinate(parts: list[_Value]) -> bytes:
    """The first coordinate of the public point, which stands in the certificate whether or not it is compressed."""
    held = next((one for one in parts if one.tag == _PUBLIC), None)
    if held is None:
        return b""
    point = _values(held.content)[0]
    if point.tag != _BITS or len(point.content) < 3:
        raise ValueError("no EC key")
    form, bare = point.content[1], point.content[2:]
    return bare[: len(bare) // 2] if form == _UNCOMPRESSED else bare


def _sequence(der: bytes) -> list[_Value]:
    found = _values(der)
    if not found or found[0].tag != _SEQUENCE:
        raise ValueError("no sequence")
    return _values(found[0].content)


def _values(der: bytes) -> list[_Value]:
    found = []
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise ValueError("cut off")
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size]), at + size
        if at + length > len(der):
            raise ValueError("cut off")
        found.append(_Value(tag, der[at : at + length]))
        at += length
    return found


def _der(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
