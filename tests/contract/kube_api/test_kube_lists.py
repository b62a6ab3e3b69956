"""Lists: selectors, pages, versions, tables."""

import pytest
from support.kube.differences import expected

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture(scope="module")
def many(server):
    """25 ConfigMaps: m-00 to m-24, labelled by parity and, every fifth, `five`."""
    for number in range(25):
        labels = {"parity": "even" if number % 2 == 0 else "odd", **({"five": ""} if number % 5 == 0 else {})}
        body = {"metadata": {"name": f"m-{number:02}", "labels": {"many": "yes", **labels}}}
        assert server.rest.post(server.path("configmaps"), body).status == 201
    return server


def names(reply):
    assert reply.status == 200, reply
    return [item["metadata"]["name"] for item in reply.json["items"]]


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("many=yes", 25),
        ("many==yes,parity=odd", 12),
        ("many=yes,parity!=odd", 13),
        ("parity in (even, odd)", 25),
        ("many=yes,parity notin (even)", 12),
        ("five", 5),
        ("many=yes,!five", 20),
        ("five,parity in (even)", 3),
        ("parity=", 0),
    ],
)
def test_label_selectors(many, selector, count):
    assert len(names(many.rest.get(many.path("configmaps"), labelSelector=selector))) == count


@pytest.mark.parametrize("selector", ["parity in", "a==b==c", "(a)"])
def test_label_selector_that_is_none_is_refused(many, selector):
    assert many.rest.get(many.path("configmaps"), labelSelector=selector).status == 400


def test_field_selectors(many):
    path = many.path("configmaps")
    assert names(many.rest.get(path, fieldSelector="metadata.name=m-03")) == ["m-03"]
    assert len(names(many.rest.get(path, labelSelector="many", fieldSelector="metadata.name!=m-03"))) == 24
    found = many.rest.get(
        "/api/v1/configmaps", labelSelector="many", fieldSelector=f"metadata.namespace={many.namespace}"
    )
    assert len(names(found)) == 25


def test_field_that_is_not_selectable_is_refused(many):
    reply = many.rest.get(many.path("configmaps"), fieldSelector="data.x=1")
    assert reply.status == 400
    assert "data.x" in reply.json["message"]


def test_secrets_select_by_type(server):
    for name, kind in (("tls-a", "example.com/a"), ("tls-b", "example.com/b")):
        server.rest.post(server.path("secrets"), {"metadata": {"name": name}, "type": kind})
    assert names(server.rest.get(server.path("secrets"), fieldSelector="type=example.com/b")) == ["tls-b"]


def test_list_is_sorted_and_carries_a_version(many):
    reply = many.rest.get(many.path("configmaps"), labelSelector="many")
    assert names(reply) == [f"m-{number:02}" for number in range(25)]
    assert int(reply.json["metadata"]["resourceVersion"]) > 0
    assert (reply.json["kind"], reply.json["apiVersion"]) == ("ConfigMapList", "v1")


def test_pages_are_one_list(many):
    rest, path = many.rest, many.path("configmaps")
    first = rest.get(path, labelSelector="many", limit=10).json
    assert len(first["items"]) == 10
    assert rest.post(path, {"metadata": {"name": "m-11-late", "labels": {"late": "yes"}}}).status == 201
    second = rest.get(path, labelSelector="many", limit=10, **{"continue": first["metadata"]["continue"]}).json
    third = rest.get(path, labelSelector="many", limit=10, **{"continue": second["metadata"]["continue"]}).json
    found = [item["metadata"]["name"] for page in (first, second, third) for item in page["items"]]
    assert found == [f"m-{number:02}" for number in range(25)]
    assert len({page["metadata"]["resourceVersion"] for page in (first, second, third)}) == 1
    assert "continue" not in third["metadata"]


def test_first_page_says_how_many_remain(many):
    reply = many.rest.get(many.path("configmaps"), limit=5).json
    whole = many.rest.get(many.path("configmaps")).json
    assert reply["metadata"]["remainingItemCount"] == len(whole["items"]) - 5


def test_continue_token_that_is_none_is_refused(many):
    assert many.rest.get(many.path("configmaps"), **{"limit": 5, "continue": "nonsense"}).status == 400


def test_list_over_all_namespaces_and_of_none(many):
    everywhere = many.rest.get("/api/v1/configmaps", labelSelector="many")
    assert {item["metadata"]["namespace"] for item in everywhere.json["items"]} == {many.namespace}
    empty = many.rest.get(many.path("configmaps", namespace="no-such-place"))
    assert names(empty) == []


def test_list_of_a_version_not_reached_yet(many):
    reply = many.rest.get(many.path("configmaps"), resourceVersion=10**12, resourceVersionMatch="NotOlderThan")
    assert reply.status == 504
    status = many.rest.get(many.path("configmaps"), resourceVersion="text").status
    assert status == expected(many, "version-that-is-no-number-status")


def test_table(many):
    reply = many.rest.request("GET", many.path("configmaps") + "?labelSelector=many&limit=3", accept=TABLE)
    table = reply.json
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert table["columnDefinitions"][0]["name"] == "Name"
    assert [row["cells"][0] for row in table["rows"]] == ["m-00", "m-01", "m-02"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert table["metadata"]["continue"]


def test_table_of_one_object(many):
    table = many.rest.request("GET", many.path("configmaps", "m-07"), accept=TABLE).json
    assert [row["cells"][0] for row in table["rows"]] == ["m-07"]
