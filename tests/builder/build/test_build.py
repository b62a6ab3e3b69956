"""`ako build`: all or nothing, the same bytes twice, one sentence for bad input."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ako_builder import build as building
from ako_builder.artefact import BuildOrder, artefact
from ako_builder.build import CHECKSUMS, build, is_good
from ako_builder.chart import maker as chart_maker
from ako_builder.release import load_release
from ako_builder.signer import demo_signer
from ako_runtime.errors import UserError


def ako(*arguments, cwd, **environ):
    command = [sys.executable, "-m", "ako_runtime", "build", *arguments]
    environ = {"PATH": "/usr/bin:/bin", **environ}
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def made(out, kinds=("chart",), epoch=1_000_000_000):
    return build(load_release(), out=out, kinds=kinds, epoch=epoch, signer=demo_signer())


def snapshot(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_verified_listed_and_the_same_twice(tmp_path):
    first = ako("--out", "one", "-o", "json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "DEMO" in first.stderr
    rows = json.loads(first.stdout)
    assert {row["kind"] for row in rows} == {"chart", "csar", "addon"}
    assert {row["verdict"] for row in rows} == {"verified"}
    assert ako("--out", "two", cwd=tmp_path).returncode == 0
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")
    for line in (tmp_path / "one" / CHECKSUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "one" / name).read_bytes()).hexdigest() == digest


def test_the_digest_of_the_image_reaches_every_artefact(tmp_path):
    digest = f"sha256:{'5' * 64}"
    done = ako("--out", "out", "--image-digest", digest, "-o", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kinds = set()
    for row in json.loads(done.stdout):
        text = b"".join(contents((tmp_path / row["artefact"]).read_bytes()))
        # A package of TCA's classic kind names the chart, and so no image.
        if load_release().image.name.encode() in text:
            assert digest.encode() in text, row
            kinds.add(row["kind"])
    assert kinds == {"chart", "csar", "addon"}


def contents(data):
    """Everything in a file, and in the archives in it."""
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from contents(archive.read(name))
    elif data[:2] == b"\x1f\x8b" or data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in filter(tarfile.TarInfo.isfile, archive):
                yield from contents(archive.extractfile(member).read())
    else:
        yield data


def test_the_epoch_changes_the_bytes(tmp_path):
    made(tmp_path / "one")
    made(tmp_path / "two", epoch=1_000_000_002)
    assert snapshot(tmp_path / "one") != snapshot(tmp_path / "two")


def test_only_the_wanted_kinds_are_made(tmp_path):
    artefacts = made(tmp_path / "out")
    assert is_good(artefacts)
    assert sorted(snapshot(tmp_path / "out")) == sorted([artefacts[0].path.name, CHECKSUMS])
    assert artefacts[0].path == tmp_path / "out" / artefacts[0].path.name


def test_a_failing_maker_leaves_the_older_build_alone(tmp_path, monkeypatch):
    made(tmp_path / "out")
    before = snapshot(tmp_path / "out")

    def make(order: BuildOrder):
        (order.out / "half").write_text("written")
        raise UserError("no")

    monkeypatch.setattr(chart_maker, "make", make)
    with pytest.raises(UserError, match="no"):
        made(tmp_path / "out", epoch=1_100_000_000)
    assert snapshot(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_an_older_build_listed_goes_and_the_users_files_stay(tmp_path, monkeypatch):
    def make(order: BuildOrder):
        path = order.out / "older" / "thing"
        path.parent.mkdir()
        path.write_text("old")
        yield artefact(path, kind="chart")

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(chart_maker, "make", make)
        made(out)
    (out / "mine").write_text("keep")
    made(out)
    assert "older/thing" not in snapshot(out)
    assert snapshot(out)["mine"] == b"keep"


def test_checksums_cannot_make_a_build_remove_files_elsewhere(tmp_path):
    (tmp_path / "precious").write_text("x")
    out = tmp_path / "out"
    out.mkdir()
    (out / CHECKSUMS).write_text(f"{'0' * 64}  ../precious\n{'0' * 64}  {tmp_path / 'precious'}\n")
    made(out)
    assert (tmp_path / "precious").exists()


def test_a_verdict_that_is_not_verified_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(chart_maker, "archive_faults", lambda _path, **_named: ["broken"])
    artefacts = made(tmp_path / "out")
    assert artefacts[0].verdict == "broken"
    assert not is_good(artefacts)


@pytest.fixture
def pair(tmp_path):
    def write(name):
        key = ec.generate_private_key(ec.SECP256R1())
        path = tmp_path / f"{name}.key"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return path

    certificate = tmp_path / "demo.crt"
    certificate.write_bytes(demo_signer().certificate_pem)
    assert x509.load_pem_x509_certificate(certificate.read_bytes())
    return write("other"), certificate


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "chart,rpm"], "choose from chart, csar, addon"),
        (["--only", ""], "choose from"),
        (["--release", "none.yaml"], "none.yaml"),
        (["--image-digest", "latest"], "image digest"),
        (["--sign-key", "other.key", "--sign-cert", "demo.crt"], "not for the signing key"),
        (["--sign-key", "none.key", "--sign-cert", "demo.crt"], "none.key"),
        (["--sign-cert", "demo.crt"], "--sign-key"),
        (["--sign-key", "other.key"], "--sign-cert"),
        (["--out", "demo.crt"], "is a file"),
        (["--nosuch"], "--nosuch"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path, pair, arguments, words):
    before = sorted(path.name for path in tmp_path.iterdir())
    done = ako(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_wrong_epoch_is_refused(tmp_path):
    done = ako("--only", "chart", cwd=tmp_path, SOURCE_DATE_EPOCH="yesterday")
    assert done.returncode == 2
    assert "SOURCE_DATE_EPOCH" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_kind_has_its_maker():
    assert {building._maker(kind).__module__ for kind in building.KINDS} == {
        f"ako_builder.{kind}.maker" for kind in building.KINDS
    }
