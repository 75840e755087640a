"""Structure of the programs of detectors and segmenters, and refusals."""

import pytest
import torch
from detectron2.modeling import build_model

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.file_sizes import binary_weights
from groupnet_det.exporting.packed.models.preprocessing_info import (
    describe_postprocessing,
    describe_preprocessing,
)
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.packed.steps.conv import Conv
from groupnet_det.packed.steps.float_maps import DepthToSpace, MaxPool, Mean, Resize
from groupnet_det.packed.steps.input_steps import Input
from tests.modeling.detectors import detector_config, make_detector
from tests.modeling.segmentors import make_segmentor, small_config

from .models import export, make_model

G = "MODEL.GROUPNET."


def terms_of(program, prefix):
    return [
        term
        for step in program.steps
        if isinstance(step, Conv) and step.name.startswith(prefix)
        for branch in step.branches
        for term in branch.terms
    ]


def test_levels_name_the_same_weights(root):
    packed = export(make_model(root, "retinanet"))
    for layer in ("head.cls_tower.0", "head.cls_score"):
        names = {
            tuple(t.weight for t in terms_of(packed.program, f"{layer}.{level}"))
            for level in ("p3", "p4", "p5", "p6", "p7")
        }
        assert len(names) == 1
    maps = {str(t.map) for t in terms_of(packed.program, "head.cls_tower.0")}
    assert len(maps) == 10  # BN is unshared: five levels, two bases


def test_each_binary_weight_is_kept_once(root):
    """One bit for each parameter of the training model's binary convolutions."""
    for kind in ("retinanet", "faster_rcnn", "mask_rcnn", "panoptic_fpn"):
        model = make_detector(root, kind).eval()
        binary = [m.weight.numel() for m in model.modules() if isinstance(m, QuantizedConv2d)]
        assert binary_weights(export(model)).number == sum(binary)


def test_canvas_is_that_of_the_pyramid(root):
    assert export(make_detector(root, "fcos").eval()).program.size_divisor == 32
    assert export(make_segmentor("fcn8s").eval()).program.size_divisor == 1


def test_kinds_of_steps(root):
    def kinds(program):
        return {type(step) for step in program.steps}

    packed = export(make_detector(root, "mask_rcnn").eval())
    assert MaxPool in kinds(packed.program)
    assert isinstance(packed.program.parts["mask"].steps[0], Input)
    assert DepthToSpace in kinds(packed.program.parts["mask"])
    assert Resize in kinds(export(make_segmentor("fcn8s").eval()).program)
    assert Mean in kinds(export(make_segmentor("deeplabv3").eval()).program)


def test_pyramid_adds_in_the_step_of_the_lateral(root):
    packed = export(make_detector(root, "retinanet").eval())
    (step,) = [s for s in packed.program.steps if s.name == "backbone.fpn_lateral4"]
    (branch,) = step.branches
    assert branch.residual_factor == 2
    assert branch.final.scale1 is None  # the sum, not the average


def test_steps_that_pass_on_are_there_only_where_they_are_read(root):
    def passing(packed):
        return {s.name for s in packed.program.steps if "passed" in s.name}

    packed = export(make_detector(root, "faster_rcnn").eval())
    assert passing(packed) == {"top_block.passed.zero", "top_block.passed"}  # signs of p6
    head = [f"{G}PARTS.HEAD", "float"]
    assert passing(export(make_detector(root, "faster_rcnn", *head).eval())) == set()


def test_the_auxiliary_head_is_left_out():
    plain = export(make_segmentor("fcn32s").eval())
    options = [f"{G}SEGMENTATION.AUXILIARY.LOSS_WEIGHT", 0.4]
    more = export(make_segmentor("fcn32s", *options).eval())
    assert [s.name for s in plain.program.steps] == [s.name for s in more.program.steps]


def test_the_model_stays_as_it_was(root):
    model = make_detector(root, "fcos").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export(model)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


