"""Distillation between detectors: the loss by hand, and in every kind of detector."""

import math

import pytest
import torch
import yaml

from groupnet_det.engine.distillation.dense_heads_loss import distill_dense
from groupnet_det.engine.distillation.teacher import attach_distillation
from groupnet_det.errors import ConfigError
from tests.modeling.detectors import DETECTORS, detector_config, losses_of, make_detector

DENSE = {"loss_distill_scores", "loss_distill_boxes"}


def test_scores_and_boxes_by_hand():
    """One position, one anchor, two classes: probabilities 3/4 and 1/4 against 1/2."""
    logit = math.log(3)
    teacher = [[torch.tensor([logit, -logit]).view(1, 2, 1, 1)], [torch.zeros(1, 4, 1, 1)]]
    student = [[torch.zeros(1, 2, 1, 1)], [torch.full((1, 4, 1, 1), 1.05)], ["not compared"]]
    scores, boxes = distill_dense(student, teacher)
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert scores.item() == pytest.approx(2 * divergence, rel=1e-5)  # the count is at least 1
    assert boxes.item() == pytest.approx(0.75 * 4 * (1.05 - 0.05), rel=1e-5)


def test_it_is_normalized_by_what_the_teacher_sees():
    teacher = [[torch.full((2, 3, 4, 4), 20.0)], [torch.zeros(2, 12, 4, 4)]]
    student = [[torch.full((2, 3, 4, 4), 20.0)], [torch.ones(2, 12, 4, 4)]]
    scores, boxes = distill_dense(student, teacher)
    assert scores.item() == pytest.approx(0.0, abs=1e-6)
    assert boxes.item() == pytest.approx(4 * 0.95, rel=1e-4)  # of each anchor


@pytest.fixture
def distilled(root, tmp_path):
    """A binary detector whose teacher is its full-precision baseline, of an own width."""

    def make(name, *options, teacher=()):
        cfg = detector_config(
            *(root, name, "MODEL.GROUPNET.METHOD", "float", "MODEL.GROUPNET.WIDTH", "0.25"),
            *teacher,
        )
        model = make_detector(
            *(root, name, "MODEL.GROUPNET.METHOD", "float", "MODEL.GROUPNET.WIDTH", "0.25"),
            *teacher,
        )
        config, weights = tmp_path / "teacher.yaml", tmp_path / "teacher.pth"
        config.write_text(yaml.safe_dump(yaml.safe_load(cfg.dump())))
        torch.save({"model": model.state_dict()}, weights)
        student = detector_config(
            *(root, name, "MODEL.DISTILLATION.TEACHER_CONFIG", str(config)),
            *("MODEL.DISTILLATION.TEACHER_WEIGHTS", str(weights), *options),
        )
        model = make_detector(root, name).train()
        attach_distillation(student, model)
        return model

    return make


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_learns_from_head_and_pyramid(root, distilled, name):
    model = distilled(
        *(name, "MODEL.DISTILLATION.HEAD_WEIGHT", "0.5"),
        *("MODEL.DISTILLATION.FEATURES", "['res4', 'p4']"),
    )
    losses = losses_of(model)
    extra = {key for key in losses if "distill" in key}
    assert extra == {*DENSE, "loss_distill_res4", "loss_distill_p4"}
    assert all(losses[key].isfinite() and losses[key] >= 0 for key in extra)
    assert sum(losses[key] for key in extra) > 0
    sum(losses[key] for key in extra).backward()
    part = "head." if name in ("retinanet", "fcos") else "proposal_generator.rpn_head."
    for prefix in (part, "backbone.fpn_lateral4", "backbone.bottom_up.res3"):
        gradients = [p.grad for key, p in model.named_parameters() if key.startswith(prefix)]
        assert any(grad is not None and grad.abs().sum() > 0 for grad in gradients), prefix
    (output,) = model.eval()([{"image": torch.zeros(3, 64, 64)}])
    assert "instances" in output


def test_a_teacher_of_itself_has_nothing_to_teach(root, distilled):
    model = distilled("fcos", "MODEL.DISTILLATION.HEAD_WEIGHT", "1.0")
    assert losses_of(model)["loss_distill_scores"] > 0
    outputs = [[torch.randn(1, 3, 4, 4)], [torch.randn(1, 4, 4, 4)]]
    scores, boxes = distill_dense(outputs, outputs)
    assert abs(scores) < 1e-5
    assert boxes == 0


def test_other_classes_are_named(root, distilled):
    option = ("MODEL.DISTILLATION.HEAD_WEIGHT", "1.0")
    model = distilled("fcos", *option, teacher=("MODEL.FCOS.NUM_CLASSES", "4"))
    with pytest.raises(ConfigError, match="classes, anchors and levels must be the same"):
        losses_of(model)


def test_other_levels_are_named(root, distilled):
    option = ("MODEL.DISTILLATION.HEAD_WEIGHT", "1.0")
    with pytest.raises(ConfigError, match=r"the teacher \['p3', 'p4'\]; both must be detectors"):
        distilled("fcos", *option, teacher=("MODEL.FCOS.IN_FEATURES", "['p3', 'p4']"))


def test_a_missing_feature_is_named(root, distilled):
    with pytest.raises(ConfigError, match="FEATURES names 'p9', which the student's backbone"):
        distilled("fcos", "MODEL.DISTILLATION.FEATURES", "['p9']")
