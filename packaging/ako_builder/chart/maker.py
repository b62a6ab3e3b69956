"""The chart's part of a build.

The archive itself is written before every maker runs, because CSARs and add-ons wrap it; what is left is to verify it.
"""

from collections.abc import Iterator

from ako_builder.artefact import VERIFIED, Artefact, BuildOrder, artefact
from ako_builder.chart.tree import archive_faults


def make(order: BuildOrder) -> Iterator[Artefact]:
    """The chart archive of this build, verified."""
    faults = archive_faults(order.chart, release=order.release)
    yield artefact(order.chart, kind="chart", verdict="; ".join(faults) or VERIFIED)
