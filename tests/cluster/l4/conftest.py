from support.kube.servers import control_plane, own_control_plane

__all__ = ["control_plane", "own_control_plane"]
