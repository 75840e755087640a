"""The Pareto front by hand, and the rows that it is made of."""

from dataclasses import replace

import pytest

from groupnet_det.benchmark.front.front_rows import (
    Point,
    ScoreRow,
    TimeRow,
    make_points,
    mark_front,
)

SCORE = ScoreRow(
    method="a",
    engine="packed",
    seed=1,
    learning_rate=0.01,
    iterations=9,
    metric="classification/top1",
    score=50.0,
    num_bytes=7,
    calibration_images=0,
    date="2026-01-31",
)


def make_point(milliseconds, score):
    return Point(
        method="a",
        engine="packed",
        metric="m",
        num_seeds=1,
        score=score,
        deviation=0.0,
        num_bytes=1,
        milliseconds=milliseconds,
    )


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1, 50), (2, 60), (3, 55)], [True, True, False]),
        ([(1, 50), (1, 60)], [False, True]),
        ([(1, 50), (2, 50)], [True, False]),
        ([(1, 50), (1, 50)], [True, True]),
        ([(None, 90), (2, 50)], [False, True]),
        ([(None, 90)], [True]),
    ],
    ids=["slower and worse", "as fast", "as good", "equal", "without a time", "alone"],
)
def test_front(points, front):
    marked = mark_front([make_point(*point) for point in points])
    assert [point.on_front for point in marked] == front


def test_points_are_means_over_seeds():
    scores = [SCORE, replace(SCORE, seed=2, score=53.0), replace(SCORE, engine="other")]
    times = [TimeRow(method="a", engine="packed", least_ms=0.25, median_ms=0.5)]
    packed, other = make_points(scores, times)
    assert (packed.num_seeds, packed.score, packed.milliseconds) == (2, 51.5, 0.25)
    assert packed.deviation == pytest.approx(4.5**0.5)
    assert (other.num_seeds, other.score, other.milliseconds) == (1, 50.0, None)
