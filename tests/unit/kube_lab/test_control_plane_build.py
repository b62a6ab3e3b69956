"""Building the control plane: two at once, interrupted, without Go, with an old one. `go` is a stand-in on PATH.

The stand-in answers the questions that a build asks, and compiles by writing a line. While its named pipe exists, the
program named in it waits in the middle of its compilation until the test lets it go on.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.kube.servers import wait_until

PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager"]
LONGEST = 120.0
GO = """#!/bin/sh
case "$1 $2" in
    "env GOVERSION") echo "$STAND_IN_VERSION" ;;
    "mod download") echo '{"GoMod": "go.mod"}' ;;
    "mod edit") echo '{"Go": "1.24", "Require": [{"Path": "k8s.io/api", "Version": "v0.0.0"}]}' ;;
    build*)
        while [ "$1" != -o ]; do shift; done
        name=$(basename "$2" .part)
        echo "$name" >> "$STAND_IN/log"
        printf half > "$2"
        if [ -p "$STAND_IN/$name" ]; then cat "$STAND_IN/$name"; fi
        printf whole > "$2"
        chmod +x "$2"
        ;;
esac
"""


class Workshop:
    """A cache of its own and a stand-in for Go."""

    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("cat", "chmod", "basename"):
            (self.bin / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
        self._processes = []

    def install_go(self, version="go1.26.1"):
        self.version = version
        (self.bin / "go").write_text(GO)
        (self.bin / "go").chmod(0o755)

    def hold(self, program):
        os.mkfifo(self.folder / program)

    @contextmanager
    def reached(self, program):
        """While the block lasts, the program waits in the middle of its compilation; then it goes on."""
        pipe = self.folder / program
        writers = []

        def has_reader():
            # Without a reader, opening for writing fails at once instead of waiting for one.
            with suppress(OSError):
                writers.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            return writers

        wait_until(has_reader, seconds=LONGEST)
        pipe.unlink()
        try:
            yield
        finally:
            os.close(writers[0])

    def start(self):
        environ = {
            "PATH": str(self.bin),
            "AKO_CACHE": str(self.folder / "cache"),
            "STAND_IN": str(self.folder),
            "STAND_IN_VERSION": getattr(self, "version", ""),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "ako_lab.control_plane.cli", "build"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        guard = threading.Timer(LONGEST, process.kill)
        guard.daemon = True
        guard.start()
        self._processes.append((process, guard))
        return process

    def run(self):
        process = self.start()
        output, errors = process.communicate()
        return process.returncode, output.strip(), errors

    def compiled(self):
        log = self.folder / "log"
        return log.read_text().split() if log.exists() else []

    def close(self):
        for process, guard in self._processes:
            guard.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def workshop(tmp_path):
    found = Workshop(tmp_path)
    yield found
    found.close()


def until_said(process, text):
    """Read what it says until the text comes."""
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"it ended without saying {text!r}")


def contents(folder):
    return {path.name: path.read_text() for path in Path(folder).iterdir()}


def test_two_builds_at_once_are_one_build(workshop):
    workshop.install_go()
    workshop.hold("etcd")
    first = workshop.start()
    with workshop.reached("etcd"):
        second = workshop.start()
        until_said(second, "another process is at work")
    folders = set()
    for process in (first, second):
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        folders.add(output.strip())
    (folder,) = folders
    assert workshop.compiled() == PROGRAMS
    assert contents(folder) == dict.fromkeys(PROGRAMS, "whole")


def test_an_interrupted_build_goes_on_where_it_stopped(workshop):
    workshop.install_go()
    workshop.hold("kube-apiserver")
    process = workshop.start()
    with workshop.reached("kube-apiserver"):
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    code, folder, errors = workshop.run()
    assert code == 0, errors
    assert workshop.compiled() == ["etcd", "kube-apiserver", "kube-apiserver", "kube-controller-manager"]
    assert contents(folder) == dict.fromkeys(PROGRAMS, "whole")
    assert "etcd: compiling" not in errors
    assert workshop.run() == (0, folder, "")


@pytest.mark.parametrize("version", ["go1.20.3", "devel"])
def test_an_old_go_is_one_clear_line(workshop, version):
    workshop.install_go(version)
    code, output, errors = workshop.run()
    assert (code, output) == (2, "")
    assert errors.startswith("control-plane: Kubernetes 1.34.")
    assert f"needs Go 1.24 or newer, but `go` on PATH is {version}: install a newer one" in errors
    assert "KUBEBUILDER_ASSETS" in errors
    assert len(errors.splitlines()) == 1


def test_a_missing_go_is_one_clear_line(workshop):
    code, output, errors = workshop.run()
    assert (code, output) == (2, "")
    assert "there is no `go` on PATH: install it, or set KUBEBUILDER_ASSETS to a folder with etcd" in errors
    assert len(errors.splitlines()) == 1


def test_a_build_that_fails_says_what_go_said(workshop):
    workshop.install_go()
    (workshop.bin / "go").write_text(GO.replace("        printf half", '        echo "no space left" >&2; exit 1\n#'))
    code, _output, errors = workshop.run()
    assert code == 2
    assert "control-plane: building etcd failed (go said below); try again, it goes on from here" in errors
    assert errors.splitlines()[-1] == "no space left"
