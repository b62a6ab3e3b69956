"""`ako demo --cluster`: the same steps on a real control plane."""

import os
import subprocess
import sys

import pytest
from support.kube.servers import binaries_or_skip

from ako_lab.control_plane.binaries import DEFAULT_LINE, release_of

pytestmark = pytest.mark.cluster


def test_every_step_holds_on_a_real_control_plane(tmp_path):
    binaries_or_skip()
    line = os.environ.get("AKO_KUBERNETES")
    options = ["--cluster", *([line] if line else []), "--out", str(tmp_path / "dist")]
    command = [sys.executable, "-m", "ako_runtime", "demo", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        f"a real control plane, Kubernetes {release_of(line or DEFAULT_LINE).kubernetes}",
        "Kubernetes API at https://127.0.0.1:",
        "labels: Gateway smf",
        "annotation: shared VIP upf",
        "refused, as it should be: packet-core/charging",
        "Kubernetes has none of the example's objects",
        "every step held",
    ):
        assert said in done.stdout, done.stdout
