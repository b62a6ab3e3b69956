import threading

from ako_runtime.model.stack import StackKey
from ako_runtime.reconcile.keys import Holdoff, KeyQueue

A = StackKey(kind="service", namespace="ns", name="a")
B = StackKey(kind="service", namespace="ns", name="b")
AT_ONCE = Holdoff(quiet=0.0, longest=0.0)


def test_a_key_is_in_the_queue_once():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.open()
    for _ in range(20):
        queue.add(A)
    assert queue.take() == A
    queue.done(A)
    assert queue.idle


def test_a_key_being_worked_on_waits_for_done():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.open()
    queue.add(A)
    assert queue.take() == A
    queue.add(A)
    queue.add(B)
    assert queue.take() == B
    queue.done(A)
    assert queue.take() == A


def test_nothing_leaves_before_the_queue_is_open():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.add(A)
    taken = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    assert not taken
    queue.open()
    thread.join(5)
    assert taken == [A]


def test_close_ends_take():
    queue = KeyQueue()
    queue.close()
    assert queue.take() is None


def test_retry_backs_off_and_done_resets():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.open()
    pauses = []
    for _ in range(4):
        queue.add(A)
        assert queue.take() == A
        pauses.append(queue.retry(A))
        queue._due.clear()
        queue._heap.clear()
    assert pauses[3] > pauses[0] * 3
    queue.add(A)
    assert queue.take() == A
    queue.done(A)
    queue.add(A)
    queue.take()
    assert queue.retry(A) < 0.2


def test_a_change_during_the_work_beats_the_retry():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.open()
    queue.add(A)
    assert queue.take() == A
    queue.add(A)
    queue.retry(A, after=3600)
    assert queue.take() == A


def test_a_change_brings_its_key_back_at_once_whatever_a_server_asked_for():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.open()
    queue.add(A)
    assert queue.take() == A
    queue.retry(A, after=30.0)
    assert queue.next_in() > 20
    queue.add(A)
    assert queue.take() == A


def test_no_error_keeps_a_key_away_for_longer_than_a_minute():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.open()
    queue.add(A)
    assert queue.take() == A
    assert 60.0 <= queue.retry(A, after=86_400.0) <= 75.0


def test_a_key_that_is_due_is_known_also_while_the_queue_keeps_it_in():
    queue = KeyQueue(holdoff=AT_ONCE)
    assert not queue.has_due()
    queue.add(A)
    assert queue.has_due()
    queue.open()
    assert (queue.take(), queue.taken) == (A, 1)
    queue.retry(A, after=30.0)
    assert not queue.has_due()


def test_what_is_known_waits_now_or_later_or_is_being_worked_on():
    queue = KeyQueue(holdoff=AT_ONCE)
    queue.open()
    assert queue.known() == frozenset()
    queue.add(A)
    assert queue.take() == A
    queue.add(B)
    assert queue.known() == {A, B}
    queue.retry(A, after=60.0)
    assert queue.known() == {A, B}
    assert queue.take() == B
    queue.done(B)
    assert queue.known() == {A}
