"""Which workloads of a chart have a place in which profile.

A deployable unit of SOL001 says by kind which object it is, and each release knows some kinds only; a job that ends is
none in any. What has no place is brought by the chart all the same, so it is left to the Mciop and told; only where
nothing is left, the profile does not fit.
"""

from collections.abc import Iterator

from ako_builder.csar.chart import ChartFacts, Workload
from ako_builder.csar.package import PackageRequest
from ako_builder.csar.profile import NAMES, Profile, load_profile


def placed(chart: ChartFacts, profile: Profile) -> tuple[Workload, ...]:
    """The workloads that the profile's descriptor describes."""
    return tuple(unit for unit in chart.workloads if unit.kind in profile.workloads)


def workload_problem(request: PackageRequest) -> str:
    """Why the profile cannot describe the chart; empty where it can."""
    chart, profile = request.chart, request.profile
    if profile.dialect == "tca" or not chart.workloads or placed(chart, profile):
        return ""
    units = ", ".join(f"{unit.kind}/{unit.name}" for unit in chart.workloads)
    others = ", ".join(name for name in NAMES if name != profile.name and _fits(chart, load_profile(name)))
    return f"{profile.name} describes {', '.join(profile.workloads)} only, the chart runs {units}: choose {others}"


def _fits(chart: ChartFacts, profile: Profile) -> bool:
    return profile.dialect == "tca" or bool(placed(chart, profile))


def place_remarks(request: PackageRequest) -> list[str]:
    """Workloads that this package's descriptor leaves to the chart."""
    return list(_left_out(request.chart, request.profile))


def _left_out(chart: ChartFacts, profile: Profile) -> Iterator[str]:
    if profile.dialect == "tca":
        return
    left = [f"{unit.kind}/{unit.name}" for unit in chart.workloads if unit.kind not in profile.workloads]
    if left:
        yield f"{profile.name} has no place for {', '.join(left)}: the chart brings it, the descriptor does not name it"


def place_lines(chart: ChartFacts) -> list[str]:
    """For each profile what it leaves out."""
    return [line for name in NAMES for line in _left_out(chart, load_profile(name))]


def fitting_profile(chart: ChartFacts) -> str:
    """The profile of the newest standard that describes most of the chart."""
    order = ("etsi-4", "etsi-5", "etsi-2.7", "tca-2x")
    return max(order, key=lambda name: (len(placed(chart, load_profile(name))), -order.index(name)))
