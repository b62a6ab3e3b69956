"""The controller as a process whose output nobody takes, or can take."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.runtime.faults import World
from support.runtime.lab import NAMESPACE, runtime_lab

from ako_lab.kube_api.faults import Fault

GRACE = 45.0


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, logLevel="DEBUG") as lab:
        yield lab


@contextlib.contextmanager
def running(lab, output):
    """`ako run` with this as its standard output and error."""
    command = [sys.executable, "-m", "ako_runtime", "run", "--kubeconfig", str(lab.kubeconfig), "-n", NAMESPACE]
    process = subprocess.Popen([*command, "--api-port", "0"], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def stopped(process):
    process.send_signal(signal.SIGTERM)
    return process.wait(GRACE)


def test_a_pipe_that_nobody_reads_stops_neither_work_nor_the_end(lab):
    reading, writing = os.pipe()
    try:
        world = World(lab)
        # The pipe is full before the first line.
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        with running(lab, writing) as process:
            for number in range(20):
                world.put(f"web-{number}", "10.244.1.5")
            world.until_settled()
            assert stopped(process) == 0
    finally:
        os.close(reading)
        os.close(writing)


def test_a_full_disk_stops_neither_work_nor_the_end(lab):
    world = World(lab)
    with Path("/dev/full").open("wb") as full, running(lab, full) as process:
        world.put("web", "10.244.1.5")
        world.until_settled()
        assert stopped(process) == 0


def test_it_ends_at_once_when_it_is_told_to_before_it_has_begun(lab):
    lab.kube.faults.add(Fault(action="delay", resource="configmaps", seconds=120.0))
    with running(lab, subprocess.DEVNULL) as process:
        lab.kube.wait_for(lambda kube: not kube.faults.standing())
        assert stopped(process) == 0
