"""What `deleteConfig` tells while it works, by a clock that is moved by hand."""

import pytest

from ako_runtime.errors import RetryLater
from ako_runtime.reconcile.deletion import ANNOTATION, PATIENCE, Deletion


class World:
    def __init__(self):
        self.now = 0.0
        self.annotation = None
        self.events = []
        self.refusals = 0

    def write(self, patch):
        if self.refusals:
            self.refusals -= 1
            raise RetryLater("not now")
        self.annotation = patch.body["metadata"]["annotations"][ANNOTATION]

    def publish(self, _about, *, uid, severity, reason, note):
        del uid
        self.events.append((severity, reason, note))

    @property
    def reasons(self):
        return [reason for _, reason, _ in self.events]


@pytest.fixture
def world():
    return World()


@pytest.fixture
def deletion(world):
    return Deletion(namespace="avi-system", pod="ako-0", statuses=world, events=world, clock=lambda: world.now)


def test_half_an_hour_is_waited_then_it_is_said_once_and_the_deletion_goes_on(world, deletion):
    deletion.begin(left=3)
    world.now = PATIENCE
    deletion.follow(left=3, certain=True)
    assert world.annotation == "Started"
    world.now = PATIENCE + 1
    deletion.follow(left=3, certain=True)
    assert world.annotation == "Timeout"
    assert world.events[-1] == ("Warning", "AKODeleteConfigTimeout", "3 Avi objects are still there")
    world.now = 3 * PATIENCE
    deletion.follow(left=1, certain=True)
    assert world.reasons.count("AKODeleteConfigTimeout") == 1
    assert deletion.active
    deletion.follow(left=0, certain=True)
    assert world.annotation == "Done"
    assert world.reasons == ["AKODeleteConfigSet", "AKODeleteConfigTimeout", "AKODeleteConfigDone"]


def test_a_second_deletion_has_its_own_half_hour(world, deletion):
    deletion.begin(left=3)
    world.now = PATIENCE + 1
    deletion.follow(left=1, certain=True)
    deletion.end()
    assert world.annotation is None
    assert not deletion.active
    deletion.begin(left=3)
    deletion.follow(left=1, certain=True)
    assert world.annotation == "Started"
    world.now += PATIENCE + 1
    deletion.follow(left=1, certain=True)
    assert world.annotation == "Timeout"


def test_an_annotation_that_could_not_be_written_is_owed(world, deletion):
    world.refusals = 2
    deletion.begin(left=3)
    assert world.annotation is None
    deletion.follow(left=1, certain=True)
    assert world.annotation is None
    deletion.follow(left=1, certain=True)
    assert world.annotation == "Started"


def test_what_is_done_stays_done(world, deletion):
    deletion.begin(left=3)
    deletion.follow(left=0, certain=True)
    world.now = 2 * PATIENCE
    deletion.follow(left=0, certain=True)
    assert world.annotation == "Done"
    assert world.reasons == ["AKODeleteConfigSet", "AKODeleteConfigDone"]


def test_nothing_left_is_not_done_while_something_may_still_be_made(world, deletion):
    deletion.begin(left=0)
    deletion.follow(left=0, certain=False)
    assert world.annotation == "Started"
    deletion.follow(left=2, certain=True)
    assert world.annotation == "Started"
    deletion.follow(left=0, certain=True)
    assert world.annotation == "Done"
