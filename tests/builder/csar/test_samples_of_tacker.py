"""Packages that others ship as samples: what is wrong with them is found, and nothing else.

Tacker's client brings two (a VNFD in two levels, one with a block about a single file in TOSCA.meta). They are
unsigned, have no manifest, name an image that is not there, and `vnfm_info: Tacker` breaks the pattern of the type
files beside it.
"""

import subprocess
from pathlib import Path

import pytest
from support.csar.outside_tools import tool
from support.csar.workbench import signed_again, stated_again, write_files

from ako_builder.csar.summary import package_summary
from ako_builder.csar.verify import verify_csar

WRONG = {"MF-001", "SIG-001", "TOSCA-017", "SOL-011", "META-014"}
_WHERE = "import tackerclient.tests.unit.osc.v1.fixture_data as found; print(*found.__path__)"


@pytest.fixture(scope="module")
def samples():
    command = [tool("AKO_TACKER_PYTHON"), "-W", "ignore", "-c", _WHERE]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


@pytest.mark.parametrize("name", ["sample_vnf_package", "sample_vnf_package_artifacts"])
def test_a_sample_of_tacker(samples, tmp_path, name):
    files = {
        path.relative_to(samples / name).as_posix(): path.read_bytes()
        for path in sorted((samples / name).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    path = write_files(tmp_path / "a.csar", files)
    assert {finding.rule for finding in verify_csar(path).findings} == WRONG
    assert "VDU1" in str(package_summary(path))


@pytest.mark.parametrize("key", ["Content-Type", "Content-type", "content-type"])
def test_the_case_of_a_key_about_a_single_file_misleads_nobody(sound_files, signer, tmp_path, key):
    files = dict(sound_files)
    files["TOSCA-Metadata/TOSCA.meta"] += f"\nName: ako.mf\n{key}: text/plain\n".encode()
    path = write_files(tmp_path / "a.csar", signed_again(stated_again(files), certified=signer))
    assert verify_csar(path, trust=signer.trust).findings == ()
