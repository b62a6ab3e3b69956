"""From a registry into a bundle into another registry: by digest, resumed, and refused where something lies."""

import json
import random

import click.testing
import pytest
from cryptography.hazmat.primitives import serialization
from csar_registry import LabRegistry
from csar_workbench import EPOCH, certified, files_of, write_chart, write_files

from ako_builder.csar import registry as registry_module
from ako_builder.csar.bundle import verify_bundle
from ako_builder.csar.cli_bundle import bundle
from ako_builder.csar.registry import parse_reference
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


def test_a_registry_that_lies_is_refused(ako, lab, tmp_path):
    source = lab()
    digest = source.put_image("shop/web", "2.0", [b"layer" * 1000])
    source.lie = True
    with pytest.raises(UserError, match="do not use this registry"):
        ako("pull", f"{source.host}/shop/web@{digest}", "-o", "layout", "--plain-http")


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
