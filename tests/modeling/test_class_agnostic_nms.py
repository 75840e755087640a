"""Detectors whose boxes suppress those of all classes, against torchvision's suppression."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.modeling.meta_arch.dense_detector import DenseDetector
from detectron2.utils.events import EventStorage
from torch import nn
from torchvision.ops import nms

from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.evaluation.test_time_augmentation import wrap_for_testing
from groupnet_det.modeling.heads.class_agnostic_nms import KEY, with_chosen_nms
from tests.inference.models import make_config

from .detectors import DETECTORS, detector_config, make_batch, make_detector

ON = (KEY, "True")
MANY = ("TEST.DETECTIONS_PER_IMAGE", "1000")  # so that none is left out for its number


def built(root, kind, *options):
    """With weights that make boxes of all classes overlap, in eval mode."""
    torch.manual_seed(0)
    model = make_detector(root, kind, *MANY, *options).eval()
    for name, parameter in model.named_parameters():
        if "predictor" in name or "cls_score" in name:
            nn.init.normal_(parameter, std=0.3)
    return model


def choosers(model):
    """What has the threshold of overlaps, and its attribute with the number of detections."""
    if isinstance(model, DenseDetector):
        return [(model, "max_detections_per_image")]
    predictor = model.roi_heads.box_predictor
    several = predictor if isinstance(predictor, nn.ModuleList) else [predictor]
    return [(each, "test_topk_per_image") for each in several]


def settings(model):
    return [(each.test_nms_thresh, getattr(each, most)) for each, most in choosers(model)]


@torch.no_grad()
def found(model, image):
    """Of dense detectors, whose boxes are clipped after the suppression, before that."""
    if not isinstance(model, DenseDetector):
        return model([{"image": image}])[0]["instances"]
    images = model.preprocess_image([{"image": image}])
    maps = model.backbone(images.tensor)
    features = [maps[name] for name in model.head_in_features]
    return model.forward_inference(images, features, model.head(features))[0]


@pytest.mark.parametrize("kind", DETECTORS)
def test_all_candidates_suppressed_by_torchvision(root, kind):
    plain, across = built(root, kind), built(root, kind, *ON)
    torch.manual_seed(3)
    image = make_batch(1)[0]["image"]
    assert list(plain.state_dict()) == list(across.state_dict())
    within = found(plain, image)
    before = settings(across)
    assert before == settings(plain)
    ((threshold, most),) = set(before)
    for each, name in choosers(plain):
        each.test_nms_thresh = 2.0
        setattr(each, name, 10**9)
    every = found(plain, image)
    kept = nms(every.pred_boxes.tensor, every.scores, threshold)[:most]
    result = found(across, image)
    assert settings(across) == before
    assert 0 < len(kept) < len(within) <= len(every)
    assert torch.equal(result.pred_boxes.tensor, every.pred_boxes.tensor[kept])
    assert torch.equal(result.scores, every.scores[kept])
    assert torch.equal(result.pred_classes, every.pred_classes[kept])
    if every.has("pred_masks"):
        assert torch.equal(result.pred_masks, every.pred_masks[kept])


@pytest.mark.parametrize("kind", ["retinanet", "cascade_rcnn"])
def test_training_is_what_it_was(root, kind):
    losses = []
    for options in ((), ON):
        model = built(root, kind, *options).train()
        torch.manual_seed(1)
        with EventStorage():
            losses.append({name: float(loss) for name, loss in model(make_batch()).items()})
    assert losses[0] == losses[1]


def test_a_detectron2_script_names_the_heads(root):
    cfg = detector_config(root, "mask_rcnn")
    assert with_chosen_nms(cfg) is cfg
    cfg.MODEL.ROI_HEADS.NAME = "ClassAgnosticROIHeads"
    named = build_model(cfg).roi_heads
    assert type(named) is type(make_detector(root, "mask_rcnn", *ON).roi_heads)
    assert named.class_agnostic_nms


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["MODEL.META_ARCHITECTURE", "ImageClassifier"], "META_ARCHITECTURE is 'ImageClassifier'"),
        (["MODEL.META_ARCHITECTURE", "RetinaNet"], "valid: 'GroupNetRetinaNet', 'GroupNetFCOS', "),
        (["MODEL.ROI_HEADS.NAME", "Res5ROIHeads"], "'Res5ROIHeads'; valid: 'StandardROIHeads', "),
    ],
)
def test_networks_that_cannot(options, message):
    assert with_chosen_nms(load_config("", options)) is not None
    with pytest.raises(ConfigError, match=rf"{KEY} is set, and MODEL\..*{message}"):
        with_chosen_nms(load_config("", [*options, *ON]))


def test_test_time_augmentation(root):
    options = ["TEST.AUG.ENABLED", "True", "TEST.AUG.MIN_SIZES", "(64, 80)", *ON]
    cfg = detector_config(root, "retinanet", *options)
    model = built(root, "retinanet", *options)
    with torch.no_grad():
        (output,) = wrap_for_testing(cfg, model)([{"image": make_batch(1)[0]["image"].byte()}])
    result = output["instances"]
    kept = nms(result.pred_boxes.tensor, result.scores, model.test_nms_thresh)
    assert len(result) > 3
    assert torch.equal(kept, torch.arange(len(result)))
    cfg = make_config("mask_rcnn", *options)
    with pytest.raises(ConfigError, match=r"TEST\.AUG\.ENABLED and .* are True, but"):
        wrap_for_testing(cfg, build_model(with_chosen_nms(cfg)))
