"""Distillation of box and mask heads: the losses by hand, and in every kind of R-CNN."""

import math

import pytest
import torch
import yaml
from detectron2.structures import Boxes

from groupnet_det.engine.distillation.roi_heads_loss import distill_boxes, distill_masks
from groupnet_det.engine.distillation.teacher import attach_distillation
from groupnet_det.errors import ConfigError
from tests.modeling.detectors import detector_config, losses_of, make_detector

BOXES = {"loss_distill_box_scores", "loss_distill_box_deltas"}
LOSSES = {
    "faster_rcnn": BOXES,
    "cascade_rcnn": BOXES,
    "mask_rcnn": BOXES | {"loss_distill_masks"},
    "panoptic_fpn": BOXES | {"loss_distill_masks"},
}
WEIGHT = ("MODEL.DISTILLATION.REGION_WEIGHT", "0.5")


def test_boxes_by_hand():
    """One region, one class: the teacher is sure by 3 to 1, the student by 1 to 1."""
    theirs, ours = torch.tensor([[math.log(3), 0.0]]), torch.zeros(1, 2)
    scores, boxes = distill_boxes(ours, torch.full((1, 4), 1.05), theirs, torch.zeros(1, 4), 1.0)
    assert scores.item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), rel=1e-5)
    assert boxes.item() == pytest.approx(0.75 * 4 * (1.05 - 0.05), rel=1e-5)  # by at least 1


def test_the_temperature_and_the_mean_over_regions():
    """Two equal regions, T = 2: the odds are the square root of those at T = 1."""
    theirs = torch.tensor([[math.log(9), 0.0]]).repeat(2, 1)
    nothing = torch.zeros(2, 4)
    scores, _ = distill_boxes(torch.zeros(2, 2), nothing, theirs, nothing, 2.0)
    expected = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert scores.item() == pytest.approx(expected, rel=1e-5)


def test_boxes_of_each_class_count_by_its_probability():
    theirs = torch.tensor([[20.0, 0.0, 0.0]])  # surely of the first of two classes
    deltas = torch.tensor([[0.0] * 4 + [1.0] * 4])  # wrong for the second
    _, boxes = distill_boxes(torch.zeros(1, 3), deltas, theirs, torch.zeros(1, 8), 1.0)
    assert boxes.item() == pytest.approx(0, abs=1e-6)
    _, boxes = distill_boxes(torch.zeros(1, 3), deltas.flip(1), theirs, torch.zeros(1, 8), 1.0)
    assert boxes.item() == pytest.approx(4 * 0.95, rel=1e-4)


def test_masks_by_hand():
    """Of two regions with two classes each, the mask of the region's class alone counts."""
    theirs = torch.zeros(2, 2, 1, 1)
    theirs[0, 1] = theirs[1, 0] = math.log(3)
    ours = torch.zeros(2, 2, 1, 1)
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    for classes, expected in (([1, 0], divergence), ([1, 1], divergence / 2), ([0, 1], 0.0)):
        loss = distill_masks(ours, theirs, torch.tensor(classes))
        assert loss.item() == pytest.approx(expected, abs=1e-6)
    one = distill_masks(ours[:, :1], theirs[:, :1], torch.tensor([1, 0]))  # whatever the class
    assert one.item() == pytest.approx(divergence / 2, abs=1e-6)


def test_no_regions_cost_nothing():
    empty = [torch.zeros(0, 3), torch.zeros(0, 8)]
    assert [loss.item() for loss in distill_boxes(*empty, *empty, 4.0)] == [0, 0]
    masks = torch.zeros(0, 2, 28, 28)
    assert distill_masks(masks, masks, torch.zeros(0, dtype=torch.long)).item() == 0


