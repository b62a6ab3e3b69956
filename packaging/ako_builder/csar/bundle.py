"""The air-gap bundle: chart and images in one signed archive, and the way from it into a registry.

A bundle is an OCI layout in a ZIP (`oci-layout`, `index.json`, `blobs/sha256/`), in which the chart is an OCI
artifact like any image, and `bundle.mf`, a manifest like a CSAR's with the digest of every file and a CMS signature.
So everything that verifies packages verifies bundles, and everything that reads layouts reads the unzipped archive.

Pushing verifies first, then sends blobs, then manifests, from inside the archive: nothing is unpacked. What the
registry has is not sent again. At the end the registry is asked for every manifest and must answer with the digest of
the bundle.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ako_builder.archive.container import Container, Entry, Limits, Unreadable
from ako_builder.archive.entry_blob import EntryBlob
from ako_builder.archive.writer import Blob, BytesBlob, FileBlob, Member, ZipWriter, file_sha256, replaced
from ako_builder.csar.build import Signing, signature_pem
from ako_builder.csar.check_package import digest_findings, manifest_flaws, source_findings
from ako_builder.csar.check_signature import (
    SignerReport,
    Trust,
    manifest_digests,
    parsed,
    signature_findings,
    vouching_findings,
)
from ako_builder.csar.digesting import member_digests
from ako_builder.csar.manifest import Digest, digest_lines, parse_manifest
from ako_builder.csar.rules import Finding
from ako_builder.csar.verify import Report, judged
from ako_builder.oci.media_types import CHART_LAYER, INDEX_TYPES, MANIFEST_TYPES
from ako_builder.oci.reading import OciContent, refuse_false_blobs
from ako_builder.oci.reference import Reference
from ako_builder.oci.registry import Registry
from ako_builder.times import rfc3339
from ako_runtime.errors import UserError

MANIFEST = "bundle.mf"
_CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_NAME = "org.opencontainers.image.ref.name"
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_MAX_DOCUMENT = 4 << 20


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is in the registry now."""

    reference: str
    digest: str
    sent: int
    present: int


# -- writing ---------------------------------------------------------------------------------------------------------


def write_bundle(
    path: Path,
    *,
    charts: tuple[Path, ...],
    images: OciContent | None,
    signing: Signing | None,
    epoch: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write a bundle."""
    files, entries = _parts(charts, images=images)
    index = {"schemaVersion": 2, "manifests": entries}
    files["index.json"] = BytesBlob(json.dumps(index, indent=2).encode() + b"\n")
    files["oci-layout"] = BytesBlob(b'{"imageLayoutVersion": "1.0.0"}\n')
    with replaced(path) as raw, ZipWriter(raw, epoch=epoch, progress=progress) as archive:
        written = [archive.add(Member(name=name, content=files[name])) for name in sorted(files)]
        refuse_false_blobs(written)
        text = f"metadata:\n  bundle_format: 1\n  release_date_time: {rfc3339(epoch)}\n\n"
        text += digest_lines(
            tuple(Digest(source=item.name, algorithm="SHA-256", value=item.sha256) for item in written)
        )
        if signing is not None:
            text += signature_pem(hashlib.sha256(text.encode()).digest(), signing=signing, epoch=epoch)
        archive.add(Member(name=MANIFEST, content=BytesBlob(text.encode())))


def _parts(charts: tuple[Path, ...], *, images: OciContent | None) -> tuple[dict[str, Blob], list[dict[str, Any]]]:
    files: dict[str, Blob] = {}
    entries: list[dict[str, Any]] = []
    if images is not None:
        files |= {name: blob for name, blob in images.parts.items() if name.startswith("blobs/")}
        with images.parts["index.json"].open() as stream:
            entries += json.loads(stream.read())["manifests"]
    for chart in charts:
        parts, entry = chart_artifact(chart)
        files |= parts
        entries.append(entry)
    if not entries:
        raise UserError("nothing to bundle: give --chart or --images")
    return files, sorted(entries, key=lambda entry: str(entry.get("annotations")))


def chart_artifact(chart: Path) -> tuple[dict[str, Blob], dict[str, Any]]:
    """A chart's archive as an OCI artifact: its blobs by path, and its entry for the index."""
    about = _chart_document(chart)
    config = json.dumps(about, sort_keys=True).encode()
    layer_digest = file_sha256(chart)
    layers = [{"mediaType": CHART_LAYER, "digest": f"sha256:{layer_digest}", "size": chart.stat().st_size}]
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPES[0],
        "config": {"mediaType": _CHART_CONFIG, "digest": _digest(config), "size": len(config)},
        "layers": layers,
        "annotations": {"org.opencontainers.image.title": about["name"]},
    }
    manifest = json.dumps(document, sort_keys=True).encode()
    blobs: dict[str, Blob] = {
        _path(_digest(config)): BytesBlob(config),
        _path(_digest(manifest)): BytesBlob(manifest),
        _path(f"sha256:{layer_digest}"): FileBlob(chart),
    }
    name = f"{about['name']}:{str(about['version']).replace('+', '_')}"
    entry = {
        "mediaType": MANIFEST_TYPES[0],
        "digest": _digest(manifest),
        "size": len(manifest),
        "annotations": {_NAME: name},
    }
    return blobs, entry


