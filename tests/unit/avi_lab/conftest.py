import pytest
from support.avi_lab.core import Core


@pytest.fixture(scope="session")
def shared_core():
    return Core()
