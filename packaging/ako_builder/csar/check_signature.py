"""Rules about signatures: the manifest's own (option 1), that beside the package (option 2), certificates, time.

The signature is judged from digests that were computed while streaming. The time that counts is that of a valid time
stamp, else the signer's own claim, else now: a package stays good after its certificate ran out, if it was signed
before. A claim proves nothing against the holder of an old key, and a stamp little while nobody says which authorities
are trusted; both are said.

Whoever names certificates to trust wants somebody to vouch for the files. So a package that nobody signed, that the
public demo key signed, or whose signature covers no digest, is then refused under every policy, also under those that
forgive unsigned packages.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence

import msgspec
from cryptography import x509

from ako_builder.csar.rules import Finding
from ako_builder.signing.certificates import chain_problems, is_demo, leaf_problems
from ako_builder.signing.cms import MAX_CMS, Message, NotCms, Problem, SignerVerdict, der_of, parse, verdicts
from ako_builder.signing.structures import DATA
from ako_builder.signing.timestamps import token_time
from ako_builder.times import rfc3339

_RULES = {
    "signer-unknown": "SIG-010",
    "weak-digest": "SIG-007",
    "algorithm-mismatch": "SIG-008",
    "algorithm-unknown": "SIG-023",
    "no-message-digest": "SIG-009",
    "no-content-type": "SIG-028",
    "digest-mismatch": "SIG-005",
    "bad-signature": "SIG-006",
    "weak-key": "SIG-011",
    "weak-certificate": "SIG-021",
    "not-yet-valid": "SIG-012",
    "expired": "SIG-012",
    "untrusted": "SIG-013",
    "leaf-is-ca": "SIG-014",
    "usage": "SIG-015",
    "time-stamp": "SIG-020",
    "future": "SIG-029",
}
# How far the signer's clock may be ahead of ours.
_CLOCK_SKEW = dt.timedelta(hours=1)


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the caller trusts, for signers and for time stamps, and how strictly chains are built."""

    # Lists of x509.Certificate; a Struct cannot check foreign classes.
    anchors: tuple[x509.Certificate, ...] = ()
    tsa_anchors: tuple[x509.Certificate, ...] = ()
    relaxed: bool = False
    allow_demo: bool = False


class SignerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a report says of one signer."""

    subject: str
    issuer: str
    serial: str
    digest: str
    signed_at: str
    stamped_at: str
    demo: bool
    # Whether the signature is the key's, over these bytes; and whether, besides, nothing is wrong with the signer.
    intact: bool
    verified: bool

    # Whether a chain leads from the certificate to one that the caller trusts (or the demo key was allowed).
    trusted: bool

    @property
    def state(self) -> str:
        """Both in words."""
        if self.verified:
            return "valid signature"
        return "signature fits, signer NOT accepted" if self.intact else "INVALID signature"


def vouching_findings(signers: Sequence[SignerReport], *, where: str, trust: Trust, covers: bool) -> list[Finding]:
    """What is missing if somebody who is trusted must vouch for the files; `covers` says that digests are signed.

    Chains that lead nowhere have their own rule: here it is about who did not even try.
    """
    if not trust.anchors:
        return []
    if not signers:
        return [Finding(rule="SIG-025", where=where, text="nobody signed")]
    if all(signer.demo and not signer.trusted for signer in signers):
        return [Finding(rule="SIG-025", where=where, text="only the public demo key signed")]
    return (
        [] if covers else [Finding(rule="SIG-025", where=where, text="the signed manifest has no digest of any file")]
    )


def parsed(data: bytes, *, where: str) -> tuple[Message | None, list[Finding]]:
    """Decode a signature."""
    if len(data) > MAX_CMS:
        return None, [Finding(rule="SIG-022", where=where, text=f"{len(data)} bytes")]
    try:
        message = parse(der_of(data))
    except NotCms as error:
        return None, [Finding(rule="SIG-002", where=where, text=str(error))]
    findings = []
    if not message.data.signers.as_list():
        findings.append(Finding(rule="SIG-003", where=where, text="the list of signers is empty"))
    if message.data.encapsulated.kind != DATA:
        text = f"the content is of type {message.data.encapsulated.kind.dotted_string}, not plain data"
        findings.append(Finding(rule="SIG-028", where=where, text=text))
    if message.data.encapsulated.content is not None:
        findings.append(Finding(rule="SIG-004", where=where, text="the content stands inside the signature"))
    return message, findings


def manifest_digests(message: Message, signed: bytes) -> dict[str, bytes]:
    """Digests of the signed part of a manifest, by the algorithms that the signature uses."""
    known = {"SHA-256", "SHA-384", "SHA-512"}
    return {name: hashlib.new(name.replace("-", "").lower(), signed).digest() for name in message.digests & known}


def signature_findings(
    message: Message,
    *,
    where: str,
    digests: Mapping[str, bytes],
    beside: Sequence[x509.Certificate],
    trust: Trust,
) -> tuple[list[Finding], list[SignerReport]]:
    """Judge every signer of a decoded signature."""
    findings: list[Finding] = []
    reports = []
    if beside and message.certificates:
        same = "the same" if set(beside) <= set(message.certificates) else "another"
        findings.append(Finding(rule="SIG-016", where=where, text=f"{same} certificate stands beside the signature"))
    for verdict in verdicts(message, digests=digests, extra=beside):
        found, report = _signer(verdict, where=where, others=(*message.certificates, *beside), trust=trust)
        findings += found
        reports.append(report)
    return findings, reports


def _signer(
    verdict: SignerVerdict, *, where: str, others: Sequence[x509.Certificate], trust: Trust
) -> tuple[list[Finding], SignerReport]:
    problems = list(verdict.problems)
    stamped: dt.datetime | None = None
    if verdict.token is not None:
        stamped, stamp_problems = token_time(
            verdict.token, signature=verdict.signature, trust=trust.tsa_anchors, relaxed=trust.relaxed
        )
        problems += stamp_problems
    now = dt.datetime.now(dt.UTC)
    time = stamped or verdict.signing_time or now
    certificate = verdict.certificate
    findings = _time_findings(certificate, where=where, stamped=stamped, now=now, trust=trust)
    if time > now + _CLOCK_SKEW:
        problems.append(Problem("future", f"signed {_time(time)}, it is {_time(now)}"))
    demo = certificate is not None and is_demo(certificate)
    if certificate is not None:
        problems += leaf_problems(certificate, time=time)
        if demo:
            if not trust.allow_demo:
                findings.append(Finding(rule="SIG-017", where=where, text="everybody can make this signature"))
        elif trust.anchors:
            problems += chain_problems(
                certificate, others=others, trust=trust.anchors, time=time, relaxed=trust.relaxed
            )
        else:
            findings.append(Finding(rule="SIG-018", where=where, text=certificate.subject.rfc4514_string()))
    findings += [Finding(rule=_RULES[problem.code], where=where, text=problem.text) for problem in problems]
    trusted = not problems and (trust.allow_demo if demo else bool(trust.anchors))
    return findings, _report(verdict, stamped=stamped, demo=demo, verified=not problems, trusted=trusted)


def _time_findings(
    certificate: x509.Certificate | None, *, where: str, stamped: dt.datetime | None, now: dt.datetime, trust: Trust
) -> list[Finding]:
    """What the time of signing rests on, where that matters."""
    if stamped is not None:
        if trust.tsa_anchors:
            return []
        return [Finding(rule="SIG-026", where=where, text=f"the stamp says {_time(stamped)}")]
    if certificate is None or now <= certificate.not_valid_after_utc:
        return []
    ended = _time(certificate.not_valid_after_utc)
    return [Finding(rule="SIG-027", where=where, text=f"the certificate ran out at {ended}")]


def _report(
    verdict: SignerVerdict, *, stamped: dt.datetime | None, demo: bool, verified: bool, trusted: bool
) -> SignerReport:
    certificate = verdict.certificate
    return SignerReport(
        subject=certificate.subject.rfc4514_string() if certificate else "unknown",
        issuer=certificate.issuer.rfc4514_string() if certificate else "unknown",
        serial=f"{certificate.serial_number:x}" if certificate else "",
        digest=verdict.digest,
        signed_at=_time(verdict.signing_time),
        stamped_at=_time(stamped),
        demo=demo,
        intact=not verdict.problems,
        verified=verified,
        trusted=trusted,
    )


def _time(value: dt.datetime | None) -> str:
    return rfc3339(value) if value else ""
