"""Log lines on their way to something slow, full or gone."""

import contextlib
import os
import threading
from pathlib import Path

from ako_runtime.observe.logs import LINE_CHARACTERS, LINES, LogQueue

FULL = Path("/dev/full")


@contextlib.contextmanager
def pipe():
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        for one in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(one)


def read_until(reading, end):
    found = b""
    while end not in found:
        found += os.read(reading, 65536)
    return found


def test_lines_arrive_in_order():
    with pipe() as (reading, writing):
        lines = LogQueue(writing)
        lines.start()
        for number in range(50):
            lines.info(f"line {number}")
        found = read_until(reading, b"line 49\n").decode().splitlines()
        lines.drain(30)
    assert found == [f"line {number}" for number in range(50)]
    assert lines.dropped == 0


def test_a_pipe_that_nobody_reads_drops_and_counts_and_says_so_later():
    with pipe() as (reading, writing):
        lines = LogQueue(writing)
        lines.start()
        for _ in range(2 * LINES):
            lines.info("x" * 100)
        assert lines.dropped > 0
        # Somebody reads again, to the end: how much is in the pipe at a time is nobody's to know.
        found: list[bytes] = []
        thread = threading.Thread(target=lambda: found.extend(iter(lambda: os.read(reading, 1 << 20), b"")))
        thread.start()
        lines.drain(30)
        os.close(writing)
        thread.join(30)
    assert b'"log lines dropped"' in b"".join(found)


def test_a_full_disk_is_no_error():
    descriptor = os.open(FULL, os.O_WRONLY)
    try:
        lines = LogQueue(descriptor)
        lines.start()
        for _ in range(10):
            lines.error("nobody will read this")
        lines.drain(30)
        assert lines.dropped == 10
        assert not lines.thread.gone
        assert lines.thread.guard.failures == 0
    finally:
        os.close(descriptor)


def test_a_reader_that_is_gone_is_no_error():
    with pipe() as (reading, writing):
        os.close(reading)
        lines = LogQueue(writing)
        lines.start()
        lines.info("nobody will read this")
        lines.drain(30)
        assert lines.dropped == 1


def test_a_line_has_a_limit():
    with pipe() as (reading, writing):
        lines = LogQueue(writing)
        lines.start()
        lines.info("y" * 3 * LINE_CHARACTERS)
        lines.info("end")
        assert len(read_until(reading, b"end\n")) == LINE_CHARACTERS + 1 + len("end\n")
