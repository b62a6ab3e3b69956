"""Traps of this layout that were stepped into before, and the budgets that keep modules readable."""

import ast
import configparser
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from ako_runtime import __version__

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = {
    "ako_runtime": ROOT / "ako_runtime",
    "ako_lab": ROOT / "ako_lab",
    "ako_builder": ROOT / "packaging/ako_builder",
}
MODULE_CEILING = 500
FUNCTION_CEILING = 60
BANNED_NAMES = {"utils", "util", "lib", "common", "helpers", "misc", "manager", "handler"}


def modules() -> list[Path]:
    return sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))


def tracked(*patterns) -> list[Path]:
    """Files that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in output.split("\0") if name and (ROOT / name).exists()]


def test_packaging_is_not_a_package():
    # It would shadow the distribution `packaging` and break build, tox and pytest.
    assert not (ROOT / "packaging/__init__.py").exists()
    strays = [
        path for part in ("csar", "helm", "tca-addon") for path in (ROOT / "packaging" / part).rglob("__init__.py")
    ]
    assert strays == []


def test_no_project_table_beside_setup_cfg():
    assert "project" not in tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_named_for_setuptools():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    named = set(setup["options"]["packages"].split())
    found = {
        ".".join((name, *path.parent.relative_to(folder).parts))
        for name, folder in PACKAGES.items()
        for path in folder.rglob("__init__.py")
    }
    data_only = {"ako_builder_data", "ako_examples"}
    assert sorted(found - named) == [], "add them to setup.cfg [options] packages"
    assert sorted(named - found - data_only) == [], "setup.cfg names packages that do not exist"


def test_every_folder_with_modules_is_a_package():
    assert sorted({path.parent for path in modules() if not (path.parent / "__init__.py").exists()}) == []


def test_every_module_begins_with_its_theory():
    missing = [path for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert missing == []


def test_names_say_what_is_inside():
    assert [path for path in modules() if BANNED_NAMES & set(path.stem.split("_"))] == []


def test_modules_and_functions_keep_the_ceilings():
    long = []
    for path in modules():
        text = path.read_text()
        lines = text.count("\n")
        if lines > MODULE_CEILING:
            long.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_CEILING:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines")
    assert long == [], "split them, or record the exception in an ADR and here"


def test_the_version_is_written_once():
    mention = re.compile(rf"(?i)version.*(?<![\w.]){re.escape(__version__)}(?![\w.])")
    # Rendered from the code (Helm wants the chart's version in it); the chart's own tests hold them against it.
    rendered = {ROOT / "packaging/helm/ako/Chart.yaml", ROOT / "packaging/helm/ako/README.md"}
    repeated = [
        path.relative_to(ROOT)
        for path in tracked("packaging", "scripts", "setup.cfg", "pyproject.toml", ".ci", "docs/how-to", "README.md")
        if path not in rendered and mention.search(path.read_text(errors="replace"))
    ]
    assert repeated == [], f"version {__version__} is repeated; read it from ako_runtime"


SHELL_SCRIPTS = [
    "scripts/setup",
    "scripts/demo",
    "scripts/test",
    "scripts/control-plane",
    "scripts/tools",
    ".ci/run",
]


@pytest.mark.parametrize("script", SHELL_SCRIPTS)
def test_shell_scripts_parse_and_are_executable(script):
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


def test_nothing_that_is_not_ours_to_publish():
    """No path of a developer's machine and no third-party test data in the repository."""
    suspicious = ["/home" + "/", "/work" + "/main", "/work" + "/shared"]
    for path in tracked():
        if path.stat().st_size < 2_000_000:
            text = path.read_text(errors="replace")
            assert [word for word in suspicious if word in text] == [], path
