from support.image.container_image import image, image_layout  # noqa: F401 - fixtures
