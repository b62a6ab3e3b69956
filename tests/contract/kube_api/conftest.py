from kube_servers import control_plane, server

__all__ = ["control_plane", "server"]
