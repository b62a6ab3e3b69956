"""YAML that two parsers read alike comes through; everything else is refused by its reason."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.yaml_text import yaml_text

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_.-1", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_what_we_write_we_read_and_so_does_pyyaml(document):
    text = yaml_text({"document": document})
    assert parse_yaml(text.encode()) == {"document": document}
    assert yaml.safe_load(text) == {"document": document}


@pytest.mark.parametrize(
    "value", ["1.10", "no", "12:30:45", "2026-01-01", "1e3", "0x1f", "~", "", "- a", "a: b", "0o17"]
)
def test_texts_stay_texts(value):
    assert parse_yaml(yaml_text({"v": value}).encode()) == {"v": value}
    assert yaml.safe_load(yaml_text({"v": value})) == {"v": value}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\na: 2\n", "duplicate"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "aliases"),
        ("a: !!python/object:os.system {}\n", "tag"),
        ("a: !own 1\n", "tag"),
        ("a: *nobody\n", "syntax"),
        ("a: [1, 2\n", "syntax"),
        ("--- 1\n--- 2\n", "documents"),
        ("? [a]\n: 1\n", "syntax"),
        ("[" * 101 + "]" * 101, "depth"),
    ],
)
def test_what_is_ambiguous_is_refused(text, code):
    with pytest.raises(YamlProblem) as caught:
        parse_yaml(text.encode())
    assert caught.value.code == code


def test_the_mark_of_utf_8_that_yaml_allows():
    assert parse_yaml("\ufeffa: 1\n".encode()) == {"a": 1}


def test_limits():
    with pytest.raises(YamlProblem, match="too many"):
        parse_yaml(b"x" * 101, limit=100)
    with pytest.raises(YamlProblem, match="not UTF-8"):
        parse_yaml(b"a: \xff\n")
    with pytest.raises(YamlProblem, match="byte order mark"):
        parse_yaml("a: 1".encode("utf-16"))
