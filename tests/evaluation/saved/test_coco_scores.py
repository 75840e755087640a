import csv
import json
import math

import numpy as np
import pycocotools.mask as mask_util
import pytest

from groupnet_det.errors import ConfigError, DataError
from groupnet_det.evaluation.saved.coco_scores import score_coco_results, write_scores_csv


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
    with pytest.raises(
        DataError, match=r"res\.json: a mask of image 1 is not a run-length encoding"
    ):
        score_coco_results(*paths, "segm")
    content = json.loads(paths[0].read_text())
    content["annotations"][1]["segmentation"] = {"size": [50, 100], "counts": "5Q"}
    paths[0].write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"ann\.json: a mask of image 2 is for an image of 100x50"):
        score_coco_results(*paths, "segm")


BAD = float("nan")


@pytest.mark.parametrize(
    ("member", "value"),
    [("score", "x"), ("score", BAD), ("bbox", None), ("bbox", [1, 2, 3]), ("image_id", [1])],
    ids=["text", "no number", "null", "three numbers", "list"],
)
def test_results_of_wrong_types(files, member, value):
    with pytest.raises(DataError, match=rf"res\.json: result 1 has {member} "):
        score_coco_results(*files([PERFECT[0], {**PERFECT[1], member: value}]))


def test_results_of_another_category(files):
    with pytest.raises(DataError, match=r"names 1 categories, such as 7, that .*ann\.json lacks"):
        score_coco_results(*files([*PERFECT, result(1, 7, [0, 0, 5, 5])]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: [], "has no list 'images'"),
        (lambda content: {**content, "categories": None}, "has no list 'categories'"),
        (lambda content: content["annotations"][0].update(bbox=[0, 0]), "annotation 1 has bbox"),
        (lambda content: content["images"][0].update(id=[1]), r"images\[0\] has id \[1\]"),
        (lambda content: content["annotations"][0].update(area="x"), "annotation 1 has area 'x'"),
    ],
    ids=["list", "no categories", "short box", "list as id", "text as area"],
)
def test_broken_annotations(files, spoil, message):
    annotations, results = files(PERFECT)
    content = json.loads(annotations.read_text())
    spoilt = spoil(content)
    annotations.write_text(json.dumps(content if spoilt is None else spoilt))
    with pytest.raises(DataError, match=message):
        score_coco_results(annotations, results)


def test_annotations_that_are_no_text(files):
    annotations, results = files(PERFECT)
    annotations.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"ann\.json is in UTF-16; save it as UTF-8"):
        score_coco_results(annotations, results)


@pytest.mark.parametrize("polygon", [[1, 2, 3, 4], []], ids=["short", "empty"])
def test_polygons_that_are_none_cannot_be_scored_as_masks(files, polygon):
    annotations, results = files([])
    content = json.loads(annotations.read_text())
    for item in content["annotations"]:
        item["segmentation"] = [polygon]
    annotations.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"annotation 1 has a polygon of \d numbers; .* fix or"):
        score_coco_results(annotations, results, "segm")
    assert score_coco_results(annotations, results).summary["AP"] == 0


def test_what_only_detectron2_refuses_can_be_scored(files):
    annotations, results = files(PERFECT[:1])
    content = json.loads(annotations.read_text())
    content["annotations"][1]["ignore"] = 1
    annotations.write_text(json.dumps(content))
    assert score_coco_results(annotations, results).summary["AP"] == pytest.approx(50)


def test_sizes_of_masks_are_not_those_of_their_boxes(files):
    """As Detectron2 has it: an object of 400 pixels is small, whatever box comes with it."""
    annotations, results = files([])
    content = json.loads(annotations.read_text())
    content["annotations"] = content["annotations"][:1]
    mask = np.zeros((100, 100), dtype=np.uint8, order="F")
    mask[10:30, 10:30] = 1
    runs = mask_util.encode(mask)
    runs["counts"] = runs["counts"].decode()
    content["annotations"][0]["segmentation"] = runs
    annotations.write_text(json.dumps(content))
    wrong = {**PERFECT[0], "bbox": [30, 30, 65, 65], "segmentation": runs}
    right = {**PERFECT[0], "segmentation": runs, "score": 0.5}
    results.write_text(json.dumps([{**wrong, "image_id": 2}, right]))
    assert score_coco_results(annotations, results, "segm").summary["APs"] == pytest.approx(50)
