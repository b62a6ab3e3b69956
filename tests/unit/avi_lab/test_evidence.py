"""The request log: what it keeps, for how long, and what never enters it."""

import json

from ako_lab.avi_controller.evidence import Evidence, LoggedRequest, logged_body


def record(evidence: Evidence, number: int, body: bytes = b"") -> None:
    entry = LoggedRequest(sequence=number, time=0.0, user="", method="GET", path="/", query={}, status=200)
    evidence.record(entry, body=body, kind="pool")


def numbers(evidence: Evidence, since: int = 0) -> list[int]:
    return [entry.sequence for entry in evidence.requests(since)]


def test_the_oldest_entries_go_first():
    evidence = Evidence(size=3)
    for number in range(1, 8):
        record(evidence, number)
    assert numbers(evidence) == [5, 6, 7]
    assert numbers(evidence, since=6) == [7]
    assert numbers(evidence, since=2) == [5, 6, 7]
    assert numbers(evidence, since=9) == []
    assert evidence.counters["GET pool 200"] == 7


def test_bodies_take_a_limited_amount_of_memory():
    evidence = Evidence(size=100, memory=1000)
    for number in range(1, 11):
        record(evidence, number, b"x" * 300)
    assert numbers(evidence) == [8, 9, 10]
    record(evidence, 11, b"x" * 300_000)
    assert numbers(evidence)[-1] == 11
    assert evidence.requests()[-1].body is None


def test_who_only_counts_gets_no_bodies():
    evidence = Evidence(size=3)
    record(evidence, 1, b'{"name": "a"}')
    assert [entry.body for entry in evidence.requests()] == [{"name": "a"}]
    assert [entry.body for entry in evidence.requests(bodies=False)] == [None]


def test_no_entry_at_all():
    evidence = Evidence(size=0)
    record(evidence, 1, b"{}")
    assert numbers(evidence) == []
    assert evidence.sequence == 1


def test_secrets_never_enter_and_markers_stay():
    sent = {
        "password": "hush",
        "token": "hush",
        "key": "-----BEGIN PRIVATE KEY-----hush",
        "markers": [{"key": "clustername", "values": ["c"]}],
        "vcenter_configuration": {"password": "hush"},
    }
    shown = logged_body(json.dumps(sent).encode())
    assert "hush" not in json.dumps(shown)
    assert shown["markers"] == sent["markers"]
    assert logged_body(b"username=a&password=hush") == "(form)"
    assert logged_body(b"no json") == "no json"
