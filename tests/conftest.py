from skips import pytest_runtest_makereport

__all__ = ["pytest_addoption", "pytest_runtest_makereport"]


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected halves of golden cases")
