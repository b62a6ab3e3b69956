"""Helm 3.17 and 4.3 for tests: from AKO_HELM_3 and AKO_HELM_4, or what `scripts/tools` has fetched; never from the net.

A test that asks for `helm` runs once with each; where one is missing it is skipped with the reason.
"""

import os
from pathlib import Path

import pytest
from support.skips import Missing, skip_without

from ako_builder.chart.helm import Helm
from ako_lab.control_plane.tools import ToolCache

HELMS = {"3.17": "AKO_HELM_3", "4.3": "AKO_HELM_4"}


def helm_binary(version: str) -> Path:
    given = os.environ.get(HELMS[version])
    path = Path(given) if given else ToolCache().found(f"helm-{version}")
    if path is None or not path.exists():
        skip_without(Missing.TOOLS, f"Helm {version} is not here: run scripts/tools, or set {HELMS[version]}")
    return path


@pytest.fixture(params=HELMS, scope="session")
def helm(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("helm")
    # Its own folders: no configuration, cache or plugin of the user takes part.
    own = {f"HELM_{name}_HOME": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    return Helm(executable=helm_binary(request.param), environ={"PATH": os.environ["PATH"], "HOME": str(home), **own})
