"""Names and attributes of entries: the short way for usual ones says what the long way says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_builder.archive import zip_fields
from ako_builder.archive.zip_fields import attribute_problem, name_problem

PARTS = st.one_of(
    st.sampled_from(
        ["con", "CON.txt", "Com1", "com1.a.b", "console", "lpt9x", "nul ", "a.", ".", "..", "", ".a", "a:b", "\u017f"]
    ),
    st.text(st.sampled_from("aZ09._- /\\\t\u200bé<"), max_size=12),
)
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join)


class _Never:
    """An expression that nothing fits."""

    @staticmethod
    def fullmatch(_text):
        return None


@given(NAMES, st.integers(1, 40))
def test_a_usual_name_breaks_no_rule_the_long_way_either(name, limit):
    short = name_problem(name, limit=limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zip_fields, "_USUAL", _Never)
        assert name_problem(name, limit=limit) == short


@pytest.mark.parametrize(
    "name", ["a", "a/b.tgz", "Artifacts/charts/web-1.0.0.tgz", "a/", ".helmignore", "-/_", "a" * 255]
)
def test_usual_names_go_the_short_way(name):
    assert zip_fields._USUAL.fullmatch(name)
    assert name_problem(name, limit=512) is None


@given(st.sampled_from([0, 3, 4, 19]), st.integers(0, 2**32 - 1), st.sampled_from(["a", "a/"]))
def test_what_attributes_pass_is_a_plain_file_or_folder(host, external, name):
    mode = external >> 16
    plain = host != 4 and not mode & 0o7000 and mode & 0o170000 in {0, 0o100000, 0o040000}
    plain = plain and not external & 0x5748 and external & 0x8 == 0
    marked = mode & 0o170000 == 0o040000 or external & 0x10
    assert (attribute_problem(name, host=host, external=external) is None) == (plain and not (marked and name == "a"))
