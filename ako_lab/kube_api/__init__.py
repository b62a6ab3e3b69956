"""An in-memory Kubernetes API: small, offline, ready at once, able to fail on command.

`KubeLab` serves what the controller, kubectl and Helm need; docs/explanation/kubernetes-lab.md says what it leaves out.
"""

from ako_lab.kube_api.config import KubeConfig, LoggedRequest
from ako_lab.kube_api.errors import ApiError
from ako_lab.kube_api.faults import Fault
from ako_lab.kube_api.lab import KubeLab

__all__ = ["ApiError", "Fault", "KubeConfig", "KubeLab", "LoggedRequest"]
