"""Where third-party test data lives: never in the repository (see CONTRIBUTING.md)."""

import os
from pathlib import Path

from support.paths import ROOT
from support.skips import Missing, skip_without

_DEFAULT = ROOT.parent / "shared" / "data"


def test_data(*parts: str) -> Path:
    """Path below the data folder (`AKO_TEST_DATA`); skips the test that asks, with the reason, if it is not there."""
    path = Path(os.environ.get("AKO_TEST_DATA", _DEFAULT)).joinpath(*parts)
    if not path.exists():
        skip_without(Missing.DATA, f"{'/'.join(parts[:1])} is not here: set AKO_TEST_DATA")
    return path


def test_cases(*parts: str) -> Path:
    """Path below the folder of cases, which lies beside that of the data; skips the test if it is not there."""
    path = Path(os.environ.get("AKO_TEST_DATA", _DEFAULT)).parent.joinpath("cases", *parts)
    if not path.exists():
        skip_without(Missing.DATA, f"cases/{'/'.join(parts[:1])} is not beside the data folder: set AKO_TEST_DATA")
    return path


test_cases.__test__ = False  # type: ignore[attr-defined]
test_data.__test__ = False  # type: ignore[attr-defined]
