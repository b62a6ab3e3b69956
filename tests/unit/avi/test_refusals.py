"""A refused log-in is tried again seldom, by one, and remembered."""

import pytest

from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.refusals import Refusals
from ako_runtime.errors import RetryLater
from ako_runtime.settings import SecretText

WRONG = Credentials(username="ako", password=SecretText("wrong"))
OTHER = Credentials(username="ako", password=SecretText("other"))


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Memory:
    held = None

    def load(self, _credentials):
        return self.held

    def save(self, _credentials, refused):
        self.held = refused


@pytest.fixture
def clock():
    return Clock()


def may_try(refusals, credentials=WRONG):
    try:
        refusals.check(credentials, host="avi")
    except RetryLater as error:
        return error.reason != "InvalidCredentials"
    return True


def test_one_more_try_after_a_minute_then_one_every_fifteen(clock):
    refusals = Refusals(clock=clock)
    pauses = []
    for _ in range(7):
        assert may_try(refusals)
        error = refusals.refused(WRONG, host="avi")
        pauses.append(error.after)
        clock.now += error.after - 1
        assert not may_try(refusals)
        clock.now += 1
    assert pauses == [60, 900, 900, 900, 900, 900, 900]


def test_the_verdict_says_how_often_and_what_that_may_mean(clock):
    refusals = Refusals(clock=clock)
    assert "has refused user 'ako' once" in str(refusals.refused(WRONG, host="avi"))
    text = str(refusals.refused(WRONG, host="avi"))
    assert "2 times" in text
    assert "locked" in text
    assert "wrong" not in text


def test_other_credentials_are_tried_at_once(clock):
    refusals = Refusals(clock=clock)
    refusals.refused(WRONG, host="avi")
    assert may_try(refusals, OTHER)
    assert not may_try(refusals)


def test_the_next_process_knows(clock):
    memory = Memory()
    Refusals(clock=clock, memory=memory).refused(WRONG, host="avi")
    again = Refusals(clock=clock, memory=memory)
    assert not may_try(again)
    clock.now += 60
    assert may_try(again)
    assert again.refused(WRONG, host="avi").after == 900
    again.accepted()
    assert memory.held is None
    assert may_try(Refusals(clock=clock, memory=memory))


def test_a_clock_that_was_wrong_makes_nobody_wait_longer_than_the_longest_pause(clock):
    memory = Memory()
    clock.now += 1e9
    Refusals(clock=clock, memory=memory).refused(WRONG, host="avi")
    clock.now -= 1e9
    again = Refusals(clock=clock, memory=memory)
    with pytest.raises(RetryLater) as found:
        again.check(WRONG, host="avi")
    assert found.value.after == 900
