"""Statistics of records that were written by hand."""

import numpy as np
import pytest
from detectron2.structures import BoxMode
from PIL import Image

from groupnet_det.autotrain.dataset_statistics import compute_statistics


def annotation(box, label=0, **more):
    return {"bbox": box, "bbox_mode": BoxMode.XYWH_ABS, "category_id": label, **more}


def test_objects_of_training_but_for_crowds_and_empty_boxes():
    learned = [
        {
            "file_name": "a.jpg",
            "height": 40,
            "width": 60,
            "annotations": [
                annotation([1, 2, 10, 20], 1, segmentation=[[1, 2, 3, 4, 5, 6]]),
                annotation([5, 5, 0, 7]),
                annotation([0, 0, 9, 9], iscrowd=1, segmentation={"size": [40, 60], "counts": []}),
            ],
        },
        {"file_name": "b.jpg", "height": 80, "width": 50, "annotations": []},
    ]
    statistics = compute_statistics(learned, learned[:1], ["cat", "dog"])
    assert (statistics.num_images, statistics.num_validation) == (2, 1)
    assert statistics.boxes.tolist() == [[1, 2, 11, 22]]
    assert statistics.box_images.tolist() == [[40, 60]]
    assert statistics.box_labels.tolist() == [1]
    assert statistics.image_sizes.tolist() == [[40, 60], [80, 50]]
    assert statistics.short_side == 45
    assert not statistics.has_run_lengths
    assert statistics.commonest_share == 0


def test_run_lengths_are_seen():
    mask = {"size": [40, 60], "counts": "x"}
    record = {
        "height": 40,
        "width": 60,
        "annotations": [annotation([0, 0, 4, 4], segmentation=mask)],
    }
    assert compute_statistics([record], [record], ["cat"]).has_run_lengths


def test_pixels_of_masks_are_counted_and_images_opened(tmp_path):
    Image.new("RGB", (10, 20)).save(tmp_path / "a.png")
    labels = np.zeros((20, 10), dtype=np.uint8)
    labels[:5] = 1
    labels[15:] = 255  # ignored
    Image.fromarray(labels).save(tmp_path / "mask.png")
    record = {
        "file_name": str(tmp_path / "a.png"),
        "sem_seg_file_name": str(tmp_path / "mask.png"),
    }
    statistics = compute_statistics([record], [record], ["other", "cat"])
    assert statistics.image_sizes.tolist() == [[20, 10]]
    assert statistics.commonest_share == pytest.approx(100 / 150)
    assert statistics.boxes.shape == statistics.box_images.reshape(-1, 4).shape == (0, 4)
