"""Detectors and segmenters, exported, against the training model's raw outputs."""

import pytest
import torch

from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends.extension import is_built, open_network
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.exporting.models import assert_raw_outputs_agree, export, make_model
from tests.exporting.networks import random_images

G = "MODEL.GROUPNET."
K1, K4 = [f"{G}NUM_BASES", "1"], [f"{G}NUM_BASES", "4"]
SPLIT = [f"{G}FPN.GROUP", "pyramid", f"{G}HEAD.GROUP", "tower"]
NO_GATES = [f"{G}FPN.GATES", "False", f"{G}HEAD.GATES", "False", f"{G}GATES", "False"]
METHOD = f"{G}METHOD"
PARTS = f"{G}PARTS."
VARIANTS = {
    "retinanet": ("retinanet",),
    "retinanet_K1": ("retinanet", *K1),
    "retinanet_K4": ("retinanet", *K4),
    "retinanet_split": ("retinanet", *SPLIT),
    "retinanet_split_K4": ("retinanet", *SPLIT, *K4),
    "retinanet_split_no_gates": ("retinanet", *SPLIT, *NO_GATES),
    "retinanet_layers": ("retinanet", f"{G}GROUP", "layer"),
    "retinanet_avg": ("retinanet", "MODEL.FPN.FUSE_TYPE", "avg"),
    "retinanet_split_avg": ("retinanet", "MODEL.FPN.FUSE_TYPE", "avg", *SPLIT),
    "retinanet_shared_norm": ("retinanet", f"{G}HEAD.SHARED_NORM", "True"),
    "retinanet_fpn_relu": ("retinanet", f"{G}FPN.RELU", "True"),
    "retinanet_no_relu": ("retinanet", f"{G}HEAD.RELU", "False"),
    "retinanet_xnor": ("retinanet", METHOD, "xnor_net"),
    "retinanet_bireal": ("retinanet", METHOD, "bireal_net"),
    "retinanet_norm_inputs": ("retinanet", f"{G}FPN.NORM_INPUTS", True),
    "retinanet_float_laterals": ("retinanet", f"{G}FPN.LATERALS", "float"),
    "retinanet_split_float_laterals": (
        *("retinanet", f"{G}FPN.LATERALS", "float", f"{G}FPN.NORM_INPUTS", True),
        *SPLIT,
    ),
    "retinanet_part_bases": (
        *("retinanet", f"{G}PART_BASES.NECK", 3, f"{G}PART_BASES.HEAD", 1),
        *(f"{G}STAGE_BASES", [1, 1, 2, 2]),
    ),
    "retinanet_dorefa": ("retinanet", METHOD, "dorefa"),
    "retinanet_float": ("retinanet", METHOD, "float"),
    "retinanet_float_neck": ("retinanet", f"{PARTS}NECK", "float"),
    "retinanet_float_neck_avg": (
        *("retinanet", f"{PARTS}NECK", "float", "MODEL.FPN.FUSE_TYPE", "avg"),
        *("MODEL.FPN.NORM", ""),
    ),
    "retinanet_float_head": ("retinanet", f"{PARTS}HEAD", "float"),
    "retinanet_dorefa_backbone": ("retinanet", f"{PARTS}BACKBONE", "dorefa"),
    "retinanet_float_backbone": ("retinanet", f"{PARTS}BACKBONE", "float"),
    "retinanet_no_top": (
        *("retinanet", f"{G}FPN.TOP_BLOCK", "none"),
        *("MODEL.RETINANET.IN_FEATURES", "['p3', 'p4', 'p5']"),
    ),
    "fcos": ("fcos",),
    "fcos_K1": ("fcos", *K1),
    "fcos_split": ("fcos", *SPLIT),
    "faster_rcnn": ("faster_rcnn",),
    "faster_rcnn_K1": ("faster_rcnn", *K1),
    "faster_rcnn_split_K4": ("faster_rcnn", *SPLIT, *K4),
    "faster_rcnn_float_neck": ("faster_rcnn", f"{PARTS}NECK", "float"),
    "faster_rcnn_wide_rpn": ("faster_rcnn", "MODEL.RPN.CONV_DIMS", "[12, -1]"),
    "panoptic_fpn": ("panoptic_fpn",),
    "panoptic_fpn_K1": ("panoptic_fpn", *K1),
    "panoptic_fpn_split_K4": ("panoptic_fpn", *SPLIT, *K4),
    "panoptic_fpn_split_no_gates": ("panoptic_fpn", *SPLIT, *NO_GATES),
    "panoptic_fpn_float_head": ("panoptic_fpn", f"{PARTS}HEAD", "float"),
    "panoptic_fpn_stride8": (
        *("panoptic_fpn", "MODEL.SEM_SEG_HEAD.COMMON_STRIDE", 8),
        *("MODEL.SEM_SEG_HEAD.IN_FEATURES", "['p3', 'p5']"),
    ),
    "panoptic_fpn_one_level": ("panoptic_fpn", "MODEL.SEM_SEG_HEAD.IN_FEATURES", "['p4']"),
    "fcn32s": ("fcn32s",),
    "fcn32s_stride32": ("fcn32s", f"{G}OUTPUT_STRIDE", 32, f"{G}BPAC.ENABLED", False),
    "fcn16s": ("fcn16s", f"{G}OUTPUT_STRIDE", 16),
    "fcn16s_stride32": ("fcn16s", f"{G}OUTPUT_STRIDE", 32, f"{G}BPAC.ENABLED", False),
    "fcn8s": ("fcn8s", f"{G}OUTPUT_STRIDE", 32, f"{G}BPAC.ENABLED", False),
    "fcn8s_K1": ("fcn8s", *K1),
    "fcn8s_K4_two_convs": ("fcn8s", *K4, f"{G}SEGMENTATION.NUM_CONVS", 2),
    "fcn8s_no_convs": ("fcn8s", f"{G}SEGMENTATION.NUM_CONVS", 0),
    "fcn_on_pyramid": (
        *("fcn32s", "MODEL.BACKBONE.NAME", "build_groupnet_resnet_fpn_backbone"),
        *("MODEL.FPN.IN_FEATURES", ["res3", "res4", "res5"], "MODEL.FPN.OUT_CHANNELS", 8),
        *("MODEL.SEM_SEG_HEAD.IN_FEATURES", ["p3", "p4"]),
        *(f"{G}OUTPUT_STRIDE", 32, f"{G}BPAC.ENABLED", False),
    ),
    "fcn32s_auxiliary": ("fcn32s", f"{G}SEGMENTATION.AUXILIARY.LOSS_WEIGHT", 0.4),
    "fcn16s_dorefa": ("fcn16s", METHOD, "dorefa", f"{G}BPAC.ENABLED", False),
    "fcn16s_xnor": ("fcn16s", METHOD, "xnor_net", f"{G}BPAC.ENABLED", False),
    "fcn16s_dorefa_backbone": (
        *("fcn16s", f"{PARTS}BACKBONE", "dorefa", f"{G}BPAC.ENABLED", False),
    ),
    "deeplabv3": ("deeplabv3",),
    "deeplabv3_K1": ("deeplabv3", *K1),
    "deeplabv3_K4": ("deeplabv3", *K4),
    "deeplabv3_stride16": ("deeplabv3", f"{G}OUTPUT_STRIDE", 16),
    "deeplabv3_signs": ("deeplabv3", f"{G}SEGMENTATION.ASPP_ACTIVATION", "method"),
    "deeplabv3_float": ("deeplabv3", METHOD, "float", f"{G}BPAC.ENABLED", False),
    "deeplabv3_dorefa": ("deeplabv3", METHOD, "dorefa", f"{G}BPAC.ENABLED", False),
    "deeplabv3_dorefa_backbone": (
        *("deeplabv3", f"{PARTS}BACKBONE", "dorefa", f"{G}BPAC.ENABLED", False),
    ),
    "deeplabv3_xnor": ("deeplabv3", METHOD, "xnor_net", f"{G}BPAC.ENABLED", False),
    "deeplabv3plus": ("deeplabv3plus",),
    "deeplabv3plus_K1": ("deeplabv3plus", *K1),
    "deeplabv3plus_K4": ("deeplabv3plus", *K4),
    "deeplabv3plus_scales": (
        "deeplabv3plus",
        f"{G}GROUP",
        "layer",
        f"{G}MERGE",
        "learned_scales",
        f"{G}BPAC.ENABLED",
        False,
    ),
    "deeplabv3plus_float_decoder": ("deeplabv3plus", f"{PARTS}DECODER", "float"),
    "deeplabv3plus_dorefa_decoder": ("deeplabv3plus", f"{PARTS}DECODER", "dorefa"),
    "deeplabv3plus_xnor": ("deeplabv3plus", METHOD, "xnor_net", f"{G}BPAC.ENABLED", False),
    "deeplabv3plus_bireal": ("deeplabv3plus", METHOD, "bireal_net", f"{G}BPAC.ENABLED", False),
}


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def exported(request, root):
    torch.manual_seed(0)
    model = make_model(root, *VARIANTS[request.param])
    return model, export(model)


def test_raw_outputs(exported):
    assert_raw_outputs_agree(*exported)


def test_written_and_read(exported, tmp_path):
    _, packed = exported
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    again = read_packed(tmp_path / "model.gnp")
    assert again.program == packed.program
    assert again.info == packed.info


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_engine_gives_the_same_bits(exported, tmp_path):
    _, packed = exported
    write_packed(tmp_path / "model.gnp", packed.program, packed.info, packed.tensors)
    images = random_images(1, 37, 52)
    actual = open_network(tmp_path / "model.gnp").run(images)
    expected = run_reference(packed, images)
    assert set(actual) == set(expected)
    for name, map_ in expected.items():
        assert torch.equal(actual[name], map_), name
