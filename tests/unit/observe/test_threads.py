"""Threads that outlive whatever their work raises, and the watchdog that sees what stands still."""

import threading

import pytest
import structlog

from ako_runtime.observe.threads import PAUSES, Guard, LastingThread
from ako_runtime.observe.watchdog import LIMIT, Check, Watchdog


class Quick(threading.Event):
    """Pauses take no time."""

    def wait(self, timeout=None):
        return super().wait(0 if timeout is not None else None)


@pytest.mark.parametrize(
    "surprise", [ValueError("odd"), RecursionError(), MemoryError(), SystemExit(1), KeyboardInterrupt()], ids=repr
)
def test_a_thread_goes_on_after_any_surprise(surprise):
    surprises, over = iter([surprise] * 3), threading.Event()

    def work():
        for one in surprises:
            raise one
        over.set()

    thread = LastingThread(name="worker", work=work, stop=Quick())
    thread.start()
    assert over.wait(30)
    thread.join(30)
    assert thread.guard.failures == 3
    assert thread.gone


def test_a_thread_that_is_to_stop_does_not_begin_anew():
    stop, begun = threading.Event(), threading.Event()

    def work():
        begun.set()
        raise ValueError("odd")

    thread = LastingThread(name="worker", work=work, stop=stop)
    assert not thread.gone
    thread.start()
    assert begun.wait(30)
    stop.set()
    thread.join(30)
    assert thread.gone


def test_pauses_grow_and_begin_anew_after_a_while_without_surprises():
    now = [0.0]
    guard = Guard(name="worker", clock=lambda: now[0])
    pauses = [guard.pause_after(ValueError("odd")) for _ in range(12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == PAUSES
    now[0] += 1000
    assert guard.pause_after(ValueError("odd")) == PAUSES[0]


def test_the_same_surprise_is_logged_once_and_counted_each_time():
    guard = Guard(name="worker")
    with structlog.testing.capture_logs() as logged:
        for text in ("odd", "odd", "odd", "even"):
            guard.pause_after(ValueError(text))
    assert [one["event"] for one in logged] == ["thread failed"] * 2
    assert guard.failures == 4


class Watched:
    """A watchdog by a clock that stands still until it is moved."""

    def __init__(self):
        self.now, self.value, self.gone = 0.0, None, []
        check = Check(complaint="nothing is done", progress=lambda: self.value)
        self.dog = Watchdog(checks=(check,), gone=lambda: self.gone, clock=lambda: self.now)

    def wait(self, seconds, step=1.0):
        for _ in range(int(seconds / step)):
            self.now += step
            self.dog.look()
        return self.dog.complaint


def test_what_stands_still_for_a_minute_is_complained_about_and_forgiven_a_minute_later():
    watched = Watched()
    watched.value = 7
    assert watched.wait(LIMIT - 1) == ""
    assert watched.wait(3) == "nothing is done"
    watched.value = 8
    assert watched.wait(LIMIT - 5) == "nothing is done"
    assert watched.wait(5) == ""


def test_what_goes_on_or_has_nothing_to_do_is_no_reason_to_complain():
    watched = Watched()
    for value in (None, 1, 1, 2, None):
        watched.value = value
        assert watched.wait(LIMIT / 2) == ""


def test_a_process_that_was_stopped_for_long_has_had_no_chance():
    watched = Watched()
    watched.value = 7
    assert watched.wait(2) == ""
    assert watched.wait(3000, step=1000) == ""


def test_a_thread_that_is_gone_is_complained_about_at_once():
    watched = Watched()
    watched.gone = ["lease"]
    assert watched.wait(1) == "the thread lease is gone"
