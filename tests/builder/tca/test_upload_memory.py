"""A large package is uploaded in little memory: the client is a process of its own, whose peak is measured."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT
from support.tca.lab import tca_lab

from ako_lab.tca.judge import Unfit

_SIZE = 1 << 30
_MOST = 64 << 20
_PROGRAM = """
import re, sys
from pathlib import Path
from ako_builder.tca.client import TcaClient, login
from ako_builder.tca.session import Session
from ako_builder.web import Site
url, password, file, form = sys.argv[1:]
client = TcaClient(Session(url=url, token=login(Site(url), username="administrator", password=password)))
answer = client.upload(client.create_package(form), Path(file), form=form, progress=None)
# The peak of this program alone: ru_maxrss would count what was before exec.
status = Path("/proc/self/status").read_text()
print(answer.status, int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024)
"""


def size_of(path):
    raise Unfit(str(Path(path).stat().st_size))


@pytest.mark.parametrize("form", ["multipart", "raw"])
def test_an_upload_streams(tmp_path, form):
    file = tmp_path / "large.csar"
    with file.open("wb") as stream:
        stream.truncate(_SIZE)
    with tca_lab(tmp_path, judge=size_of) as lab:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, lab.url, lab.password, str(file), form],
            env={**os.environ, "PYTHONPATH": str(ROOT / "packaging")},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        lab.wait_for(lambda lab: lab.packages()[0]["onboardingState"] == "ERROR")
        assert lab.packages()[0]["onboardingFailureDetails"]["detail"] == str(_SIZE)
    status, peak = map(int, done.stdout.split())
    assert status == 202
    assert peak < _MOST, f"{peak >> 20} MiB"
