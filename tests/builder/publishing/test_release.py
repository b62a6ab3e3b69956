"""scripts/release: the whole of a release, twice with equal bytes, judged by the tools of those who receive it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.addon.carvel_tools import carvel_folder, registry, run_tool
from support.chart.gpg import ADDRESS, PASSPHRASE, key_of_gpg
from support.image.container_image import shared_folder
from support.paths import ROOT
from support.skips import Missing, skip_without

from ako_builder.image.lock import cache_folder, load_lock
from ako_lab.control_plane.binaries import exclusive

VERSION = "7.8.9"
PLATFORM = "linux/amd64"
ARGUMENTS = (VERSION, "--date", "2026-02-03", "--platform", PLATFORM)


def release(repository, *arguments, **environ):
    """Run the repository's own script, as a maintainer does in a checkout."""
    places = os.pathsep.join((str(repository), str(repository / "packaging")))
    return subprocess.run(
        [sys.executable, "scripts/release", *arguments],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": places, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def git(folder, *arguments):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def committed_copy(folder: Path) -> Path:
    """What stands in this tree as the only commit of a repository of its own."""
    names = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in names:
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=all")
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with the repository, and the releases `one` and `two` of it; made once a run."""
    cache, pins = cache_folder(), load_lock().pins(PLATFORM)
    if not all((cache / pin.sha256 / pin.file).is_file() for pin in pins):
        skip_without(Missing.TOOLS, "the pinned files of the image are not in the cache: run scripts/chart-tools")
    folder = shared_folder(tmp_path_factory) / "release"
    with exclusive(folder.with_name("release.lock"), say=lambda _: None):
        if not (folder / "made").exists():
            # Whatever another worker could not finish is made anew.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            repository = folder / "repository"
            repository.mkdir()
            committed_copy(repository)
            done = release(repository, *ARGUMENTS, "--out", str(folder / "one"), "--tag")
            assert done.returncode == 0, done.stderr
            assert "DEMO" in done.stderr
            with key_of_gpg() as gpg:
                # The home of gpg is not that of the image's inputs.
                environ = gpg | {"AKO_GPG_PASSPHRASE": PASSPHRASE, "AKO_CACHE": str(cache.parent)}
                done = release(repository, *ARGUMENTS, "--out", str(folder / "two"), "--gpg-key", ADDRESS, **environ)
            assert done.returncode == 0, done.stderr
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def folder(made) -> Path:
    return made / "one" / VERSION


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_runs_give_the_same_bytes(made):
    one, two = (files(made / name / VERSION) for name in ("one", "two"))
    assert two.keys() - one.keys() == {f"ako-{VERSION}.tgz.prov"}
    assert one.keys() <= two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_everything_of_a_release_is_there_and_in_the_checksums(folder):
    found = files(folder)
    for part in (
        f"ako-{VERSION}.tgz", f"ako-{VERSION}-tca-2x.csar", f"oci/image-{VERSION}.tar", f"oci/chart-{VERSION}.tar",
        f"python/ako_toolkit-{VERSION}.tar.gz", f"python/ako_toolkit-{VERSION}-py3-none-any.whl",
        "sbom/image-linux-amd64.spdx.json", "RELEASE-NOTES.md", "provenance.intoto.json", "release.pub",
    ):  # fmt: skip
        assert part in found
    assert any(name.startswith("ako-toolkit-addon-tkg-") for name in found)
    listed = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert listed == {name: hashlib.sha256(data).hexdigest() for name, data in found.items() if name != "SHA256SUMS"}


def test_the_version_the_date_and_the_changes_reach_what_is_published(folder):
    notes = (folder / "RELEASE-NOTES.md").read_text()
    assert notes.startswith(f"## {VERSION} (2026-02-03)\n")
    with tarfile.open(folder / f"ako-{VERSION}.tgz") as tar:
        chart = yaml.safe_load(tar.extractfile("ako/Chart.yaml"))
        assert {member.mtime for member in tar.getmembers()} == {1770076800}
    changes = yaml.safe_load(chart["annotations"]["artifacthub.io/changes"])
    fragments = list((ROOT / "docs/changelog").glob("*.*.md"))
    assert len(changes) == len(fragments)
    assert chart["version"] == VERSION
    with tarfile.open(folder / f"oci/image-{VERSION}.tar") as tar:
        index = json.load(tar.extractfile("index.json"))
    assert chart["annotations"]["ako-toolkit/image-digest"] == index["manifests"][0]["digest"]


def test_the_repository_gets_a_tag_and_nothing_else(made):
    repository = made / "repository"
    assert git(repository, "status", "--porcelain", "--untracked-files=no") == ""
    assert git(repository, "log", "--format=%s", "main") == "all"
    changed = git(repository, "diff", "--name-only", "main", f"v{VERSION}").splitlines()
    assert {"CHANGELOG.md", "ako_runtime/__init__.py", "packaging/release.yaml"} <= set(changed)
    left = git(repository, "ls-tree", "--name-only", f"v{VERSION}", "docs/changelog/").splitlines()
    assert left == ["docs/changelog/README.md"]


def test_the_wheel_works_without_the_checkout(folder, tmp_path):
    """In an environment of its own; what it needs comes from the one that runs the tests, so nothing is fetched."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (packages,) = (tmp_path / "env/lib").glob("python*/site-packages")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(packages),
         str(folder / f"python/ako_toolkit-{VERSION}-py3-none-any.whl")],
        check=True,
        capture_output=True,
    )  # fmt: skip
    needed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "needed.pth").write_text("\n".join(needed))
    python = tmp_path / "env/bin/python"

    def ako(*arguments):
        command = [python, "-I", "-m", "ako_runtime", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
        )

    assert VERSION in ako("--version").stdout
    built = ako("build", "--out", "out", "--only", "chart")
    assert built.returncode == 0, built.stderr
    assert (tmp_path / f"out/ako-{VERSION}.tgz").is_file()


