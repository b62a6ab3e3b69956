"""The chart as a folder for Helm, rendered from the sources for the occasion and gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ako_builder.chart.tree import chart_files
from ako_builder.release import Release


@contextmanager
def rendered_chart(release: Release) -> Iterator[Path]:
    """Yield the chart as a folder, rendered now."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, release.chart.name)
        for name, content in chart_files(release).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield folder
