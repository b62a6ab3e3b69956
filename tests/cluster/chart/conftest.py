from support.chart.helm_binaries import helm  # noqa: F401 - a fixture
from support.chart.namespace import archive, place  # noqa: F401 - fixtures
from support.image.container_image import image, image_layout  # noqa: F401 - fixtures
from support.kube.servers import control_plane  # noqa: F401 - a fixture
