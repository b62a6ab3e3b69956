"""Signed charts: what we write is what Helm verifies. A throw-away key signs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml
from support.addon.carvel_tools import registry, run_tool
from support.chart.gpg import ADDRESS, PASSPHRASE, key_of_gpg
from support.chart.helm_binaries import helm_binary

from ako_builder.chart.artifacthub import load_metadata
from ako_builder.chart.documents import chart_yaml
from ako_builder.chart.provenance import provenance_text
from ako_builder.release import SignKey, load_release
from ako_runtime.errors import UserError


def ako(*arguments, environ, cwd):
    command = [sys.executable, "-m", "ako_runtime", "chart", *map(str, arguments)]
    # The code under test is the one that tests import.
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environ}
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def gpg():
    """The environment of a gpg with one key of its own."""
    with key_of_gpg() as environ:
        yield environ


@pytest.fixture(scope="module")
def signed(gpg, tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    done = ako("package", "--sign", "--key", ADDRESS, "--out", folder, "-o", "json", cwd=folder,
               environ={**gpg, "AKO_GPG_PASSPHRASE": PASSPHRASE})  # fmt: skip
    assert done.returncode == 0, done.stderr
    archive, proof = (Path(row["artefact"]) for row in json.loads(done.stdout))
    assert proof.name == f"{archive.name}.prov"
    return archive


def verify(version, archive, gpg):
    command = [str(helm_binary(version)), "verify", str(archive), "--keyring", f"{gpg['GNUPGHOME']}/pubring.gpg"]
    return subprocess.run(command, env=gpg, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", ["3.17", "4.3"])
def test_helm_verifies_what_we_sign(version, signed, gpg):
    done = verify(version, signed, gpg)
    assert done.returncode == 0, done.stderr
    assert "Chart Test <chart@example.org>" in done.stdout + done.stderr


@pytest.mark.parametrize("version", ["3.17", "4.3"])
def test_helm_refuses_a_changed_archive_and_a_changed_proof(version, signed, gpg, tmp_path):
    archive, proof = tmp_path / signed.name, tmp_path / f"{signed.name}.prov"
    archive.write_bytes(signed.read_bytes() + b"x")
    proof.write_bytes(signed.with_name(f"{signed.name}.prov").read_bytes())
    assert verify(version, archive, gpg).returncode != 0
    archive.write_bytes(signed.read_bytes())
    assert verify(version, archive, gpg).returncode == 0
    proof.write_text(proof.read_text().replace("name: ako\n", "name: eko\n", 1))
    assert verify(version, archive, gpg).returncode != 0


def test_the_archive_is_the_same_signed_or_not(signed, gpg, tmp_path):
    plain = ako("package", "--out", tmp_path, "-o", "json", cwd=tmp_path, environ=gpg)
    assert Path(json.loads(plain.stdout)[0]["artefact"]).read_bytes() == signed.read_bytes()


def test_what_cannot_be_signed_is_one_sentence(gpg, tmp_path):
    wrong = {**gpg, "AKO_GPG_PASSPHRASE": PASSPHRASE}
    done = ako("package", "--sign", "--key", "nobody@example.org", "--out", tmp_path, cwd=tmp_path, environ=wrong)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "gpg did not sign" in done.stderr
    assert list(tmp_path.glob("*.prov")) == []
    without = ako("package", "--sign", "--out", tmp_path, cwd=tmp_path, environ={**gpg, "PATH": str(tmp_path)})
    assert "install GnuPG" in without.stderr
    key = ako("package", "--key", "x", "--out", tmp_path, cwd=tmp_path, environ=gpg)
    assert "give --sign too" in key.stderr


@pytest.mark.parametrize("version", ["3.17", "4.3"])
def test_a_pushed_chart_takes_its_proof_along(version, signed, gpg, tmp_path):
    helm = helm_binary(version)
    (tmp_path / "registry").mkdir()
    with registry(tmp_path / "registry") as host:
        target = f"oci://{host}/charts"
        done = ako("push", target, "--archive", signed, "--plain-http", "--helm", helm, environ=gpg, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        keyring = f"{gpg['GNUPGHOME']}/pubring.gpg"
        command = [str(helm), "pull", f"{target}/ako", "--verify", "--keyring", keyring, "--plain-http"]
        pulled = subprocess.run(command, cwd=tmp_path, env=gpg, capture_output=True, text=True, check=False)
        assert pulled.returncode == 0, pulled.stderr
    assert (tmp_path / signed.name).read_bytes() == signed.read_bytes()


def test_artifact_hub_finds_its_metadata_beside_the_chart(tmp_path):
    text = "repositoryID: 0b1c2d3e-0000-4000-8000-00000000abcd\nowners: [{name: o, email: o@example.org}]\n"
    (tmp_path / "artifacthub-repo.yml").write_text(text)
    (tmp_path / "registry").mkdir()
    with registry(tmp_path / "registry") as host:
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = ako("push-metadata", f"oci://{host}/charts", "--plain-http", cwd=tmp_path, environ=environ)
        assert done.returncode == 0, done.stderr
        name = f"{host}/charts/ako:artifacthub.io"
        manifest = json.loads(run_tool("crane", "manifest", name, "--insecure"))
        layer = manifest["layers"][0]
        assert manifest["config"]["mediaType"] == "application/vnd.cncf.artifacthub.config.v1+yaml"
        assert layer["mediaType"] == "application/vnd.cncf.artifacthub.repository-metadata.layer.v1.yaml"
        assert run_tool("crane", "blob", f"{host}/charts/ako@{layer['digest']}", "--insecure").decode() == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ignore: []\n", "there is nothing to publish"),
        ("repositoryId: x\n", "unknown field"),
        ("repositoryID: x\n", "a UUID"),
        ("owners: [", "not YAML"),
        ("- a\n", "Expected `object`"),
    ],
)
def test_metadata_that_artifact_hub_would_not_understand(tmp_path, text, said):
    path = tmp_path / "artifacthub-repo.yml"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        load_metadata(path)


def test_the_file_in_the_tree_is_a_form_to_fill_in():
    path = Path(__file__).parents[3] / "packaging" / "helm" / "artifacthub-repo.yml"
    with pytest.raises(UserError, match="there is nothing to publish"):
        load_metadata(path)


def test_the_signing_key_of_a_release_is_shown_to_artifact_hub():
    release = load_release()
    key = SignKey(fingerprint="C0FFEE", url="https://example.org/key.asc")
    chart = msgspec.structs.replace(release.chart, sign_key=key)
    annotations = yaml.safe_load(chart_yaml(msgspec.structs.replace(release, chart=chart)))["annotations"]
    assert yaml.safe_load(annotations["artifacthub.io/signKey"]) == {"fingerprint": "C0FFEE", "url": key.url}


def test_metadata_never_ends_before_its_end():
    with pytest.raises(UserError, match="three dots"):
        provenance_text("a: b\n...\nc: d\n", name="x", sha256="0")
