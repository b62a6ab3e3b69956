"""Fixtures of the add-on's builder tests."""

from support.addon.folder import chart, folder_with, made, release, request_with  # noqa: F401 - fixtures
from support.chart.helm_binaries import helm  # noqa: F401 - fixture
