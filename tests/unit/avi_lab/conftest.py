import pytest
from avi_lab_core import Core


@pytest.fixture(scope="session")
def shared_core():
    return Core()
