"""Fixtures of the add-on's builder tests."""

from addon_folder import chart, folder_with, made, release, request_with  # noqa: F401 - fixtures
from helm_binaries import helm  # noqa: F401 - fixture
