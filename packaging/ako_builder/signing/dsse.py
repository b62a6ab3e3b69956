"""DSSE envelopes: a document, its type, and signatures of both, in JSON.

The signed bytes are the pre-authentication encoding (PAE), so that nobody can pass a document of one type for another.
Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md.
"""

import base64
import hashlib
import json

from cryptography.hazmat.primitives import serialization

from ako_builder.signing.cms import SigningKey


def pre_authentication_encoding(payload: bytes, *, payload_type: str) -> bytes:
    """What is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, *, payload_type: str, signing: SigningKey) -> bytes:
    """The envelope as JSON; the key is named by the SHA-256 of its SubjectPublicKeyInfo."""
    signature = signing.sign(pre_authentication_encoding(payload, payload_type=payload_type))
    document = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": key_id(signing), "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def key_id(signing: SigningKey) -> str:
    """SHA-256 of the public key, in hexadecimal digits."""
    der = (
        signing.certificates[0]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return hashlib.sha256(der).hexdigest()


def public_key_pem(signing: SigningKey) -> bytes:
    """The public key as PEM: what verifies envelopes and signatures of images."""
    return (
        signing.certificates[0]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