def _chart_document(chart: Path) -> dict[str, Any]:
    try:
        with tarfile.open(chart, "r:gz") as tar:
            for info in tar:
                if info.isfile() and info.name.count("/") == 1 and info.name.endswith("/Chart.yaml"):
                    content = tar.extractfile(info)
                    document = yaml.safe_load(content.read(_MAX_DOCUMENT)) if content else None
                    if isinstance(document, dict) and document.get("name") and document.get("version"):
                        return document
    except (OSError, tarfile.TarError, yaml.YAMLError, EOFError) as error:
        raise UserError(f"{chart}: not a chart archive ({error})") from error
    raise UserError(f"{chart}: no Chart.yaml with name and version in it")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


# -- verifying -------------------------------------------------------------------------------------------------------


def verify_bundle(path: Path, *, trust: Trust, policy: str = "strict") -> Report:
    """Verify a bundle: container, digests, signature, and that every blob is what its name says."""
    with Container(path, limits=Limits()) as container:
        findings, signers = _bundle_findings(container, trust=trust)
        return Report(
            path=str(path),
            policy=policy,
            option=1,
            files=len(container.entries),
            bytes=container.size,
            findings=tuple(judged(findings, policy=policy)),
            signers=tuple(signers),
        )


def _bundle_findings(container: Container, *, trust: Trust) -> tuple[list[Finding], list[SignerReport]]:
    findings = [Finding(rule=item.rule, where=item.where, text=item.text) for item in container.breaches]
    if findings:
        return findings, []
    if MANIFEST not in container.entries:
        return [Finding(rule="MF-001", where=container.path.name, text=f"no {MANIFEST}")], []
    try:
        manifest = parse_manifest(container.read(MANIFEST, limit=_MAX_DOCUMENT * 4))
    except Unreadable as error:
        return [Finding(rule=error.rule, where=MANIFEST, text=str(error))], []
    findings += manifest_flaws(manifest, path=MANIFEST)
    findings += source_findings(manifest, path=MANIFEST, container=container)
    names = [name for name in container.entries if not name.endswith("/")]
    found = member_digests(container, wanted={name: frozenset({"SHA-256"}) for name in names})
    findings += [Finding(rule=i.rule, where=name, text=i.problem) for name, i in found.items() if i.problem]
    digests = {name: item.digests for name, item in found.items()}
    findings += digest_findings(manifest, path=MANIFEST, digests=digests)
    for name, sums in digests.items():
        blob = _BLOB.fullmatch(name)
        if blob and sums.get("SHA-256", blob[1]) != blob[1]:
            findings.append(Finding(rule="CON-004", where=name, text="the content is not what its name says"))
    if not manifest.signature:
        missing = vouching_findings([], where=MANIFEST, trust=trust, covers=False)
        return [*findings, Finding(rule="SIG-001", where=MANIFEST, text="no CMS block"), *missing], []
    message, problems = parsed(manifest.signature, where=MANIFEST)
    findings += problems
    if message is None:
        return findings, []
    signed = manifest_digests(message, manifest.signed)
    about_signers, signers = signature_findings(message, where=MANIFEST, digests=signed, beside=[], trust=trust)
    if signers:
        about_signers += vouching_findings(signers, where=MANIFEST, trust=trust, covers=bool(manifest.digests))
    return findings + about_signers, signers


