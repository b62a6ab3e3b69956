"""Certificates: making the lab's own, and reading the ones that clients upload.

What an upload becomes equals the recorded form: names of issuer and subject in parts and as one text, times without a
zone, the SHA-1 fingerprint in the words of the openssl command, the serial number as a decimal text. A certificate with
years to go was recorded with 365 days until it expires, so the days are counted below that only; the documents allow
no zero there.
"""

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.values import Document, Json

_PARTS = (
    ("common_name", NameOID.COMMON_NAME, "CN"),
    ("organization_unit", NameOID.ORGANIZATIONAL_UNIT_NAME, "OU"),
    ("organization", NameOID.ORGANIZATION_NAME, "O"),
    ("locality", NameOID.LOCALITY_NAME, "L"),
    ("state", NameOID.STATE_OR_PROVINCE_NAME, "ST"),
    ("country", NameOID.COUNTRY_NAME, "C"),
)
_SIGNATURES = {
    SignatureAlgorithmOID.RSA_WITH_SHA1: "sha1WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "sha256WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA384: "sha384WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA512: "sha512WithRSAEncryption",
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ecdsa-with-SHA256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ecdsa-with-SHA384",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: "ecdsa-with-SHA512",
}
_CURVES = {
    "secp256r1": "SSL_KEY_EC_CURVE_SECP256R1",
    "secp384r1": "SSL_KEY_EC_CURVE_SECP384R1",
    "secp521r1": "SSL_KEY_EC_CURVE_SECP521R1",
}


# What the controller says of a certificate that has longer to go; from when on it warns.
_MOST_DAYS, _WARNING_DAYS = 365, 30


def self_made_certificate(name: str, *, addresses: tuple[str, ...] = (), now: dt.datetime) -> tuple[str, str]:
    """A fresh self-signed certificate and its key, both PEM, for a name and further addresses or names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(name), *(_general_name(address) for address in addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(_usage(), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address.encode("idna").decode())


def is_valid_for(pem: str, *, addresses: tuple[str, ...], now: dt.datetime) -> bool:
    """Whether a certificate that was made here still serves these addresses for a while."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    left = certificate.not_valid_after_utc - now
    return left > dt.timedelta(days=_WARNING_DAYS) and set(addresses) <= set(_alternative_names(certificate))


def _usage() -> x509.KeyUsage:
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


def imported_certificate(pem: str, *, key: str, passphrase: str, error_status: int, now: dt.datetime) -> Document:
    """The fields that the controller adds to an uploaded certificate, or a refusal."""
    certificate = _loaded(pem, error_status)
    if key:
        _check_pair(certificate, key, passphrase, error_status)
    try:
        return {**_described(certificate), **_expiry(certificate.not_valid_after_utc - now)}
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        reason = "the certificate cannot be read"
        raise errors.import_error(reason, common_name="unknown", status=error_status) from error


def _described(certificate: x509.Certificate) -> Document:
    public = certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    names = _alternative_names(certificate)
    fingerprint = ":".join(f"{byte:02X}" for byte in certificate.fingerprint(hashes.SHA1()))  # noqa: S303
    described = {
        "version": str(certificate.version.value),
        "serial_number": str(certificate.serial_number),
        "self_signed": certificate.issuer == certificate.subject,
        "issuer": _described_name(certificate.issuer),
        "subject": _described_name(certificate.subject),
        "public_key": public.decode(),
        "signature_algorithm": _SIGNATURES.get(certificate.signature_algorithm_oid, "unknown"),
        "not_before": f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S}",
        "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S}",
        "fingerprint": f"SHA1 Fingerprint={fingerprint}\n",
        "text": _text(certificate, names),
    }
    return {**described, "subject_alt_names": names} if names else described


def _expiry(left: dt.timedelta) -> Document:
    if left < dt.timedelta():
        return {"expiry_status": "SSL_CERTIFICATE_EXPIRED", "days_until_expire": 1}
    soon = left <= dt.timedelta(days=_WARNING_DAYS)
    status = "SSL_CERTIFICATE_EXPIRY_WARNING" if soon else "SSL_CERTIFICATE_GOOD"
    return {"expiry_status": status, "days_until_expire": max(1, min(left.days, _MOST_DAYS))}


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return []
    return [str(name.value) for name in extension.value if isinstance(name, x509.DNSName | x509.IPAddress)]


def _text(certificate: x509.Certificate, names: list[str]) -> str:
    """The head of what the openssl command prints, as recorded."""
    number = certificate.serial_number
    lines = [
        "Certificate:",
        "    Data:",
        f"        Version: {certificate.version.value + 1} ({certificate.version.value:#x})",
        f"        Serial Number: {number} ({number:#x})",
        f"    Signature Algorithm: {_SIGNATURES.get(certificate.signature_algorithm_oid, 'unknown')}",
        f"        Issuer: {_described_name(certificate.issuer)['distinguished_name']}",
        "        Validity",
        f"            Not Before: {certificate.not_valid_before_utc:%b %e %H:%M:%S %Y} GMT",
        f"            Not After : {certificate.not_valid_after_utc:%b %e %H:%M:%S %Y} GMT",
        f"        Subject: {_described_name(certificate.subject)['distinguished_name']}",
    ]
    if names:
        lines += ["            X509v3 Subject Alternative Name: ", f"                {', '.join(names)}"]
    return "\n".join([*lines, ""])


def described_key(pem: str) -> Document:
    """The algorithm of a certificate's key in the words of the API."""
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        size = f"SSL_KEY_{key.key_size}_BITS"
        return {
            "algorithm": "SSL_KEY_ALGORITHM_RSA",
            "rsa_params": {"key_size": size, "exponent": key.public_numbers().e},
        }
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve = _CURVES.get(key.curve.name, "SSL_KEY_EC_CURVE_SECP256R1")
        return {"algorithm": "SSL_KEY_ALGORITHM_EC", "ec_params": {"curve": curve}}
    return {"algorithm": "SSL_KEY_ALGORITHM_RSA"}


def _loaded(pem: str, error_status: int) -> x509.Certificate:
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.import_error("the certificate is not PEM", common_name="unknown", status=error_status) from error
    return certificates[0]


def _check_pair(certificate: x509.Certificate, key: str, passphrase: str, error_status: int) -> None:
    name = _described_name(certificate.subject).get("common_name", "unknown")
    try:
        private: Json = serialization.load_pem_private_key(key.encode(), passphrase.encode() or None)
        matches = _public(private.public_key()) == _public(certificate.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise errors.import_error("the private key is not usable", common_name=name, status=error_status) from error
    if not matches:
        raise errors.import_error(
            "the private key does not belong to the certificate", common_name=name, status=error_status
        )


def _public(key: Json) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _described_name(name: x509.Name) -> Document:
    found = {field: str(parts[0].value) for field, oid, _ in _PARTS if (parts := name.get_attributes_for_oid(oid))}
    shown = [f"{short}={found[field]}" for field, _, short in reversed(_PARTS) if field in found]
    if not found:
        return {"distinguished_name": name.rfc4514_string()}
    return {**found, "distinguished_name": ", ".join(shown)}
