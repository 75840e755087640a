"""Detectron2's own meta-architectures on our backbones, as a project outside ours would do it."""

import subprocess
import sys

import pytest

SCRIPT = """
import torch
from detectron2.config import get_cfg
from detectron2.modeling import build_model

from groupnet_det import add_groupnet_config

cfg = get_cfg()
add_groupnet_config(cfg)
cfg.MODEL.DEVICE = "cpu"
cfg.MODEL.GROUPNET.WIDTH = 0.125
cfg.MODEL.FPN.IN_FEATURES = ["res3", "res4", "res5"]
cfg.MODEL.BACKBONE.FREEZE_AT = 0
{settings}
model = build_model(cfg)
assert type(model).__module__.startswith("detectron2."), type(model)
assert any(type(m).__name__ == "QuantizedConv2d" for m in model.modules())
assert "instances" in model.eval()([{{"image": torch.zeros(3, 64, 64)}}])[0]
print("works")
"""

SETTINGS = {
    "RetinaNet": """
cfg.MODEL.META_ARCHITECTURE = "RetinaNet"
cfg.MODEL.BACKBONE.NAME = "build_groupnet_resnet_fpn_backbone"
""",
    "FasterRCNN-FPN": """
cfg.MODEL.BACKBONE.NAME = "build_groupnet_resnet_fpn_backbone"
cfg.MODEL.FPN.IN_FEATURES = ["res2", "res3", "res4", "res5"]
cfg.MODEL.GROUPNET.FPN.TOP_BLOCK = "maxpool"
cfg.MODEL.RPN.IN_FEATURES = ["p2", "p3", "p4", "p5", "p6"]
cfg.MODEL.ANCHOR_GENERATOR.SIZES = [[32], [64], [128], [256], [512]]
cfg.MODEL.ROI_HEADS.NAME = "StandardROIHeads"
cfg.MODEL.ROI_HEADS.IN_FEATURES = ["p2", "p3", "p4", "p5"]
cfg.MODEL.ROI_BOX_HEAD.NAME = "FastRCNNConvFCHead"
cfg.MODEL.ROI_BOX_HEAD.NUM_FC = 1
cfg.MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION = 7
""",
    "FasterRCNN-single-level": """
cfg.MODEL.BACKBONE.NAME = "build_groupnet_resnet_backbone"
cfg.MODEL.RPN.IN_FEATURES = ["res4"]
cfg.MODEL.ROI_HEADS.NAME = "StandardROIHeads"
cfg.MODEL.ROI_HEADS.IN_FEATURES = ["res4"]
cfg.MODEL.ROI_BOX_HEAD.NAME = "FastRCNNConvFCHead"
cfg.MODEL.ROI_BOX_HEAD.NUM_FC = 1
cfg.MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION = 7
""",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_script_outside_the_tree_builds_detectron2s_own(name, tmp_path):
    script = tmp_path / "outside.py"
    script.write_text(SCRIPT.format(settings=SETTINGS[name]))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("works")
