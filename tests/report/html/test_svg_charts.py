"""Axes against numbers by hand; what a drawing holds."""

import math

import pytest
from markupsafe import Markup

from groupnet_det.report.html.svg_charts import (
    MAX_POINTS,
    Series,
    line_chart,
    make_axis,
    make_log_axis,
    tick_text,
)


def test_ticks_are_round():
    assert make_axis((0, 1), 0, 100).ticks == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert make_axis((13, 1290), 0, 100).ticks == [500, 1000]
    assert make_log_axis((0.15, 3), 0, 100).ticks == pytest.approx([0.2, 0.5, 1, 2])
    assert make_log_axis((1e-4, 1e3), 0, 1).ticks == pytest.approx([10.0**p for p in range(-4, 4)])


def test_axes_map_values_to_pixels():
    axis = make_axis((0, 4), 10, 50)
    assert [axis(0), axis(1), axis(4)] == [10, 20, 50]
    log = make_log_axis((1, 100), 100, 0)
    assert [log(1), log(10), log(100)] == pytest.approx([100, 50, 0])
    assert make_axis((5, 5), 0, 100)(5) == 50  # a point lies in the middle


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.5, "0.5"), (1500, "1500"), (20000, "20k"), (0.003, "3e-3"), (0.00015, "1.5e-4")],
)
def test_tick_text(value, text):
    assert tick_text(value) == text


def test_a_line_and_dots_with_their_values():
    series = [Series(label="AP", xs=[0, 10], ys=[0, 50], dots=True)]
    svg = line_chart(series, x_label="iteration", y_label="per cent")
    assert svg.count("<polyline") == 1
    assert svg.count("<circle") == 2
    assert "<title>AP: 50 at 10</title>" in svg
    assert isinstance(svg, Markup)


def test_colours_are_those_of_the_page():
    series = [Series(label=str(i), xs=[0, 1], ys=[i, i]) for i in range(3)]
    svg = line_chart(series, x_label="", y_label="", marks=[0.5])
    assert [f'class="line s{i}"' in svg for i in range(4)] == [True, True, True, False]
    assert "#" not in svg
    assert svg.count('class="mark"') == 1


def test_what_cannot_be_drawn_is_left_out():
    series = [Series(label="loss", xs=[0, 1, 2, 3], ys=[1, math.nan, 0, 2])]
    assert series[0].points(False) == [(0, 1), (2, 0), (3, 2)]
    assert series[0].points(True) == [(0, 1), (3, 2)]
    assert "nan" not in line_chart(series, x_label="", y_label="", log=True)
    empty = line_chart([Series(label="x", xs=[], ys=[])], x_label="", y_label="")
    assert "<svg" in empty


def test_long_lines_keep_their_ends():
    points = Series(label="", xs=range(10_000), ys=range(10_000)).points(False)
    assert len(points) == MAX_POINTS
    assert points[0] == (0, 0)
    assert points[-1] == (9999, 9999)


def test_labels_are_escaped():
    svg = line_chart(
        [Series(label="<b>", xs=[0], ys=[1], dots=True)], x_label="<i>", y_label='"><script>'
    )
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert "<script>" not in svg
