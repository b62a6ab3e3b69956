from kube_servers import control_plane, own_control_plane, pytest_runtest_makereport

__all__ = ["control_plane", "own_control_plane", "pytest_runtest_makereport"]
