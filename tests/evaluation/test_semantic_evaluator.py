import csv
import json

import numpy as np
import pytest
import torch
from detectron2.data import MetadataCatalog
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.catalog import register
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError, DataError, TrainingError
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.evaluation.saved.label_map_folders import to_one_hot
from groupnet_det.evaluation.semantic_evaluator import SemanticEvaluator
from groupnet_det.images.label_images import read_labels
from tests.processes import run_in_two_processes

NAMES = ["sky", "cat", "dog"]
# Of the pixels that are not ignored, 3 sky of which 2 are found, 2 cat, both found, 1 dog that is
# taken for a cat.
TRUTH = np.array([[0, 0, 0, 255], [1, 1, 2, 255]], dtype=np.uint8)
FOUND = np.array([[0, 0, 1, 2], [1, 1, 1, 0]], dtype=np.uint8)
# IoU: sky 2 / 3, cat 2 / (2 + 2), dog 0 / 1; accuracy: 2 / 3, 1, 0.
IOU = [2 / 3, 1 / 2, 0]
EXPECTED = {
    "mIoU": (2 / 3 + 1 / 2 + 0) / 3,
    "fwIoU": 3 / 6 * 2 / 3 + 2 / 6 * 1 / 2,
    "pACC": 4 / 6,
    "mACC": (2 / 3 + 1 + 0) / 3,
}


def make_evaluator(folder, masks=None, name="by_hand"):
    masks = {"a": TRUTH} if masks is None else masks
    folder.mkdir(exist_ok=True)
    for stem, labels in masks.items():
        Image.fromarray(labels).save(folder / f"{stem}.png")
    register(
        name,
        lambda: [
            {"file_name": f"{stem}.jpg", "sem_seg_file_name": str(folder / f"{stem}.png")}
            for stem in masks
        ],
        stuff_classes=NAMES,
        ignore_label=255,
        evaluator_type="sem_seg",
    )
    evaluator = SemanticEvaluator(name, output_dir=folder / "inference")
    evaluator.reset()
    return evaluator


def process(evaluator, labels, stem="a"):
    scores = 3.0 * to_one_hot(labels, len(NAMES)) - 1
    evaluator.process([{"file_name": f"{stem}.jpg"}], [{"sem_seg": scores}])


def test_scores_counted_by_hand(tmp_path):
    evaluator = make_evaluator(tmp_path)
    process(evaluator, FOUND)
    results = evaluator.evaluate()["sem_seg"]
    for key, value in EXPECTED.items():
        assert results[key] == pytest.approx(100 * value), key
    assert [results[f"IoU-{name}"] for name in NAMES] == pytest.approx([100 * v for v in IOU])
    assert evaluator.scores.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]


def test_files(tmp_path):
    evaluator = make_evaluator(tmp_path)
    process(evaluator, FOUND)
    evaluator.evaluate()
    folder = tmp_path / "inference"
    assert np.array_equal(read_labels(folder / "label_maps/a.png"), FOUND)
    rows = list(csv.DictReader((folder / "per_class.csv").open()))
    assert list(rows[0]) == ["class", "pixels", "IoU", "accuracy", "boundary IoU"]
    assert [row["class"] for row in rows] == [*NAMES, "all"]
    assert [row["pixels"] for row in rows] == ["3", "2", "1", "6"]
    assert [row["IoU"] for row in rows] == ["66.667", "50.000", "0.000", "38.889"]
    assert [row["accuracy"] for row in rows] == ["66.667", "100.000", "0.000", "55.556"]
    assert Image.open(folder / "confusion_matrix.png").width > 300
    assert json.loads((folder / "sem_seg_predictions.json").read_text())


def test_means_leave_out_a_class_without_pixels(tmp_path):
    without_dog = TRUTH.copy()
    without_dog[TRUTH == 2] = 1
    evaluator = make_evaluator(tmp_path, {"a": without_dog})
    process(evaluator, FOUND)
    results = evaluator.evaluate()["sem_seg"]
    assert np.isnan(results["IoU-dog"])
    assert results["mIoU"] == pytest.approx(100 * (2 / 3 + 3 / 4) / 2)
    assert "dog,0,nan" in (tmp_path / "inference/per_class.csv").read_text()


def test_boundary_iou_of_a_square(tmp_path):
    truth = np.zeros((100, 100), dtype=np.uint8)
    truth[20:60, 20:60] = 1
    evaluator = make_evaluator(tmp_path, {"a": truth})
    process(evaluator, np.roll(truth, 1, axis=1))
    results = evaluator.evaluate()["sem_seg"]
    ring = truth.astype(bool)  # 2 % of the diagonal wide: 3 pixels
    ring[23:57, 23:57] = False
    moved = np.roll(ring, 1, axis=1)
    expected = 100 * (ring & moved).sum() / (ring | moved).sum()
    assert results["BoundaryIoU-cat"] == pytest.approx(expected)
    assert results["IoU-cat"] == pytest.approx(100 * 39 / 41)


def test_nothing_to_score(tmp_path):
    evaluator = make_evaluator(tmp_path, {"a": np.full_like(TRUTH, 255)})
    process(evaluator, FOUND)
    with pytest.raises(DataError, match="'by_hand' has no labelled pixel to score"):
        evaluator.evaluate()


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        (torch.zeros(4, 2, 4), ConfigError, "has 4 scores per pixel, but .* has 3 .*CLASSES 3"),
        (torch.full((3, 2, 4), float("nan")), TrainingError, r"a\.jpg are not finite"),
    ],
    ids=["classes", "nan"],
)
def test_scores_that_cannot_be(tmp_path, scores, error, message):
    evaluator = make_evaluator(tmp_path)
    with pytest.raises(error, match=message):
        evaluator.process([{"file_name": "a.jpg"}], [{"sem_seg": scores}])


def _score_one_of_two(rank, folder):
    evaluator = make_evaluator(folder / str(rank), {"a": TRUTH, "b": TRUTH})
    process(evaluator, [FOUND, np.minimum(TRUTH, 2)][rank], "ab"[rank])
    results = evaluator.evaluate()
    if rank:
        assert results is None
    else:
        # The second prediction is right, but for what is ignored: 6 of 6 pixels.
        assert results["sem_seg"]["pACC"] == pytest.approx(100 * 10 / 12)
        assert results["sem_seg"]["IoU-sky"] == pytest.approx(100 * 5 / 6)


def test_two_processes_are_put_together(tmp_path):
    run_in_two_processes(_score_one_of_two, tmp_path)


def test_made_by_the_kind_of_the_data_set(mask_folders, tmp_path):
    entry = mask_folders()
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['mine']"]
    cfg = load_config("", [*options, "OUTPUT_DIR", str(tmp_path / "out")])
    register_datasets(cfg)
    evaluator = build_evaluator(cfg, "mine")
    assert isinstance(evaluator, SemanticEvaluator)
    assert evaluator.output_dir == tmp_path / "out/inference"
    assert evaluator.colours.tolist() == MetadataCatalog.get("mine").stuff_colors