@pytest.fixture
def distilled(root, tmp_path):
    """A binary R-CNN whose teacher is its full-precision baseline, or another config."""

    def make(name, *options, teacher="", teacher_options=("MODEL.GROUPNET.METHOD", "float")):
        cfg = detector_config(root, teacher or name, *teacher_options)
        config, weights = tmp_path / "teacher.yaml", tmp_path / "teacher.pth"
        config.write_text(yaml.safe_dump(yaml.safe_load(cfg.dump())))
        trained = make_detector(root, teacher or name, *teacher_options)
        torch.save({"model": trained.state_dict()}, weights)
        student = detector_config(
            *(root, name, "MODEL.DISTILLATION.TEACHER_CONFIG", str(config)),
            *("MODEL.DISTILLATION.TEACHER_WEIGHTS", str(weights), *WEIGHT, *options),
        )
        model = make_detector(root, name).train()
        attach_distillation(student, model)
        return model

    return make


@pytest.mark.parametrize("name", LOSSES)
def test_every_rcnn_learns_from_the_teachers_regions(distilled, name):
    model = distilled(name)
    losses = losses_of(model)
    extra = {key for key in losses if "distill" in key}
    assert extra == LOSSES[name]
    assert all(losses[key].isfinite() and losses[key] >= -1e-6 for key in extra)
    sum(losses[key] for key in extra).backward()
    parts = ["roi_heads.box_head", "roi_heads.box_predictor", "backbone.bottom_up.res3"]
    for prefix in [*parts, *(["roi_heads.mask_head"] if len(extra) == 3 else [])]:
        gradients = [p.grad for key, p in model.named_parameters() if key.startswith(prefix)]
        assert any(grad is not None and grad.abs().sum() > 0 for grad in gradients), prefix
    (output,) = model.eval()([{"image": torch.zeros(3, 64, 64)}])
    assert "instances" in output
    assert not any("distill" in key for key in model.state_dict())


def test_the_regions_are_those_of_the_student(distilled):
    """Each pooler of the teacher gets the boxes of the student's, and features of its own."""
    model = distilled("cascade_rcnn")
    seen = {"student": [], "teacher": []}

    def watch(owner):
        def note(pooler, inputs, pooled):
            seen[owner].append((Boxes.cat(inputs[1]).tensor.clone(), pooled.sum().item()))

        return note

    hook = next(iter(model._forward_hooks.values())).__self__
    model.roi_heads.box_pooler.register_forward_hook(watch("student"))
    hook.teacher.roi_heads.box_pooler.register_forward_hook(watch("teacher"))
    losses_of(model)
    assert len(seen["student"]) == len(seen["teacher"]) == 3
    for (boxes, ours), (their_boxes, theirs) in zip(*seen.values(), strict=True):
        assert torch.equal(boxes, their_boxes)
        assert ours != theirs


def test_the_weight_is_a_factor(distilled):
    losses = []
    for weight in ("0.5", "1.5"):
        torch.manual_seed(0)
        model = distilled("faster_rcnn", "MODEL.DISTILLATION.REGION_WEIGHT", weight)
        torch.manual_seed(1)
        losses.append(losses_of(model)["loss_distill_box_scores"].item())
    assert losses[1] == pytest.approx(3 * losses[0], rel=1e-4)


@pytest.mark.parametrize(
    ("student", "teacher", "message"),
    [
        ("retinanet", "retinanet", "the student has no box head, the teacher no box head"),
        ("faster_rcnn", "cascade_rcnn", r"has 1 box head\(s\) and no masks, the teacher 3"),
        ("faster_rcnn", "mask_rcnn", r"the teacher 1 box head\(s\) and masks; both must be R-CNNs"),
    ],
)
def test_other_kinds_are_named(distilled, student, teacher, message):
    with pytest.raises(ConfigError, match=message):
        distilled(student, teacher=teacher)


def test_other_classes_are_named(distilled):
    model = distilled("faster_rcnn", teacher_options=("MODEL.ROI_HEADS.NUM_CLASSES", "4"))
    with pytest.raises(ConfigError, match="classes and the size of masks must be the same"):
        losses_of(model)
