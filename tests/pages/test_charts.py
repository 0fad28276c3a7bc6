from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest

from portal.templatetags import charts
from portal.templatetags.charts import drawing

START = datetime(2026, 3, 1, tzinfo=UTC)
HISTORY = [(START + timedelta(days=i), 0.4 + i / 20, 0.2 + i / 20, 0.7) for i in range(6)]


def parts(svg, name):
    return [e for e in ElementTree.fromstring(svg).iter() if e.get("class", "").startswith(name)]


def test_a_line_chart_climbs_when_its_values_climb():
    line = parts(charts.line_chart(HISTORY, "Reliability"), "chart-line")[0]
    heights = [float(place.split(",")[1]) for place in line.get("points").split()]
    assert heights == sorted(heights, reverse=True)
    assert len(heights) == 6


def test_a_band_goes_there_along_the_top_and_back_along_the_bottom():
    band = parts(charts.line_chart(HISTORY, "Reliability"), "chart-band")[0]
    assert len(band.get("points").split()) == 12


def test_values_beyond_the_axis_stay_on_the_drawing():
    svg = charts.line_chart([(0.0, 5.0, -5.0, 9.0), (1.0, 0.5, 0.4, 0.6)], "x")
    for place in parts(svg, "chart-line")[0].get("points").split():
        assert 0 <= float(place.split(",")[1]) <= 180


@pytest.mark.parametrize(
    "svg",
    [
        charts.line_chart(HISTORY[:1], "one point"),
        charts.bar_chart([(date(2026, 3, 1), 0), (date(2026, 3, 2), 7)], "bars"),
        charts.histogram([0.0, 0.05, 0.5, 1.0], "spread"),
        charts.sparkline([1.0, 1.0, 1.0], "flat"),
        charts.interval(None, None, None, "nothing known"),
        charts.interval(0.5, 0.2, 0.9, "known"),
        charts.differences([-0.2, 0.0, 0.001, 0.3], "differences"),
        charts.scatter([(0.2, 0.4), (1.0, 0.0)], "pairs", "original", "retrained"),
        charts.forest([("day", 9, 0.1, None, None), ("<b>", 40, -0.2, -0.3, -0.1)], "slices"),
        charts.reliability([("old", [(0.1, 0.2, 0.1, 0.3, 9)]), ("new", [])], "r", "x", "y"),
        charts.shares([("Wins", 3, "good"), ("Ties", 0, "flat"), ("Losses", 1, "bad")], "shares"),
    ],
)
def test_every_chart_is_well_formed_says_what_it_shows_and_has_no_inline_style(svg):
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert "style" not in svg
    assert "nan" not in svg.lower()


def test_words_from_data_are_escaped():
    svg = charts.bar_chart([('"><script>alert(1)</script>', 3.0)], '"><b>')
    assert "<script>" not in svg
    assert "<b>" not in svg


@pytest.mark.parametrize(
    "drawn", [charts.line_chart([], "x"), charts.bar_chart([], "x"), charts.histogram([], "x"),
              charts.sparkline([1.0], "x"), charts.shares([("a", 0, "good")], "x")],
)  # fmt: skip
def test_nothing_to_draw_is_said(drawn):
    assert "Nothing to draw yet" in drawn


def test_a_histogram_counts_the_last_edge_into_the_last_bin():
    bars = parts(charts.histogram([1.0, 1.0, 0.0], "x", n_bins=2), "chart-bar")
    assert [bar[0].text for bar in bars] == ["0: 1", "0.5: 2"]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (0.3, 0.5), (1, 1), (3, 5), (7, 10), (12, 20), (400, 500)]
)
def test_an_axis_ends_on_a_number_that_reads_well(most, top):
    assert drawing.round_up(most) == pytest.approx(top)


def test_a_difference_stands_on_its_side_of_nothing():
    svg = charts.differences([-0.3, -0.3, 0.0, 0.4], "differences")
    tallest = max(parts(svg, "chart-bar"), key=lambda each: float(each.get("height")))
    assert float(tallest.get("x")) < 200
    kinds = [group.get("class") for group in parts(svg, "chart-mark")]
    assert kinds.count("chart-mark-flat") == 1
    assert kinds.count("chart-mark-bad") == kinds.count("chart-mark-good")


def test_a_better_item_lies_above_the_diagonal():
    better, worse = parts(charts.scatter([(0.2, 0.9), (0.9, 0.2)], "x", "a", "b"), "chart-point")
    assert float(better.get("cy")) < float(worse.get("cy"))


def test_a_slice_is_coloured_only_where_its_interval_leaves_nothing():
    rows = [("up", 30, 0.1, 0.05, 0.2), ("down", 30, -0.1, -0.2, -0.05), ("?", 3, 0.1, -0.1, 0.3)]
    kinds = [each.get("class") for each in parts(charts.forest(rows, "slices"), "chart-mark")]
    assert kinds == ["chart-mark-good", "chart-mark-bad", "chart-mark-flat"]


@pytest.mark.parametrize(
    "empty",
    [
        charts.differences([], "x"),
        charts.forest([], "x"),
        charts.scatter([], "x", "a", "b"),
        charts.reliability([("m", [])], "x", "a", "b"),
    ],
)
def test_a_chart_of_nothing_says_so(empty):
    assert "Nothing to draw" in empty
