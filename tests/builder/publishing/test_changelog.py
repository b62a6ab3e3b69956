"""Fragments of the change log, and what a release makes of them."""

import datetime as dt

import pytest

from ako_builder.publishing.changelog import Fragment, load_fragments, published_changes, release_notes, with_notes
from ako_runtime.errors import UserError

DATE = dt.date(2026, 12, 1)


def fragment(kind, text, topic="a"):
    return Fragment(topic=topic, kind=kind, text=text)


def test_notes_begin_with_what_an_operator_has_to_do():
    notes = release_notes(
        [fragment("fixed", "One\ntwo lines."), fragment("upgrade", "Do `this`.")], version="1.2.0", date=DATE
    )
    assert notes == (
        "## 1.2.0 (2026-12-01)\n\n### Before you upgrade\n\n- Do `this`.\n\n### Fixed\n\n- One\n  two lines.\n"
    )


def test_a_release_without_fragments_says_so():
    assert release_notes([], version="1.2.1", date=DATE) == "## 1.2.1 (2026-12-01)\n\nNothing changes for users.\n"


def test_the_newest_section_comes_first_and_once():
    older = "# Change log\n\nIntroduction.\n\n## 1.1.0 (2026-01-01)\n\n- x\n"
    first = with_notes(older, "## 1.2.0 (2026-12-01)\n\n- draft\n")
    again = with_notes(first, "## 1.2.0 (2026-12-02)\n\n- y\n")
    assert again == ("# Change log\n\nIntroduction.\n\n## 1.2.0 (2026-12-02)\n\n- y\n\n## 1.1.0 (2026-01-01)\n\n- x\n")


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("`ako x` works. Nothing else.", "ako x works."),
        ("See [the page](../a.md) of\n**both**.", "See the page of both."),
        ("Version 1.2 is read. Next", "Version 1.2 is read."),
        ("No full stop", "No full stop"),
    ],
)
def test_artifact_hub_shows_the_first_sentence_as_plain_text(text, description):
    (change,) = published_changes([fragment("upgrade", text)])
    assert (change.kind, change.description) == ("changed", description)


def test_fragments_are_read_by_name(tmp_path):
    (tmp_path / "README.md").write_text("what this is")
    (tmp_path / "b.fixed.md").write_text("B.\n")
    (tmp_path / "a-c.security.md").write_text("A.\n")
    assert load_fragments(tmp_path) == (fragment("security", "A.", "a-c"), fragment("fixed", "B.", "b"))


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("a.wrong.md", "x", "kinds upgrade, security"), ("a.txt", "x", "TOPIC.KIND.md"), ("a.fixed.md", " ", "nothing")],
)
def test_a_file_that_is_no_fragment_is_refused(tmp_path, name, text, why):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=why):
        load_fragments(tmp_path)
