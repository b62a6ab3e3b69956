"""The image: from small made-up inputs, so that no test fetches anything; the real lock is checked for shape."""

import contextlib
import gzip
import hashlib
import io
import json
import re
import tarfile

import pytest
from click.testing import CliRunner
from support.csar.registry import LabRegistry
from support.image.inputs import AUTHORITIES, LIBC, PLATFORM, PYTHON, built

from ako_builder.image.assembly import ENTRYPOINT, ENVIRONMENT, Assembler
from ako_builder.image.cli import image
from ako_builder.image.debian import USER, base_tree, control_fields
from ako_builder.image.lock import DEBIAN_PACKAGES, LOCK, Depot, Lock, Pin, load_lock
from ako_builder.oci.credentials import account_of
from ako_builder.oci.layout import Layout
from ako_builder.oci.push import push_layout
from ako_builder.oci.reference import parse_reference
from ako_builder.oci.registry import Registry
from ako_builder.release import load_release
from ako_runtime.errors import UserError


def files_of(layout, manifest):
    found = {}
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(layout.blob(layer["digest"]))) as tar:
            found |= {m.name: (m, tar.extractfile(m).read() if m.isfile() else b"") for m in tar}
    return found


def manifest_of(layout, top):
    return layout.json(layout.json(top.digest)["manifests"][0]["digest"])


def test_the_base_has_what_runs_and_nothing_else():
    tree = base_tree([LIBC, PYTHON, AUTHORITIES])
    assert tree["usr/lib/x/libc.so.6"].content == b"elf"
    assert tree["lib"].target == "usr/lib"
    assert tree["lib64"].target == "usr/lib64"
    assert tree["usr/bin/python3"].target == "python3.11"
    assert tree["etc/ssl/certs/ca-certificates.crt"].content == b"A\nB\n"
    assert b"nonroot:x:65532" in tree["etc/passwd"].content
    assert tree["tmp"].mode == 0o1777
    assert "usr/share/doc/python3.11/copyright" in tree
    gone = ("lib2to3", "README", "/man/", "usr/sbin", "ca-certificates/m")
    assert not [path for path in tree if any(part in path for part in gone)]
    assert control_fields(LIBC)["Version"] == "1:2.0"


def test_what_is_no_package_is_refused():
    with pytest.raises(UserError, match="ar signature"):
        base_tree([b"PK\x03\x04"])


def test_the_image_is_complete_described_and_the_same_twice(tmp_path, inputs):
    layout, top = built(tmp_path, inputs)
    again, _ = built(tmp_path, inputs, "again")
    blobs = {path.name: path.read_bytes() for path in (layout.path / "blobs" / "sha256").iterdir()}
    assert blobs == {path.name: path.read_bytes() for path in (again.path / "blobs" / "sha256").iterdir()}
    assert (layout.path / "index.json").read_bytes() == (again.path / "index.json").read_bytes()
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items())

    manifest = manifest_of(layout, top)
    config = layout.json(manifest["config"]["digest"])
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Entrypoint"][-1] == "ako_runtime"
    assert config["config"]["Cmd"] == ["run"]
    assert manifest["annotations"]["org.opencontainers.image.version"] == load_release().version
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        with gzip.open(io.BytesIO(layout.blob(layer["digest"]))) as stream:
            assert f"sha256:{hashlib.sha256(stream.read()).hexdigest()}" == diff_id
    files = files_of(layout, manifest)
    site = "usr/local/lib/python3.11/dist-packages"
    assert f"{site}/ako_runtime/app.py" in files
    assert f"{site}/avi/sdk/api.py" in files
    assert f"{site}/avisdk-1.dist-info/METADATA" in files
    unwanted = ("kubernetes/aio", "samples", "ako_builder", "ako_lab", "RECORD", "bin/sh", "__pycache__")
    assert not [name for name in files if any(part in name for part in unwanted)]
    assert {(member.uid, member.gid, member.mtime) for member, _ in files.values()} == {(0, 0, 1_000_000_000)}
    commands = files[next(name for name in files if name.endswith("/entry_points.txt"))][1]
    offered = set(re.findall(rb"^(\w+) =", commands, re.MULTILINE))
    assert {b"run", b"config"} <= offered
    assert not {b"build", b"chart", b"lab", b"demo"} & offered


