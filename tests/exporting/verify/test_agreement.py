"""Answers of two networks that agree, and that do not, image by image."""

import pytest
import torch
from detectron2.structures import Boxes, Instances

from groupnet_det.exporting.verify.agreement import predictions_of, show_agreement

BOX = [10.0, 10.0, 30.0, 50.0]


def classes(*numbers):
    return [{"logits": torch.eye(3)[number]} for number in numbers]


def detections(*found):
    """The output for an image: (box, score, class) of each detection."""
    boxes, scores, numbers = zip(*found, strict=True) if found else ([], [], [])
    instances = Instances((60, 60))
    instances.pred_boxes = Boxes(torch.tensor(boxes).reshape(-1, 4))
    instances.scores = torch.tensor(scores)
    instances.pred_classes = torch.tensor(numbers, dtype=torch.int64)
    return {"instances": instances}


def label_map(number_of_ones):
    """One of 200 pixels."""
    scores = torch.zeros(2, 10, 20)
    scores[1].view(-1)[:number_of_ones] = 1
    return {"sem_seg": scores}


def compare(trained, packed):
    findings = show_agreement(
        "val",
        [predictions_of(output) for output in trained],
        [predictions_of(output) for output in packed],
    )
    assert {finding.verdict for finding in findings} <= {"shown"}
    assert {finding.compared for finding in findings} <= {len(trained)}
    return [finding.found for finding in findings]


def test_classes():
    told = compare(classes(0, 1, 2, 2), classes(0, 1, 2, 1))
    assert told == ["the same classes in 3 of 4 (75.0 %) images"]


@pytest.mark.parametrize(
    ("other", "agrees"),
    [
        ((BOX, 0.9, 1), True),
        ((BOX, 0.2, 1), True),  # a score below the threshold on one side
        (([10.0, 10.0, 30.0, 52.0], 0.8, 1), True),  # 40 / 42
        (([10.0, 10.0, 30.0, 56.0], 0.8, 1), False),  # 40 / 46
        ((BOX, 0.8, 2), False),
    ],
    ids=["same", "low-score", "near", "far", "class"],
)
def test_detections(other, agrees):
    (told,) = compare([detections((BOX, 0.8, 1))], [detections(other)])
    assert told.startswith(f"the same detections in {int(agrees)} of 1 ")


def test_detections_that_one_network_lacks_or_that_nobody_likes():
    unlikely = ([0.0, 0.0, 9.0, 9.0], 0.1, 0)
    both, none = detections((BOX, 0.8, 1), unlikely), detections()
    for pair in ([both, both], [both, none]), ([both, both], [none, both]):
        (told,) = compare(*pair)
        assert told == (
            "the same detections in 1 of 2 (50.0 %) images; "
            "2 of 3 (66.7 %) detections of score 0.3 and more"
        )


def test_no_detection_at_all_is_reported():
    (told,) = compare([detections()], [detections()])
    assert told.endswith("; there are no detections of score 0.3 and more")


@pytest.mark.parametrize(("turned", "agrees"), [(0, 1), (2, 1), (3, 0)])
def test_labels(turned, agrees):
    (told,) = compare([label_map(100)], [label_map(100 + turned)])
    share = 100 * (200 - turned) / 200
    assert told == (
        f"the same labels in {agrees} of 1 ({100 * agrees:.1f} %) images; "
        f"{200 - turned} of 200 ({share:.1f} %) pixels"
    )


def test_both_parts_of_a_panoptic_answer():
    output = {**detections((BOX, 0.8, 1)), **label_map(5)}
    assert [line.split()[2] for line in compare([output], [output])] == ["detections", "labels"]


def test_no_image():
    assert compare([], []) == []
