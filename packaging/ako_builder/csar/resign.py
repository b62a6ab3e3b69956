"""Signing a package that exists: every entry stays, byte for byte and in its place; only the manifest is written anew.

What the manifest says beyond digests and signature (its metadata, also keys that we do not know, its artifact sets)
is kept as text, because whoever wrote it may need it: the export of TCA's designer has a blank before a colon and
empty values, and keeps both. Digests of all files take the place of those that were there, so that nothing in the
package is left unsigned.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from ako_builder.archive.container import Container
from ako_builder.archive.entry_blob import EntryBlob
from ako_builder.archive.writer import Blob, BytesBlob, Member, NestedStream, ZipWriter, replaced
from ako_builder.csar.build import Signing, add_outer_signature, certificate_pem, inner_bound, signature_pem
from ako_builder.csar.check_package import Layout, layout
from ako_builder.csar.digesting import member_digests
from ako_builder.csar.manifest import Digest, digest_lines
from ako_builder.csar.meta import PATH, meta_text
from ako_builder.csar.opened import opened_package
from ako_builder.csar.package import CERTIFICATE
from ako_runtime.errors import UserError

_SOURCE = re.compile(r"\s*Source\s*:")
_OF_SOURCE = re.compile(r"\s*(Algorithm|Hash|Signature|Certificate)\s*:")


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The members of the new package, in order, with the manifest's place."""

    members: tuple[Member, ...]
    manifest: str
    place: int
    text: str


def resign_csar(
    source: Path,
    *,
    target: Path,
    signing: Signing,
    epoch: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write a signed copy of `source`."""
    with opened_package(source) as container:
        parts = layout(container)
        inner_signing = signing if signing.option == 1 else None
        content = _content(container, parts=parts, signing=inner_signing)
        if signing.option == 1:
            with replaced(target) as raw:
                _write(raw, content=content, signing=signing, epoch=epoch, tee=None, progress=progress)
            return
        name = target.stem
        with replaced(target) as raw, ZipWriter(raw, epoch=epoch) as outer:
            digest = hashlib.sha256()
            with outer.nested(f"{name}.csar", bound=inner_bound(content.members)) as stream:
                _write(stream, content=content, signing=None, epoch=epoch, tee=digest.update, progress=progress)
            add_outer_signature(outer, name=name, digest=digest.digest(), signing=signing, epoch=epoch)


def is_signed(source: Path) -> bool:
    """Whether the package has a signature in its manifest, or is the archive of option 2."""
    with opened_package(source) as container:
        if container.path != source or container.size != source.stat().st_size:
            return True
        manifest = layout(container).manifest
        return manifest is not None and bool(manifest.signature)


def _content(container: Container, *, parts: Layout, signing: Signing | None) -> Content:
    if parts.manifest_path is None or parts.manifest is None:
        raise UserError(f"{container.path}: no manifest in it; make the package again with 'ako csar convert'")
    changed = _changed(parts, signing=signing)
    artifacts = tuple(entry for entry in parts.manifest.artifacts if entry.source not in changed)
    members: list[Member] = []
    place = 0
    for entry in container.entries.values():
        if entry.name == parts.manifest_path:
            place = len(members)
            continue
        if _is_old_certificate(entry.name, parts=parts, manifest=parts.manifest_path):
            continue
        content: Blob = EntryBlob(container, entry)
        if entry.name in changed:
            content = BytesBlob(changed.pop(entry.name))
        mode = entry.mode & 0o777 or (0o755 if entry.is_folder else 0o644)
        members.append(Member(name=entry.name, content=content, mode=mode))
    members += [Member(name=name, content=BytesBlob(data)) for name, data in changed.items()]
    text = _kept_text(parts.manifest.signed.decode("utf-8", "replace"))
    text += digest_lines(_digests(container, members=members), artifacts=artifacts)
    return Content(members=tuple(members), manifest=parts.manifest_path, place=place, text=text)


def _is_old_certificate(name: str, *, parts: Layout, manifest: str) -> bool:
    """The former signer's certificate file goes with the former signature."""
    stated = parts.meta.keys.get("ETSI-Entry-Certificate") if parts.meta else None
    return name in {stated, manifest.removesuffix(".mf") + ".cert"}


def _changed(parts: Layout, *, signing: Signing | None) -> dict[str, bytes]:
    """TOSCA.meta and the certificate file, where the place of the certificate changes."""
    if parts.meta is None:
        return {}
    keys = {key: value for key, value in parts.meta.keys.items() if key != "ETSI-Entry-Certificate"}
    files: dict[str, bytes] = {}
    if signing is not None and not signing.certificate_in_cms:
        keys["ETSI-Entry-Certificate"] = CERTIFICATE
        files[CERTIFICATE] = certificate_pem(signing.key)
    if keys != parts.meta.keys:
        files[PATH] = meta_text(keys).encode()
    return files


def _kept_text(text: str) -> str:
    """The manifest without its digest entries."""
    kept = []
    inside_sets = dropping = False
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.strip() in {"metadata:", "non_mano_artifact_sets:"}:
            inside_sets = line.strip() != "metadata:"
            dropping = False
        elif _SOURCE.match(line) and not (inside_sets and line[:1].isspace()):
            dropping = True
            inside_sets = False
        elif line.strip() and not _OF_SOURCE.match(line):
            dropping = False
        if not dropping:
            kept.append(line)
    return "\n".join(kept).rstrip("\n") + "\n\n"


def _digests(container: Container, *, members: list[Member]) -> tuple[Digest, ...]:
    unchanged = {
        member.name: frozenset({"SHA-256"})
        for member in members
        if isinstance(member.content, EntryBlob) and not member.name.endswith("/")
    }
    found = member_digests(container, wanted=unchanged)
    for name, item in found.items():
        if item.problem:
            raise UserError(f"{container.path}: {name}: {item.problem}; fetch the package again")
    sums = {name: item.digests["SHA-256"] for name, item in found.items()}
    for member in members:
        if isinstance(member.content, BytesBlob) and not member.name.endswith("/"):
            sums[member.name] = hashlib.sha256(member.content.data).hexdigest()
    order = [member.name for member in members if member.name in sums]
    return tuple(Digest(source=name, algorithm="SHA-256", value=sums[name]) for name in order)


def _write(
    raw: BinaryIO | NestedStream,
    *,
    content: Content,
    signing: Signing | None,
    epoch: int,
    tee: Callable[[memoryview], None] | None,
    progress: Callable[[int], None] | None,
) -> None:
    text = content.text
    if signing is not None:
        digest = hashlib.sha256(text.encode()).digest()
        text += signature_pem(digest, signing=signing, epoch=epoch)
    with ZipWriter(raw, epoch=epoch, tee=tee, progress=progress, hashes=False) as archive:
        for number, member in enumerate(content.members):
            if number == content.place:
                archive.add(Member(name=content.manifest, content=BytesBlob(text.encode())))
            archive.add(member)
        if content.place >= len(content.members):
            archive.add(Member(name=content.manifest, content=BytesBlob(text.encode())))
