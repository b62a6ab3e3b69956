"""The same input gives the same bytes, whoever builds: another process, another environment, another Python."""

import shutil
import subprocess
import sys

import pytest
from csar_outside_tools import ROOT, tool
from csar_workbench import EPOCH, build_package, certified, rsa_key, write_chart, write_layout

from ako_builder.csar.oci import load_oci

_BUILD = "import sys; from ako_builder.csar.cli import csar; sys.exit(csar(standalone_mode=False) or 0)"
ONE = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"}
OTHER = {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"}
JOBS = {
    "foreign": ("--chart", "web.tgz", "--provider", "Ex\u00e4mple", "--images", "oci"),
    "foreign, option 2": ("--chart", "web.tgz", "--provider", "Example", "--images", "oci", "--option", "2"),
    "folder": ("--chart", "shop", "--provider", "Example"),
    "ours": (),
}


@pytest.mark.parametrize("option", [1, 2])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_two_builds_are_equal_with_the_signature(tmp_path, option, kind):
    signer = certified(key=rsa_key() if kind == "rsa" else None)
    images = load_oci(write_layout(tmp_path / "oci"))
    one = build_package(tmp_path, certified=signer, option=option, name="one", images=images)
    two = build_package(tmp_path, certified=signer, option=option, name="two", images=images)
    assert one.read_bytes() == two.read_bytes()


def inputs(folder, *, mode, chart):
    """The same inputs in a folder of their own: new time stamps, other permissions."""
    folder.mkdir()
    shutil.copyfile(chart, folder / "web.tgz")
    write_layout(folder / "oci")
    (folder / "shop" / "templates").mkdir(parents=True)
    (folder / "shop" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    (folder / "shop" / "templates" / "d.yaml").write_text("kind: Deployment\nmetadata:\n  name: shop\n")
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)
    return folder


def built(folder, *, python, environment, umask, job):
    """What a process of its own builds there: bytes and permissions by name."""
    command = [python, "-W", "error::EncodingWarning", "-c", _BUILD, "build", *JOBS[job], "--sign-demo", "-o", "out"]
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'packaging'}", "PATH": "/usr/bin:/bin"}
    settings = {**environment, **paths, "SOURCE_DATE_EPOCH": str(EPOCH)}
    run = subprocess.run(command, env=settings, cwd=folder, umask=umask, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    out = folder / "out"
    return {path.name: (path.stat().st_mode, path.read_bytes()) for path in sorted(out.iterdir())}


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("which", ["this Python", "another Python"])
def test_two_environments_make_the_same_bytes(tmp_path, which, job):
    """Hash seed, locale, time zone, umask, folder, time stamps and modes of the inputs; and the version of Python."""
    other = sys.executable if which == "this Python" else tool("AKO_OTHER_PYTHON")
    chart = write_chart(tmp_path / "web.tgz")
    one = inputs(tmp_path / "one", mode=0o644, chart=chart)
    two = inputs(tmp_path / "another folder", mode=0o755, chart=chart)
    first = built(one, python=sys.executable, environment=ONE, umask=0o022, job=job)
    second = built(two, python=other, environment=OTHER, umask=0o077, job=job)
    assert first.keys() == second.keys()
    assert len(first) > 5
    assert first == second
