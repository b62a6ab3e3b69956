"""The measurement itself runs and measures everything that it says; it asserts nothing about time."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.skips import Missing, skip_without


@pytest.mark.bench
def test_measure(tmp_path):
    if not shutil.which("zip") or not shutil.which("unzip"):
        skip_without(Missing.TOOLS, "zip and unzip are needed for the comparison")
    script = Path(__file__).with_name("measure_csar.py")
    command = [sys.executable, str(script), "--size", "16", "--runs", "1", "--folder", str(tmp_path), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = {row["what"]: row for row in json.loads(run.stdout)}
    assert {"openssl dgst -sha256", "ako csar build, option 2", "ako csar verify, option 1"} <= set(rows)
    assert all(row["seconds"] > 0 for row in rows.values())
