"""Progress is shown to people who wait, and to nobody else."""

import io
import sys

from ako_builder.csar.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_large_package_shows_its_progress_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar("verify web.csar", total=1 << 30) as progress:
        progress(1 << 29)
    assert "verify web.csar" in sys.stderr.getvalue()


def test_small_packages_and_pipes_show_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar("small", total=1 << 20) as progress:
        assert progress is None
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("piped", total=1 << 30) as progress:
        assert progress is None
    assert sys.stderr.getvalue() == ""
