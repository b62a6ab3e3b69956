"""`scripts/control-plane up` when things go wrong: whose folder it may throw away, and that nothing stays running.

The programs are stand-ins: they note their process ids and then sleep, or end at once.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.kube.servers import wait_until

from ako_lab.control_plane.binaries import PROGRAMS

LONGEST = 120.0
SLEEPS = '#!/bin/sh\necho $$ > "$STAND_IN/$(basename "$0").pid"\nexec sleep 600\n'
ENDS = '#!/bin/sh\nwhile [ ! -s "$STAND_IN/etcd.pid" ]; do sleep 0.05; done\necho no such flag >&2\nexit 7\n'


@pytest.fixture
def assets(tmp_path):
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(SLEEPS)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def command(tmp_path, assets):
    """The arguments of Popen for one command of the script."""
    environ = {
        **os.environ,
        "KUBEBUILDER_ASSETS": str(assets),
        "AKO_CACHE": str(tmp_path / "cache"),
        "STAND_IN": str(tmp_path),
    }

    def of(*arguments):
        return {"args": [sys.executable, "-m", "ako_lab.control_plane.cli", *map(str, arguments)], "env": environ}

    return of


def said(command, *arguments):
    done = subprocess.run(**command(*arguments), capture_output=True, text=True, timeout=LONGEST, check=False)
    return done.returncode, done.stdout, done.stderr


def running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_folder_of_somebody_else_is_not_thrown_away(command, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    code, _, errors = said(command, "up", "--folder", mine)
    assert (code, errors.count("\n")) == (2, 1)
    assert f"{mine} is not empty and holds no control plane: name another --folder" in errors
    assert said(command, "down", "--folder", mine)[1] == f"no control plane in {mine}\n"
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_a_folder_that_cannot_be_made_is_one_sentence(command, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, errors = said(command, "up", "--folder", tmp_path / "file" / "below")
    assert (code, errors.count("\n")) == (2, 1)
    assert "cannot be made: Not a directory; name another --folder" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_that_is_interrupted_leaves_nothing_running(command, tmp_path, number):
    folder = tmp_path / "standing"
    with subprocess.Popen(**command("up", "--folder", folder), stderr=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(LONGEST, process.kill)
        guard.start()
        notes = [tmp_path / f"{name}.pid" for name in PROGRAMS]
        wait_until(lambda: all(note.exists() and note.read_text().strip() for note in notes), seconds=LONGEST)
        pids = [int(note.read_text()) for note in notes]
        assert all(running(pid) for pid in pids)
        process.send_signal(number)
        assert process.wait() == 130
        guard.cancel()
    assert not any(running(pid) for pid in pids)
    code, output, _ = said(command, "status", "--folder", folder)
    assert (code, "did not end well" in output) == (1, True)
    assert said(command, "down", "--folder", folder)[1] == "stopped\n"
    assert not folder.exists()


def test_a_program_that_ends_is_named_and_the_others_end_too(command, assets, tmp_path):
    (assets / "kube-apiserver").write_text(ENDS)
    code, _, errors = said(command, "up", "--folder", tmp_path / "standing")
    assert (code, errors) == (2, "control-plane: kube-apiserver stopped with code 7: no such flag\n")
    assert not running(int((tmp_path / "etcd.pid").read_text()))


def test_a_program_that_is_none_is_one_sentence(command, assets, tmp_path):
    (assets / "etcd").write_bytes(b"\x7fELF of another machine")
    code, _, errors = said(command, "up", "--folder", tmp_path / "standing")
    assert (code, errors) == (
        2,
        f"control-plane: {assets / 'etcd'} cannot be started: Exec format error; build or fetch it again\n",
    )
