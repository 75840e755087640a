"""Segmenters and detectors as ONNX graphs, against the trained networks."""

import json

import pytest
import torch
import torch.nn.functional as F

from groupnet_det.exporting.onnx.graph_export import export_onnx
from groupnet_det.exporting.onnx.onnx_verification import run_onnx, sample_images, verify_onnx
from tests.modeling.detectors import make_detector
from tests.modeling.segmentors import make_segmentor

from .onnx_graphs import need_onnx, spread

BGR = [2, 1, 0]
NO_BPAC = ["MODEL.GROUPNET.BPAC.ENABLED", False]
SEGMENTORS = {
    "deeplabv3_bpac": ("deeplabv3", []),
    "fcn32s_k1": ("fcn32s", [*NO_BPAC, "MODEL.GROUPNET.NUM_BASES", 1]),
}
MORE_SEGMENTORS = {
    "fcn8s_bpac": ("fcn8s", []),
    "fcn16s_k2_no_gates": ("fcn16s", [*NO_BPAC, "MODEL.GROUPNET.GATES", False]),
    "deeplabv3plus_bpac": ("deeplabv3plus", []),
    "deeplabv3_dorefa": ("deeplabv3", [*NO_BPAC, "MODEL.GROUPNET.METHOD", "dorefa"]),
    "deeplabv3_tanh": ("deeplabv3", [*NO_BPAC, "MODEL.GROUPNET.ACTIVATION", "tanh"]),
}


def check_segmentor(head, options, size):
    need_onnx()
    model = spread(make_segmentor(head, *options))
    graph = export_onnx(model, image_format="BGR")
    verify_onnx(model, graph)
    images = sample_images(size, seed=1)
    with torch.no_grad():
        right = model([{"image": images[0, BGR]}])[0]["sem_seg"]
    answers = run_onnx(graph.proto.SerializeToString(), images)
    assert answers["logits"].shape == (1, 4, *size[1:])
    torch.testing.assert_close(answers["logits"][0], right, rtol=0, atol=1e-4 * right.abs().max())


@pytest.mark.parametrize("name", SEGMENTORS)
def test_segmentors(name):
    check_segmentor(*SEGMENTORS[name], (1, 97, 130))


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_SEGMENTORS)
def test_more_segmentors(name):
    check_segmentor(*MORE_SEGMENTORS[name], (1, 97, 130))


def heads_of(model, image):
    """All raw outputs of a one-stage detector, by Detectron2's own preparation of the image."""
    with torch.no_grad():
        features = model.backbone(model.preprocess_image([{"image": image}]).tensor)
        heads = model.head([features[name] for name in model.head_in_features])
    return [values for maps in heads for values in maps]


ONE_BASE = ["MODEL.GROUPNET.NUM_BASES", "1"]
ONE_STAGE = {
    "retinanet": (["logits", "deltas"], 15),
    "fcos": (["logits", "deltas", "centerness"], 1),
}


def check_one_stage(root, name, *options):
    need_onnx()
    outputs, num_anchors = ONE_STAGE[name]
    model = spread(make_detector(root, name, *options))
    graph = export_onnx(model, image_format="BGR")
    assert graph.outputs == [f"{head}_p{level}" for head in outputs for level in range(3, 8)]
    verify_onnx(model, graph)
    images = sample_images((1, 130, 100), seed=1)
    answers = run_onnx(graph.proto.SerializeToString(), images)
    assert answers["logits_p3"].shape == (1, 3 * num_anchors, 20, 16)  # padded to 160 x 128
    for actual, right in zip(answers.values(), heads_of(model, images[0, BGR]), strict=True):
        torch.testing.assert_close(actual, right, rtol=0, atol=1e-4 * right.abs().max())
    return model, graph, answers


def test_retinanet(root):
    model, graph, answers = check_one_stage(
        root, "retinanet", *ONE_BASE, "MODEL.RETINANET.NUM_CONVS", "1"
    )
    about = {prop.key: prop.value for prop in graph.proto.metadata_props}
    assert json.loads(about["strides"]) == [8, 16, 32, 64, 128]
    assert_boxes_of_metadata(model, about, answers["logits_p4"], answers["deltas_p4"])


def assert_boxes_of_metadata(model, about, logits, deltas):
    """The metadata are enough to make the boxes that Detectron2 makes."""
    stride = json.loads(about["strides"])[1]
    cells = torch.tensor(json.loads(about["cell_anchors"])[1])
    weights = torch.tensor(json.loads(about["box_weights"]))
    height, width = logits.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    corners = torch.stack([columns, rows, columns, rows], dim=-1).float()
    shifts = (corners + json.loads(about["anchor_offset"])) * stride
    anchors = (shifts[:, :, None] + cells).view(-1, 4)
    maps = [torch.zeros(1, 1, height * 16 // s, width * 16 // s) for s in (8, 16, 32, 64, 128)]
    torch.testing.assert_close(anchors, model.anchor_generator(maps)[1].tensor)
    flat = deltas.view(1, -1, 4, height, width).permute(0, 3, 4, 1, 2).reshape(-1, 4) / weights
    size, centre = anchors[:, 2:] - anchors[:, :2], (anchors[:, 2:] + anchors[:, :2]) / 2
    middle, half = centre + flat[:, :2] * size, flat[:, 2:].exp() * size / 2
    own = deltas.view(1, -1, 4, height, width).permute(0, 3, 4, 1, 2).reshape(-1, 4)
    right = model.box2box_transform.apply_deltas(own, anchors)
    torch.testing.assert_close(
        torch.cat([middle - half, middle + half], dim=1), right, rtol=0, atol=1e-3
    )


PARALLEL = ["MODEL.GROUPNET.HEAD.GROUP", "tower", "MODEL.GROUPNET.FPN.GROUP", "pyramid"]
MORE_ONE_STAGE = {
    "retinanet, K=2": ("retinanet", []),
    "fcos, K=1": ("fcos", ONE_BASE),
    "fcos, K=2, gates between pyramids": ("fcos", PARALLEL),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_ONE_STAGE)
def test_more_one_stage_detectors(root, name):
    kind, options = MORE_ONE_STAGE[name]
    check_one_stage(root, kind, *options)


TWO_STAGE = {"faster_rcnn": [], "mask_rcnn": [], "panoptic_fpn": ["sem_seg_logits"]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", TWO_STAGE)
def test_region_proposals(root, kind):
    need_onnx()
    model = spread(make_detector(root, kind))
    graph = export_onnx(model, image_format="BGR")
    heads = [f"{head}_p{level}" for head in ("objectness", "deltas") for level in range(2, 7)]
    pooled = [f"features_p{level}" for level in range(2, 6)]
    assert graph.outputs == [*heads, *pooled, *TWO_STAGE[kind]]
    verify_onnx(model, graph)
    images = sample_images((1, 130, 100), seed=1)
    answers = run_onnx(graph.proto.SerializeToString(), images)
    mean, std = model.pixel_mean, model.pixel_std
    with torch.no_grad():
        padded = F.pad((images[:, BGR] - mean) / std, (0, 28, 0, 30))  # to 160 x 128
        features = model.backbone(padded)
        maps = [features[f"p{level}"] for level in range(2, 7)]
        right = model.proposal_generator.rpn_head(maps)
    for name, values in zip(heads, [*right[0], *right[1]], strict=True):
        torch.testing.assert_close(answers[name], values, rtol=0, atol=1e-4 * values.abs().max())
    if kind == "panoptic_fpn":
        assert answers["sem_seg_logits"].shape == (1, 2, 130, 100)
