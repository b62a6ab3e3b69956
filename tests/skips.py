"""Skips for want of a real control plane: one reason, one place, so that pytest's summary counts them in one line."""

from collections.abc import Iterator
from typing import Any

import pytest

NO_CONTROL_PLANE = "no real control plane"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[Any]:
    """Give every such skip the same place: the summary groups by place and reason."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and NO_CONTROL_PLANE in report.longrepr[2]:
        report.longrepr = (__file__, 1, report.longrepr[2])
    return report
