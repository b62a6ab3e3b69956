"""Building: members into an archive, digests into the manifest, a signature at its end.

Every byte is read once. The archive is written in order, each member is hashed while it is copied, and because the
manifest comes last it can be written from those digests. With option 2 the inner CSAR is written straight into the
outer archive and hashed on the way: no inner file exists on disk, and the signature follows as the next member.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ako_builder.archive.writer import (
    BytesBlob,
    FileBlob,
    Member,
    Written,
    ZipWriter,
    file_sha256,
    replaced,
)
from ako_builder.csar.chart import load_chart
from ako_builder.csar.identity import release_identity
from ako_builder.csar.manifest import Digest, manifest_text
from ako_builder.csar.meta import PATH as META_PATH
from ako_builder.csar.package import (
    CERTIFICATE,
    PROVENANCE,
    PackageRequest,
    artifact_sets,
    first_members,
    manifest_metadata,
)
from ako_builder.csar.profile import NAMES, load_profile, type_files
from ako_builder.csar.provenance import provenance
from ako_builder.csar.settings_properties import setting_properties
from ako_builder.oci.reading import refuse_false_blobs
from ako_builder.release import Release
from ako_builder.signer import Signer
from ako_builder.signing.cms import SigningKey, TimeStamper, detached_signature, pem
from ako_builder.signing.keys import LocalKey
from ako_runtime import __version__

_OVERHEAD = 1 << 20  # headers, manifest, signature: more than they ever take


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """How to sign: with what, which option of SOL004, where the certificate goes, who stamps the time."""

    key: Any  # a SigningKey; protocols are not types that a Struct can check
    option: int = 1
    certificate_in_cms: bool = True
    stamper: Any = None  # a TimeStamper


def build_csars(release: Release, *, chart_archive: Path, out: Path, signer: Signer, epoch: int) -> tuple[Path, ...]:
    """One signed CSAR a profile, of our own product."""
    chart = load_chart(chart_archive)
    digest = file_sha256(chart_archive)
    paths = []
    for name in NAMES:
        profile = load_profile(name)
        request = PackageRequest(
            identity=release_identity(release),
            profile=profile,
            chart=chart,
            chart_archive=FileBlob(chart_archive),
            chart_sha256=digest,
            types=type_files(profile),
            epoch=epoch,
            image_references=(release.image_reference,),
            properties=setting_properties() if profile.dialect == "mciop" else (),
        )
        path = out / f"{request.file_name}.csar"
        write_csar(request, path=path, signing=Signing(key=LocalKey(signer)))
        paths.append(path)
    return tuple(paths)


def write_csar(
    request: PackageRequest,
    *,
    path: Path,
    signing: Signing | None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write one package."""
    inner_signing = signing if signing is not None and signing.option == 1 else None
    if inner_signing is not None and not inner_signing.certificate_in_cms:
        request = msgspec.structs.replace(request, certificate=certificate_pem(inner_signing.key))
    members = first_members(request)
    if signing is None or signing.option == 1:
        with replaced(path) as raw, ZipWriter(raw, epoch=request.epoch, progress=progress) as archive:
            _write_inner(archive, request=request, members=members, signing=signing)
        return
    with replaced(path) as raw, ZipWriter(raw, epoch=request.epoch) as outer:
        digest = hashlib.sha256()
        with (
            outer.nested(f"{request.file_name}.csar", bound=inner_bound(members)) as stream,
            ZipWriter(stream, epoch=request.epoch, tee=digest.update, progress=progress) as archive,
        ):
            _write_inner(archive, request=request, members=members, signing=None)
        add_outer_signature(outer, name=request.file_name, digest=digest.digest(), signing=signing, epoch=request.epoch)


def add_outer_signature(outer: ZipWriter, *, name: str, digest: bytes, signing: Signing, epoch: int) -> None:
    """Append the signature of option 2, and the certificate where it is to be a file."""
    outer.add(
        Member(name=f"{name}.cms", content=BytesBlob(signature_pem(digest, signing=signing, epoch=epoch).encode()))
    )
    if not signing.certificate_in_cms:
        outer.add(Member(name=f"{name}.cert", content=BytesBlob(certificate_pem(signing.key))))


def inner_bound(members: Iterable[Member]) -> int:
    """More bytes than an inner package of these members, a manifest and a provenance will have."""
    return sum(member.content.size + 3 * len(member.name) + 600 for member in members) + _OVERHEAD


def signature_pem(digest: bytes, *, signing: Signing, epoch: int) -> str:
    """A detached signature over content with this SHA-256."""
    key: SigningKey = signing.key
    stamper: TimeStamper | None = signing.stamper
    time = _signing_time(key.certificates[0], epoch=epoch)
    der = detached_signature(
        digest, key=key, time=time, with_certificates=signing.certificate_in_cms, token_for=stamper
    )
    return pem(der)


def _signing_time(certificate: x509.Certificate, *, epoch: int) -> dt.datetime | None:
    """The build's time, if it can be the signer's: outside of the certificate's validity it would be a false claim."""
    time = dt.datetime.fromtimestamp(epoch, dt.UTC)
    return time if certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc else None


def certificate_pem(key: SigningKey) -> bytes:
    """The signer's certificate and its chain."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in key.certificates)


def _write_inner(
    archive: ZipWriter, *, request: PackageRequest, members: list[Member], signing: Signing | None
) -> None:
    if not request.profile.full:
        _write_designer(archive, request=request, members=members, signing=signing)
        return
    written = [archive.add(member) for member in members]
    refuse_false_blobs(written)
    files = [item for item in written if item.sha256]
    files.append(archive.add(_provenance(request, files=files)))
    archive.add(_manifest(request, files=files, signing=signing))


def _write_designer(
    archive: ZipWriter, *, request: PackageRequest, members: list[Member], signing: Signing | None
) -> None:
    """The designer's order: the manifest stands before the last folders, so the (small) files are hashed first."""
    files = [_hashed(member) for member in members if not member.name.endswith("/")]
    later = [member for member in members if member.name.startswith("Artifacts/")]
    for member in members:
        if member not in later:
            archive.add(member)
    # Without a signature the package is the plain export: its manifest lists no digests either.
    archive.add(_manifest(request, files=files if signing else [], signing=signing))
    for member in later:
        archive.add(member)


def _hashed(member: Member) -> Written:
    with member.content.open() as stream:
        data = stream.read()
    return Written(name=member.name, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _provenance(request: PackageRequest, *, files: list[Written]) -> Member:
    statement = provenance(
        request.identity,
        profile=request.profile.name,
        chart=f"{request.chart.name}-{request.chart.version}.tgz",
        chart_sha256=request.chart_sha256,
        # What another signature may change is not a product of this build.
        files=[file for file in files if file.name not in {META_PATH, CERTIFICATE}],
        tool_version=__version__,
    )
    return Member(name=PROVENANCE, content=BytesBlob(statement))


def _manifest(request: PackageRequest, *, files: list[Written], signing: Signing | None) -> Member:
    text = manifest_text(
        manifest_metadata(request),
        digests=tuple(Digest(source=file.name, algorithm="SHA-256", value=file.sha256) for file in files),
        profile=request.profile,
        sets=artifact_sets(request, names=[file.name for file in files]),
    )
    if signing is not None:
        digest = hashlib.sha256(text.encode()).digest()
        text += signature_pem(digest, signing=signing, epoch=request.epoch)
    return Member(name=request.manifest, content=BytesBlob(text.encode()))
