"""Carvel's own tools for tests: from `scripts/carvel-tools`, never built by a test; a missing one skips."""

import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

from support.paths import ROOT
from support.skips import Missing, skip_without


def carvel_folder() -> Path:
    """The folder of the tools, or a skip that says how to get them."""
    found = subprocess.run([ROOT / "scripts" / "carvel-tools", "--path"], capture_output=True, text=True, check=False)
    if found.returncode:
        skip_without(Missing.TOOLS, f"Carvel's tools are not here: {found.stderr.strip()}")
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


@contextmanager
def registry(folder):
    """A registry on loopback, on a port of its own choice."""
    process = subprocess.Popen(
        [carvel_folder() / "crane", "registry", "serve", "--address", "127.0.0.1:0", "--disk", folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "the registry ended"
            found = re.search(r"port (\d+)", line)
        yield f"127.0.0.1:{found[1]}"
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stderr.close()
