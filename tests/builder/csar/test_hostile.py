"""The list of a hundred bad packages: each ends in its rule and exit code 1, in bounded memory, without a traceback.

The makers are in `csar_hostile_container`, `csar_hostile_documents` and `csar_hostile_signatures`.
"""

import json
import tracemalloc

import click.testing
import pytest
from cryptography.hazmat.primitives import serialization
from support.csar import hostile_container as csar_hostile_container
from support.csar import hostile_documents as csar_hostile_documents
from support.csar import hostile_signatures as csar_hostile_signatures
from support.csar.hostile import CASES, Bench

from ako_builder.csar.cli import csar

MAKERS = (csar_hostile_container, csar_hostile_documents, csar_hostile_signatures)
MEMORY = 64 << 20


def test_every_number_of_the_list_has_a_package():
    assert all(module.__doc__ for module in MAKERS)
    assert {case.number for case in CASES.values()} == set(range(1, 101))


@pytest.mark.parametrize("name", sorted(CASES))
def test_bad_package(name, sound_files, signer, tmp_path):
    case = CASES[name]
    path, trust, policy = case.write(Bench(sound_files, signer, tmp_path))
    (tmp_path / "ca.pem").write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in trust.anchors))
    command = ["verify", str(path), "--trust", str(tmp_path / "ca.pem"), "--policy", policy, "-o", "json"]
    tracemalloc.start()
    # Whatever is raised inside ends the test: no traceback ever reaches a user.
    result = click.testing.CliRunner().invoke(csar, command, standalone_mode=False, catch_exceptions=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    report = json.loads(result.output)
    found = {finding["rule"] for finding in report["findings"] if finding["level"] == case.level}
    assert found == {case.rule, *case.also}, report["findings"]
    assert result.return_value == (1 if case.level == "error" else 0)
    assert peak < MEMORY
