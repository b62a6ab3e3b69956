"""Time stamps (RFC 3161): the request for one, and the judgement of one that came with a signature.

A token is itself a CMS message whose content, a TSTInfo, holds the digest of our signature and a time. It proves that
the signature existed then, so that a package stays verifiable after its certificate ran out. A token makes a package
differ from build to build; everything else stays reproducible. Who asks an authority is `authority`.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtendedKeyUsageOID

from ako_builder.signing.certificates import chain_problems
from ako_builder.signing.cms import NotCms, Problem, parse, verdicts
from ako_builder.signing.structures import (
    DIGESTS,
    TST_INFO,
    GrantedTimeStamp,
    MessageImprint,
    PlainAlgorithm,
    RefusedTimeStamp,
    TimeStampRequest,
    TstInfo,
)
from ako_runtime.errors import UserError


def time_stamp_request(signature: bytes, *, nonce: int) -> bytes:
    """DER of a TimeStampReq."""
    sha256 = PlainAlgorithm(algorithm=DIGESTS["SHA-256"], parameters=asn1.Null())
    imprint = MessageImprint(digest=sha256, value=hashlib.sha256(signature).digest())
    return asn1.encode_der(TimeStampRequest(version=1, imprint=imprint, policy=None, nonce=nonce, certificates=True))


def granted_token(data: bytes, *, url: str) -> bytes:
    """The token of an authority's answer."""
    try:
        answer = asn1.decode_der(GrantedTimeStamp, data)
    except (ValueError, TypeError) as error:
        refused = _refusal(data)
        raise UserError(f"--tsa-url {url}: {refused or 'the answer is not a time stamp'}") from error
    if answer.status.status not in {0, 1}:
        raise UserError(f"--tsa-url {url}: the authority refused (status {answer.status.status})")
    return asn1.encode_der(answer.token)


def token_time(
    token: bytes, *, signature: bytes, trust: Sequence[x509.Certificate], relaxed: bool = False
) -> tuple[dt.datetime | None, list[Problem]]:
    """The time that a token proves for `signature`, and what is wrong with it."""
    info = token_info(token)
    try:
        message = parse(token)
    except NotCms as error:
        return None, [Problem("time-stamp", f"the token is not CMS ({error})")]
    content = message.data.encapsulated.content
    if info is None or content is None:
        return None, [Problem("time-stamp", "the token holds no TSTInfo")]
    name = next((name for name, oid in DIGESTS.items() if oid == info.imprint.digest.algorithm), None)
    if name is None or _digest(name, signature) != info.imprint.value:
        return None, [Problem("time-stamp", "the token is for other bytes")]
    time = info.time.as_datetime()
    judged = verdicts(message, digests={name: _digest(name, content) for name in message.digests & set(DIGESTS)})
    problems = [Problem("time-stamp", problem.text) for verdict in judged for problem in verdict.problems]
    if not judged:
        problems.append(Problem("time-stamp", "nobody signed the token"))
    for verdict in judged:
        if verdict.certificate is not None:
            problems += _authority_problems(
                verdict.certificate, others=message.certificates, trust=trust, time=time, relaxed=relaxed
            )
    return (None if problems else time), problems


def _authority_problems(
    certificate: x509.Certificate,
    *,
    others: Sequence[x509.Certificate],
    trust: Sequence[x509.Certificate],
    time: dt.datetime,
    relaxed: bool,
) -> list[Problem]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        allowed = ExtendedKeyUsageOID.TIME_STAMPING in usage
    except (x509.ExtensionNotFound, ValueError):
        allowed = False
    if not allowed:
        return [Problem("time-stamp", "the authority's certificate is not for time stamping")]
    if not certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc:
        return [Problem("time-stamp", "the authority's certificate was not valid at that time")]
    if not trust:
        return []
    found = chain_problems(certificate, others=others, trust=trust, time=time, relaxed=relaxed)
    return [Problem("time-stamp", problem.text) for problem in found]


def token_info(token: bytes) -> TstInfo | None:
    """What a token states, whoever signed it; None if it is no token."""
    try:
        message = parse(token)
        encapsulated = message.data.encapsulated
        if encapsulated.kind != TST_INFO or encapsulated.content is None:
            return None
        return asn1.decode_der(TstInfo, encapsulated.content)
    except (NotCms, ValueError, TypeError):
        return None


def _refusal(data: bytes) -> str | None:
    try:
        status = asn1.decode_der(RefusedTimeStamp, data).status
    except (ValueError, TypeError):
        return None
    return f"the authority refused (status {status.status}: {', '.join(status.text or [])})"


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.new(name.replace("-", "").lower(), data).digest()
