from helm_binaries import helm  # noqa: F401 - a fixture
from kube_servers import control_plane  # noqa: F401 - a fixture
