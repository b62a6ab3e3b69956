"""Standing queries: whatever was asked before and written since, the answer equals a search from scratch."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.avi_lab.core import Core

from ako_lab.avi_controller.call import parameters_of
from ako_lab.avi_controller.query import Searcher
from ako_lab.avi_controller.store import Record, Store

NAMES = st.sampled_from(["cl--a", "cl--b", "other", "CL--c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, st.sampled_from(["ako", "me", ""]), st.booleans()),
        st.tuples(st.just("delete"), NAMES),
        st.tuples(
            st.just("ask"),
            st.sampled_from(
                [
                    "created_by=ako",
                    "name.contains=cl--",
                    "name.icontains=cl--&created_by=ako",
                    "label_key=clustername&label_value=x",
                    "search=cl--",
                    "enabled=true",
                    "created_by=me&cloud_ref.name=Default-Cloud",
                ]
            ),
        ),
    ),
    max_size=25,
)


def found(store: Store, query: str) -> list[str]:
    selection = Searcher(store=store).selection("pool", parameters_of(query), tenants=frozenset({"admin"}))
    assert selection.count == len(selection.records)
    return sorted(record.name for record in selection.records)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_standing_queries_equal_a_fresh_search(shared_core, steps):
    shared_core.reset()
    store = shared_core.controller.store
    asked: set[str] = set()
    for step in steps:
        if step[0] == "put":
            _, name, creator, marked = step
            body = {"name": name, "created_by": creator, "enabled": marked}
            if marked:
                body["markers"] = [{"key": "clustername", "values": ["x", "y"]}]
            existing = shared_core.read(f"/api/pool?name={name}")["results"]
            if existing:
                shared_core.call("PUT", f"/api/pool/{existing[0]['uuid']}", body)
            else:
                shared_core.create("pool", body)
        elif step[0] == "delete":
            for pool in shared_core.read(f"/api/pool?name={step[1]}")["results"]:
                shared_core.call("DELETE", f"/api/pool/{pool['uuid']}")
        else:
            asked.add(step[1])
            found(store, step[1])
    fresh = Store(schema=store.schema)
    for record in store.records.values():
        fresh.put(Record(key=record.key, document=record.document(), facts=record.facts))
    for query in asked:
        assert found(store, query) == found(fresh, query)


def test_few_and_many_referrers_are_found_alike(shared_core):
    shared_core.reset()
    monitor = shared_core.read("/api/healthmonitor?name=System-TCP")["results"][0]
    count = lambda: shared_core.read(f"/api/pool?refers_to=healthmonitor:{monitor['uuid']}")["count"]  # noqa: E731
    made = []
    for number in range(130):
        assert count() == number
        made.append(shared_core.create("pool", {"name": f"p{number}", "health_monitor_refs": [monitor["url"]]}))
    shared_core.call("PUT", f"/api/pool/{made[5]['uuid']}", {"name": "p5"})
    assert count() == 129
    for number, pool in enumerate(made[10:], start=1):
        shared_core.call("DELETE", f"/api/pool/{pool['uuid']}")
        assert count() == 129 - number


def test_the_number_of_standing_queries_is_bounded():
    core = Core()
    for number in range(100):
        assert core.read(f"/api/pool?created_by=user-{number}")["count"] == 0
    core.create("pool", {"name": "p", "created_by": "user-1"})
    assert core.read("/api/pool?created_by=user-1")["count"] == 1
    assert core.read("/api/pool?created_by=user-2")["count"] == 0


@pytest.mark.parametrize(
    "field", ["enabled", "", '"', "a\\b", "\n", "class", "value", "_x", "\u00fc", "servers", "nothing"]
)
def test_any_text_may_be_named_as_a_field(shared_core, field):
    shared_core.reset()
    shared_core.create("pool", {"name": "p", "servers": [{"ip": {"addr": "10.0.0.1", "type": "V4"}}]})
    for query in (f"sort={quote(field)}", f"sort=-{quote(field)},name"):
        assert [pool["name"] for pool in shared_core.read(f"/api/pool?{query}")["results"]] == ["p"]
    found = {f"({field},10.0.0.1)": field == "servers", f"({field},true)": field in ("enabled", "servers")}
    for search, expected in found.items():
        if field.strip():
            assert shared_core.read(f"/api/pool?search={quote(search)}")["count"] == int(expected), search
    assert shared_core.read("/api/pool?enabled.contains=ru")["count"] == 1
    assert shared_core.read("/api/pool?description.contains=null")["count"] == 0