REFUSED = {
    "proposal_network": (
        *("faster_rcnn", ["MODEL.META_ARCHITECTURE", "ProposalNetwork"]),
        r"META_ARCHITECTURE gives a ProposalNetwork.*PanopticFPN",
    ),
    "panoptic_head": (
        *(
            "panoptic_fpn",
            ["MODEL.SEM_SEG_HEAD.NAME", "SemSegFPNHead", "MODEL.SEM_SEG_HEAD.NORM", "BN"],
        ),
        r"MODEL\.SEM_SEG_HEAD\.NAME gives a SemSegFPNHead.*valid: GroupNetPanopticHead",
    ),
    "panoptic_stride": (
        *("panoptic_fpn", ["MODEL.SEM_SEG_HEAD.COMMON_STRIDE", "2"]),
        r"COMMON_STRIDE is 2, which.*choose the stride of a level: 4, 8, 16, 32, 64",
    ),
    "panoptic_without_masks": ("panoptic_fpn", ["MODEL.MASK_ON", "False"], "MODEL.MASK_ON is not"),
    "group_norm": (
        *(
            "retinanet",
            [f"{G}PARTS.NECK", "float", "MODEL.FPN.NORM", "GN", "MODEL.FPN.OUT_CHANNELS", "32"],
        ),
        r"fpn_lateral5 is normalized by GroupNorm.*MODEL.FPN.NORM",
    ),
    "rpn_head": (
        *("faster_rcnn", ["MODEL.RPN.HEAD_NAME", "StandardRPNHead"]),
        "MODEL.RPN.HEAD_NAME gives a StandardRPNHead",
    ),
    "box_head": (
        *("faster_rcnn", ["MODEL.ROI_BOX_HEAD.NAME", "FastRCNNConvFCHead"]),
        "MODEL.ROI_BOX_HEAD.NAME gives a FastRCNNConvFCHead.*GroupNetBoxHead",
    ),
    "mask_head": (
        *("mask_rcnn", ["MODEL.ROI_MASK_HEAD.NAME", "MaskRCNNConvUpsampleHead"]),
        "MODEL.ROI_MASK_HEAD.NAME gives a MaskRCNNConvUpsampleHead",
    ),
    "mask_shortcut": (
        "mask_rcnn",
        ["MODEL.ROI_MASK_HEAD.NUM_CONV", "0", "MODEL.ROI_MASK_HEAD.CONV_DIM", "2"],
        "MODEL.ROI_MASK_HEAD.CONV_DIM",
    ),
    "keypoints": ("faster_rcnn", ["MODEL.KEYPOINT_ON", "True"], "MODEL.KEYPOINT_ON"),
    "proposals": (
        *("faster_rcnn", ["MODEL.PROPOSAL_GENERATOR.NAME", "PrecomputedProposals"]),
        "MODEL.PROPOSAL_GENERATOR.NAME",
    ),
    "roi_heads": (
        "faster_rcnn",
        ["MODEL.ROI_HEADS.NAME", "Res5ROIHeads", "MODEL.ROI_HEADS.IN_FEATURES", "['p4']"],
        "MODEL.ROI_HEADS.NAME gives a Res5ROIHeads",
    ),
    "tanh": ("retinanet", [f"{G}ACTIVATION", "tanh"], "tanh activations"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(root, name):
    kind, options, message = REFUSED[name]
    model = build_model(detector_config(root, kind, *options)).eval()
    with pytest.raises(ConfigError, match=message):
        export(model)


def test_head_of_segmentation_that_is_not_ours_is_refused():
    cfg = small_config("fcn32s", "MODEL.SEM_SEG_HEAD.NAME", "SemSegFPNHead")
    cfg.MODEL.SEM_SEG_HEAD.COMMON_STRIDE, cfg.MODEL.SEM_SEG_HEAD.NORM = 8, ""
    with pytest.raises(ConfigError, match=r"SEM_SEG_HEAD\.NAME gives a SemSegFPNHead"):
        export(build_model(cfg).eval())


def test_preprocessing(root):
    cfg = detector_config(root, "fcos", "INPUT.MIN_SIZE_TEST", "96", "INPUT.MAX_SIZE_TEST", "160")
    assert describe_preprocessing(ExportSettings.from_config(cfg), "detection") == {
        **{"kind": "shortest_edge", "min_size": 96, "max_size": 160, "format": "BGR"},
    }
    same = describe_preprocessing(ExportSettings.from_config(cfg), "detection")
    assert describe_preprocessing(ExportSettings.from_config(cfg), "panoptic_segmentation") == same
    cfg.INPUT.SEMANTIC.TEST_SHORT_SIDE = 50
    assert describe_preprocessing(ExportSettings.from_config(cfg), "semantic_segmentation") == {
        **{"kind": "shortest_edge", "min_size": 50, "max_size": 0, "format": "BGR"},
    }
    cfg.INPUT.FORMAT = "YUV-BT.601"
    with pytest.raises(ConfigError, match=r"INPUT\.FORMAT"):
        describe_preprocessing(ExportSettings.from_config(cfg), "detection")


def test_windows_and_augmented_tests():
    cfg = small_config("fcn32s")
    assert describe_postprocessing(ExportSettings.from_config(cfg), "semantic_segmentation") == {
        "inference": "whole"
    }
    cfg.TEST.SEMANTIC.INFERENCE = "slide"
    assert describe_postprocessing(ExportSettings.from_config(cfg), "semantic_segmentation") == {
        **{"inference": "slide", "window": [480, 480], "stride": [320, 320]},
    }
    cfg.TEST.AUG.ENABLED = True
    with pytest.raises(ConfigError, match=r"TEST\.AUG\.ENABLED"):
        describe_postprocessing(ExportSettings.from_config(cfg), "semantic_segmentation")
