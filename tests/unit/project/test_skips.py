"""A run says what it did not judge, and `--strict-skips` lets nothing pass unseen."""

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

from support.skips import Missing, closing_lines

TESTS = Path(__file__).parents[2]
ROOT = TESTS.parent
BARE = re.compile(r"pytest\.(skip\(|importorskip|mark\.skip|exit\()")

pytest_plugins = ["pytester"]

OWN_CONFTEST = """
from support.skips import pytest_runtest_makereport, pytest_terminal_summary

def pytest_addoption(parser):
    parser.addoption("--strict-skips", action="store_true")
    parser.addoption("--skips-to")
"""
A_SKIP = """
import pytest
from support.skips import Missing, skip_without

def test_lacks_a_tool():
    skip_without(Missing.TOOLS, "no judge: run scripts/judge")

def test_fine():
    pass
"""


def test_every_skip_of_the_tree_has_a_kind():
    found = {str(path.relative_to(TESTS)) for path in TESTS.rglob("*.py") if BARE.search(path.read_text())}
    assert found == {"support/skips.py"}


def test_reasons_are_counted_by_kind():
    reasons = Counter(
        {f"{Missing.DATA}: crds": 3, f"{Missing.DATA}: values": 1, f"{Missing.KERNEL}: no IPv6": 1, "odd": 2}
    )
    assert closing_lines(reasons) == [
        "4 not run: no third-party test data (crds; values)",
        "2 not run: odd (without a known kind of reason)",
        "1 not run: a feature that this kernel does not have or does not allow (no IPv6)",
    ]


def test_a_run_closes_with_what_did_not_run(pytester):
    pytester.makeconftest(OWN_CONFTEST)
    pytester.makepyfile(A_SKIP)
    kept = pytester.path / "skips"
    done = pytester.runpytest("--skips-to", str(kept))
    done.assert_outcomes(passed=1, skipped=1)
    line = "1 not run: no program of others that judges (no judge: run scripts/judge)"
    done.stdout.fnmatch_lines(["*tests that did not run: 1*", line])
    assert kept.read_text() == f"1 tests ran, 1 were skipped\n{line}\n"


def test_a_strict_run_fails_by_a_skip(pytester):
    pytester.makeconftest(OWN_CONFTEST)
    pytester.makepyfile(A_SKIP)
    done = pytester.runpytest("--strict-skips")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*--strict-skips allows none: no program of others*"])


def test_the_lines_of_the_whole_run_are_understood_by_pytest(tmp_path):
    """An option and its value are one word: a path that stands alone decides where pytest looks for its settings."""
    kept = tmp_path / "skips"
    kept.touch()
    lines = re.findall(r"^ *step (pytest .*)$", (ROOT / "scripts" / "test").read_text(), re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line.replace("$skips", str(kept)).replace("$strict", "--strict-skips"))
        done = subprocess.run(
            [sys.executable, "-m", *words, "-n", "0", "--collect-only", "-q", "tests/unit/project/test_skips.py"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 5), done.stderr
        assert "unrecognized" not in done.stderr
