"""VOC's average precision against hand-derived numbers and Detectron2's port of the kit."""

import json
import math

import numpy as np
import pytest
import torch
from detectron2.data import MetadataCatalog
from detectron2.evaluation.pascal_voc_evaluation import voc_eval
from detectron2.structures import Boxes, Instances

from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.evaluation.saved.voc_scores import (
    area_under_curve,
    eleven_points,
    read_gt,
    score_voc,
    score_voc_results,
)
from tests.data.datasets.test_voc_layout import write_voc

CLASSES = ["cat", "dog"]


def result(image_id, box, score, category_id=0):
    """A box given as VOC has it: xmin, ymin, xmax, ymax from 1."""
    x0, y0, x1, y1 = box[0] - 1, box[1] - 1, box[2], box[3]
    return {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "score": score,
    }


def test_curves_by_hand():
    # Found right, wrong, right of three: recall 1/3, 1/3, 2/3; precision 1, 1/2, 2/3.
    recall, precision = np.array([1, 1, 2]) / 3, np.array([1, 1 / 2, 2 / 3])
    # Recalls 0 to 0.3 have 1; 0.4 to 0.6 have 2/3; above none.
    assert eleven_points(recall, precision) == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)
    assert area_under_curve(recall, precision) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    nothing = np.zeros(0)
    assert eleven_points(nothing, nothing) == area_under_curve(nothing, nothing) == 0


@pytest.fixture
def tree(tmp_path):
    images = {
        "a": [("cat", (1, 1, 10, 10), False), ("cat", (21, 1, 30, 10), False)],
        "b": [("cat", (1, 1, 10, 10), True)],
        "c": [("cat", (5, 5, 24, 24), False)],
    }
    return write_voc(tmp_path, images)


RESULTS = [
    result("a", (1, 1, 10, 10), 0.9),  # right
    result("a", (2, 1, 10, 10), 0.8),  # the same object again: wrong
    result("b", (1, 1, 10, 10), 0.7),  # difficult: counts not
    result("c", (5, 5, 24, 14), 0.6),  # half of it: IoU 0.5 exactly, right at 0.5 alone
]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("07", (4 * 1 + 3 * 2 / 3) / 11), ("12", 1 / 3 + 1 / 3 * 2 / 3)],
)
def test_scores_by_hand(tree, metric, expected):
    scores = score_voc(read_gt(tree, "test"), RESULTS, CLASSES, metric)
    assert scores.summary["AP50"] == pytest.approx(100 * expected)
    one = {"07": 4 / 11, "12": 1 / 3}[metric]  # from IoU 0.55 on only the first is right
    assert scores.summary["AP75"] == pytest.approx(100 * one)
    assert scores.summary["AP"] == pytest.approx(100 * (expected + 9 * one) / 10)
    assert math.isnan(scores.per_class["dog"][0])  # without objects, and left out of the means
    assert scores.per_class["cat"][1] == scores.summary["AP50"]


def test_nothing_found_and_nothing_there(tree):
    assert score_voc(read_gt(tree, "test"), [], CLASSES, "07").summary["AP50"] == 0
    scores = score_voc({"b": ()}, [result("b", (1, 1, 2, 2), 0.5)], CLASSES, "12")
    assert all(math.isnan(value) for value in scores.summary.values())


@pytest.mark.parametrize("metric", ["07", "12"])
def test_scores_are_those_of_detectron2(tmp_path, metric):
    rng = np.random.default_rng(0)

    def boxes(number):
        low = rng.integers(1, 60, (number, 2))
        return np.concatenate([low, low + rng.integers(5, 40, (number, 2))], axis=1).tolist()

    images = {
        f"{i:03}": [("cat", box, rng.random() < 0.2) for box in boxes(rng.integers(0, 5))]
        for i in range(20)
    }
    write_voc(tmp_path, images, size=(100, 100))
    results = []
    for image_id, objects in images.items():
        near = [np.add(box, rng.integers(-3, 4, 4)).tolist() for _, box, _ in objects]
        for box in near + boxes(2):
            results.append(result(image_id, box, rng.integers(1, 10**6) / 10**6))
    lines = [
        f"{r['image_id']} {r['score']} {r['bbox'][0] + 1} {r['bbox'][1] + 1} "
        f"{r['bbox'][0] + r['bbox'][2]} {r['bbox'][1] + r['bbox'][3]}"
        for r in results
    ]
    (tmp_path / "cat.txt").write_text("\n".join(lines))
    ours = score_voc(read_gt(tmp_path, "test"), results, ["cat"], metric)
    for name, threshold in (("AP50", 0.5), ("AP75", 0.75)):
        theirs = voc_eval(
            str(tmp_path / "{}.txt"),
            str(tmp_path / "Annotations/{}.xml"),
            str(tmp_path / "ImageSets/Main/test.txt"),
            "cat",
            ovthresh=threshold - 1e-9,  # it wants more than the threshold, the kit as much
            use_07_metric=metric == "07",
        )[2]
        assert ours.summary[name] == pytest.approx(100 * theirs)


