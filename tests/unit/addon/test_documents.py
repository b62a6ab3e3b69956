"""YAML: the traps of version 1.1 are refused with the line, what is written reads back."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ako_builder.addon.documents import line_of, parse_document
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import UserError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nenableEVH: yes\n", "f.yaml:2: enableEVH: a bare 'yes' is a boolean"),
        ("a: off\n", "f.yaml:1: a: a bare 'off'"),
        ("port: 12:30\n", "a bare '12:30' is a base-60 number"),
        ("mode: 0644\n", "a bare '0644' is an octal number"),
        ("day: 2025-03-17\n", "a bare '2025-03-17' is a date"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: the key 'a' stands twice"),
        ("- a\n- b\n", "f.yaml: expected a mapping"),
        ("a: 1\n---\nb: 2\n", "holds 2 YAML documents"),
        ("a: [1\n", "f.yaml:2: expected ',' or ']'"),
    ],
)
def test_a_trap_is_refused_with_file_and_line(text, said):
    with pytest.raises(UserError) as error:
        parse_document(text, where="f.yaml")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text", ["a: 'yes'\n", 'a: "12:30"\n', "a: true\n", "a: 8080\n", "a: v1.2.3\n", "a: 10.0.0.1\n"]
)
def test_what_is_clear_is_read(text):
    assert list(parse_document(text, where="f.yaml")) == ["a"]


VALUES = st.recursive(
    st.text(st.characters(min_codepoint=32, max_codepoint=126))
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z][a-zA-Z]{2,8}", fullmatch=True), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"[a-z][a-zA-Z]{2,8}", fullmatch=True), VALUES, min_size=1))
def test_what_is_written_reads_back_by_our_reader_and_any_other(document):
    text = yaml_text(document)
    assert parse_document(text, where="f") == document
    assert yaml.safe_load(text) == document


def test_the_line_of_a_key_is_found_in_any_document():
    text = "a: 1\n---\nspec:\n  list:\n    - x: 1\n    - y: 2\n"
    assert line_of(text, ["spec", "list", 1, "y"], index=1) == 6
    assert line_of(text, ["spec", "gone"], index=1) == 3
