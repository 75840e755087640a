import csv
import json
import math

import pytest

from groupnet_det.errors import ConfigError, DataError
from groupnet_det.evaluation.coco_results import score_coco_results, write_scores_csv


@pytest.fixture
def files(tmp_path):
    """Two images with one object each, of the two classes."""
    boxes = {1: [10, 10, 20, 20], 2: [30, 5, 40, 40]}
    annotations = [
        {"id": i, "image_id": i, "category_id": i, "bbox": box, "area": 400, "iscrowd": 0}
        for i, box in boxes.items()
    ]
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100} for i in boxes],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    (tmp_path / "ann.json").write_text(json.dumps(content))

    def write(results):
        (tmp_path / "res.json").write_text(json.dumps(results))
        return tmp_path / "ann.json", tmp_path / "res.json"

    return write


def result(image, category, box, score=0.9):
    return {"image_id": image, "category_id": category, "bbox": box, "score": score}


PERFECT = [result(1, 1, [10, 10, 20, 20]), result(2, 2, [30, 5, 40, 40])]


def test_perfect_results(files):
    scores = score_coco_results(*files(PERFECT))
    assert scores.summary["AP"] == pytest.approx(100)
    assert scores.per_class == {"cat": (pytest.approx(100),) * 2, "dog": (pytest.approx(100),) * 2}


def test_one_class_missed(files):
    scores = score_coco_results(*files(PERFECT[:1]))
    assert scores.summary["AP50"] == pytest.approx(50)
    assert scores.per_class["dog"] == (0, 0)


def test_loose_box_counts_at_half_overlap_only(files):
    # 20x20 against 20x15 inside it: IoU 0.75 exactly reaches thresholds .5 to .75, 6 of 10.
    scores = score_coco_results(*files([result(1, 1, [10, 10, 20, 15]), PERFECT[1]]))
    assert scores.per_class["cat"] == (pytest.approx(60), pytest.approx(100))


def test_nothing_found_scores_zero(files):
    scores = score_coco_results(*files([]))
    assert scores.summary["AP"] == 0
    assert math.isnan(scores.summary["APl"])  # no large object in the ground truth


def test_csv(files, tmp_path):
    write_scores_csv(score_coco_results(*files(PERFECT[:1])), tmp_path / "scores.csv")
    rows = list(csv.reader((tmp_path / "scores.csv").open()))
    assert rows == [
        ["class", "AP", "AP50"],
        ["cat", "100.000", "100.000"],
        ["dog", "0.000", "0.000"],
        ["all", "50.000", "50.000"],
    ]


def test_bad_input(files, tmp_path):
    annotations, results = files(PERFECT)
    with pytest.raises(ConfigError, match=r"'box'; valid: 'bbox', 'segm'"):
        score_coco_results(annotations, results, "box")
    with pytest.raises(DataError, match=r"absent.json does not exist"):
        score_coco_results(annotations, tmp_path / "absent.json")
    with pytest.raises(DataError, match=r"absent.json does not exist"):
        score_coco_results(tmp_path / "absent.json", results)
    files([result(77, 1, [0, 0, 1, 1])])
    with pytest.raises(DataError, match=r"names 1 images, such as 77, that"):
        score_coco_results(annotations, results)
    files([{"image_id": 1}])
    with pytest.raises(DataError, match=r"must be a list of mappings with"):
        score_coco_results(annotations, results)
    results.write_text("[")
    with pytest.raises(DataError, match=r"not valid JSON"):
        score_coco_results(annotations, results)


def test_masks_of_another_image_are_not_given_to_pycocotools(files):
    mask = {"size": [100, 100], "counts": "5Q"}
    paths = files([{**PERFECT[0], "segmentation": mask}])
    with pytest.raises(DataError, match=r"res\.json: a mask of image 1 is no run-length encoding"):
        score_coco_results(*paths, "segm")
    content = json.loads(paths[0].read_text())
    content["annotations"][1]["segmentation"] = {"size": [50, 100], "counts": "5Q"}
    paths[0].write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"ann\.json: a mask of image 2 is for an image of 100x50"):
        score_coco_results(*paths, "segm")
