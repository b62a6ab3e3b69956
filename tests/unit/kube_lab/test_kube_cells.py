"""Texts of cells against what kubectl writes for the same values."""

import pytest

from ako_lab.kube_api import cells


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (303, "5m3s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
        (63_071_999, "729d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (252_288_000, "8y"),
    ],
)
def test_time_spans(seconds, text):
    assert cells.duration(seconds) == text


def test_a_time_that_is_none_is_unknown():
    assert cells.age(None) == cells.age("yesterday") == "<unknown>"
    assert cells.age("2999-01-01T00:00:00Z") == "0s"


def test_selectors():
    expressions = [
        {"key": "a", "operator": "In", "values": ["y", "x"]},
        {"key": "b", "operator": "Exists"},
        {"key": "c", "operator": "DoesNotExist"},
    ]
    assert cells.selector({"matchLabels": {"z": "1"}, "matchExpressions": expressions}) == "z=1,a in (x,y),b,!c"
    assert cells.selector({}) == cells.selector(None) == cells.labels({}) == "<none>"
    assert cells.labels({"b": "2", "a": "1"}) == "a=1,b=2"


def test_long_lists_are_cut_short():
    assert cells.shortened([], "*") == "*"
    assert cells.shortened(["a", "b", "c"], "*") == "a,b,c"
    assert cells.shortened(["a", "b", "c", "d", "e"], "*") == "a,b,c + 2 more..."
