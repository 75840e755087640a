"""Postprocessing in packed files, from raw outputs to boxes."""

import json

import pytest
import torch
from detectron2.modeling.poolers import ROIPooler

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.models.postprocessing_info import (
    common_levels,
    describe_anchors,
    describe_box_coding,
    describe_pooler,
)
from groupnet_det.runtime.postprocessing.roi_pooling import ALIGNED
from tests.exporting.models import export
from tests.modeling.detectors import detector_config, make_detector

DETECTORS = ("retinanet", "fcos", "faster_rcnn", "cascade_rcnn", "mask_rcnn")


@pytest.fixture(scope="module", params=DETECTORS)
def described(request, root):
    options = ["MODEL.ANCHOR_GENERATOR.OFFSET", "0.25", "TEST.DETECTIONS_PER_IMAGE", "17"]
    model = make_detector(root, request.param, *options).eval()
    return model, export(model).info


def test_it_is_plain_json(described):
    info = described[1]
    assert json.loads(json.dumps(info["postprocessing"])) == info["postprocessing"]


def test_anchors_are_those_of_the_model(described):
    """Cells at ``((x + offset) stride, (y + offset) stride)``, in plain loops."""
    model, info = described
    about = info["postprocessing"]
    about = about["proposals"] if about["kind"] == "rcnn" else about
    generator = getattr(model, "proposal_generator", model).anchor_generator
    maps = [torch.zeros(1, 1, 2, 3)] * len(about["levels"])
    for level, expected in zip(about["levels"], generator(maps), strict=True):
        anchors = about["anchors"]
        cells, stride = torch.tensor(anchors["cells"][level]), anchors["strides"][level]
        actual = [
            cell + stride * (torch.tensor([x, y, x, y]) + anchors["offset"])
            for y in range(2)
            for x in range(3)
            for cell in cells
        ]
        torch.testing.assert_close(torch.stack(actual), expected.tensor, rtol=0, atol=1e-4)


def test_members(described):
    model, info = described
    about = info["postprocessing"]
    assert about["max_detections"] == 17
    assert len(info["class_names"]) == 3
    if about["kind"] != "rcnn":
        assert info["task"] == "detection"
        assert about["levels"] == ["p3", "p4", "p5", "p6", "p7"]
        assert about["topk"] == 1000
        rules = {"retinanet": ("sigmoid", 0.05, 0.5), "fcos": ("sigmoid_centerness", 0.2, 0.6)}
        keys = ("score", "score_threshold", "nms_threshold")
        assert tuple(about[key] for key in keys) == rules[about["kind"]]
        return
    assert info["task"] == ("instance_segmentation" if about["mask"] else "detection")
    assert about["proposals"]["post_nms_topk"] == 20
    assert about["proposals"]["pre_nms_topk"] == 1000
    assert about["pooler"]["levels"] == ["p2", "p3", "p4", "p5"]
    assert about["pooler"]["resolution"] == [7, 7]
    weights = [stage["box_coding"]["weights"] for stage in about["stages"]]
    if len(weights) == 1:
        assert weights == [[10.0, 10.0, 5.0, 5.0]]
    else:
        assert weights[1:] == [[20.0, 20.0, 10.0, 10.0], [30.0, 30.0, 15.0, 15.0]]
    outputs = described[1]["postprocessing"]["pooler"]["levels"]
    assert set(outputs) <= set(export(model).program.outputs)


def test_the_mask_threshold_is_an_option_of_the_export(root):
    model = make_detector(root, "mask_rcnn").eval()
    assert export(model).info["postprocessing"]["mask"]["threshold"] == 0.5
    packed = export(model, mask_threshold=0.25)
    assert packed.info["postprocessing"]["mask"]["threshold"] == 0.25
    cfg = detector_config(root, "mask_rcnn", "MODEL.GROUPNET.HEAD.MASK_THRESHOLD", "0.75")
    assert ExportSettings.from_config(cfg).mask_threshold == 0.75
    with pytest.raises(ConfigError, match=r"HEAD\.MASK_THRESHOLD is 1\.5; valid: probabilities"):
        export(model, mask_threshold=1.5)


def test_box_codings():
    from detectron2.modeling.box_regression import Box2BoxTransform, Box2BoxTransformLinear

    about = describe_box_coding(Box2BoxTransform(weights=(1, 2, 3, 4)))
    assert about["weights"] == [1.0, 2.0, 3.0, 4.0]
    assert about["clamp"] == pytest.approx(4.135, abs=1e-3)  # log(1000 / 16)
    assert describe_box_coding(Box2BoxTransformLinear()) == {"kind": "distances"}
    with pytest.raises(ConfigError, match="Box2BoxTransformLinear, which cannot"):
        describe_box_coding(Box2BoxTransformLinear(normalize_by_size=False))


@pytest.mark.parametrize("kind", list(ALIGNED))
def test_poolers(kind):
    pooler = ROIPooler(14, scales=(1 / 4, 1 / 8), sampling_ratio=2, pooler_type=kind)
    about = describe_pooler(pooler, ["p2", "p3"])
    assert about["type"] == kind
    assert about["strides"] == [4, 8]
    assert about["resolution"] == [14, 14]
    assert about["sampling_ratio"] == 2


@pytest.mark.parametrize(
    ("kind", "name"), [("ROIPool", "RoIPool"), ("ROIAlignRotated", "ROIAlignRotated")]
)
def test_poolers_that_the_runtime_does_not_know_are_refused(kind, name):
    pooler = ROIPooler(14, scales=(1 / 4,), sampling_ratio=2, pooler_type=kind)
    valid = ", ".join(ALIGNED)
    with pytest.raises(ConfigError, match=f"POOLER_TYPE gives a {name}, .*; valid: {valid}$"):
        describe_pooler(pooler, ["p2"])


def test_anchors_of_another_generator_are_refused():
    with pytest.raises(ConfigError, match=r"ANCHOR_GENERATOR\.NAME gives a Linear"):
        describe_anchors(torch.nn.Linear(1, 1), ["p2"])


def test_common_levels():
    first = {"levels": ["p3", "p4"], "strides": [8, 16]}
    second = {"levels": ["p2", "p3"], "strides": [4, 8]}
    assert common_levels([first, second]) == ["p2", "p3", "p4"]
