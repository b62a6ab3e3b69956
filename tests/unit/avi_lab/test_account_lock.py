"""Refused log-ins lock an account, as the profile of its user says."""

import pytest
from support.avi_lab.client import Client

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.config import UserSeed
from ako_lab.avi_controller.faults import Fault


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lab(clock):
    users = (UserSeed(name="ako", password="right", superuser=True),)
    with AviLab(LabConfig(users=users), clock=clock) as lab:
        yield lab


def logs_in(lab, password, user="ako"):
    with Client(lab, login=False) as client:
        return client.request("POST", "/login", {"username": user, "password": password}).status == 200


def test_three_refused_log_ins_lock_the_account_for_half_an_hour(lab, clock):
    assert [logs_in(lab, "wrong") for _ in range(3)] == [False] * 3
    assert not logs_in(lab, "right")
    # Others are none the worse.
    assert logs_in(lab, lab.password, user=lab.username)
    clock.now += 30 * 60 - 1
    assert not logs_in(lab, "right")
    clock.now += 2
    assert logs_in(lab, "right")


def test_a_log_in_that_succeeds_begins_the_count_anew(lab):
    for _ in range(3):
        assert [logs_in(lab, "wrong") for _ in range(2)] == [False] * 2
        assert logs_in(lab, "right")


def test_the_profile_says_how_many_and_how_long(lab, clock):
    with Client(lab) as administrator:
        found = administrator.get("/api/useraccountprofile").json["results"][0]
        assert (found["max_login_failure_count"], found["account_lock_timeout"]) == (3, 30)
        found |= {"max_login_failure_count": 1, "account_lock_timeout": 2}
        assert administrator.request("PUT", f"/api/useraccountprofile/{found['uuid']}", found).status == 200
    assert not logs_in(lab, "wrong")
    assert not logs_in(lab, "right")
    clock.now += 121
    assert logs_in(lab, "right")


def test_a_lock_on_command(lab):
    lab.faults.add(Fault(kind="account-lock", count=2))
    assert [logs_in(lab, "right") for _ in range(3)] == [False, False, True]
