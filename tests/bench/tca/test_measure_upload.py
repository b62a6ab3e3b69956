"""The measurement itself runs and measures everything that it says; it asserts nothing about time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.bench
def test_measure(tmp_path):
    script = Path(__file__).with_name("measure_upload.py")
    command = [sys.executable, str(script), "--size", "8", "--runs", "1", "--folder", str(tmp_path), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = {row["what"]: row for row in json.loads(run.stdout)}
    assert {"cp", "ako tca, multipart", "ako tca, raw"} <= set(rows)
    assert all(row["seconds"] > 0 for row in rows.values())
