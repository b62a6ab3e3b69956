"""Rules about signatures of single files: what a manifest's entry names with `Signature` and `Certificate`.

A provider may sign files one by one, besides the package or instead of a digest. Such a signature is a file of the
package; it is judged like any other, against digests that come out of the one pass over the content. So the
signatures are read before that pass: they say which digests it has to make.
"""

from collections.abc import Mapping

import msgspec
from cryptography import x509

from ako_builder.archive.container import Container, Unreadable
from ako_builder.csar.check_signature import SignerReport, Trust, parsed, signature_findings
from ako_builder.csar.manifest import Manifest
from ako_builder.csar.rules import Finding
from ako_builder.signing.cms import MAX_CMS, UNREADABLE, Message, is_readable

_MAX_CERTIFICATE = 256 << 10
_MAX_CERTIFICATES = 32


class SignedArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file with a signature of its own, decoded."""

    source: str
    where: str
    message: Message
    beside: tuple[x509.Certificate, ...]


def signed_artifacts(
    manifest: Manifest | None, *, path: str | None, container: Container
) -> tuple[list[SignedArtifact], list[Finding]]:
    """The signatures that the manifest's entries name, as far as they can be read."""
    found: list[SignedArtifact] = []
    findings: list[Finding] = []
    for entry in manifest.artifacts if manifest is not None else ():
        for name in (entry.signature, entry.certificate):
            if name and (name not in container.entries or name.endswith("/")):
                text = f"{name}, which {entry.source} names"
                findings.append(Finding(rule="SIG-024", where=path or "", line=entry.line, text=text))
        if entry.signature in container.entries:
            message, problems = _message(container, name=entry.signature)
            findings += problems
            if message is not None:
                beside = certificates_at(container, [entry.certificate])
                where = entry.signature
                found.append(SignedArtifact(source=entry.source, where=where, message=message, beside=tuple(beside)))
    return found, findings


def artifact_findings(
    artifacts: list[SignedArtifact], *, digests: Mapping[str, Mapping[str, str]], trust: Trust
) -> tuple[list[Finding], list[SignerReport]]:
    """Judge them; `digests` are those of the files, in hexadecimal."""
    findings: list[Finding] = []
    signers: list[SignerReport] = []
    for item in artifacts:
        sums = {name: bytes.fromhex(value) for name, value in digests.get(item.source, {}).items()}
        problems, reports = signature_findings(
            item.message, where=item.where, digests=sums, beside=item.beside, trust=trust
        )
        findings += problems
        signers += reports
    return findings, signers


def certificates_at(container: Container, names: list[str]) -> list[x509.Certificate]:
    """Certificates of the first of these files that holds any; one that cannot be read counts as none."""
    for name in names:
        if name not in container.entries:
            continue
        try:
            data = container.read(name, limit=_MAX_CERTIFICATE)
            found = x509.load_pem_x509_certificates(data) if data.count(b"-----BEGIN") <= _MAX_CERTIFICATES else []
            return [certificate for certificate in found if is_readable(certificate)]
        except (Unreadable, *UNREADABLE):
            continue
    return []


def _message(container: Container, *, name: str) -> tuple[Message | None, list[Finding]]:
    if container.entries[name].size > MAX_CMS:
        return None, [Finding(rule="SIG-022", where=name, text=f"{container.entries[name].size} bytes")]
    try:
        message, findings = parsed(container.read(name, limit=MAX_CMS), where=name)
    except Unreadable as error:
        return None, [Finding(rule=error.rule, where=name, text=str(error))]
    if message is not None:
        # Each may be asked whether it issued each other one.
        container.budget.spend("signatures", 1 + len(message.certificates) ** 2)
    return message, findings