def test_the_sbom_refers_to_the_image_and_lists_every_input(tmp_path, inputs):
    layout, top = built(tmp_path, inputs)
    sbom = layout.json(layout.tops()[1].digest)
    assert sbom["subject"]["digest"] == layout.json(top.digest)["manifests"][0]["digest"]
    document = layout.json(sbom["layers"][0]["digest"])
    assert document["spdxVersion"] == "SPDX-2.3"
    assert {package["name"] for package in document["packages"]} >= {"libc6", "kubernetes", "avisdk"}
    assert all(package["checksums"] and package["versionInfo"] for package in document["packages"])
    related = {relation["relatedSpdxElement"] for relation in document["relationships"]}
    assert related == {package["SPDXID"] for package in document["packages"]}


def test_a_base_may_be_given_and_must_fit(tmp_path, inputs):
    base, _ = built(tmp_path, inputs, "base")
    layout, top = built(tmp_path, inputs, "over", base=base.path)
    below = manifest_of(base, base.tops()[0])["layers"]
    assert manifest_of(layout, top)["layers"][: len(below)] == below
    folder, lock = inputs
    other = Lock(platforms={"linux/arm64": lock.platforms[PLATFORM]})
    assembler = Assembler(
        release=load_release(), depot=Depot(cache=tmp_path / "c", given=folder), lock=other, epoch=0,
        layout=Layout(path=tmp_path / "no"),
    )  # fmt: skip
    with pytest.raises(UserError, match="no image for linux/arm64"):
        assembler.build(["linux/arm64"], base=base.path)
    with pytest.raises(UserError, match="not pinned"):
        assembler.build(["linux/s390x"], base=None)


def test_another_file_than_the_pinned_one_is_refused(tmp_path, inputs):
    (inputs[0] / "libc6.deb").write_bytes(PYTHON)
    with pytest.raises(UserError, match="not the pinned libc6"):
        built(tmp_path, inputs)
    (inputs[0] / "libc6.deb").unlink()
    with pytest.raises(UserError, match="missing"):
        built(tmp_path, inputs)


APT_GET = """\
#!/bin/sh
for argument in "$@"; do
    case "$argument" in *=2.0) echo "$argument" >>"$CALLS" && cp "$FILES/${argument%%=*}.deb" . ;; esac
done
"""


def test_missing_files_are_fetched_by_one_call_and_kept(tmp_path, inputs, monkeypatch):
    folder, _ = inputs
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(APT_GET)
    program.chmod(0o755)
    calls = tmp_path / "calls"
    for name, value in {"PATH": f"{program.parent}:/usr/bin:/bin", "FILES": folder, "CALLS": calls}.items():
        monkeypatch.setenv(name, str(value))
    (folder / "ca-certificates.deb").write_bytes(AUTHORITIES)
    pins = [pin_of("libc6", LIBC), pin_of("ca-certificates", AUTHORITIES)]
    depot = Depot(cache=tmp_path / "cache")
    depot.ensure(pins, platform=PLATFORM)
    assert [depot.content(pin, platform=PLATFORM) for pin in pins] == [LIBC, AUTHORITIES]
    assert calls.read_text().splitlines() == ["libc6=2.0", "ca-certificates=2.0"]
    (folder / "libc6.deb").write_bytes(PYTHON)
    Depot(cache=tmp_path / "cache").ensure(pins, platform=PLATFORM)
    with pytest.raises(UserError, match="not the pinned libc6"):
        Depot(cache=tmp_path / "other").ensure(pins, platform=PLATFORM)
    assert not (tmp_path / "other" / pins[0].sha256).exists()


def test_a_file_that_mirrors_no_longer_have_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "apt-get").write_text("#!/bin/sh\n")
    (tmp_path / "apt-get").chmod(0o755)
    with pytest.raises(UserError, match=r"libc6\.deb cannot be had any more; pin what can with 'ako image lock'"):
        Depot(cache=tmp_path / "cache").ensure([pin_of("libc6", LIBC)], platform=PLATFORM)


