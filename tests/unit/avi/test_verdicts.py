import json

import pytest

from ako_runtime.avi.verdicts import SLOW, Answer, verdict_of
from ako_runtime.errors import Refused, RetryLater, Stale


def answer(status, text="", **headers):
    return Answer(status=status, body=json.dumps({"error": text}).encode(), headers=headers)


@pytest.mark.parametrize(
    ("status", "text", "verdict", "reason"),
    [
        (400, "No available free IPs in the network", RetryLater, "NoFreeAddress"),
        (400, "If a new preferred IP is needed, please recreate the VIP", Refused, "AddressCannotChange"),
        (400, "Cannot delete, object is referred by: ['VirtualService x']", Stale, "StillReferenced"),
        (400, "Field servers is wrong", Refused, "RefusedByController"),
        (403, "Configuration is disallowed during upgrade", RetryLater, "ControllerUpgrade"),
        (403, "Tenant 'x' does not exist!", RetryLater, "TenantNotFound"),
        (403, "User 'u' is not authorized to read", Refused, "NotAuthorized"),
        (404, "Pool object not found!", Stale, "NotFound"),
        (409, "Pool with this Name already exists.", Stale, "Conflict"),
        (412, "Need to reload object data VsVip", Stale, "Changed"),
        (429, "slow down", RetryLater, "TooManyRequests"),
        (500, "Import error", RetryLater, "ControllerError"),
        (503, "", RetryLater, "ControllerError"),
        (418, "teapot", Refused, "RefusedByController"),
    ],
)
def test_every_answer_has_one_verdict(status, text, verdict, reason):
    error = verdict_of(answer(status, text), what="PUT pool x")
    assert type(error) is verdict
    assert error.reason == reason
    assert "PUT pool x" in str(error)


def test_success_is_no_error():
    assert verdict_of(Answer(status=204), what="DELETE") is None


def test_retry_after_wins_over_the_table():
    assert verdict_of(answer(429, **{"retry-after": "7"}), what="GET").after == 7.0
    assert verdict_of(answer(400, "No available free IPs"), what="POST").after == SLOW


def test_a_body_that_is_not_json_is_shown_as_it_is():
    assert "gateway" in str(verdict_of(Answer(status=502, body=b"<html>gateway"), what="GET"))


def test_a_refusal_names_the_objects_that_the_answer_quotes():
    answer = Answer(status=400, body=b'{"error": "Port 80 is already used by VirtualService \'cluster-a--web\'"}')
    error = verdict_of(answer, what="POST virtualservice 'cluster-a--mine'")
    assert isinstance(error, Refused)
    assert error.named == {"cluster-a--web"}
