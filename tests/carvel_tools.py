"""Carvel's own tools for tests: from `scripts/carvel-tools`, never built by a test; a missing one skips."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def carvel_folder() -> Path:
    """The folder of the tools, or a skip that says how to get them."""
    found = subprocess.run([ROOT / "scripts" / "carvel-tools", "--path"], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"Carvel's tools are not here: {found.stderr.strip()}")
    return Path(found.stdout.strip())


def run_tool(name: str, *arguments: str | Path, stdin: bytes | None = None, **environ: str) -> bytes:
    """Run one of the tools; its standard output, or a failed test with what it said."""
    done = subprocess.run(
        [carvel_folder() / name, *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
    )
    assert done.returncode == 0, f"{name} {' '.join(map(str, arguments))}: {done.stderr.decode()}"
    return done.stdout
