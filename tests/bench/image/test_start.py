"""How long the container takes to answer, beside what the interpreter alone takes in the same container.

`pytest -m bench -s tests/bench/image`; printed, not asserted: a busy machine is not a fault. What is asserted is that
it answered.
"""

import statistics
import subprocess
import sys
import threading
import time

import pytest
from support.image.pod_containers import container_of, runc_or_skip
from support.image.pod_in_lab import answers, pod_in_lab

pytestmark = pytest.mark.bench

STARTS = 7


def test_start(image, tmp_path):
    runc_or_skip()
    alone, healthy, ready = [], [], []
    with pod_in_lab(tmp_path) as (pod, port):
        for number in range(STARTS):
            (container,) = pod["spec"]["containers"]
            bare = {**container, "command": ["python3", "-I", "-c", "pass"], "args": []}
            other = {**pod, "spec": {**pod["spec"], "containers": [bare]}}
            alone.append(seconds(other, image, tmp_path / f"bare-{number}", port=port, path=None))
            healthy.append(seconds(pod, image, tmp_path / f"healthy-{number}", port=port, path="healthz"))
            ready.append(seconds(pod, image, tmp_path / f"ready-{number}", port=port, path="readyz"))
    size = subprocess.run(["du", "-sm", str(image.root)], capture_output=True, text=True, check=True).stdout.split()[0]
    lines = [
        f"image unpacked                 {size} MB",
        f"container, interpreter alone   {shown(alone)}",
        f"container to /healthz          {shown(healthy)}",
        f"container to /readyz           {shown(ready)}",
        f"healthz / interpreter          {statistics.median(healthy) / statistics.median(alone):.1f}",
    ]
    sys.stderr.write("".join(f"\n  {line}" for line in lines) + "\n")


def seconds(pod, image, folder, *, port, path):
    """From the call of runc to the answer, or to the end where there is no path to ask."""
    began = time.perf_counter()
    container = container_of(pod, image=image, folder=folder)
    pause = threading.Event()
    try:
        while container.exit_code is None and not (path and answers(f"http://127.0.0.1:{port}/{path}")):
            pause.wait(0.01)
        took = time.perf_counter() - began
        assert (container.exit_code is None) is (path is not None), container.log
    finally:
        container.remove()
    return took


def shown(times):
    return f"{statistics.median(times):.2f} s (best {min(times):.2f}, worst {max(times):.2f}; {len(times)} starts)"
