from support.kube.servers import control_plane, fresh_server, server

__all__ = ["control_plane", "fresh_server", "server"]
