"""Memory does not grow with the package: what a command holds at most is the same for a small and for a large one."""

import os
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from support.csar.workbench import EPOCH, certified, write_chart, write_layout

# Buffers and windows that a small package does not fill, and what an allocator rounds up; a copy would be the whole.
SLACK_KIB = 20 << 10
LARGE = 64 << 20


# The kernel counts what a process held since it became this program; what its parent held before counts elsewhere.
_RUN = """
import re, sys
from ako_builder.csar.cli import csar
code = csar(standalone_mode=False)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
sys.exit(code or 0)
"""


def peak_kib(folder, *arguments):
    """The most memory that a command held, in KiB."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    command = [sys.executable, "-c", _RUN, *arguments]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return int(run.stderr.splitlines()[-1])


def peaks(folder, *, size, option):
    """What building and verifying hold; and, of the larger option, signing again and unpacking."""
    folder.mkdir()
    write_chart(folder / "web.tgz")
    signer = certified()
    (folder / "key.pem").write_bytes(signer.signer.key_pem)
    (folder / "cert.pem").write_bytes(signer.signer.certificate_pem)
    (folder / "ca.pem").write_bytes(signer.anchor.public_bytes(serialization.Encoding.PEM))
    write_layout(folder / "oci", size=size)
    sign = ("--sign-key", "key.pem", "--sign-cert", "cert.pem", "--option", option)
    chart = ("--chart", "web.tgz", "--provider", "Example", "--profile", "etsi-4", "--images", "oci")
    commands = {
        "build": ("build", *chart, *sign, "--no-check", "-o", "a.csar"),
        "verify": ("verify", "a.csar", "--trust", "ca.pem"),
        "resign": ("resign", "a.csar", *sign, "-o", "b.csar"),
        "extract": ("extract", "a.csar", "out"),
    }
    wanted = list(commands) if option == "2" else ["build", "verify"]
    return {name: peak_kib(folder, *commands[name]) for name in wanted}


@pytest.mark.parametrize("option", ["1", "2"])
def test_memory_does_not_grow_with_the_package(tmp_path, option):
    small = peaks(tmp_path / "small", size=1 << 10, option=option)
    large = peaks(tmp_path / "large", size=LARGE, option=option)
    grown = {name: large[name] - small[name] for name in small}
    assert max(grown.values()) < SLACK_KIB, (small, large)
