"""The picture of a confusion matrix."""

import numpy as np
import pytest
from PIL import Image

from groupnet_det.evaluation.confusion_matrix import plot_confusion_matrix


@pytest.mark.parametrize("number", [2, 10, 40, 1000])
def test_confusion_matrix_shows_counts_where_they_can_be_read(tmp_path, monkeypatch, number):
    counts = np.zeros((number, number), dtype=np.int64)
    counts[0, 0], counts[0, 1], counts[1, 1] = 7, 3, 5
    figures = []
    monkeypatch.setattr("matplotlib.pyplot.close", figures.append)
    plot_confusion_matrix(counts, [f"c{i}" for i in range(number)], tmp_path / "matrix.png")
    axes = figures[0].axes[0]
    assert axes.get_title() == "15 images, 80.0 % correct"
    written = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    # (x, y): the predicted class is the column.
    assert written == ({(0, 0): "7", (1, 0): "3", (1, 1): "5"} if number <= 20 else {})
    assert [t.get_text() for t in axes.get_xticklabels()][:2] == (
        ["c0", "c1"] if number <= 40 else ["−200", "0"]
    )
    assert np.asarray(Image.open(tmp_path / "matrix.png")).std() > 0
