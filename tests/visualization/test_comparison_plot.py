import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text
from PIL import Image

from groupnet_det.benchmark.front.front_rows import Point, mark_front
from groupnet_det.comparison.grid import Summary
from groupnet_det.visualization.comparison_plot import name_points, plot_comparison, plot_front


def summary(method, num_seeds, score, deviation, operations, num_bytes):
    return Summary(
        method=method,
        num_seeds=num_seeds,
        learning_rate=0.1,
        metric="bbox/AP",
        score=score,
        deviation=deviation,
        operations=operations,
        num_bytes=num_bytes,
        seconds=1.0,
    )


SUMMARIES = [
    summary("Full precision", 1, 98.9, 0.0, 11e6, 2_823_168),
    summary("Group-Net K=5", 3, 97.9, 0.5, 3e6, 525_696),
]
NAMES = ["Full precision (98.9)", "Group-Net K=5 (97.9)"]


def test_points_stand_at_their_cost_and_accuracy(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.pyplot.close", figures.append)
    plot_comparison(SUMMARIES, tmp_path / "new/plot.png", "title")
    panes = figures[0].axes
    for axes, costs in zip(panes, ([11, 3], [2823.168, 525.696]), strict=True):
        assert axes.get_xscale() == "log"
        points = [bar.lines[0].get_xydata()[0] for bar in axes.containers]
        assert np.allclose(points, [[costs[0], 98.9], [costs[1], 97.9]])
        ends = [bar.lines[2][0].get_segments()[0][:, 1] for bar in axes.containers[1:]]
        assert ends[0] == pytest.approx([97.4, 98.4])
        assert not axes.containers[0].has_yerr  # one seed has no deviation
        assert [text.get_text() for text in axes.texts] == NAMES
    assert not figures[0].legends
    assert np.asarray(Image.open(tmp_path / "new/plot.png")).std() > 0


def test_names_hide_no_names_and_no_points():
    matplotlib.use("Agg")
    _, axes = plt.subplots(figsize=(8, 6))
    rng = np.random.default_rng(0)
    points = [*rng.random((12, 2)).tolist(), [0.5, 0.5], [0.5, 0.505]]  # the last two nearly meet
    axes.plot(*zip(*points, strict=True), "o")
    notes = name_points(axes, points, [f"method {number}" for number in range(len(points))])
    boxes = [Text.get_window_extent(note) for note in notes]
    plt.close(axes.figure)
    frame = axes.get_window_extent()
    pixels = axes.transData.transform(points)
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert not any(box.contains(*centre) for centre in pixels)
        assert frame.contains(box.x0, box.y0)
        assert frame.contains(box.x1, box.y1)


def point(method, engine, milliseconds, score):
    return Point(
        method=method,
        engine=engine,
        metric="classification/top1",
        num_seeds=1,
        score=score,
        deviation=0.0,
        num_bytes=1000,
        milliseconds=milliseconds,
    )


def test_a_network_of_the_front_is_named_once_at_its_fastest_engine(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.pyplot.close", figures.append)
    points = [
        point("float", "slow", 0.3, 54.0),
        point("float", "fast", 0.2, 54.5),
        point("binary", "packed", 0.1, 50.0),
        point("not timed", "packed", None, 99.0),
    ]
    plot_front(mark_front(points), tmp_path / "front.png", "title")
    (axes,) = figures[0].axes
    named = {text.get_text(): tuple(text.xy) for text in axes.texts}
    assert named == {"binary": (0.1, 50.0), "float": (0.2, 54.5)}
    front = next(line for line in axes.lines if line.get_label() == "Pareto front")
    assert front.get_xydata().tolist() == [[0.1, 50.0], [0.2, 54.5]]
