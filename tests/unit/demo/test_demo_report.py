"""Both reports say the same things; the plain one has no control characters."""

import io

import pytest
from rich.console import Console

from ako_lab.demo_report import PlainReport, TerminalReport, report_for


def told(report):
    with report.step("Build") as progress:
        progress("halfway")
    report.table([{"artefact": "a.tgz", "verdict": "verified"}])
    report.say("[it] is done")


def test_plain_lines(capsys):
    told(report_for(terminal=False))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1. Build"
    assert lines[1] == "   halfway"
    assert lines[2].startswith("   done in ")
    assert lines[3:] == ["   artefact  verdict", "   a.tgz     verified", "   [it] is done"]


def test_a_terminal_sees_the_same():
    stream = io.StringIO()
    told(TerminalReport(Console(file=stream, force_terminal=True, width=100, highlight=False)))
    text = stream.getvalue()
    for said in ("1. Build", "a.tgz", "verified", "[it] is done", "✓"):
        assert said in text


@pytest.mark.parametrize(("width", "whole"), [(40, True), (20, False)])
def test_long_cells_are_folded_between_words_while_there_is_room(width, whole):
    stream = io.StringIO()
    report = TerminalReport(Console(file=stream, width=width))
    report.table([{"name": "demo--packet-core-oam", "serves": "one two three four five six"}])
    assert ("demo--packet-core-oam" in stream.getvalue()) is whole


def test_words_are_broken_in_the_last_columns_first():
    stream = io.StringIO()
    report = TerminalReport(Console(file=stream, width=45))
    report.table([{"name": "demo--packet-core-oam", "place": "signalling-engines", "serves": "smf-sbi smf-n4"}])
    text = stream.getvalue()
    assert "demo--packet-core-oam" in text
    assert "signalling-engines" not in text
    assert max(map(len, text.splitlines())) <= 45


@pytest.mark.parametrize("report", [PlainReport(), TerminalReport(Console(file=io.StringIO(), force_terminal=True))])
def test_a_step_that_fails_is_not_called_done(report, capsys):
    with pytest.raises(ValueError, match="broken"), report.step("Build"):
        raise ValueError("broken")
    assert "done" not in capsys.readouterr().out