def test_cosign_accepts_image_and_chart_from_a_registry(made, folder, tmp_path):
    (tmp_path / "registry").mkdir()
    with registry(tmp_path / "registry") as host:
        done = release(
            made / "repository", VERSION, "--out", str(made / "one"), "--push", f"{host}/telco", "--plain-http"
        )
        assert done.returncode == 0, done.stderr
        pushed = done.stdout.splitlines()
        assert [line.partition("/")[2].partition(":")[0] for line in pushed] == [
            "telco/ako-toolkit/ako", "telco/ako-toolkit/charts/ako",
        ]  # fmt: skip
        for reference in pushed:
            verified = cosign("verify", "--allow-insecure-registry", "--key", folder / "release.pub", reference)
            (claim,) = json.loads(verified)
            assert reference.endswith(claim["critical"]["image"]["docker-manifest-digest"])
        other = tmp_path / "other.pub"
        other.write_bytes(other_public_key())
        with pytest.raises(AssertionError, match=r"no matching signatures|invalid signature"):
            cosign("verify", "--allow-insecure-registry", "--key", other, pushed[0])
        chart = run_tool("crane", "pull", "--insecure", "--format", "oci", pushed[1], tmp_path / "chart")
        assert chart == b""


def test_cosign_accepts_the_provenance_of_each_file(folder, tmp_path):
    statement = folder / "provenance.intoto.json"
    for name in (f"ako-{VERSION}.tgz", f"python/ako_toolkit-{VERSION}-py3-none-any.whl"):
        attest(folder, statement, folder / name)
    changed = tmp_path / "changed.tgz"
    changed.write_bytes((folder / f"ako-{VERSION}.tgz").read_bytes() + b"x")
    with pytest.raises(AssertionError, match=r"digest|subject"):
        attest(folder, statement, changed)


def attest(folder, statement, file):
    cosign(
        "verify-blob-attestation", "--key", folder / "release.pub", "--type", "slsaprovenance1",
        "--signature", statement, file,
    )  # fmt: skip


def cosign(command, *arguments):
    return run_tool(
        "cosign", command, "--insecure-ignore-tlog=true", *arguments, TUF_ROOT=str(carvel_folder() / "none")
    )


def other_public_key() -> bytes:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("1.0",), "write X.Y.Z"),
        (("1.0.0", "--date", "9999-01-01"), "lies in the future"),
        (("1.0.0", "--sign-cert", "cert.pem"), "--sign-cert needs its private key"),
        (("1.0.0", "--push", "nohost"), "with the host of the registry"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path, arguments, why):
    done = release(ROOT, *arguments, "--out", str(tmp_path / "out"))
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("*"))


def test_changes_that_are_not_committed_are_refused(made, tmp_path):
    copy = tmp_path / "repository"
    git(tmp_path, "clone", "--quiet", str(made / "repository"), str(copy))
    (copy / "README.md").write_text("changed")
    done = release(copy, *ARGUMENTS, "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "not committed" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_release_is_made_once(made, tmp_path):
    done = release(made / "repository", *ARGUMENTS, "--out", str(made / "one"))
    assert (done.returncode, "is there already" in done.stderr) == (2, True)
    done = release(made / "repository", *ARGUMENTS, "--out", str(tmp_path), "--tag")
    assert (done.returncode, f"has a tag v{VERSION}" in done.stderr) == (2, True)
