import json

import numpy as np
import pytest
from detectron2.data import DatasetCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import DataError
from groupnet_det.visualization.class_sheets import draw_class, render_classes
from groupnet_det.visualization.prediction_sheets import render_results, results_to_instances
from groupnet_det.visualization.training_curves import plot_training_curves


def test_curves_of_two_stages_are_drawn(tmp_path):
    rows = [{"iteration": i, "total_loss": 2.0 / (i + 1), "lr": 0.1} for i in (19, 39)]
    rows[-1]["bbox/AP"] = 12.5
    (tmp_path / "metrics.json").write_text("\n".join(json.dumps(row) for row in rows))
    plot_training_curves([tmp_path / "metrics.json"] * 2, tmp_path / "curves.png", "title")
    assert np.asarray(Image.open(tmp_path / "curves.png")).std() > 0


@pytest.mark.parametrize(
    ("rows", "losses", "metrics"),
    [
        ([{"total_loss": 1, "loss_cls": 1, "classification/top1": 50}], ["total_loss"], ["top-1"]),
        (
            [{"total_loss": 1, "loss_cls": 1, "loss_box_reg": 1}, {"bbox/AP": 1, "bbox/AP50": 2}],
            ["total_loss", "loss_box_reg", "loss_cls"],
            ["AP", "AP50"],
        ),
    ],
    ids=["classification", "detection"],
)
def test_curves_show_what_the_training_has(tmp_path, monkeypatch, rows, losses, metrics):
    text = "\n".join(json.dumps({**row, "iteration": i, "lr": 1}) for i, row in enumerate(rows))
    (tmp_path / "metrics.json").write_text(text)
    figures = []
    monkeypatch.setattr("matplotlib.pyplot.close", figures.append)
    plot_training_curves([tmp_path / "metrics.json"], tmp_path / "curves.png", "title")
    loss_axes, metric_axes, _ = figures[0].axes
    assert [line.get_label() for line in loss_axes.lines] == losses
    assert [line.get_label() for line in metric_axes.lines] == [f"{m} (val)" for m in metrics]


def test_predictions_are_drawn_where_they_are(datasets_env, tmp_path):
    register_datasets(load_config(""))
    record = DatasetCatalog.get("photo_digits_val")[0]
    drawn = []
    for name, results in (
        ("empty", []),
        (
            "full",
            [
                {
                    "image_id": record["image_id"],
                    "category_id": 3,
                    "bbox": [20, 30, 60, 50],
                    "score": 0.9,
                }
            ],
        ),
        (
            "unsure",
            [
                {
                    "image_id": record["image_id"],
                    "category_id": 3,
                    "bbox": [20, 30, 60, 50],
                    "score": 0.2,
                }
            ],
        ),
    ):
        (tmp_path / "results.json").write_text(json.dumps(results))
        output = tmp_path / f"{name}.png"
        render_results("photo_digits_val", tmp_path / "results.json", output, num_images=1)
        drawn.append(np.asarray(Image.open(output)).astype(int))
    empty, full, unsure = drawn
    assert np.array_equal(empty, unsure)  # below the threshold
    changed = np.abs(full - empty).sum(axis=2) > 0
    assert changed.any()
    assert not changed[:, : changed.shape[1] // 2].any()  # the left half is the ground truth


def test_missing_or_foreign_results(datasets_env, tmp_path):
    register_datasets(load_config(""))
    path = tmp_path / "results.json"
    with pytest.raises(DataError, match=r"results\.json does not exist"):
        render_results("photo_digits_val", path, tmp_path / "a.png")
    path.write_text('{"a": 1}')
    with pytest.raises(DataError, match="is not a list of COCO results"):
        render_results("photo_digits_val", path, tmp_path / "a.png")


def test_of_predictions_at_one_place_the_best_is_drawn():
    boxes = [[10, 10, 20, 20], [11, 10, 20, 20], [60, 60, 20, 20]]
    results = [
        {"category_id": category, "bbox": box, "score": score}
        for category, box, score in zip((1, 2, 3), boxes, (0.5, 0.8, 0.4), strict=True)
    ]
    found = results_to_instances(results, (100, 100), {1: 0, 2: 1, 3: 2}, 0.3)
    assert found.pred_classes.tolist() == [1, 2]
    assert len(results_to_instances([], (100, 100), {}, 0.3)) == 0


def test_predicted_classes_are_drawn_green_or_red(tmp_path):
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    row = {"file": str(tmp_path / "a.png"), "label": "cat", "probability": "0.7"}
    for prediction, channel in (("cat", 1), ("dog", 0)):
        tile = np.asarray(draw_class({**row, "prediction": prediction})).astype(int)
        coloured = tile[np.ptp(tile, axis=2) > 60]
        assert (coloured.argmax(axis=1) == channel).all()
        assert len(coloured) > 50
    rows = [{**row, "prediction": "cat"}] * 5
    render_classes(rows, tmp_path / "sheet.png", num_images=4, columns=3)
    assert Image.open(tmp_path / "sheet.png").size == (3 * 188 + 8, 2 * 232 + 8)
    with pytest.raises(DataError, match=r"absent\.png cannot be read"):
        draw_class({**row, "file": "absent.png", "prediction": "cat"})
