from kube_servers import control_plane, fresh_server, pytest_runtest_makereport, server

__all__ = ["control_plane", "fresh_server", "pytest_runtest_makereport", "server"]
