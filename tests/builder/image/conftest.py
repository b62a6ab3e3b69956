from support.image.container_image import image, image_layout  # noqa: F401 - fixtures
from support.image.inputs import inputs  # noqa: F401 - a fixture
