import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text
from PIL import Image

from groupnet_det.comparison.grid import Summary
from groupnet_det.visualization.comparison_plot import name_points, plot_comparison


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
