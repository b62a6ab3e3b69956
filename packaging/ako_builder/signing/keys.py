"""Signing keys: a PEM pair, a PKCS#12 file, either of them from the environment, or whatever a hook brings.

Wherever a file is named, `env:NAME` takes the variable NAME instead (as openssl does for passphrases), so that a key
which a build server hands over as a secret never lies on its disk: PEM as it is, PKCS#12 in base64. Passphrases come
from the environment or from a prompt, never from the command line, where every user of the machine can read them.

A hook (`MODULE:FACTORY`) is a Python callable without arguments that returns an object with `certificates` and
`sign(data)`; that is how a PKCS#11 token or a signing service takes part without this project depending on any of
them (docs/how-to/csar-sign.md has a complete one).
"""

import base64
import binascii
import importlib
import os
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ako_builder.signer import PrivateKey, Signer
from ako_builder.signing.cms import SigningKey
from ako_runtime.errors import UserError

_PKCS12_SUFFIXES = {".p12", ".pfx"}
_ENVIRONMENT = "env:"
_PEM = b"-----BEGIN "
PASSPHRASE_VARIABLE = "AKO_SIGN_PASSPHRASE"  # noqa: S105 - the name of a variable
MIN_RSA_BITS = 2048
_TRIAL = b"trial"


class LocalKey:
    """A key in memory; signs deterministically."""

    def __init__(self, signer: Signer) -> None:
        self._key = signer.key
        self.certificates = signer.certificates
        self.demo = signer.demo

    def sign(self, data: bytes) -> bytes:
        """PKCS#1 v1.5 or ECDSA with the nonce of RFC 6979, over SHA-256."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def load_signing_pair(
    key: Path, *, certificate: Path | None, chain: Path | None = None, passphrase: str | None = None
) -> Signer:
    """Read a PEM key with its certificate, or a PKCS#12 file that holds both; `env:NAME` stands for a variable."""
    secret = passphrase.encode() if passphrase else None
    data = _content(key)
    if _is_pkcs12(key, data):
        signer = _pkcs12_signer(data, path=key, secret=secret)
    else:
        if certificate is None:
            raise UserError(f"{key}: a PEM key needs its certificate: give --sign-cert")
        signer = Signer(
            key_pem=_plain_pem(_private_key(data, path=key, secret=secret)),
            certificate_pem=_content(certificate),
            demo=False,
        )
    if chain is not None:
        signer = Signer(
            key_pem=signer.key_pem,
            certificate_pem=signer.certificate_pem.rstrip() + b"\n" + _content(chain),
            demo=False,
        )
    _check_pair(signer, path=certificate or key)
    return signer


def load_hook(text: str) -> SigningKey:
    """Call the factory that `MODULE:FACTORY` names."""
    module, _, attribute = text.partition(":")
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"--sign-hook {text}: {error}; give MODULE:FACTORY of an importable module") from error
    key = factory()
    if not (hasattr(key, "sign") and getattr(key, "certificates", None)):
        raise UserError(f"--sign-hook {text}: it must return an object with certificates and sign(data)")
    return key  # type: ignore[no-any-return]  # checked just above, as far as it can be


def _pkcs12_signer(data: bytes, *, path: Path, secret: bytes | None) -> Signer:
    try:
        found = pkcs12.load_pkcs12(data, secret)
    except ValueError as error:
        hint = f"set {PASSPHRASE_VARIABLE} to its passphrase" if secret is None else "the passphrase may be wrong"
        raise UserError(f"{path}: cannot open the PKCS#12 file; {hint}") from error
    if found.key is None or found.cert is None:
        raise UserError(f"{path}: the PKCS#12 file lacks a private key or its certificate")
    certificates = [found.cert.certificate, *(extra.certificate for extra in found.additional_certs)]
    if not isinstance(found.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UserError(f"{path}: the key is neither RSA nor EC")
    return Signer(
        key_pem=_plain_pem(found.key),
        certificate_pem=b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates),
        demo=False,
    )


def _private_key(data: bytes, *, path: Path, secret: bytes | None) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        # The primes are not checked here, which would take a sixth of a second: a trial signature shows more.
        key = serialization.load_pem_private_key(data, password=secret, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        if secret is None:
            raise UserError(f"{path}: the key is encrypted; set {PASSPHRASE_VARIABLE}") from error
        key = serialization.load_pem_private_key(data, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, UnsupportedAlgorithm) as error:
        why = "the passphrase may be wrong" if secret else "it holds no PEM private key"
        raise UserError(f"{path}: cannot read the key; {why}") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UserError(f"{path}: the key is neither RSA nor EC")
    return key


def _plain_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _check_pair(signer: Signer, *, path: Path) -> None:
    try:
        certificates = signer.certificates
    except ValueError as error:
        raise UserError(f"{path}: no PEM certificate in it") from error
    key = signer.key
    if certificates[0].public_key() != key.public_key():
        raise UserError(f"{path}: the first certificate is not for the signing key; give the one that is")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise UserError(
            f"{path}: an RSA key of {key.key_size} bits is too short to sign with (at least {MIN_RSA_BITS})"
        )
    _try(key, path=path)


def _try(key: PrivateKey, *, path: Path) -> None:
    """Sign something and verify it: a damaged key may still have its public half."""
    public = key.public_key()
    try:
        if isinstance(key, rsa.RSAPrivateKey) and isinstance(public, rsa.RSAPublicKey):
            signature = key.sign(_TRIAL, padding.PKCS1v15(), hashes.SHA256())
            public.verify(signature, _TRIAL, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError) as error:
        raise UserError(f"{path}: the key is damaged, its signatures do not verify; take another copy of it") from error


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Certificates of a PEM bundle."""
    try:
        return x509.load_pem_x509_certificates(_content(path))
    except ValueError as error:
        raise UserError(f"{path}: no PEM certificate in it; give a file with CA certificates") from error


def _is_pkcs12(path: Path, data: bytes) -> bool:
    """Whether a key is PKCS#12: a file by its suffix, a variable by not being PEM."""
    if str(path).startswith(_ENVIRONMENT):
        return _PEM not in data
    return path.suffix.lower() in _PKCS12_SUFFIXES


def _content(path: Path) -> bytes:
    if str(path).startswith(_ENVIRONMENT):
        return _variable(str(path).removeprefix(_ENVIRONMENT))
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a readable file, or a variable as env:NAME") from error


def _variable(name: str) -> bytes:
    """PEM from a variable, or what it holds in base64."""
    value = os.environ.get(name, "").encode()
    if not value.strip():
        raise UserError(f"{_ENVIRONMENT}{name}: the variable {name} is not set or empty; set it to PEM or to base64")
    if _PEM in value:
        return value
    try:
        return base64.b64decode(b"".join(value.split()), validate=True)
    except binascii.Error as error:
        raise UserError(f"{_ENVIRONMENT}{name}: the variable holds neither PEM nor base64 ({error})") from error
