"""Fixtures of the add-on's cluster tests."""

from support.addon.folder import chart, folder_with, made, release, request_with  # noqa: F401 - fixtures
from support.kube.servers import own_control_plane  # noqa: F401 - a fixture
