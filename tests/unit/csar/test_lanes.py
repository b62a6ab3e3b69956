"""A lane takes chunks in order, tells of each, and ends."""

import threading

import pytest

from ako_builder.archive.lanes import Lane


def test_chunks_are_taken_in_order_and_told_of():
    lane, taken = Lane("test"), []
    for number in range(100):
        lane.submit(lambda view: taken.append(bytes(view)), memoryview(bytes([number])))
    for _ in range(100):
        lane.wait()
    assert taken == [bytes([number]) for number in range(100)]
    lane.close()


def test_what_an_update_raises_reaches_whoever_waits_and_the_next_goes_on():
    lane = Lane("test")

    def fails(view):
        raise OSError(bytes(view).decode())

    lane.submit(fails, memoryview(b"broken"))
    lane.submit(len, memoryview(b"fine"))
    with pytest.raises(OSError, match="broken"):
        lane.wait()
    lane.wait()
    lane.close()


def test_a_lane_that_was_never_used_has_no_thread_and_one_that_was_ends_after_its_work():
    before = threading.active_count()
    lane = Lane("test")
    lane.close()
    assert threading.active_count() == before
    used, taken = Lane("test"), []
    used.submit(lambda view: taken.append(bytes(view)), memoryview(b"last"))
    used.close()
    assert taken == [b"last"]
    assert threading.active_count() == before
