from hypothesis import HealthCheck, settings
from skips import pytest_runtest_makereport

__all__ = ["pytest_addoption", "pytest_runtest_makereport"]

# A busy machine is no failure. With CI=true Hypothesis also takes the same examples each time; that stays.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected halves of golden cases")
