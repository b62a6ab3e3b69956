"""The judgement of a package ends, whatever the program that is asked does: a package is never PROCESSING for ever."""

import subprocess

import pytest

from ako_lab.tca import judge


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (subprocess.TimeoutExpired("ako", 900), "took more than 900 s"),
        (OSError(11, "Resource temporarily unavailable"), "does not run: Resource temporarily unavailable"),
    ],
)
def test_a_verification_that_gives_no_report_makes_a_package_unfit(monkeypatch, tmp_path, error, words):
    def run(*_arguments, **_options):
        raise error

    monkeypatch.setattr(judge.subprocess, "run", run)
    with pytest.raises(judge.Unfit, match=words):
        judge.judged(tmp_path / "x.csar")


def test_a_report_that_is_none_makes_a_package_unfit(tmp_path):
    (tmp_path / "x.csar").write_bytes(b"hello")
    with pytest.raises(judge.Unfit, match="ZIP-001"):
        judge.judged(tmp_path / "x.csar")