# -- pushing ---------------------------------------------------------------------------------------------------------


def push_bundle(
    path: Path, *, target: Reference, registry: Registry, said: Callable[[str], None]
) -> tuple[Pushed, ...]:
    """Send everything below `target`, and prove that it arrived."""
    with Container(path, limits=Limits()) as container:
        index = _json(container, "index.json")
        return tuple(
            _push_entry(entry, container=container, target=target, registry=registry, said=said)
            for entry in index.get("manifests") or []
        )


def _push_entry(
    entry: dict[str, Any],
    *,
    container: Container,
    target: Reference,
    registry: Registry,
    said: Callable[[str], None],
) -> Pushed:
    stated = str((entry.get("annotations") or {}).get(_NAME, ""))
    base, tag = _name_and_tag(stated)
    name = f"{target.name}/{base}".strip("/")
    digest = str(entry["digest"])
    sent = present = 0
    for child in _needed(digest, str(entry.get("mediaType")), container=container):
        if child["kind"] == "blob":
            blob = EntryBlob(container, _entry(container, child["digest"]))
            if registry.push_blob(name, child["digest"], blob):
                sent += 1
                said(f"{name}: sent {child['digest']} ({blob.size} bytes)")
            else:
                present += 1
        else:
            data = _content(container, child["digest"])
            registry.push_manifest(name, child["digest"], data, media_type=child["type"])
    data = _content(container, digest)
    found = registry.push_manifest(name, tag or digest, data, media_type=str(entry.get("mediaType", MANIFEST_TYPES[0])))
    return Pushed(reference=f"{target.host}/{name}:{tag}" if tag else name, digest=found, sent=sent, present=present)


def _entry(container: Container, digest: str) -> Entry:
    entry = container.entries.get(_path(digest))
    if entry is None:
        raise UserError(f"{container.path}: {digest} is named but not in the bundle; build the bundle again")
    return entry


def _content(container: Container, digest: str) -> bytes:
    try:
        return container.read(_entry(container, digest).name, limit=_MAX_DOCUMENT)
    except Unreadable as error:
        raise UserError(f"{container.path}: {digest} cannot be read ({error}); build the bundle again") from error


def _name_and_tag(reference: str) -> tuple[str, str]:
    """Last part of the repository, and the tag if there is one."""
    last = reference.partition("@")[0].rsplit("/", 1)[-1]
    name, _, tag = last.partition(":")
    return name, tag


def _needed(digest: str, media_type: str, *, container: Container) -> Iterator[dict[str, str]]:
    """Blobs and inner manifests that a manifest needs, before itself."""
    document = _json(container, _path(digest))
    if media_type in INDEX_TYPES:
        for child in document.get("manifests") or []:
            inner = str(child["digest"])
            yield from _needed(inner, str(child.get("mediaType")), container=container)
            yield {"kind": "manifest", "digest": inner, "type": str(child.get("mediaType"))}
        return
    for part in [document.get("config") or {}, *(document.get("layers") or [])]:
        if part.get("digest"):
            yield {"kind": "blob", "digest": str(part["digest"]), "type": ""}


def _json(container: Container, name: str) -> dict[str, Any]:
    try:
        document = json.load(io.BytesIO(container.read(name, limit=_MAX_DOCUMENT)))
    except (KeyError, Unreadable, ValueError) as error:
        raise UserError(f"{container.path}: {name} cannot be read ({error}); build the bundle again") from error
    if not isinstance(document, dict):
        raise UserError(f"{container.path}: {name} is not a JSON object; build the bundle again")
    return document
