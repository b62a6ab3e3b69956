"""Packages for tests: a small chart, a signer with its own CA, sound packages, and ways to break them."""

import datetime as dt
import hashlib
import io
import json
import random
import re
import zipfile
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ako_builder.archive.writer import BytesBlob, FileBlob, Member, file_sha256, write_tar_gz, write_zip
from ako_builder.csar.build import Signing, write_csar
from ako_builder.csar.chart import load_chart
from ako_builder.csar.check_signature import Trust
from ako_builder.csar.identity import chart_identity
from ako_builder.csar.manifest import Digest, digest_lines
from ako_builder.csar.package import PackageRequest
from ako_builder.csar.profile import load_profile, type_files
from ako_builder.signer import Signer
from ako_builder.signing.cms import detached_signature, pem
from ako_builder.signing.keys import LocalKey

EPOCH = 1760000000
NOW = dt.datetime.fromtimestamp(EPOCH, dt.UTC)
YEAR = dt.timedelta(days=365)

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.10.0\nappVersion: '2.0'\ndescription: A web server\n",
    "values.yaml": "replicaCount: 2\nimage:\n  repository: registry.example.org/shop/web\n  tag: '2.0'\n",
    "templates/deployment.yaml": "kind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n",
}


def write_chart(path: Path, files: dict[str, str] | None = None) -> Path:
    members = [
        Member(name=f"web/{name}", content=BytesBlob(text.encode()))
        for name, text in sorted((CHART | (files or {})).items())
    ]
    write_tar_gz(path, members, epoch=EPOCH)
    return path


class Certified(msgspec.Struct, frozen=True, kw_only=True):
    """A signer, and the certificate that is trusted for it."""

    signer: Signer
    anchor: x509.Certificate

    @property
    def key(self) -> LocalKey:
        return LocalKey(self.signer)

    @property
    def trust(self) -> Trust:
        return Trust(anchors=(self.anchor,))


def certified(
    *,
    key=None,
    ca: bool = False,
    usage: bool = True,
    code_signing: bool = True,
    start: dt.datetime = NOW - YEAR,
    end: dt.datetime = NOW + 30 * YEAR,
) -> Certified:
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate(
        "Test Root", root_key, issuer=("Test Root", root_key), ca=True, start=NOW - 2 * YEAR, end=NOW + 40 * YEAR
    )
    key = key or ec.generate_private_key(ec.SECP256R1())
    span = {"start": start, "end": end}
    uses = {"ca": ca, "usage": usage, "code": code_signing}
    leaf = _certificate("Signer", key, issuer=("Test Root", root_key), **uses, **span)
    pem_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = Signer(key_pem=pem_key, certificate_pem=leaf.public_bytes(serialization.Encoding.PEM), demo=False)
    return Certified(signer=signer, anchor=root)


def chain_of_three() -> tuple[tuple[bytes, x509.Certificate], x509.Certificate, x509.Certificate]:
    """Key and certificate of a signer, the intermediate that issued it, and the root."""
    root_key, middle_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    span = {"start": NOW - YEAR, "end": NOW + 30 * YEAR}
    root = _certificate("Root", root_key, issuer=("Root", root_key), ca=True, **span)
    middle = _certificate("Middle", middle_key, issuer=("Root", root_key), ca=True, **span)
    leaf = _certificate("Signer", key, issuer=("Middle", middle_key), ca=False, **span)
    pem_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (pem_key, leaf), middle, root


def _certificate(name, key, *, issuer, ca, start, end, usage=True, code=True):
    issuer_name, issuer_key = issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=usage,
                content_commitment=False,
                key_encipherment=not usage,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not ca:
        oid = ExtendedKeyUsageOID.CODE_SIGNING if code else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([oid]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def request_for(folder: Path, profile: str = "etsi-4", **changes) -> PackageRequest:
    archive = folder / "web.tgz"
    if not archive.exists():
        write_chart(archive)
    chart = load_chart(archive)
    loaded = load_profile(profile)
    request = PackageRequest(
        identity=chart_identity(chart, provider="Example"),
        profile=loaded,
        chart=chart,
        chart_archive=FileBlob(archive),
        chart_sha256=file_sha256(archive),
        types=type_files(loaded),
        epoch=EPOCH,
        image_references=chart.images,
    )
    return msgspec.structs.replace(request, **changes)


def build_package(
    folder: Path,
    *,
    certified: Certified | None,
    profile: str = "etsi-4",
    name: str = "sound.csar",
    option: int = 1,
    in_cms: bool = True,
    **changes,
) -> Path:
    path = folder / name
    signing = Signing(key=certified.key, option=option, certificate_in_cms=in_cms) if certified else None
    write_csar(request_for(folder, profile, **changes), path=path, signing=signing)
    return path


def write_layout(folder: Path, size: int = 3_000_000) -> Path:
    """An OCI layout with one image of one layer."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(random.Random(1).randbytes(size))}  # noqa: S311
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(b"{}")}
    document = json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode()
    manifest = {"mediaType": "application/vnd.oci.image.manifest.v1+json", **blob(document)}
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "registry.example.org/shop/web:2.0"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def files_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def write_files(path: Path, files: dict[str, bytes]) -> Path:
    write_zip(path, [Member(name=name, content=BytesBlob(data)) for name, data in files.items()], epoch=EPOCH)
    return path


def zipped(files: dict[str, bytes]) -> bytes:
    """The same, by Python's own writer."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def manifest_name(files: dict[str, bytes]) -> str:
    return next(name for name in files if name.endswith(".mf"))


def signed_again(files: dict[str, bytes], *, certified: Certified | None, text: str | None = None) -> dict[str, bytes]:
    """The files with a manifest whose digests and signature fit them again."""
    name = manifest_name(files)
    if text is None:
        head = re.split(r"\n(?=Source:|-----BEGIN)", files[name].decode(), maxsplit=1)[0].rstrip("\n") + "\n\n"
        digests = tuple(
            Digest(source=other, algorithm="SHA-256", value=hashlib.sha256(data).hexdigest())
            for other, data in files.items()
            if other != name and not other.endswith("/")
        )
        text = head + digest_lines(digests)
    if certified is not None:
        text += signature_over(text.encode(), certified=certified)
    return {**files, name: text.encode()}


def stated_again(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with a provenance whose digests fit them again."""
    names = [name for name in files if name.endswith(".intoto.jsonl")]
    again = dict(files)
    for name in names:
        statement = json.loads(files[name])
        for subject in statement["subject"]:
            if subject["name"] in files:
                subject["digest"]["sha256"] = hashlib.sha256(files[subject["name"]]).hexdigest()
        again[name] = json.dumps(statement).encode()
    return again


def signature_over(data: bytes, *, certified: Certified, **options) -> str:
    return pem(detached_signature(hashlib.sha256(data).digest(), key=certified.key, time=NOW, **options))


def rsa_key(bits: int = 2048, exponent: int = 65537):
    return rsa.generate_private_key(exponent, bits)
