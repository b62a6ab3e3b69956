"""The queries of the dashboard, answered from scrapes of `/metrics` without a Prometheus.

Not PromQL, only the shapes that our dashboard uses: an aggregation over a metric, its rate or its increase, and a
quantile of a histogram on top. They mean what they mean in Prometheus: a rate is the growth between the first and the
last scrape in its window, a quantile is interpolated inside its bucket, and where there are no two scrapes there is no
point. Label matchers are not looked at: the scrapes are one pod's. A query of another shape is refused, so the
dashboard cannot outgrow this module unnoticed.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from ako_runtime.errors import UserError

_QUERY: Final = re.compile(
    r"(?:histogram_quantile\((?P<quantile>[\d.]+), )?"
    r"(?P<aggregate>sum|max)(?: by \((?P<by>[\w, ]+)\) )?\("
    r"(?:(?P<function>rate|increase)\()?(?P<metric>\w+)(?:\{[^}]*\})?(?:\[\w+\]\))?\)\)?"
)
Labels = tuple[tuple[str, str], ...]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One query of the dashboard, taken apart."""

    metric: str
    aggregate: Literal["sum", "max"]
    by: tuple[str, ...] = ()
    function: Literal["rate", "increase"] | None = None
    quantile: float | None = None


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """Every sample of `/metrics` at one time (seconds)."""

    time: float
    samples: dict[str, dict[Labels, float]]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a graph: its labels, and value by time."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


def parse_query(text: str) -> Query:
    """A query taken apart; UserError for a shape that this module does not know."""
    found = _QUERY.fullmatch(text)
    if found is None:
        raise UserError(f"query {text}: of a shape that pictures do not know; teach ako_builder.chart.queries")
    by = tuple(name.strip() for name in (found["by"] or "").split(",") if name.strip())
    quantile = float(found["quantile"]) if found["quantile"] else None
    document = {"metric": found["metric"], "aggregate": found["aggregate"], "function": found["function"]}
    return msgspec.convert({**document, "by": by, "quantile": quantile}, Query)


def parse_scrape(text: str, *, time: float) -> Scrape:
    """The samples of an answer of `/metrics`."""
    samples: dict[str, dict[Labels, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return Scrape(time=time, samples=dict(samples))


def answer(query: Query, scrapes: Sequence[Scrape], *, window: float) -> list[Series]:
    """The lines that a query gives, one point a scrape; `window` (seconds) is that of a rate or an increase."""
    lines: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for index, scrape in enumerate(scrapes):
        earlier = [item for item in scrapes[:index] if item.time >= scrape.time - window]
        values = _values(query, scrape, earlier)
        grouped = _grouped(values, by=query.by, largest=query.aggregate == "max")
        if query.quantile is not None:
            grouped = dict(_quantiles(grouped, query.quantile))
        for labels, value in grouped.items():
            lines[labels].append((scrape.time, value))
    return [Series(labels=dict(labels), points=tuple(points)) for labels, points in sorted(lines.items())]


def _values(query: Query, scrape: Scrape, earlier: Sequence[Scrape]) -> dict[Labels, float]:
    now = scrape.samples.get(query.metric, {})
    if query.function is None:
        return now
    found = {}
    for labels, value in now.items():
        # A counter is compared with its own first scrape in the window: it may have come later than others.
        first = next((item for item in earlier if labels in item.samples.get(query.metric, {})), None)
        if first is not None:
            growth = value - first.samples[query.metric][labels]
            found[labels] = growth / (scrape.time - first.time) if query.function == "rate" else growth
    return found


def _grouped(values: Mapping[Labels, float], *, by: tuple[str, ...], largest: bool) -> dict[Labels, float]:
    groups: dict[Labels, list[float]] = defaultdict(list)
    for labels, value in values.items():
        groups[tuple((name, found) for name, found in labels if name in by)].append(value)
    return {labels: max(found) if largest else sum(found) for labels, found in groups.items()}


def _quantiles(buckets: Mapping[Labels, float], quantile: float) -> Iterator[tuple[Labels, float]]:
    histograms: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        bound = float(dict(labels)["le"].replace("+Inf", "inf"))
        histograms[tuple(pair for pair in labels if pair[0] != "le")].append((bound, count))
    for labels, found in histograms.items():
        value = _interpolated(sorted(found), quantile)
        if value is not None:
            yield labels, value


def _interpolated(buckets: Sequence[tuple[float, float]], quantile: float) -> float | None:
    total = buckets[-1][1]
    if not total:
        return None
    rank = quantile * total
    for (low, below), (high, count) in pairwise([(0.0, 0.0), *buckets]):
        if count >= rank and count > below:
            return low if high == float("inf") else low + (high - low) * (rank - below) / (count - below)
    return None
