"""From a registry into a bundle into another registry: by digest, resumed, and refused where something lies."""

import json
import random
import tarfile

import click.testing
import pytest
from cryptography.hazmat.primitives import serialization
from support.csar.registry import LabRegistry
from support.csar.workbench import EPOCH, certified, files_of, write_chart, write_files

from ako_builder.csar.bundle import verify_bundle
from ako_builder.csar.cli import csar
from ako_builder.csar.cli_bundle import bundle
from ako_builder.oci import registry as registry_module
from ako_builder.oci.reference import parse_reference
from ako_runtime.errors import UserError


@pytest.fixture
def lab(monkeypatch):
    made = []

    def make():
        made.append(LabRegistry())
        return made[-1]

    monkeypatch.setenv("AKO_REGISTRY_USERNAME", "robot")
    monkeypatch.setenv("AKO_REGISTRY_PASSWORD", "secret")
    yield make
    for registry in made:
        registry.close()


@pytest.fixture
def ako(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    signer = certified()
    (tmp_path / "key.pem").write_bytes(signer.signer.key_pem)
    (tmp_path / "cert.pem").write_bytes(signer.signer.certificate_pem)
    (tmp_path / "ca.pem").write_bytes(signer.anchor.public_bytes(serialization.Encoding.PEM))
    write_chart(tmp_path / "web.tgz")

    def run(*arguments):
        result = click.testing.CliRunner().invoke(bundle, arguments, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result

    return run


@pytest.fixture
def pulls(tmp_path, monkeypatch):
    """Registries without TLS are allowed; pulled images are kept here."""
    monkeypatch.setenv("AKO_REGISTRY_PLAIN_HTTP", "true")
    monkeypatch.setenv("AKO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


SIGN = ("--sign-key", "key.pem", "--sign-cert", "cert.pem")


def bundled(ako, source, tmp_path):
    layers = [random.Random(7).randbytes(300_000), b"small"]  # noqa: S311
    digest = source.put_image("shop/web", "2.0", layers)
    said = ako("pull", f"{source.host}/shop/web:2.0", "-o", "layout", "--plain-http").output
    assert digest in said
    ako("build", "--chart", "web.tgz", "--images", "layout", *SIGN, "-o", "web.bundle.zip")
    return digest


def test_the_whole_way(ako, lab, tmp_path):
    source, target = lab(), lab()
    digest = bundled(ako, source, tmp_path)
    assert ako("verify", "web.bundle.zip", "--trust", "ca.pem").return_value == 0
    rows = json.loads(
        ako(
            "push", "web.bundle.zip", f"{target.host}/site", "--trust", "ca.pem", "--plain-http", "--output", "json"
        ).stdout
    )
    assert {row["reference"] for row in rows} == {f"{target.host}/site/web:2.0", f"{target.host}/site/web:1.10.0"}
    assert digest in {row["digest"] for row in rows}
    assert target.manifests["site/web", "2.0"][1] == source.manifests["shop/web", "2.0"][1]
    again = json.loads(
        ako(
            "push", "web.bundle.zip", f"{target.host}/site", "--trust", "ca.pem", "--plain-http", "--output", "json"
        ).stdout
    )
    assert {row["sent"] for row in again} == {"0"}


def test_broken_downloads_and_uploads_go_on(ako, lab, tmp_path, monkeypatch):
    monkeypatch.setattr(registry_module, "_CHUNK", 50_000)
    source, target = lab(), lab()
    source.cut_downloads = 2
    target.refuse_chunks = 3
    bundled(ako, source, tmp_path)
    ako("push", "web.bundle.zip", f"{target.host}/site", "--trust", "ca.pem", "--plain-http")
    assert set(source.blobs) <= set(target.blobs)


def test_two_bundles_are_equal(ako, lab, tmp_path):
    source = lab()
    bundled(ako, source, tmp_path)
    first = (tmp_path / "web.bundle.zip").read_bytes()
    bundled(ako, source, tmp_path)
    assert (tmp_path / "web.bundle.zip").read_bytes() == first


def test_images_from_a_tar_give_the_same_bundle(ako, lab, tmp_path):
    bundled(ako, lab(), tmp_path)
    with tarfile.open(tmp_path / "layout.tar", "w") as tar:
        tar.add(tmp_path / "layout", ".")
    ako("build", "--chart", "web.tgz", "--images", "layout.tar", *SIGN, "-o", "tar.bundle.zip")
    assert (tmp_path / "tar.bundle.zip").read_bytes() == (tmp_path / "web.bundle.zip").read_bytes()


def test_images_by_digest_straight_from_a_registry(ako, lab, tmp_path, pulls):
    source = lab()
    digest = source.put_image("shop/web", "2.0", [random.Random(7).randbytes(30_000)])  # noqa: S311
    image = f"oci://{source.host}/shop/web:2.0@{digest}"
    ako("build", "--images", image, *SIGN, "-o", "web.bundle.zip")
    assert ako("verify", "web.bundle.zip", "--trust", "ca.pem").return_value == 0
    with pytest.raises(UserError, match="a tag may change"):
        ako("build", "--images", f"oci://{source.host}/shop/web:2.0", *SIGN, "-o", "tag.zip")
    with pytest.raises(UserError, match="not several layouts"):
        ako("build", "--images", image, "--images", "layout", *SIGN, "-o", "mixed.zip")


def test_what_was_pulled_is_not_pulled_again_and_a_damaged_blob_is_refused(ako, lab, tmp_path, pulls):
    source = lab()
    source.cut_downloads = 1
    digest = source.put_image("shop/web", "2.0", [random.Random(7).randbytes(30_000)])  # noqa: S311
    image = f"oci://{source.host}/shop/web@{digest}"
    ako("build", "--images", image, *SIGN, "-o", "one.zip")
    fetched = [path for _, path in source.log if "/blobs/" in path]
    ako("build", "--images", image, *SIGN, "-o", "two.zip")
    assert [path for _, path in source.log if "/blobs/" in path] == fetched
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    largest = max(pulls.rglob("blobs/sha256/*"), key=lambda path: path.stat().st_size)
    largest.write_bytes(b"x" * largest.stat().st_size)
    with pytest.raises(UserError, match="not what the name says"):
        ako("build", "--images", image, *SIGN, "-o", "three.zip")
    assert not (tmp_path / "three.zip").exists()


def test_a_package_with_images_by_digest(ako, lab, tmp_path, pulls):
    source = lab()
    digest = source.put_image("shop/web", "2.0", [random.Random(7).randbytes(30_000)])  # noqa: S311
    chart = ("--chart", "web.tgz", "--provider", "Example", "--profile", "etsi-4")
    image = ("--images", f"oci://{source.host}/shop/web:2.0@{digest}")
    arguments = ("build", *chart, *image, *SIGN, "-o", "web.csar")
    result = click.testing.CliRunner().invoke(csar, arguments, standalone_mode=False)
    assert result.return_value == 0, result.output
    blob = f"Artifacts/images/blobs/{digest.replace(':', '/')}"
    assert files_of(tmp_path / "web.csar")[blob] == source.manifests["shop/web", "2.0"][1]


def test_without_an_epoch_the_newest_chart_dates_the_bundle(ako, tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    for name in ("one.zip", "two.zip"):
        ako("build", "--chart", "web.tgz", *SIGN, "-o", name)
    files = files_of(tmp_path / "one.zip")
    assert b"release_date_time: 2025-10-09T08:53:20Z" in files["bundle.mf"]
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_registry_that_lies_is_refused(ako, lab, tmp_path):
    source = lab()
    digest = source.put_image("shop/web", "2.0", [b"layer" * 1000])
    source.lie = True
    with pytest.raises(UserError, match="do not use this registry"):
        ako("pull", f"{source.host}/shop/web@{digest}", "-o", "layout", "--plain-http")


def manifest_of(source, name, **document):
    """Put a manifest into the registry as it stands."""
    source.manifests[name, "1"] = ("application/vnd.oci.image.manifest.v1+json", json.dumps(document).encode())
    return f"{source.host}/{name}:1"


@pytest.mark.parametrize("digest", ["../../../escaped", "sha256:../../../../escaped", "sha512:" + "0" * 128, None, 7])
@pytest.mark.parametrize("kind", ["application/vnd.oci.image.manifest.v1+json", "layer"])
def test_a_digest_that_is_a_path_writes_nothing(ako, lab, tmp_path, digest, kind):  # noqa: PLR0917
    source = lab()
    source.manifests["evil", str(digest)] = ("x", b"written outside")
    source.blobs[str(digest)] = b"written outside"
    reference = manifest_of(source, "evil", layers=[{"mediaType": kind, "digest": digest, "size": 15}])
    before = set(tmp_path.parent.rglob("*"))
    with pytest.raises(UserError, match="do not use this registry"):
        ako("pull", reference, "-o", "a/b/layout", "--plain-http")
    written = {path for path in set(tmp_path.parent.rglob("*")) - before if path.is_file()}
    assert all(path.is_relative_to(tmp_path / "a" / "b" / "layout") for path in written)
    assert not any(b"written outside" in path.read_bytes() for path in written)


@pytest.mark.parametrize("layers", ["text", [7], [{"digest": "sha256:" + "0" * 64}]])
def test_a_malformed_manifest_is_refused(ako, lab, layers):
    with pytest.raises(UserError, match="do not use this registry"):
        ako("pull", manifest_of(lab(), "odd", layers=layers), "-o", "layout", "--plain-http")


def test_no_more_is_taken_than_the_manifest_promises(ako, lab, tmp_path):
    source = lab()
    digest = "sha256:" + "1" * 64
    source.blobs[digest] = bytes(50_000_000)
    reference = manifest_of(source, "flood", layers=[{"mediaType": "layer", "digest": digest, "size": 100}])
    with pytest.raises(UserError, match="more than the 100 bytes"):
        ako("pull", reference, "-o", "layout", "--plain-http")
    assert [path for path in tmp_path.rglob("*1111*") if path.is_file()] == []


def test_a_bundle_without_a_blob_that_it_names_is_not_pushed_halfway(ako, lab, tmp_path):
    source, target = lab(), lab()
    bundled(ako, source, tmp_path)
    files = files_of(tmp_path / "web.bundle.zip")
    missing = max((name for name in files if name.startswith("blobs/")), key=lambda name: len(files[name]))
    write_files(tmp_path / "less.zip", {name: data for name, data in files.items() if name != missing})
    with pytest.raises(UserError, match="is named but not in the bundle"):
        ako("push", "less.zip", f"{target.host}/site", "--unverified", "--plain-http")


def test_a_changed_bundle_is_not_pushed(ako, lab, tmp_path):
    source, target = lab(), lab()
    bundled(ako, source, tmp_path)
    files = files_of(tmp_path / "web.bundle.zip")
    name = max((name for name in files if name.startswith("blobs/")), key=lambda name: len(files[name]))
    files[name] = files[name][:-1] + b"x"
    write_files(tmp_path / "changed.zip", files)
    with pytest.raises(UserError, match="not pushed"):
        ako("push", "changed.zip", f"{target.host}/site", "--trust", "ca.pem", "--plain-http")
    assert target.log == []
    rules = {finding.rule for finding in verify_bundle(tmp_path / "changed.zip", trust=certified().trust).errors}
    assert {"MF-021", "CON-004"} <= rules


def test_a_wrong_password_is_said(ako, lab, monkeypatch):
    source = lab()
    monkeypatch.setenv("AKO_REGISTRY_PASSWORD", "wrong")
    with pytest.raises(UserError, match="login failed"):
        ako("pull", f"{source.host}/shop/web:2.0", "-o", "layout", "--plain-http")


def test_references():
    reference = parse_reference("oci://harbor.example.org:8443/a/b:1.0")
    assert (reference.host, reference.name, reference.point) == ("harbor.example.org:8443", "a/b", "1.0")
    with pytest.raises(UserError, match="host of the registry"):
        parse_reference("library/nginx:1")
