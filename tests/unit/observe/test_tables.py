"""Tables quote names that strangers chose: a terminal obeys none of them, and columns stay aligned."""

import json

from ako_runtime.cli import print_rows

ROWS = [{"name": "one\x1b[2J\u202e", "state": "a"}, {"name": "two", "state": "b"}]


def test_a_table_shows_what_a_terminal_would_obey(capsys):
    print_rows(ROWS, output="table")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "one\\x1b[2J\\x202e" in shown
    assert len({line.rstrip()[:-1].rstrip() and line.rindex(line.split()[-1]) for line in shown.splitlines()}) == 1


def test_json_keeps_the_name_as_it_is(capsys):
    print_rows(ROWS, output="json")
    assert json.loads(capsys.readouterr().out) == ROWS
