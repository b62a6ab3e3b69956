"""The dashboard as a picture: its panels, in their places, drawn from scrapes of a running controller.

For the documentation, so that a reader sees what the dashboard shows before there is a Grafana. It is our own drawing
in the manner of Grafana, not a screen shot, and its footer says so, together with what the data are. Titles, places,
queries, legends and units come from the dashboard itself; a panel without data says that it has none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

import msgspec

from ako_builder.chart.queries import Scrape, Series, answer, parse_query

_WIDTH: Final = 1440
_CELL: Final = (60, 34)  # a column and a row of the dashboard's grid, which has 24 columns
_GAP: Final = 6
_HEAD: Final = 46
_COLOURS: Final = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9", "#5794f2", "#ff9830", "#96d98d")
_LEGEND_ROWS: Final = 4
_STEPS: Final = (1, 2, 2.5, 5, 10)


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is drawn."""

    x: float
    y: float
    width: float
    height: float


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The time that the picture shows: seconds of the whole, and of a rate's window."""

    span: float
    rate: float


def dashboard_svg(dashboard: Mapping[str, Any], scrapes: Sequence[Scrape], *, window: Window, footer: str) -> str:
    """The picture."""
    panels = dashboard["panels"]
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height = _HEAD + bottom * _CELL[1] + 30
    drawn = [line for panel in panels for line in _panel(panel, scrapes, window=window)]
    title = escape(dashboard["title"])
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#111217"/>',
        _text(14, 29, title, size=18, colour="#e6e6eb"),
        *drawn,
        _text(14, height - 11, escape(footer), colour="#8e8e99"),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(panel: Mapping[str, Any], scrapes: Sequence[Scrape], *, window: Window) -> Iterator[str]:
    place = panel["gridPos"]
    frame = Frame(
        x=place["x"] * _CELL[0] + _GAP / 2,
        y=_HEAD + place["y"] * _CELL[1],
        width=place["w"] * _CELL[0] - _GAP,
        height=place["h"] * _CELL[1] - _GAP,
    )
    yield (
        f'<rect x="{frame.x:g}" y="{frame.y:g}" width="{frame.width:g}" height="{frame.height:g}" rx="2"'
        ' fill="#181b1f" stroke="#2c3035"/>'
    )
    yield _text(frame.x + 12, frame.y + 22, escape(panel["title"]), size=14, colour="#d8d9da")
    lines = [line for target in panel["targets"] for line in _lines(target, scrapes, window=window)]
    # The legend has room for some: the largest come first.
    lines.sort(key=lambda line: -max(value for _, value in line[1].points))
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    if not lines:
        middle = frame.y + frame.height / 2 + 10
        yield _text(frame.x + frame.width / 2, middle, "no data", anchor="middle", colour="#8e8e99")
    elif panel["type"] == "stat":
        last = lines[0][1].points[-1][1]
        yield _text(frame.x + frame.width / 2, frame.y + frame.height / 2 + 34, shown(last, unit), anchor="middle",
                    size=72, colour=_COLOURS[0])  # fmt: skip
    else:
        yield from _graph(frame, lines, unit=unit, begin=scrapes[0].time, span=window.span)


def _lines(target: Mapping[str, Any], scrapes: Sequence[Scrape], *, window: Window) -> Iterator[tuple[str, Series]]:
    query = parse_query(target["expr"])
    seconds = window.span if query.function == "increase" else window.rate
    for series in answer(query, scrapes, window=seconds):
        name = target["legendFormat"]
        for label, value in series.labels.items():
            name = name.replace("{{" + label + "}}", value)
        yield name, series


def _graph(frame: Frame, lines: Sequence[tuple[str, Series]], *, unit: str, begin: float, span: float) -> Iterator[str]:
    names = [name for name, _ in lines]
    columns = max(1, min(4, int((frame.width - 24) // (28 + 6.6 * max(map(len, names))))))
    rows = -(-min(len(names), _LEGEND_ROWS * columns) // columns)
    plot = Frame(x=frame.x + 76, y=frame.y + 36, width=frame.width - 96, height=frame.height - 66 - 16 * rows)
    top = _round_top(max((value for _, series in lines for _, value in series.points), default=0.0))
    for step in range(5):
        y = plot.y + plot.height * step / 4
        yield f'<path d="M{plot.x:g} {y:.1f}h{plot.width:g}" stroke="#2c3035"/>'
        yield _text(plot.x - 6, y + 4, shown(top * (4 - step) / 4, unit), anchor="end", colour="#9fa7b3")
        x, seconds = plot.x + plot.width * step / 4, round(span * step / 4)
        label = f"{seconds // 60}:{seconds % 60:02d}"
        yield _text(x, plot.y + plot.height + 15, label, anchor="middle", colour="#9fa7b3")
    for index, (_, series) in enumerate(lines):
        points = " ".join(
            f"{plot.x + plot.width * (time - begin) / span:.1f},{plot.y + plot.height * (1 - value / top):.1f}"
            for time, value in series.points
        )
        colour = _COLOURS[index % len(_COLOURS)]
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'
    yield from _legend(frame, names, y=plot.y + plot.height + 34, columns=columns)


def _legend(frame: Frame, names: Sequence[str], *, y: float, columns: int) -> Iterator[str]:
    width, places = (frame.width - 24) / columns, _LEGEND_ROWS * columns
    for index, name in enumerate(names[:places]):
        x, line = frame.x + 12 + width * (index % columns), y + 16 * (index // columns)
        last = index == places - 1 and len(names) > places
        if not last:
            yield f'<path d="M{x:g} {line - 4:g}h14" stroke="{_COLOURS[index % len(_COLOURS)]}" stroke-width="3"/>'
        text = f"and {len(names) - index} more" if last else name
        yield _text(x + 20, line, escape(text), colour="#c7d0d9")


def shown(value: float, unit: str) -> str:
    """A value as its unit is read: seconds with their prefix, rates with what they count."""
    if unit == "s":
        for factor, name in ((1.0, "s"), (1e-3, "ms")):
            if value >= factor:
                return f"{value / factor:.3g} {name}"
        return f"{value / 1e-6:.3g} µs" if value else "0 s"
    return f"{value:.3g}" + {"ops": " ops/s", "reqps": " req/s"}.get(unit, "")


def _round_top(largest: float) -> float:
    """The end of an axis: a round number above the largest value."""
    if largest <= 0:
        return 1.0
    power = 1.0
    while power > largest:
        power /= 10
    while power * 10 <= largest:
        power *= 10
    return next(step * power for step in _STEPS if step * power >= largest)


def _text(x: float, y: float, text: str, *, size: int = 12, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{text}</text>'


def load_dashboard(text: str) -> dict[str, Any]:
    """The dashboard of the chart."""
    document: dict[str, Any] = json.loads(text)
    return document
