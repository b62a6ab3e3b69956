"""A Service Engine reads the controller, and nothing else."""

import ast

from support.paths import ROOT

FOLDER = ROOT / "ako_lab" / "service_engine"


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_it_shares_no_code_with_what_it_serves():
    allowed = ("ako_lab.service_engine", "ako_runtime.errors")
    for path in FOLDER.glob("*.py"):
        ours = [name for name in imported(path) if name.startswith("ako_") and not name.startswith(allowed)]
        assert not ours, (path.name, ours)


def test_only_the_feed_speaks_to_anybody_but_envoy():
    speakers = {path.name for path in FOLDER.glob("*.py") if {"ssl", "urllib.parse"} & set(imported(path))}
    assert speakers == {"feed.py"}


def test_meaning_is_pure():
    for name in (
        "model",
        "objects",
        "pools",
        "conditions",
        "requests",
        "tls",
        "scripts",
        "compile",
        "envoy",
        "envoy_http",
        "matching",
        "lua",
    ):
        found = set(imported(FOLDER / f"{name}.py")) & {
            "os",
            "time",
            "socket",
            "random",
            "logging",
            "threading",
            "pathlib",
        }
        assert not found, (name, found)
