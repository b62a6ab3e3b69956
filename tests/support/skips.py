"""Why a test does not run: one list of reasons, so that the end of a run counts what it did not judge.

A test that lacks something calls `skip_without(Missing.X, detail)` and never `pytest.skip`
(`tests/unit/project/test_skips.py` reads the tree for that). The last lines of a run count the skipped tests by reason;
`--strict-skips` turns each of them into a failure, for machines where all is at hand.
"""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

import pytest


class Missing(StrEnum):
    """What a test can lack. The text is what the closing lines of a run say."""

    CONTROL_PLANE = "no real control plane"
    DATA = "no third-party test data"
    TOOLS = "no program of others that judges"
    ENVOY = "no data plane for traffic"
    KERNEL = "a feature that this kernel does not have or does not allow"


def skip_without(missing: Missing, detail: str) -> NoReturn:
    """Skip the running test; `detail` says what exactly is missing and how to get it."""
    pytest.skip(f"{missing}: {detail}")


def reason_of(longrepr: object) -> str:
    """The reason that pytest noted for a skip, without its prefix."""
    text = str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
    return text.removeprefix("Skipped: ")


def closing_lines(reasons: Counter[str]) -> list[str]:
    """The number of skipped tests for each kind of reason, the most first; a reason without a kind is its own group."""
    groups: dict[str, Counter[str]] = {}
    for reason, count in reasons.items():
        group = next((kind for kind in Missing if reason.startswith(f"{kind}: ")), None)
        detail = reason.removeprefix(f"{group}: ") if group else "without a known kind of reason"
        groups.setdefault(group or reason, Counter())[detail] += count
    ranked = sorted(groups.items(), key=lambda item: (-item[1].total(), item[0]))
    return [f"{details.total()} not run: {group} ({'; '.join(sorted(details))})" for group, details in ranked]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """Give every skip of one kind the same place, by which pytest's summary groups; fail it under `--strict-skips`."""
    report = yield
    if not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = reason_of(report.longrepr)
    if item.config.getoption("strict_skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and --strict-skips allows none: {reason}"
    elif isinstance(report.longrepr, tuple) and reason.startswith(tuple(Missing)):
        report.longrepr = (__file__, 1, report.longrepr[2])
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Close the run with what it did not judge, so that green never hides it; `--skips-to` keeps the lines.

    The kept lines begin with how many tests ran: a file without a line means that no run came to its end.
    """
    skipped = terminalreporter.stats.get("skipped", [])
    ran = sum(len(terminalreporter.stats.get(outcome, [])) for outcome in ("passed", "failed", "xfailed", "xpassed"))
    lines = closing_lines(Counter(reason_of(report.longrepr) for report in skipped))
    if skipped:
        terminalreporter.write_sep("=", f"tests that did not run: {len(skipped)}")
    for line in lines:
        terminalreporter.write_line(line)
    if (path := config.getoption("skips_to")) and not hasattr(config, "workerinput"):
        with Path(path).open("a") as stream:
            stream.writelines(f"{line}\n" for line in [f"{ran} tests ran, {len(skipped)} were skipped", *lines])
