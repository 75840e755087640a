"""Forward passes for counting against the models' own."""

import pytest
import torch
from detectron2.modeling import build_model
from torch import nn

from groupnet_det.analysis.forward import Regions, default_size, forward_of, region_parts
from groupnet_det.analysis.layer_costs import layer_costs
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from tests.modeling.detectors import make_detector
from tests.modeling.segmentors import make_segmentor

IMAGE = [{"image": torch.zeros(3, 64, 96), "height": 64, "width": 96}]


def check_all_as_in_evaluation(model):
    counted = layer_costs(model, forward_of(model, (64, 96)))
    assert counted == layer_costs(model, lambda: model(IMAGE))
    assert sum(row.binary_operations for row in counted) > 0


@pytest.mark.parametrize("name", ["retinanet", "fcos"])
def test_dense_detectors_run_as_in_evaluation(root, name):
    check_all_as_in_evaluation(make_detector(root, name).eval())


@pytest.mark.parametrize("head", ["fcn16s", "deeplabv3plus"])
def test_segmenters_run_as_in_evaluation(head):
    check_all_as_in_evaluation(make_segmentor(head).eval())


@pytest.mark.parametrize("name", ["faster_rcnn", "cascade_rcnn", "mask_rcnn", "panoptic_fpn"])
def test_heads_run_on_as_many_regions_as_the_config_allows(root, name):
    """In evaluation it depends on the image: here all boxes are kept, and no object is found."""
    options = ["MODEL.RPN.NMS_THRESH", "1.0", "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "1.0"]
    model = make_detector(root, name, *options, "TEST.DETECTIONS_PER_IMAGE", "7").eval()
    counted = {row.name: row for row in layer_costs(model, forward_of(model, (64, 96)))}
    own = {row.name: row for row in layer_costs(model, lambda: model(IMAGE))}
    masks = [key for key in counted if "mask_head" in key]
    assert bool(masks) == (name in ("mask_rcnn", "panoptic_fpn"))
    assert {k: v for k, v in counted.items() if k not in masks} == {
        k: v for k, v in own.items() if k not in masks
    }
    if masks:
        # A 3x3 convolution of 8 to 8 channels on 14 x 14 pixels, two bases, seven regions.
        first = counted["roi_heads.mask_head.tower.0"]
        assert first.binary_operations == 7 * 14 * 14 * 2 * 9 * 8 * 8
    parts = region_parts(model)
    boxes = 3 if name == "cascade_rcnn" else 1
    assert [part for part in parts if "box" in part] == (
        [f"box_{stage}" for stage in range(boxes)] if boxes > 1 else ["box"]
    )
    assert {parts[part] for part in parts if part != "mask"} == {Regions(20, 7, 7)}
    assert parts.get("mask") == (Regions(7, 14, 14) if masks else None)


def test_heads_without_a_box_head_are_named(root):
    cfg = load_config(str(root / "configs/Base/recipes/Photo-Digits.yaml"), ["MODEL.DEVICE", "cpu"])
    model = build_model(cfg).eval()  # Detectron2's default, whose heads are a stage of its ResNet
    message = "ROI_HEADS.NAME Res5ROIHeads cannot be analyzed; valid: .*StandardROIHeads"
    with pytest.raises(ConfigError, match=message):
        layer_costs(model, forward_of(model, (64, 96)))


def test_sides_are_rounded_up_as_the_model_does(root):
    model = make_detector(root, "retinanet").eval()
    rows = [layer_costs(model, forward_of(model, size)) for size in ((64, 96), (33, 65))]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ("ImageNet/groupnet_r18_k4", (224, 224)),
        ("COCO-Detection/retinanet_float_r18", (800, 1067)),
        ("VOC-Segmentation/fcn8s_groupnet_r18_bpac", (480, 480)),
    ],
)
def test_size_is_that_of_evaluation(root, config, size):
    from groupnet_det.analysis.config_networks import shapes_of

    cfg = load_config(str(root / f"configs/{config}.yaml"))
    assert default_size(cfg, shapes_of(cfg)) == size


def test_other_networks_are_refused():
    with pytest.raises(ConfigError, match=r"META_ARCHITECTURE gives a Identity.*ImageClassifier"):
        forward_of(nn.Identity(), (8, 8))
