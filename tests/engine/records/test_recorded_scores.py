"""Rows and keys of metrics.json that are scores of a checkpoint."""

import json

from groupnet_det.engine.records.recorded_scores import of_all_classes, recorded_scores

ROWS = [
    {"iteration": 249, "total_loss": 1.0, "bbox/AP": 40.0, "rpn/num_pos_anchors": 3},
    {"iteration": 499, "total_loss": 0.5, "lr": 0.1, "fast_rcnn/cls_accuracy": 0.8},
    {"iteration": 500, "bbox/AP": 50.0, "bbox/AP-cat": 51.0, "bbox/APs": float("nan")},
]


def write(folder, rows):
    (folder / "metrics.json").write_text("\n".join(map(json.dumps, rows)))


def test_the_evaluation_of_the_iteration_counts(tmp_path):
    write(tmp_path, ROWS)
    assert recorded_scores(tmp_path, 249) == {"bbox/AP": 40}
    assert recorded_scores(tmp_path, 499) == {"bbox/AP": 50, "bbox/AP-cat": 51}
    assert recorded_scores(tmp_path, 300) == {}


def test_scores_of_several_data_sets(tmp_path):
    write(tmp_path, [{"iteration": 9, "mine/sem_seg/mIoU": 3.0, "time": 1.0}])
    assert recorded_scores(tmp_path, 9) == {"mine/sem_seg/mIoU": 3}


def test_official_scores_of_cityscapes(tmp_path):
    row = {"iteration": 9, "sem_seg/mIoU": 3.0, "cityscapes/IoU": 4.0, "val/cityscapes/iIoU": 5.0}
    write(tmp_path, [row])
    assert recorded_scores(tmp_path, 9) == {k: v for k, v in row.items() if k != "iteration"}


def test_nothing_noted_is_nothing_known(tmp_path):
    assert recorded_scores(tmp_path, 0) == {}
    write(tmp_path, [])
    assert recorded_scores(tmp_path, 0) == {}


def test_scores_of_single_classes_are_distinguished():
    scores = {"bbox/AP": 1.0, "bbox/AP-traffic light": 2.0, "my-data/segm/AP50": 3.0}
    assert of_all_classes(scores) == {"bbox/AP": 1, "my-data/segm/AP50": 3}
