import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_builder.chart.number_pattern import number_pattern


@given(low=st.integers(0, 3000), span=st.integers(0, 70000), probes=st.lists(st.integers(0, 80000), max_size=30))
def test_matches_exactly_the_numbers_in_the_range(low, span, probes):
    pattern = re.compile(number_pattern(low, low + span))
    for number in {*probes, max(low - 1, 0), low, low + span, low + span + 1}:
        assert bool(pattern.fullmatch(str(number))) == (low <= number <= low + span)


@pytest.mark.parametrize("text", ["", "007", "-1", "1e3", "65536", "0", "1.0", " 1"])
def test_refuses_what_is_no_port(text):
    assert not re.fullmatch(number_pattern(1, 65535), text)


def test_is_open_above_without_a_maximum():
    assert re.fullmatch(number_pattern(0, None), "0")
    assert not re.fullmatch(number_pattern(1, None), "0")
    assert re.fullmatch(number_pattern(1, None), "123456789")
