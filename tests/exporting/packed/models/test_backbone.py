"""A backbone of somebody else's: it trains under the pyramid, and is exported."""

import pytest
import torch
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, build_model
from torch import nn

from groupnet_det.config import parse_method
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.verify.predictions import check_blocks
from groupnet_det.layers.blocks.group_block import GroupBlock
from groupnet_det.modeling.backbones.detectron2_backbones import Detectron2Backbone
from groupnet_det.modeling.backbones.groupnet_resnet import GroupNetResNet
from groupnet_det.modeling.backbones.staged_backbone import StagedBackbone
from groupnet_det.modeling.backbones.stems import SignedStem
from groupnet_det.modeling.necks.binary_fpn import BinaryFPN
from groupnet_det.modeling.register import register_backbone
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.exporting.models import assert_raw_outputs_agree, export, settle_model
from tests.exporting.networks import random_images
from tests.modeling.detectors import detector_config, losses_of, make_batch


class TaperedBackbone(Detectron2Backbone):
    """Stages of 3, 2, 1 and 1 bottleneck-free blocks, of widths that no ResNet has."""

    stages = ("res2", "res3", "res4", "res5")
    out_features = ("res3", "res4", "res5")
    signed_output = True

    def __init__(self, method):
        super().__init__()
        widths, lengths = (8, 12, 20, 24), (3, 2, 1, 1)
        self.feature_channels = dict(zip(self.stages, widths, strict=True))
        self.feature_strides = {name: 4 * 2**i for i, name in enumerate(self.stages)}
        self.stem = SignedStem(3, widths[0])
        channels = widths[0]
        for number, (name, width) in enumerate(zip(self.stages, widths, strict=True)):
            blocks = nn.ModuleList()
            for index in range(lengths[number]):
                blocks.append(
                    GroupBlock(
                        "basic",
                        channels,
                        width,
                        stride=2 if number and not index else 1,
                        connection="merged",
                        merge="mean",
                        design=method.design,
                        quantization=method.quantization,
                    )
                )
                channels = width
            self.add_module(name, blocks)

    def forward(self, images):
        x, features = self.stem(images), {}
        for name in self.stages:
            for block in self.get_submodule(name):
                x, _ = block(x, [])
            features[name] = x
        return {name: features[name] for name in self.out_features}


class PlainBackbone(TaperedBackbone):
    """With a layer that no program is known for."""

    def __init__(self, method):
        super().__init__(method)
        self.res5.append(nn.Hardtanh())


@pytest.fixture
def registered():
    """Its names as of ``MODEL.BACKBONE.NAME``, for as long as a test lasts."""
    before = dict(BACKBONE_REGISTRY._obj_map)
    for name, kind in {"tapered": TaperedBackbone, "plain": PlainBackbone}.items():
        register_backbone(
            name, lambda cfg, shape, kind=kind: kind(parse_method(cfg, "BACKBONE")).freeze(0)
        )
    yield
    BACKBONE_REGISTRY._obj_map.clear()
    BACKBONE_REGISTRY._obj_map.update(before)


LEVELS = {
    "retinanet": (),
    "faster_rcnn": (
        *("MODEL.FPN.IN_FEATURES", "['res3', 'res4', 'res5']"),
        *("MODEL.RPN.IN_FEATURES", "['p3', 'p4', 'p5', 'p6']"),
        *("MODEL.ROI_HEADS.IN_FEATURES", "['p3', 'p4', 'p5']"),
        *("MODEL.ANCHOR_GENERATOR.SIZES", "[[32], [64], [128], [256]]"),
    ),
}


def make_detector(root, kind, name="tapered"):
    torch.manual_seed(0)
    backbone = ("MODEL.BACKBONE.NAME", f"build_{name}_fpn_backbone")
    return build_model(detector_config(root, kind, *backbone, *LEVELS[kind]))


def test_ours_and_others_follow_the_protocol(root):
    assert isinstance(GroupNetResNet(width=0.125), StagedBackbone)
    assert isinstance(
        TaperedBackbone(parse_method(detector_config(root, "retinanet"), "BACKBONE")),
        StagedBackbone,
    )
    assert not isinstance(nn.Conv2d(3, 4, 1), StagedBackbone)


def test_it_trains_under_the_pyramid(root, registered):
    model = make_detector(root, "faster_rcnn")
    assert isinstance(model.backbone, BinaryFPN)
    assert isinstance(model.backbone.bottom_up, TaperedBackbone)
    assert model.backbone.bottom_up.output_shape()["res5"] == ShapeSpec(channels=24, stride=32)
    batch = make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    totals = []
    for _ in range(15):
        total = sum(losses_of(model, batch).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(float(total.detach()))
    assert all(p.grad is not None for p in model.backbone.bottom_up.parameters())
    assert sum(totals[-3:]) < 0.8 * sum(totals[:3])


@pytest.mark.parametrize("kind", ["retinanet", "faster_rcnn"])
def test_it_is_exported_bit_for_bit(root, registered, tmp_path, kind):
    model = make_detector(root, kind)
    settle_model(model, make_batch())
    model.eval()
    packed = export(model)
    assert list(packed.info["blocks"]) == [
        *("res2.0", "res2.1", "res2.2", "res3.0", "res3.1", "res4.0", "res5.0")
    ]
    assert_raw_outputs_agree(model, packed)
    findings = check_blocks(model, packed, [random_images(1, 64, 96)], trace_reference)
    assert {finding.verdict for finding in findings} == {"passed"}
    if is_built():
        path = tmp_path / "model.gnp"
        write_packed(path, packed.program, packed.info, packed.tensors)
        images = random_images(1, 50, 70)
        native = open_network(path).run(images)
        reference = run_reference(read_packed(path), images)
        assert all(torch.equal(native[name], reference[name]) for name in reference)


def test_unknown_blocks_are_named(root, registered):
    model = make_detector(root, "retinanet", "plain")
    with pytest.raises(ConfigError, match=r"res5\.1: a block of the type Hardtanh cannot be exp"):
        export(model.eval())
