"""A run says what it did not judge, and `--strict-skips` lets nothing pass unseen."""

import re
from collections import Counter
from pathlib import Path

from skips import Missing, closing_lines

TESTS = Path(__file__).parents[2]
BARE = re.compile(r"pytest\.(skip\(|importorskip|mark\.skip|exit\()")

pytest_plugins = ["pytester"]

OWN_CONFTEST = """
from skips import pytest_runtest_makereport, pytest_terminal_summary

def pytest_addoption(parser):
    parser.addoption("--strict-skips", action="store_true")
    parser.addoption("--skips-to")
"""
A_SKIP = """
import pytest
from skips import Missing, skip_without

def test_lacks_a_tool():
    skip_without(Missing.TOOLS, "no judge: run scripts/judge")

def test_fine():
    pass
"""


def test_every_skip_of_the_tree_has_a_kind():
    found = {str(path.relative_to(TESTS)) for path in TESTS.rglob("*.py") if BARE.search(path.read_text())}
    assert found == {"skips.py"}


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
    assert kept.read_text() == f"{line}\n"


def test_a_strict_run_fails_by_a_skip(pytester):
    pytester.makeconftest(OWN_CONFTEST)
    pytester.makepyfile(A_SKIP)
    done = pytester.runpytest("--strict-skips")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*--strict-skips allows none: no program of others*"])