def pin_of(name, content):
    digest = hashlib.sha256(content).hexdigest()
    return Pin(kind="debian", name=name, version="2.0", file=f"{name}.deb", sha256=digest)


def test_fetched_files_are_the_inputs_of_another_machine(tmp_path, inputs, monkeypatch):
    folder, lock = inputs
    for pin in lock.platforms[PLATFORM]:
        place = tmp_path / "cache" / "image" / pin.sha256
        place.mkdir(parents=True)
        (place / pin.file).write_bytes((folder / pin.file).read_bytes())
    monkeypatch.setenv("AKO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("ako_builder.image.cli.load_lock", lambda: lock)
    asked = ["fetch", "--platform", PLATFORM, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(image, asked)
    assert done.exit_code == 0, done.output
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert files == {pin.file: (folder / pin.file).read_bytes() for pin in lock.platforms[PLATFORM]}


def test_the_dockerfile_describes_the_same_process():
    lines = LOCK.with_name("Dockerfile").read_text().splitlines()
    said = dict(line.split(maxsplit=1) for line in lines[-4:])
    assert said["USER"] == f"{USER}:{USER}"
    assert json.loads(said["ENTRYPOINT"]) == list(ENTRYPOINT)
    assert json.loads(said["CMD"]) == ["run"]
    assert set(said["ENV"].split()) <= set(ENVIRONMENT)


def test_a_damaged_layout_is_noticed(tmp_path, inputs):
    layout, top = built(tmp_path, inputs)
    (layout.path / "blobs" / "sha256" / top.digest.removeprefix("sha256:")).write_bytes(b"{}")
    with pytest.raises(UserError, match="damaged"):
        layout.json(top.digest)
    with pytest.raises(UserError, match="not an OCI image layout"):
        Layout(path=tmp_path / "nothing").tops()


@pytest.fixture
def registry():
    with contextlib.closing(LabRegistry(user="me", password="word")) as server:
        yield server


def pushed(registry, layout, *, password="word"):
    client = Registry(registry.host, plain_http=True, account=account_of("me", password))
    return push_layout(layout, registry=client, name="telco/ako", tag="v1")


def test_a_push_sends_everything_once_children_first(tmp_path, inputs, registry):
    layout, top = built(tmp_path, inputs)
    assert pushed(registry, layout) == top.digest
    assert registry.manifests["telco/ako", "v1"][1] == layout.blob(top.digest)
    stored = {path.name for path in (layout.path / "blobs" / "sha256").iterdir()}
    points = {point for _, point in registry.manifests} - {"v1"}
    assert {digest.removeprefix("sha256:") for digest in (*registry.blobs, *points)} == stored
    uploads = sum(method == "POST" for method, _ in registry.log)
    pushed(registry, layout)
    assert sum(method == "POST" for method, _ in registry.log) == uploads, "blobs were sent twice"


def test_a_refused_push_says_why(tmp_path, inputs, registry):
    layout, _ = built(tmp_path, inputs)
    with pytest.raises(UserError, match=r"the login failed \(status 401\); check user and password"):
        pushed(registry, layout, password="wrong")
    assert "word" not in repr(account_of("me", "word"))


@pytest.mark.parametrize("text", ["", "ako", "host/ako", "h.example/a@sha256:1", "h.example/"])
def test_a_wrong_target_is_refused(text):
    with pytest.raises(UserError, match="HOST/NAME"):
        parse_reference(text)


def test_a_folder_that_is_no_layout_is_not_overwritten(tmp_path):
    (tmp_path / "mine").write_text("precious")
    result = CliRunner().invoke(image, ["build", "--out", str(tmp_path)])
    assert isinstance(result.exception, UserError)
    assert (tmp_path / "mine").read_text() == "precious"


def test_the_lock_pins_every_package_for_every_platform():
    lock = load_lock()
    assert set(lock.platforms) == set(load_release().image.platforms)
    for pins in lock.platforms.values():
        assert [pin.name for pin in pins if pin.kind == "debian"] == list(DEBIAN_PACKAGES)
        assert {"avisdk", "kubernetes", "msgspec", "immutables", "structlog"} <= {pin.name for pin in pins}
        assert all(re.fullmatch("[0-9a-f]{64}", pin.sha256) for pin in pins)
