"""What a signer's certificate is worth: chain, time, usage, strength.

A chain is looked for by names and signatures, in bounded work, and asks of each issuer what keeps an end entity from
issuing: that it is a CA, may sign certificates, so many below it, at that time, for these names. The library's own path
validation then judges this chain with a policy for code signing instead of TLS: the leaf may carry any extension (its
usage is checked here), intermediate and root certificates must be proper CAs. Telecom CAs that lack key identifiers
fail that policy; `relaxed` leaves it out. Nothing is fetched: no AIA, no CRL, no OCSP; revocation is the business of
whoever keeps the trust file.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from ako_builder.signer import DEMO_KEY_SHA256, DEMO_SUBJECT
from ako_builder.signing.cms import Problem
from ako_builder.signing.name_constraints import constraint_problem, names_only_directories
from ako_builder.times import rfc3339

MAX_DEPTH = 8
_MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 16384
_MAX_EXPONENT = 1 << 33
_MIN_EC_BITS = 256
_WEAK_HASHES = {"md5", "sha1"}
_UNDERSTOOD = {
    x509.NameConstraints,
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.CertificatePolicies,
}


def is_demo(certificate: x509.Certificate) -> bool:
    """Whether the certificate is for the public demo key; its name alone says nothing about the key."""
    if all(name.value != DEMO_SUBJECT for name in certificate.subject):
        return False
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(key).hexdigest() == DEMO_KEY_SHA256


def leaf_problems(certificate: x509.Certificate, *, time: dt.datetime) -> list[Problem]:
    """What is wrong with a signer's certificate by itself, at the time of signing."""
    problems = _strength_problems(certificate)
    if time < certificate.not_valid_before_utc:
        problems.append(
            Problem("not-yet-valid", f"valid from {_day(certificate.not_valid_before_utc)}, signed {_day(time)}")
        )
    if time > certificate.not_valid_after_utc:
        problems.append(Problem("expired", f"valid until {_day(certificate.not_valid_after_utc)}, signed {_day(time)}"))
    if not is_demo(certificate):
        problems += _usage_problems(certificate)
    return problems


def chain_problems(
    certificate: x509.Certificate,
    *,
    others: Iterable[x509.Certificate],
    trust: Sequence[x509.Certificate],
    time: dt.datetime,
    relaxed: bool = False,
) -> list[Problem]:
    """Whether a chain leads from the certificate to one of the trusted ones.

    The chain is looked for first, each certificate once: the library would try every order of certificates that issued
    each other, and an attacker can make many. Then the library judges that chain alone.
    """
    if certificate in trust:
        return []
    path, refused = _path(certificate, others=others, trust=trust, time=time)
    if not path:
        return [Problem("untrusted", refused or f"nobody who is trusted issued {certificate.subject.rfc4514_string()}")]
    problem = constraint_problem([certificate, *path])
    if problem or relaxed:
        return [Problem("untrusted", problem)] if problem else []
    return _library_problems(certificate, path=path, time=time)


def _library_problems(
    certificate: x509.Certificate, *, path: list[x509.Certificate], time: dt.datetime
) -> list[Problem]:
    if any(names_only_directories(ca) for ca in path):
        # The library refuses constraints of directory names altogether. These are judged, and so is the rest: here.
        problem = next((text for ca in path if (text := _improper_ca(ca))), "")
        return [Problem("untrusted", problem)] if problem else []
    try:
        (
            PolicyBuilder()
            .store(Store(path[-1:]))
            .time(time)
            .max_chain_depth(MAX_DEPTH)
            .extension_policies(
                ca_policy=ExtensionPolicy.webpki_defaults_ca(),
                ee_policy=ExtensionPolicy.permit_all().may_be_present(
                    x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _any_usage
                ),
            )
            .build_client_verifier()
            .verify(certificate, path[:-1])
        )
    except VerificationError as error:
        return [Problem("untrusted", str(error).splitlines()[0][:150])]
    except (ValueError, UnsupportedAlgorithm) as error:
        return [Problem("untrusted", f"the chain cannot be checked ({str(error)[:150]})")]
    return []


