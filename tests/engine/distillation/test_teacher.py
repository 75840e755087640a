import math

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.engine.distillation.teacher import (
    attach_distillation,
    distill_feature,
    distill_logits,
)
from groupnet_det.errors import CheckpointError, ConfigError

SMALL = [*("MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125")]
CLASSIFIER = "configs/Base/classifier_groupnet_r18.yaml"
DETECTOR = "configs/Base/retinanet_groupnet_r18_fpn.yaml"


def test_logits_by_hand():
    """Two classes, T = 2: T^2 * sum p_t (log p_t - log p_s)."""
    student, teacher = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    high, low = math.e / (1 + math.e), 1 / (1 + math.e)
    expected = 4 * (high * math.log(high / low) + low * math.log(low / high))
    assert distill_logits(student, teacher, 2.0).item() == pytest.approx(expected, rel=1e-5)
    assert distill_logits(student, student, 2.0).item() == pytest.approx(0, abs=1e-7)


def test_features_by_hand():
    """Attention of one position each: unit vectors at right angles, half their squared distance."""
    student, teacher = torch.zeros(1, 1, 1, 2), torch.zeros(1, 3, 1, 2)
    student[..., 0], teacher[..., 1] = 5.0, -2.0
    assert distill_feature(student, teacher).item() == pytest.approx(1.0)
    assert distill_feature(teacher, -3 * teacher).item() == pytest.approx(0.0, abs=1e-6)


@pytest.fixture
def teacher_files(root, tmp_path):
    """Config and weights of a float classifier of five classes."""
    config = tmp_path / "teacher.yaml"
    config.write_text(
        f"_BASE_: {root / CLASSIFIER}\n"
        "MODEL:\n  GROUPNET: {METHOD: float, WIDTH: 0.25, OUT_FEATURES: [res3, res5]}\n"
        "  CLASSIFIER: {NUM_CLASSES: 5}\n"
    )
    teacher = build_model(load_config(str(config), ["MODEL.DEVICE", "cpu"]))
    weights = tmp_path / "teacher.pth"
    torch.save({"model": teacher.state_dict()}, weights)
    return [
        *("MODEL.DISTILLATION.TEACHER_CONFIG", str(config)),
        *("MODEL.DISTILLATION.TEACHER_WEIGHTS", str(weights)),
    ]


def make_classifier(root, *options):
    cfg = load_config(
        str(root / CLASSIFIER), [*SMALL, "MODEL.CLASSIFIER.NUM_CLASSES", "5", *options]
    )
    return cfg, build_model(cfg).train()


def make_batch(**extra):
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    return [{"image": image, "label": label, **extra} for label in range(3)]


def test_classifier_learns_from_logits_and_features(root, teacher_files):
    cfg, model = make_classifier(
        *(root, *teacher_files, "MODEL.DISTILLATION.LOGITS_WEIGHT", "0.5"),
        *("MODEL.DISTILLATION.FEATURES", "['res3', 'res5']"),
        *("MODEL.GROUPNET.OUT_FEATURES", "['res3', 'res5']"),
    )
    keys = list(model.state_dict())
    parameters = sum(1 for _ in model.parameters())
    attach_distillation(cfg, model)
    assert list(model.state_dict()) == keys
    assert sum(1 for _ in model.parameters()) == parameters

    losses = model(make_batch())
    assert set(losses) == {
        "loss_cls",
        "loss_distill_logits",
        "loss_distill_res3",
        "loss_distill_res5",
    }
    losses["loss_distill_res3"].backward(retain_graph=True)
    assert model.backbone.res3[0].branches[0].unit1.conv.weight.grad.abs().sum() > 0
    assert model.fc.weight.grad is None
    losses["loss_distill_logits"].backward()
    assert model.fc.weight.grad.abs().sum() > 0
    assert set(model(make_batch())) == set(losses)
    assert list(model.eval()(make_batch())[0]) == ["logits"]


def test_a_detector_learns_from_a_classifiers_features(root, teacher_files):
    cfg = load_config(
        str(root / DETECTOR),
        [
            *(*SMALL, *teacher_files, "MODEL.DISTILLATION.FEATURES", "['res3']"),
            *("MODEL.FPN.OUT_CHANNELS", "16", "MODEL.RETINANET.NUM_CLASSES", "3"),
            *("MODEL.PIXEL_MEAN", "[123.675, 116.28, 103.53]"),
            *("MODEL.PIXEL_STD", "[58.395, 57.12, 57.375]"),
        ],
    )
    model = build_model(cfg).train()
    attach_distillation(cfg, model)
    instances = Instances((64, 64))
    instances.gt_boxes = Boxes(torch.tensor([[4.0, 4.0, 50.0, 44.0]]))
    instances.gt_classes = torch.tensor([1])
    with EventStorage():
        losses = model(make_batch(instances=instances))
    assert set(losses) == {"loss_cls", "loss_box_reg", "loss_distill_res3"}
    losses["loss_distill_res3"].backward()
    assert model.backbone.bottom_up.stem.conv1.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ConfigError, "HEAD_WEIGHT and REGION_WEIGHT are 0 and no FEATURES"),
        ({"TEACHER_WEIGHTS": ""}, ConfigError, "TEACHER_WEIGHTS is empty"),
        ({"TEACHER_WEIGHTS": "absent.pth", "LOGITS_WEIGHT": 1.0}, CheckpointError, "absent.pth"),
        ({"FEATURES": ["res4"]}, ConfigError, "FEATURES names 'res4'.*student.*'res5'"),
    ],
    ids=["nothing", "no-weights", "absent", "feature"],
)
def test_what_cannot_work_is_named(root, teacher_files, options, error, message):
    pairs = [item for k, v in options.items() for item in (f"MODEL.DISTILLATION.{k}", str(v))]
    cfg, model = make_classifier(root, *teacher_files, *pairs)
    with pytest.raises(error, match=message):
        attach_distillation(cfg, model)


def test_other_classes_and_other_pixels_are_named(root, teacher_files):
    wanted = [*teacher_files, "MODEL.DISTILLATION.LOGITS_WEIGHT", "1.0"]
    cfg, model = make_classifier(root, *wanted, "MODEL.CLASSIFIER.NUM_CLASSES", "4")
    with pytest.raises(ConfigError, match="teacher has 5 classes, the student 4"):
        attach_distillation(cfg, model)
    cfg, model = make_classifier(root, *wanted, "MODEL.PIXEL_STD", "[1.0, 1.0, 1.0]")
    with pytest.raises(ConfigError, match="PIXEL_STD differs"):
        attach_distillation(cfg, model)
