"""The same input gives the same bytes, whoever builds: another process, another environment, another Python."""

import json
import shutil
import subprocess
import sys

import pytest
from support.csar.outside_tools import ROOT, tool
from support.csar.workbench import EPOCH, build_package, certified, rsa_key, write_chart, write_layout

from ako_builder.csar.profile import NAMES
from ako_builder.oci.reading import load_oci

# All builds in one process: what differs between the environments, differs for all of them.
_BUILD = """
import json, sys
from ako_builder.csar.cli import csar
for arguments in json.loads(sys.argv[1]):
    if csar(["build", *arguments, "--sign-demo", "--no-check"], standalone_mode=False):
        sys.exit(f"{arguments} failed")
"""
ONE = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"}
OTHER = {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"}
FOREIGN = ("--chart", "web.tgz", "--provider", "Ex\u00e4mple", "--images", "oci")
JOBS = (
    (*FOREIGN, "-o", "out/foreign"),
    (*FOREIGN, "--option", "2", "--profile", "etsi-4", "-o", "out/option-2"),
    ("--chart", "shop", "--provider", "Example", "--profile", "etsi-5", "-o", "out/folder"),
    ("-o", "out/ours"),
)


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


def built(folder, *, python, environment, umask):
    """What a process of its own builds there: bytes and permissions by name."""
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'packaging'}", "PATH": "/usr/bin:/bin"}
    settings = {**environment, **paths, "SOURCE_DATE_EPOCH": str(EPOCH)}
    command = [python, "-c", _BUILD, json.dumps(JOBS)]
    run = subprocess.run(command, env=settings, cwd=folder, umask=umask, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = sorted(path for path in (folder / "out").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes()) for path in found}


@pytest.mark.parametrize("which", ["this Python", "another Python"])
def test_two_environments_make_the_same_bytes(tmp_path, which):
    """Hash seed, locale, time zone, umask, folder, time stamps and modes of the inputs; and the version of Python."""
    other = sys.executable if which == "this Python" else tool("AKO_OTHER_PYTHON")
    chart = write_chart(tmp_path / "web.tgz")
    one = inputs(tmp_path / "one", mode=0o644, chart=chart)
    two = inputs(tmp_path / "another folder", mode=0o755, chart=chart)
    first = built(one, python=sys.executable, environment=ONE, umask=0o022)
    second = built(two, python=other, environment=OTHER, umask=0o077)
    assert sum(name.endswith((".csar", ".zip")) for name in first) == 2 * len(NAMES) + 2
    assert first.keys() == second.keys()
    assert first == second
