from container_image import image, image_layout  # noqa: F401 - fixtures
from image_inputs import inputs  # noqa: F401 - a fixture
