import pytest
from support.chart.helm_binaries import helm  # noqa: F401 - a fixture

from ako_builder.chart.tree import chart_files
from ako_builder.release import load_release


@pytest.fixture(scope="session")
def release():
    return load_release()


@pytest.fixture(scope="session")
def chart(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chart") / release.chart.name
    for name, content in chart_files(release).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # A version of its own, so that expectations outlive releases.
        old = release.version.encode() if name == "Chart.yaml" else b"\0"
        path.write_bytes(content.replace(old, b"9.9.9"))
    return folder