def _any_usage(policy: Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    """The usage of the leaf is a rule of its own (`usage`)."""
    del policy, certificate, usage


def _improper_ca(certificate: x509.Certificate) -> str:
    """What keeps a certificate that may issue others from being that of a proper CA, as a strict policy wants it."""
    extensions = {type(item.value): item for item in certificate.extensions}
    name = certificate.subject.rfc4514_string()
    basic = extensions.get(x509.BasicConstraints)
    if basic is None or not basic.critical or not basic.value.ca:
        return f"{name} does not say in a critical extension that it is a CA"
    if x509.KeyUsage not in extensions or x509.SubjectKeyIdentifier not in extensions:
        return f"{name} lacks its key usage or the identifier of its key"
    unknown = [item for kind, item in extensions.items() if item.critical and kind not in _UNDERSTOOD]
    return f"{name} has a critical extension that is not understood" if unknown else ""


def _path(
    certificate: x509.Certificate,
    *,
    others: Iterable[x509.Certificate],
    trust: Sequence[x509.Certificate],
    time: dt.datetime,
) -> tuple[list[x509.Certificate], str]:
    """The issuers from the certificate's own to a trusted one, or why there are none.

    Depth first, each certificate once, so the work is the square of their number at most. Extensions may be missing,
    but whoever issues must be allowed to.
    """
    pool = [*trust, *(other for other in dict.fromkeys(others) if other != certificate and other not in trust)]
    refused = ""
    visited = {certificate}
    stack: list[list[x509.Certificate]] = [[certificate]]
    while stack:
        path = stack.pop()
        for issuer in pool:
            if issuer in visited or path[-1].issuer != issuer.subject or not _issued(path[-1], by=issuer):
                continue
            reason = next(_against(issuer, trusted=issuer in trust, below=len(path) - 1, time=time), "")
            if reason:
                refused = refused or reason
                continue
            if issuer in trust:
                return [*path[1:], issuer], ""
            visited.add(issuer)
            if len(path) < MAX_DEPTH:
                stack.append([*path, issuer])
    return [], refused


def _against(certificate: x509.Certificate, *, trusted: bool, below: int, time: dt.datetime) -> Iterator[str]:
    """Reasons why a certificate may not issue others; `below` counts the CAs between it and the signer.

    Only a trusted one may leave out that it is a CA: else every end entity of a trusted CA could issue certificates.
    """
    name = certificate.subject.rfc4514_string()
    if not certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc:
        yield f"{name} was not valid at {_day(time)}"
    try:
        extensions = {type(item.value): item for item in certificate.extensions}
    except ValueError as error:
        yield f"the extensions of {name} cannot be read ({str(error)[:100]})"
        return
    basic = extensions.get(x509.BasicConstraints)
    usage = extensions.get(x509.KeyUsage)
    if not (basic.value.ca if basic is not None else trusted):
        yield f"{name} is not a CA"
    if basic is not None and basic.value.path_length is not None and below > basic.value.path_length:
        yield f"{name} allows {basic.value.path_length} CAs below it, there are {below}"
    if usage is not None and not usage.value.key_cert_sign:
        yield f"{name} may not sign certificates (no keyCertSign)"
    if trusted:
        return
    for kind, item in extensions.items():
        if item.critical and kind not in _UNDERSTOOD:
            yield f"{name} has a critical extension that is not understood ({item.oid.dotted_string})"
    for problem in _strength_problems(certificate):
        yield f"{name}: {problem.text}"


def _issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _strength_problems(certificate: x509.Certificate) -> list[Problem]:
    problems = []
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return [Problem("weak-key", f"the public key cannot be used ({str(error)[:100]})")]
    if isinstance(key, rsa.RSAPublicKey):
        # A huge modulus or exponent makes one verification take seconds.
        absurd = key.key_size > _MAX_RSA_BITS or key.public_numbers().e > _MAX_EXPONENT
        if absurd or key.key_size < _MIN_RSA_BITS or key.public_numbers().e < 65537:
            problems.append(Problem("weak-key", f"RSA {key.key_size} bits, exponent {key.public_numbers().e}"))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < _MIN_EC_BITS:
            problems.append(Problem("weak-key", f"curve {key.curve.name}"))
    else:
        problems.append(Problem("weak-key", "the key is neither RSA nor EC"))
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _WEAK_HASHES:
        problems.append(Problem("weak-certificate", f"the certificate is signed with {algorithm.name.upper()}"))
    return problems


def _usage_problems(certificate: x509.Certificate) -> list[Problem]:
    problems = []
    try:
        extensions = certificate.extensions
    except ValueError as error:
        return [Problem("usage", f"the extensions cannot be read ({str(error)[:100]})")]
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            problems.append(Problem("leaf-is-ca", "the signer's certificate is that of a CA (CA:TRUE)"))
        elif isinstance(value, x509.KeyUsage):
            if value.key_cert_sign:
                problems.append(Problem("leaf-is-ca", "the signer's certificate may sign certificates (keyCertSign)"))
            if not (value.digital_signature or value.content_commitment):
                problems.append(Problem("usage", "the key usage allows neither digitalSignature nor nonRepudiation"))
        elif isinstance(value, x509.ExtendedKeyUsage) and not _may_sign_code(value):
            problems.append(Problem("usage", "the extended key usage is there without codeSigning"))
    return problems


def _may_sign_code(usage: x509.ExtendedKeyUsage) -> bool:
    allowed = {
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }
    return any(oid in allowed for oid in usage)


def _day(time: dt.datetime) -> str:
    return rfc3339(time)
