"""The dashboard's queries answered from scrapes, and drawn."""

import json

import pytest
from lxml import etree

from ako_builder.chart.dashboard_svg import Window, dashboard_svg, shown
from ako_builder.chart.queries import answer, parse_query, parse_scrape
from ako_builder.chart.tree import chart_folder
from ako_runtime.errors import UserError

DASHBOARD = json.loads((chart_folder() / "files" / "dashboard.json").read_text())
SVG = "{http://www.w3.org/2000/svg}"


def scrapes(*texts, every=10.0):
    return [parse_scrape(text, time=index * every) for index, text in enumerate(texts)]


def points(query, found, window=1000.0):
    return {tuple(series.labels.values()): series.points for series in answer(parse_query(query), found, window=window)}


@pytest.mark.parametrize("text", [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]])
def test_every_query_of_the_dashboard_is_understood(text):
    assert parse_query(text).metric in text


@pytest.mark.parametrize("text", ["a / b", "avg(a)", "sum(rate(a[5m])) > 1", "topk(3, a)"])
def test_a_query_of_another_shape_is_refused(text):
    with pytest.raises(UserError, match="of a shape that pictures do not know"):
        parse_query(text)


def test_a_gauge_is_summed_by_its_labels():
    found = scrapes('a{t="x",u="1"} 1\na{t="x",u="2"} 2\na{t="y",u="1"} 4\n')
    assert points('sum by (t) (a{namespace="n"})', found) == {("x",): ((0.0, 3.0),), ("y",): ((0.0, 4.0),)}
    assert points("max(a)", found) == {(): ((0.0, 4.0),)}


def test_a_rate_is_the_growth_in_its_window_from_a_counters_own_first_scrape():
    found = scrapes("", "a_total 5\n", "a_total 25\n", "a_total 85\n")
    assert points("sum(rate(a_total[5m]))", found) == {(): ((20.0, 2.0), (30.0, 4.0))}
    assert points("sum(rate(a_total[5m]))", found, window=10.0) == {(): ((20.0, 2.0), (30.0, 6.0))}
    assert points("sum(increase(a_total[1h]))", found) == {(): ((20.0, 20.0), (30.0, 80.0))}


def test_a_quantile_is_interpolated_inside_its_bucket():
    before = 'h_bucket{le="0.1"} 0\nh_bucket{le="1"} 0\nh_bucket{le="+Inf"} 0\n'
    after = 'h_bucket{le="0.1"} 5\nh_bucket{le="1"} 10\nh_bucket{le="+Inf"} 10\n'
    query = "histogram_quantile({}, sum by (le) (rate(h_bucket[5m])))"
    (series,) = points(query.format(0.75), scrapes(before, after)).values()
    assert series == ((10.0, pytest.approx(0.55)),)
    beyond = scrapes(before, 'h_bucket{le="0.1"} 0\nh_bucket{le="1"} 0\nh_bucket{le="+Inf"} 4\n')
    assert points(query.format(0.99), beyond) == {(): ((10.0, 1.0),)}
    assert points(query.format(0.5), scrapes(before, before)) == {}


def test_the_picture_has_every_panel_and_says_what_it_is():
    text = "ako_leader 1\nako_queue_depth 3\n"
    picture = dashboard_svg(DASHBOARD, scrapes(text, text), window=Window(span=10.0, rate=5.0), footer="from a <run>")
    root = etree.fromstring(picture.encode())
    said = [element.text for element in root.iter(f"{SVG}text")]
    assert {panel["title"] for panel in DASHBOARD["panels"]} <= set(said)
    assert "from a <run>" in said
    assert len(list(root.iter(f"{SVG}polyline"))) == 1
    assert "no data" in said


def test_the_stored_picture_shows_the_dashboard_of_today():
    stored = (chart_folder().parents[2] / "docs" / "images" / "dashboard.svg").read_bytes()
    said = {element.text for element in etree.fromstring(stored).iter(f"{SVG}text")}
    assert {panel["title"] for panel in DASHBOARD["panels"]} <= said, "run scripts/dashboard-picture"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "s", "250 ms"),
        (2, "s", "2 s"),
        (0, "s", "0 s"),
        (2e-5, "s", "20 µs"),
        (3, "ops", "3 ops/s"),
        (7, "short", "7"),
    ],
)
def test_values_are_read_in_their_unit(value, unit, text):
    assert shown(value, unit) == text