def test_unknown_metric():
    with pytest.raises(ConfigError, match="VOC metric is '10'; valid: '07', '12'"):
        score_voc({}, [], CLASSES, "10")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([result("z", (1, 1, 2, 2), 0.5)], "names 1 images, such as z, that split 'test'"),
        ([result("a", (1, 1, 2, 2), 0.5, 7)], "has category 7, but there are 2 classes"),
        ([result("a", (1, 1, 2, 2), 0.5, c) for c in (-1, 0)], "has category -1, but there are 2"),
        ([{"image_id": "a"}], "must be a list of mappings"),
        ([{**RESULTS[0], "bbox": [1, 2, 3]}], r"result 0 has bbox \[1, 2, 3\]"),
        ([{**RESULTS[0], "category_id": [0]}], r"result 0 has category_id \[0\]"),
    ],
    ids=["image", "class", "class below 0", "keys", "three numbers", "list"],
)
def test_results_of_something_else(tree, results, message):
    path = tree / "results.json"
    path.write_text(json.dumps(results))
    with pytest.raises(DataError, match=message):
        score_voc_results(tree, "test", path, CLASSES, "07")


def test_ids_may_be_numbers(tmp_path):
    tree = write_voc(tmp_path, {"1": [("cat", (1, 1, 10, 10), False)]})
    path = tree / "results.json"
    path.write_text(json.dumps([result(1, (1, 1, 10, 10), 0.5)]))
    assert score_voc_results(tree, "test", path, CLASSES, "12").summary["AP50"] == 100


@pytest.mark.parametrize(("metric", "key"), [("voc07", "07"), ("voc12", "12"), ("coco", None)])
def test_the_evaluator_that_a_config_names(tree, tmp_path, metric, key):
    entry = {"NAME": "mine", "FORMAT": "voc", "ROOT": str(tree), "SPLIT": "test"}
    entry |= {"CLASSES": CLASSES, "METRIC": metric}
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['mine']"]
    cfg = load_config("", [*options, "OUTPUT_DIR", str(tmp_path / "out")])
    register_datasets(cfg)
    evaluator = build_evaluator(cfg, "mine")
    evaluator.reset()
    for image_id in "abc":
        found = [r for r in RESULTS if r["image_id"] == image_id]
        boxes = torch.tensor([r["bbox"] for r in found])
        boxes[:, 2:] += boxes[:, :2]
        instances = Instances(
            (30, 40),
            pred_boxes=Boxes(boxes),
            scores=torch.tensor([r["score"] for r in found]),
            pred_classes=torch.zeros(len(found), dtype=torch.long),
        )
        evaluator.process([{"image_id": image_id}], [{"instances": instances}])
    scores = evaluator.evaluate()["bbox"]
    path = tmp_path / "out/inference/coco_instances_results.json"
    if key:
        saved = score_voc_results(tree, "test", path, CLASSES, key)
        assert scores["AP50"] == pytest.approx(saved.summary["AP50"])
        assert scores["AP50-cat"] == scores["AP50"]
        assert MetadataCatalog.get("mine").year == int(f"20{key}")
    else:  # COCO knows no difficult objects: two of four found, precisions 1, 2/2, 3/4 ...
        assert scores["AP50"] == pytest.approx(score_coco(path, tmp_path), abs=1e-6)


def score_coco(results, folder):
    from groupnet_det.evaluation.saved.coco_scores import score_coco_results

    annotations = folder / "out/inference/mine_coco_format.json"
    return score_coco_results(annotations, results).summary["AP50"]


def test_unknown_metric_of_a_data_set(tree):
    entry = {"NAME": "mine", "FORMAT": "voc", "ROOT": str(tree), "SPLIT": "test"}
    entry |= {"CLASSES": CLASSES, "METRIC": "voc10"}
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['mine']"]
    with pytest.raises(ConfigError, match=r"METRIC is 'voc10'; valid: 'coco', 'voc07', 'voc12'"):
        register_datasets(load_config("", options))


def test_detectron2s_own_voc_has_an_evaluator(tree, tmp_path, monkeypatch):
    cfg = load_config("", ["OUTPUT_DIR", str(tmp_path / "out")])
    assert build_evaluator(cfg, "voc_2007_test").metric == "07"
    assert build_evaluator(cfg, "voc_2012_val").metric == "12"
