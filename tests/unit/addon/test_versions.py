"""Versions: three spellings, one order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_builder.addon.versions import Range, parse_version

NUMBERS = st.lists(st.integers(0, 99), min_size=3, max_size=3).map(lambda n: ".".join(map(str, n)))
BUILDS = st.builds("vmware.{}-tkg.{}".format, st.integers(0, 30), st.integers(0, 30))


@given(NUMBERS, BUILDS)
def test_every_spelling_is_the_same_version(numbers, build):
    version = parse_version(f"{numbers}+{build}")
    assert parse_version(version.tag) == version
    assert parse_version(version.object_name) == version
    assert str(version) == f"{numbers}+{build}"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.8.2+vmware.1-tkg.1", "1.11.2+vmware.2-tkg.2"),
        ("1.7.2+vmware.1-tkg.1", "1.7.2+vmware.2-tkg.1"),
        ("1.7.2+vmware.1-tkg.9", "1.7.2+vmware.1-tkg.10"),
        ("1.7.2", "1.7.2+vmware.1"),
        ("0.1.0-rc.1", "0.1.0"),
        ("0.1.0-rc.2", "0.1.0-rc.10"),
    ],
)
def test_the_newer_one_is_newer(older, newer):
    assert parse_version(older) < parse_version(newer)
    assert not parse_version(newer) < parse_version(older)


@pytest.mark.parametrize("text", ["", "vmware", "1..2", "1.2+", "1.2 3"])
def test_what_is_not_a_version_is_refused_with_its_text(text):
    with pytest.raises(ValueError, match="is not a version"):
        parse_version(text)


def test_a_range_counts_as_far_as_its_bounds_are_written():
    supported = Range(low="1.21", high="1.24")
    assert "1.24.17" in supported
    assert "1.21.0" in supported
    assert "1.25.0" not in supported
    assert "1.20.15" not in supported
