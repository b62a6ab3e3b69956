"""`ako demo --cluster`: the same steps on a real control plane."""

import subprocess
import sys

import pytest
from kube_servers import binaries_or_skip

from ako_lab.control_plane.binaries import DEFAULT_LINE, BinaryCache, release_of

pytestmark = pytest.mark.cluster


def test_every_step_holds_on_a_real_control_plane(tmp_path):
    binaries_or_skip()
    reason = BinaryCache(release=release_of(DEFAULT_LINE)).why_not()
    if reason is not None:
        pytest.skip(f"no real control plane: {reason}")
    command = [sys.executable, "-m", "ako_runtime", "demo", "--cluster", "--out", str(tmp_path / "dist")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "a real Kubernetes control plane",
        "Kubernetes API at https://127.0.0.1:",
        "labels: Gateway smf",
        "annotation: shared VIP upf",
        "refused, as it should be: packet-core/charging",
        "Kubernetes has none of the example's objects",
        "every step held",
    ):
        assert said in done.stdout, done.stdout
