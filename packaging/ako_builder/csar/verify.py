"""Verifying a package: everything that can be known without trusting it.

One pass over the container's structure, one over its content. The content is read once: CRC, sizes and all digests
that manifest or signature ask for come out of the same stream. Nothing is written, nothing is fetched, memory does
not grow with the package. Where the structure itself is a trap (overlapping entries, bombs) the content is not read
at all.

An archive of option 2 is opened in place: its inner package is a stored member, so it is simply another container at
another offset of the same file. Only an inner package that somebody deflated has to be inflated, into memory and
within a limit.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
from lxml import etree

from ako_builder.archive.budget import OverBudget
from ako_builder.archive.container import Container, Limits, Unreadable
from ako_builder.csar.check_artifacts import SignedArtifact, artifact_findings, certificates_at, signed_artifacts
from ako_builder.csar.check_consistency import consistency_findings
from ako_builder.csar.check_descriptor import descriptor_findings
from ako_builder.csar.check_package import Layout, digest_findings, layout
from ako_builder.csar.check_signature import (
    SignerReport,
    Trust,
    manifest_digests,
    parsed,
    signature_findings,
    vouching_findings,
)
from ako_builder.csar.check_tca import is_tca
from ako_builder.csar.digesting import member_digests, new_hash
from ako_builder.csar.printable import printable
from ako_builder.csar.rules import Finding, Level, at_most, rules
from ako_builder.csar.tosca import Template, load_template
from ako_builder.signing.cms import MAX_CMS, Message
from ako_runtime.errors import UserError

_TRAPS = {"ZIP-007", "ZIP-010", "ZIP-011", "ZIP-012", "ZIP-015"}
# The policy of the package's own dialect.
AUTO = "auto"
_MAX_INFLATED = 32 << 20
_DIGESTS_OF_OPTION_1 = {"MF-027", "MF-030"}
_HASHES = {"SHA-256", "SHA-384", "SHA-512"}
_CERTIFICATE_SUFFIXES = (".cert", ".crt")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with its level under the policy."""

    rule: str
    level: Level
    where: str
    line: int
    text: str
    title: str
    remedy: str
    grade: str
    clause: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one verification."""

    path: str
    policy: str
    # Why this policy, where nobody named one.
    reason: str = ""
    option: int
    files: int
    bytes: int
    findings: tuple[Judged, ...]
    signers: tuple[SignerReport, ...]

    @property
    def errors(self) -> tuple[Judged, ...]:
        """Findings that make the package bad."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def good(self) -> bool:
        """Whether nothing is wrong under the policy."""
        return not self.errors


