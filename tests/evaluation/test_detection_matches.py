"""Pairs, confusion and quality of a few boxes, counted by hand."""

import json
import math

import numpy as np
import pytest

from groupnet_det.evaluation.detection_matches import (
    best_threshold,
    confusion_of,
    objects_of_images,
    quality_of,
)
from groupnet_det.evaluation.saved.coco_scores import evaluate_coco_results

CAT, DOG = 3, 7  # category ids; classes 0 and 1
SQUARE = [0, 0, 10, 10]
SHIFTED = [0, 0, 10, 8]  # IoU 0.8 with it
FAR = [50, 50, 10, 10]


def truth(image_id, category_id, bbox, crowd=0):
    return {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox,
        "area": bbox[2] * bbox[3],
        "iscrowd": crowd,
        "segmentation": {"size": [100, 100], "counts": [0, 1, 9999]} if crowd else [],
    }


def found(image_id, category_id, bbox, score):
    return {"image_id": image_id, "category_id": category_id, "bbox": bbox, "score": score}


@pytest.fixture
def objects_of(tmp_path):
    def make(annotations, results, images=(1,)):
        content = {
            "images": [
                {"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100} for i in images
            ],
            "categories": [{"id": CAT, "name": "cat"}, {"id": DOG, "name": "dog"}],
            "annotations": [{"id": i + 1, **a} for i, a in enumerate(annotations)],
        }
        (tmp_path / "truth.json").write_text(json.dumps(content))
        (tmp_path / "results.json").write_text(json.dumps(results))
        evaluation = evaluate_coco_results(tmp_path / "truth.json", tmp_path / "results.json")
        return objects_of_images(evaluation)

    return make


def test_confusion(objects_of):
    images = objects_of(
        [truth(1, CAT, SQUARE), truth(1, DOG, FAR), truth(2, DOG, SQUARE), truth(2, CAT, FAR)],
        [
            found(1, CAT, SQUARE, 0.9),
            found(1, CAT, SHIFTED, 0.8),  # a second time
            found(1, CAT, FAR, 0.7),  # a dog
            found(2, DOG, FAR, 0.2),  # below the threshold
            found(2, DOG, [80, 0, 10, 10], 0.6),  # nothing there
        ],
        images=(1, 2),
    )
    # rows cat, dog, nothing there; columns cat, dog, missed
    expected = [[1, 0, 1], [1, 0, 1], [1, 1, 0]]
    assert confusion_of(images, 2, 0.5).tolist() == expected


def test_the_best_found_object_chooses_first_and_takes_the_best_free_one(objects_of):
    wide = [0, 0, 10, 12]
    (image,) = objects_of(
        [truth(1, CAT, SQUARE), truth(1, CAT, wide)],
        [found(1, CAT, SHIFTED, 0.5), found(1, CAT, SQUARE, 0.9)],
    )
    # SQUARE takes SQUARE; SHIFTED must take the other: 80 / 120
    assert image.pairs(0.0, same_class=True) == [(0, 0), (1, 1)]
    assert image.overlaps[1, 1] == pytest.approx(2 / 3)


def test_quality(objects_of):
    (image,) = objects_of(
        [truth(1, CAT, SQUARE), truth(1, DOG, FAR)],
        [found(1, CAT, SHIFTED, 0.9), found(1, CAT, FAR, 0.8), found(1, CAT, FAR, 0.1)],
    )
    # 0.8 of the cat; the dog is missed, and once found as a cat
    assert quality_of(image, 0.5) == pytest.approx(0.8 / (1 + 1 / 2 + 1 / 2))
    assert quality_of(image, 0.85) == pytest.approx(0.8 / (1 + 1 / 2))


def test_an_empty_image_in_which_nothing_is_found_has_no_quality(objects_of):
    nothing, wrong = objects_of([], [found(2, CAT, SQUARE, 0.9)], images=(1, 2))
    assert math.isnan(quality_of(nothing, 0.5))
    assert quality_of(wrong, 0.5) == 0


def test_what_lies_in_a_crowd_does_no_harm(objects_of):
    (image,) = objects_of(
        [truth(1, CAT, [40, 40, 40, 40], crowd=1)],
        [found(1, CAT, FAR, 0.9), found(1, CAT, SQUARE, 0.9)],
    )
    assert image.in_crowd.tolist() == [True, False]
    assert confusion_of([image], 2, 0.5).tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_best_threshold(objects_of):
    images = objects_of(
        [truth(1, CAT, SQUARE), truth(2, CAT, SQUARE)],
        [
            found(1, CAT, SQUARE, 0.9),
            found(2, CAT, SQUARE, 0.62),
            *(found(2, CAT, [20 * i, 50, 10, 10], 0.58) for i in range(4)),
        ],
        images=(1, 2),
    )
    # F1 is 4 / 8 up to 0.55, 4 / 4 at 0.60, 2 / 3 from 0.65 to 0.90
    assert best_threshold(images) == pytest.approx(0.6)


def test_without_any_result(objects_of):
    images = objects_of([truth(1, DOG, SQUARE)], [])
    assert confusion_of(images, 2, 0.5).tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert quality_of(images[0], 0.5) == 0
    assert 0 < best_threshold(images) < 1
    assert images[0].overlaps.shape == (0, 1)
    assert isinstance(images[0].gt, np.ndarray)
