"""One sound package and one signer for all tests of this folder."""

import pytest
from support.csar.workbench import build_package, certified, files_of


@pytest.fixture(scope="session")
def signer():
    return certified()


@pytest.fixture(scope="session")
def sound(tmp_path_factory, signer):
    return build_package(tmp_path_factory.mktemp("sound"), certified=signer)


@pytest.fixture(scope="session")
def sound_files(sound):
    return files_of(sound)
