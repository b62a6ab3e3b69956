from chart_place import archive, place  # noqa: F401 - fixtures
from container_image import image, image_layout  # noqa: F401 - fixtures
from helm_binaries import helm  # noqa: F401 - a fixture
from kube_servers import control_plane  # noqa: F401 - a fixture
