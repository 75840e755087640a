import numpy as np
import pytest
from PIL import Image

from groupnet_det.comparison.grid import Summary
from groupnet_det.visualization.comparison_plot import plot_comparison


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
    (legend,) = figures[0].legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["Full precision (98.9)", "Group-Net K=5 (97.9)"]
    assert np.asarray(Image.open(tmp_path / "new/plot.png")).std() > 0
