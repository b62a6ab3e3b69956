from support.kube.servers import cluster_namespace, control_plane, own_control_plane

__all__ = ["cluster_namespace", "control_plane", "own_control_plane"]
