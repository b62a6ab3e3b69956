"""How commands and the process end: a full disk is one sentence, and what hangs does not hold the end up."""

import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.skips import Missing, skip_without

from ako_runtime.commands.run import Stops

FULL = Path("/dev/full")


@pytest.fixture
def full():
    if not FULL.exists():
        skip_without(Missing.KERNEL, "no /dev/full")
    with FULL.open("w") as stream:
        yield stream


def ended(*arguments, **streams):
    return subprocess.run([sys.executable, "-m", "ako_runtime", *arguments], check=False, timeout=60, **streams)


def test_an_output_that_takes_no_more_is_one_sentence(full):
    done = ended("config", "explain", stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "ako: the output cannot be written: no space left on device\n")


def test_a_limit_of_the_process_is_the_same_as_a_full_disk(tmp_path):
    """The sizes of files are limited; a disk quota and a failing device are answered in the same place."""

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    with (tmp_path / "out").open("w") as stream:
        done = ended("config", "explain", stdout=stream, stderr=subprocess.PIPE, text=True, preexec_fn=limited)
    assert (done.returncode, done.stderr) == (2, "ako: the output cannot be written: file too large\n")


@pytest.mark.parametrize("arguments", [["config", "check", "/none"], ["none-such"], ["config", "explain"]])
def test_where_nothing_can_be_said_the_exit_code_says_it(full, arguments):
    assert ended(*arguments, stdout=full, stderr=full).returncode == 2


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Hanging:
    """An application that hears of the end and goes on."""

    def __init__(self):
        self.told = 0

    def stop(self):
        self.told += 1


def test_a_process_that_hangs_is_ended_after_its_grace(handlers):
    codes, over = [], threading.Event()

    def end(code):
        codes.append(code)
        over.set()

    stops, app = Stops(grace=0.0, end=end), Hanging()
    stops.tell(app)
    assert not over.is_set()
    signal.raise_signal(signal.SIGTERM)
    assert over.wait(30)
    assert (codes, app.told) == ([1], 1)


def test_what_was_told_before_there_was_an_application_reaches_it(handlers):
    stops, app = Stops(grace=600.0, end=lambda _code: None), Hanging()
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGINT)
    stops.tell(app)
    assert app.told == 1