class How(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification is given beside the package."""

    trust: Trust
    bom_schema: Any = None  # an etree.XMLSchema; a Struct cannot check foreign classes
    progress: Any = None  # called with the number of bytes read


class Checked(msgspec.Struct, kw_only=True):
    """What was learnt about a package on the way to its report."""

    findings: list[Finding]
    signers: list[SignerReport] = []
    option: int = 1
    files: int = 0
    size: int = 0
    parts: Layout | None = None
    template: Template | None = None
    digests: dict[str, dict[str, str]] = {}


def verify_csar(
    path: Path,
    *,
    trust: Trust | None = None,
    policy: str = "strict",
    limits: Limits | None = None,
    bom_schema: etree.XMLSchema | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify one package; the policy `auto` is that of the dialect that the descriptor is written in."""
    how = How(trust=trust or Trust(), bom_schema=bom_schema, progress=progress)
    checked = _checked(path, limits=limits or Limits(), how=how)
    reason = ""
    if policy == AUTO:
        policy, reason = fitting_policy(checked)
    return Report(
        path=str(path),
        policy=policy,
        reason=reason,
        option=checked.option,
        files=checked.files,
        bytes=checked.size,
        findings=tuple(judged(checked.findings, policy=policy)),
        signers=tuple(checked.signers),
    )


def fitting_policy(checked: Checked) -> tuple[str, str]:
    """The policy that a package is meant for, and why."""
    if checked.template is not None and is_tca(checked.template):
        return "tca", "the descriptor is in TCA's dialect"
    return "strict", ""


def check(path: Path, *, trust: Trust, limits: Limits, progress: Callable[[int], None] | None = None) -> Checked:
    """Everything that is known about a package, before a policy judges it."""
    return _checked(path, limits=limits, how=How(trust=trust, progress=progress))


def _checked(path: Path, *, limits: Limits, how: How) -> Checked:
    with Container(path, limits=limits) as outer:
        return _option2(outer, how=how) if is_option2(outer) else _package(outer, how=how, outer_signed=False)


def judged(findings: list[Finding], *, policy: str) -> Iterator[Judged]:
    """Findings with their levels under a policy, the worst first."""
    order = {"error": 0, "warning": 1, "note": 2}
    known = rules()
    found = []
    for finding in dict.fromkeys(findings):
        rule = known[finding.rule]
        level = rule.level_under(policy)
        if level == "off":
            continue
        found.append(
            Judged(
                rule=finding.rule,
                level=level,
                where=printable(finding.where),
                line=finding.line,
                text=printable(finding.text),
                title=rule.title,
                remedy=rule.remedy,
                grade=rule.grade,
                clause=rule.clause,
            )
        )
    yield from sorted(found, key=lambda item: order[item.level])


# -- option 2 --------------------------------------------------------------------------------------------------------


def is_option2(outer: Container) -> bool:
    """Whether the archive holds a package and its signature, rather than being one.

    A file's own signature may lie at the root of a package, too; beside it is then what makes it a package.
    """
    roots = [name for name in outer.entries if "/" not in name]
    if any(name.startswith("TOSCA-Metadata/") for name in outer.entries):
        return False
    if any(name.endswith(".csar") for name in roots):
        return True
    return any(name.endswith(".cms") for name in roots) and not any(
        name.endswith((".yaml", ".yml", ".mf")) for name in roots
    )


def _option2(outer: Container, *, how: How) -> Checked:
    findings = [Finding(rule=item.rule, where=item.where, text=item.text) for item in outer.breaches]
    packages = [name for name in outer.entries if name.endswith(".csar")]
    name = packages[0].removesuffix(".csar") if packages else ""
    if sorted(outer.entries) not in [sorted([f"{name}.csar", f"{name}.cms", *more]) for more in _certificates(name)]:
        text = f"{len(packages)} packages; {', '.join(sorted(outer.entries)[:6])}"
        findings.append(Finding(rule="SIG-019", where=outer.path.name, text=text))
    if len(packages) != 1 or {item.rule for item in findings} & _TRAPS:
        return Checked(findings=findings, option=2, files=len(outer.entries), size=outer.size)
    message, problems = _outer_message(outer, f"{name}.cms")
    findings += problems
    with _inner(outer, packages[0]) as inner:
        if inner is None:
            text = "the inner package is deflated and too large to be inflated in memory: store it"
            findings.append(Finding(rule="SIG-019", where=packages[0], text=text))
            return Checked(findings=findings, option=2, files=len(outer.entries), size=outer.size)
        with ThreadPoolExecutor(1, thread_name_prefix="outer") as pool:
            summed = pool.submit(_sums, outer, packages[0], message)
            checked = _package(inner, how=how, outer_signed=True)
            try:
                digests = summed.result()
            except Unreadable as error:
                findings.append(Finding(rule=error.rule, where=packages[0], text=str(error)))
                message = None
    if message is not None:
        beside = certificates_at(outer, [f"{name}.cert", f"{name}.crt"])
        found, signers = signature_findings(
            message, where=f"{name}.cms", digests=digests, beside=beside, trust=how.trust
        )
        # SOL004 tolerates a certificate in both places for option 2.
        findings += [finding for finding in found if finding.rule != "SIG-016"]
        checked.signers += signers
        findings += vouching_findings(signers, where=f"{name}.cms", trust=how.trust, covers=True) if signers else []
    checked.findings = findings + checked.findings
    checked.option = 2
    checked.size = outer.size
    return checked


def _outer_message(outer: Container, name: str) -> tuple[Message | None, list[Finding]]:
    if name not in outer.entries:
        return None, [Finding(rule="SIG-001", where=outer.path.name, text=f"{name} is not there")]
    if outer.entries[name].size > MAX_CMS:
        return None, [Finding(rule="SIG-022", where=name, text=f"{outer.entries[name].size} bytes")]
    try:
        return parsed(outer.read(name, limit=MAX_CMS), where=name)
    except Unreadable as error:
        return None, [Finding(rule=error.rule, where=name, text=str(error))]


def _certificates(name: str) -> list[list[str]]:
    """What may lie beside package and signature: nothing, or one certificate of the same name."""
    return [[], *([f"{name}{suffix}"] for suffix in _CERTIFICATE_SUFFIXES)]


def _sums(outer: Container, package: str, message: Message | None) -> dict[str, bytes]:
    """Digests of the whole inner package; reading it makes sure of its CRC, too."""
    hashes = {name: new_hash(name) for name in (message.digests if message else ()) if name in _HASHES}
    for chunk in outer.chunks(outer.entries[package]):
        for digest in hashes.values():
            digest.update(chunk)
    return {name: digest.digest() for name, digest in hashes.items()}


@contextmanager
def inner_container(outer: Container, name: str) -> Iterator[Container]:
    """Open the inner package of option 2; `UserError` if that takes too much memory."""
    with _inner(outer, name) as inner:
        if inner is None:
            raise UserError(f"{outer.path}: {name} is deflated and too large; store it in the outer archive")
        yield inner


@contextmanager
def _inner(outer: Container, name: str) -> Iterator[Container | None]:
    entry = outer.entries[name]
    if entry.method == 0 and entry.start >= 0:
        start = outer.absolute(entry)
        with Container(outer.path, limits=outer.limits, start=start, size=entry.packed) as inner:
            yield inner
        return
    if entry.size > _MAX_INFLATED:
        yield None
        return
    handle = os.memfd_create("inner-csar")
    try:
        try:
            for chunk in outer.chunks(entry):
                os.write(handle, chunk)
        except Unreadable:
            yield None
            return
        with Container(Path(f"/proc/self/fd/{handle}"), limits=outer.limits) as inner:
            yield inner
    finally:
        os.close(handle)


# -- the package -----------------------------------------------------------------------------------------------------


def _package(container: Container, *, how: How, outer_signed: bool) -> Checked:
    findings = [Finding(rule=item.rule, where=item.where, text=item.text) for item in container.breaches]
    files = [name for name in container.entries if not name.endswith("/")]
    checked = Checked(findings=findings, files=len(files), size=container.size)
    if container.entries and not files:
        findings.append(Finding(rule="ZIP-002", where=container.path.name, text="the archive holds folders only"))
    broken = {finding.rule for finding in findings}
    if broken & _TRAPS or not container.entries:
        return checked
    findings += [
        Finding(rule="ZIP-014", where=name, text="a CSAR inside a CSAR") for name in files if name.endswith(".csar")
    ]
    try:
        _look_into(container, checked=checked, how=how, outer_signed=outer_signed)
    except OverBudget as error:
        checked.template = None  # who asks it anything draws on the budget, too
        findings.append(Finding(rule="ZIP-035", where=container.path.name, text=str(error)))
    return checked


def _look_into(container: Container, *, checked: Checked, how: How, outer_signed: bool) -> None:
    """Judge what is in a package whose structure is no trap."""
    findings = checked.findings
    parts = layout(container)
    checked.parts = parts
    # With option 2 the signature covers the archive as a whole, and SOL004 asks for no digests inside of it.
    findings += [item for item in parts.findings if not (outer_signed and item.rule in _DIGESTS_OF_OPTION_1)]
    artifacts, about_artifacts = signed_artifacts(parts.manifest, path=parts.manifest_path, container=container)
    findings += about_artifacts
    signed, signers = _signature(container, parts=parts, trust=how.trust, outer_signed=outer_signed)
    if parts.manifest is not None:
        # A manifest may be as large as all else that is held; what was signed of it is judged now.
        parts = msgspec.structs.replace(parts, manifest=msgspec.structs.replace(parts.manifest, signed=b""))
        checked.parts = parts
    checked.digests = _digests(container, parts=parts, artifacts=artifacts, findings=findings, progress=how.progress)
    if parts.manifest is not None and parts.manifest_path is not None:
        findings += at_most(digest_findings(parts.manifest, path=parts.manifest_path, digests=checked.digests))
    more, artifact_signers = artifact_findings(artifacts, digests=checked.digests, trust=how.trust)
    findings += [*signed, *more]
    checked.signers = [*signers, *artifact_signers]
    if parts.entry is not None:
        template = load_template(container, parts.entry, others=parts.others)
        checked.template = template
        findings += at_most(descriptor_findings(template, container=container))
        findings += at_most(
            consistency_findings(
                parts, template, container=container, digests=checked.digests, bom_schema=how.bom_schema
            )
        )


def _digests(
    container: Container,
    *,
    parts: Layout,
    artifacts: list[SignedArtifact],
    findings: list[Finding],
    progress: Callable[[int], None] | None,
) -> dict[str, dict[str, str]]:
    """Read every file once; digests by the algorithms that the manifest names, SHA-256 where it names none."""
    # Many files, few sets: each is held once.
    nothing: frozenset[str] = frozenset()
    sets = {nothing: frozenset({"SHA-256"})}
    wanted = {name: nothing for name in container.entries if not name.endswith("/")}
    for digest in parts.manifest.digests if parts.manifest else ():
        before = wanted.get(digest.source)
        if before is not None and digest.algorithm in _HASHES and digest.algorithm not in before:
            more = before | {digest.algorithm}
            wanted[digest.source] = sets.setdefault(more, more)
    for artifact in artifacts:
        if artifact.source in wanted:
            wanted[artifact.source] |= artifact.message.digests & _HASHES
    for name, algorithms in wanted.items():
        if not algorithms:
            wanted[name] = sets[nothing]
    found = cast("dict[str, Any]", member_digests(container, wanted=wanted, progress=progress))
    # In place: a second dictionary of all files would be noticed.
    for name, item in found.items():
        if item.problem:
            findings.append(Finding(rule=item.rule, where=name, text=item.problem))
        found[name] = item.digests
    return found


def _signature(
    container: Container, *, parts: Layout, trust: Trust, outer_signed: bool
) -> tuple[list[Finding], list[SignerReport]]:
    manifest = parts.manifest
    where = parts.manifest_path or container.path.name
    if manifest is None or not manifest.signature:
        if outer_signed:
            return [], []
        unsigned = Finding(rule="SIG-001", where=where, text="no CMS block in the manifest")
        return [unsigned, *vouching_findings([], where=where, trust=trust, covers=False)], []
    message, findings = parsed(manifest.signature, where=where)
    if message is None:
        return findings, []
    stated = parts.meta.keys.get("ETSI-Entry-Certificate") if parts.meta else None
    beside = certificates_at(container, [stated or "", where.removesuffix(".mf") + ".cert"])
    digests = manifest_digests(message, manifest.signed)
    found, signers = signature_findings(message, where=where, digests=digests, beside=beside, trust=trust)
    if signers and not outer_signed:
        covers = bool(manifest.digests or manifest.artifacts)
        found += vouching_findings(signers, where=where, trust=trust, covers=covers)
    return findings + found, signers
