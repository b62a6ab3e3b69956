from hypothesis import HealthCheck, settings
from support.skips import pytest_runtest_makereport, pytest_terminal_summary

__all__ = ["pytest_addoption", "pytest_runtest_makereport", "pytest_terminal_summary"]

# A busy machine is no failure. With CI=true Hypothesis also takes the same examples each time; that stays.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected halves of golden cases")
    parser.addoption("--strict-skips", action="store_true", help="a test that is skipped has failed")
    parser.addoption("--skips-to", metavar="FILE", help="append to FILE how many tests did not run, by reason")
