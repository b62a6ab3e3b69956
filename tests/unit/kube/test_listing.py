"""What counts as a list, and when an older one is believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.errors import RetryLater
from ako_runtime.kube.listing import Seen, decode_page, is_older, says_no_resource, says_unserved

GOOD = {"kind": "ServiceList", "metadata": {"resourceVersion": "7"}, "items": []}


def page(**changes):
    return decode_page(json.dumps(GOOD | changes).encode(), what="list services")


def test_a_list_says_where_it_goes_on():
    found = page(items=[{"a": 1}], metadata={"resourceVersion": "7", "continue": "x"})
    assert (found.version, found.continue_, len(found.items)) == ("7", "x", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "Status"},
        {"kind": "Service"},
        {"kind": ""},
        {"kind": None},
        {"items": None},
        {"items": {}},
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"resourceVersion": ""}},
        {"metadata": {"resourceVersion": 5}},
    ],
)
def test_what_is_no_list_is_not_an_empty_one(changes):
    with pytest.raises(RetryLater, match="list services"):
        page(**changes)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b"<html></html>", b"\xff\xfe", b"[" * 100_000])
def test_other_answers_are_no_lists(body):
    with pytest.raises(RetryLater):
        decode_page(body, what="list services")


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("9", "10", True),
        ("10", "10", False),
        ("11", "10", False),
        ("", "10", False),
        ("x9", "10", False),
        ("٣", "10", False),
    ],
)
def test_versions_are_numbers(version, than, older):
    assert is_older(version, than) is older


def test_an_older_list_is_believed_when_it_is_said_again_later():
    seen = Seen(patience=30.0)
    assert seen.takes("100", now=0.0)
    assert not seen.takes("40", now=1.0)
    assert seen.holds
    # A server that lives goes on from where it was set back to.
    assert not seen.takes("45", now=30.0)
    assert seen.takes("50", now=31.0)
    assert not seen.holds
    assert seen.takes("51", now=32.0)


def test_an_answer_that_is_up_to_date_contradicts_the_older_one():
    seen = Seen(patience=30.0)
    seen.note("100")
    assert not seen.takes("40", now=0.0)
    assert seen.takes("101", now=29.0)
    assert not seen.takes("40", now=31.0)


def test_a_still_older_answer_begins_anew():
    seen = Seen(patience=30.0)
    seen.note("100")
    assert not seen.takes("40", now=0.0)
    assert not seen.takes("39", now=31.0)
    assert seen.takes("39", now=61.0)


@given(st.lists(st.integers(1, 50)))
def test_within_the_patience_no_list_is_older_than_the_one_before(versions):
    seen = Seen(patience=30.0)
    taken = [version for version in versions if seen.takes(str(version), now=1.0)]
    assert taken == sorted(taken)


def test_discovery_denies_a_kind_only_in_words_of_its_own():
    groups = {"kind": "APIGroupList", "groups": [{"name": "a.example", "versions": [{"version": "v1"}]}]}
    text = json.dumps(groups).encode()
    assert says_unserved(text, group="b.example", version="v1") is True
    assert says_unserved(text, group="a.example", version="v2") is True
    assert says_unserved(text, group="a.example", version="v1") is False
    for nothing in (b"", b"{}", b"null", b"<html>", b'{"kind":"APIGroupList"}', b'{"kind":"Status","groups":[]}'):
        assert says_unserved(nothing, group="b.example", version="v1") is None
    resources = json.dumps({"kind": "APIResourceList", "resources": [{"name": "things"}]}).encode()
    assert says_no_resource(resources, "things") is False
    assert says_no_resource(resources, "others") is True
    for nothing in (b"", b"{}", b"null", b"<html>", b'{"kind":"APIResourceList","resources":null}'):
        assert says_no_resource(nothing, "others") is None
