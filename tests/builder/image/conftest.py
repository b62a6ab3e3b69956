from image_inputs import inputs  # noqa: F401 - a fixture
