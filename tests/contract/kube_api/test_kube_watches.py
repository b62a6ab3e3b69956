"""Watches: from where, of what, for how long, and what ends them."""

import contextlib
import itertools

import pytest
from support.kube.differences import expected

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def make(server, name, **labels):
    reply = server.rest.post(server.path("configmaps"), {"metadata": {"name": name, "labels": labels}})
    assert reply.status == 201, reply
    return reply.json


def version(server):
    return server.rest.get(server.path("configmaps")).json["metadata"]["resourceVersion"]


def told(events, count):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in itertools.islice(events, count)]


def test_watch_from_a_version_replays_what_came_after(server):
    start = version(server)
    make(server, "w1")
    server.rest.patch(server.path("configmaps", "w1"), {"data": {"a": "1"}})
    server.rest.delete(server.path("configmaps", "w1"))
    with server.rest.watch(server.path("configmaps"), resourceVersion=start) as events:
        assert told(events, 3) == [("ADDED", "w1"), ("MODIFIED", "w1"), ("DELETED", "w1")]


def test_watch_delivers_what_happens_meanwhile(server):
    with server.rest.watch(server.path("configmaps"), resourceVersion=version(server)) as events:
        made = make(server, "w2")
        event = next(events)
        assert event["object"]["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        gone = server.rest.delete(server.path("configmaps", "w2"))
        assert gone.status == 200
        event = next(events)
        assert event["type"] == "DELETED"
        assert int(event["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
def test_watch_without_version_begins_with_what_is_there(server, query):
    make(server, f"w3-{len(query)}", here="yes")
    with server.rest.watch(
        server.path("configmaps"), fieldSelector=f"metadata.name=w3-{len(query)}", **query
    ) as events:
        assert told(events, 1) == [("ADDED", f"w3-{len(query)}")]


@pytest.mark.parametrize("spelling", ["1", "true", "True", "t"])
def test_spellings_of_watch(server, spelling):
    start = version(server)
    make(server, f"w4-{spelling.lower()}{len(spelling)}{ord(spelling[0])}")
    with server.rest.watch(server.path("configmaps"), watch=spelling, resourceVersion=start) as events:
        assert next(events)["type"] == "ADDED"


def test_selection_that_changes_is_added_and_deleted(server):
    start = version(server)
    make(server, "w5", side="left")
    server.rest.patch(server.path("configmaps", "w5"), {"metadata": {"labels": {"side": "right"}}})
    server.rest.patch(server.path("configmaps", "w5"), {"metadata": {"labels": {"side": "left"}}})
    with server.rest.watch(server.path("configmaps"), resourceVersion=start, labelSelector="side=right") as events:
        assert told(events, 2) == [("ADDED", "w5"), ("DELETED", "w5")]


def test_watch_of_one_namespace_sees_no_other(server):
    start = version(server)
    server.rest.post(server.path("configmaps", namespace="default"), {"metadata": {"generateName": "elsewhere-"}})
    make(server, "w6")
    with server.rest.watch(server.path("configmaps"), resourceVersion=start) as events:
        assert told(events, 1) == [("ADDED", "w6")]


def test_initial_events_end_with_a_bookmark(server):
    make(server, "w7", initial="yes")
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    status = expected(server, "initial-events-status")
    if status != 200:
        assert server.rest.get(server.path("configmaps"), watch="true", timeoutSeconds=1, **query).status == status
        return
    with server.rest.watch(server.path("configmaps"), labelSelector="initial", **query) as events:
        assert told(events, 1) == [("ADDED", "w7")]
        bookmark = next(events)
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["kind"] == "ConfigMap"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) > 0


def test_watch_ends_in_time(server):
    # One that does not end breaks off in the client, which is an error.
    with server.rest.watch(server.path("configmaps"), resourceVersion=version(server), timeoutSeconds=1) as events:
        assert [event for event in events if event["type"] != "BOOKMARK"] == []


def test_many_watchers_see_the_same(server):
    start = version(server)
    with contextlib.ExitStack() as stack:
        watches = [
            stack.enter_context(server.rest.watch(server.path("configmaps"), resourceVersion=start)) for _ in range(10)
        ]
        for number in range(20):
            make(server, f"w8-{number:02}")
        wanted = [("ADDED", f"w8-{number:02}") for number in range(20)]
        assert [told(events, 20) for events in watches] == [wanted] * 10


def test_watch_of_one_object_by_path(server):
    make(server, "w9")
    make(server, "w9-not")
    with server.rest.watch(server.path("configmaps"), fieldSelector="metadata.name=w9") as events:
        assert told(events, 1) == [("ADDED", "w9")]
        server.rest.patch(server.path("configmaps", "w9-not"), {"data": {"a": "1"}})
        server.rest.patch(server.path("configmaps", "w9"), {"data": {"a": "1"}})
        assert told(events, 1) == [("MODIFIED", "w9")]


def test_watch_as_table(server):
    start = version(server)
    make(server, "w10")
    with server.rest.watch(server.path("configmaps"), accept=TABLE, resourceVersion=start) as events:
        event = next(events)
    assert event["object"]["kind"] == "Table"
    assert event["object"]["rows"][0]["cells"][0] == "w10"
