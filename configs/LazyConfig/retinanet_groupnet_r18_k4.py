"""RetinaNet with a Group-Net ResNet-18 on COCO, as a LazyConfig of Detectron2.

  python DETECTRON2/tools/lazyconfig_train_net.py \
      --config-file configs/LazyConfig/retinanet_groupnet_r18_k4.py

It is the network and the schedule of configs/COCO-Detection/retinanet_groupnet_r18_k4.yaml, but
for the order of the channels (Detectron2's data come as BGR) and gradient clipping, which that tool
does not have.
"""

import torch
from detectron2 import model_zoo
from detectron2.config import LazyCall as L
from detectron2.modeling.anchor_generator import DefaultAnchorGenerator
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.matcher import Matcher
from detectron2.solver.build import get_default_optimizer_params

from groupnet_det.layers import BlockDesign, Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.backbones.detectron2_backbones import GroupNetBackbone
from groupnet_det.modeling.heads.retinanet_head import GroupNetRetinaNetHead
from groupnet_det.modeling.heads.towers import TowerDesign
from groupnet_det.modeling.meta_arch.retinanet import GroupNetRetinaNet
from groupnet_det.modeling.necks.binary_fpn import BinaryFPN
from groupnet_det.modeling.necks.pyramid_design import PyramidDesign
from groupnet_det.modeling.necks.top_blocks import BinaryP6P7

dataloader = model_zoo.get_config("common/data/coco.py").dataloader
dataloader.train.mapper.use_instance_mask = False
lr_multiplier = model_zoo.get_config("common/coco_schedule.py").lr_multiplier_1x
train = model_zoo.get_config("common/train.py").train
train.init_checkpoint = ""

quantization = L(Quantization)(num_bases=4, activation="sign", weight="sign")
pyramid_design = L(PyramidDesign)(quantization=quantization, relu=False)

model = L(GroupNetRetinaNet)(
    backbone=L(BinaryFPN)(
        # L(GroupNetResNet) is the same backbone without a pyramid.
        bottom_up=L(GroupNetBackbone)(
            depth=18,
            method=L(Method)(
                quantization=quantization,
                design=L(BlockDesign)(group="block", gates=True, downsample="binary"),
            ),
            out_features=["res3", "res4", "res5"],
        ),
        in_features=["res3", "res4", "res5"],
        out_channels=256,
        design=pyramid_design,
        top_block=L(BinaryP6P7)(
            in_channels=512,
            out_channels="${..out_channels}",
            in_feature="res5",
            design=pyramid_design,
        ),
    ),
    head=L(GroupNetRetinaNetHead)(
        design=L(TowerDesign)(quantization=quantization, group="layer"),
        channels="${..backbone.out_channels}",
        num_convs=4,
        num_levels=5,
        num_anchors=9,
        num_classes="${..num_classes}",
    ),
    anchor_generator=L(DefaultAnchorGenerator)(
        sizes=[[x, x * 2 ** (1.0 / 3), x * 2 ** (2.0 / 3)] for x in [32, 64, 128, 256, 512]],
        aspect_ratios=[0.5, 1.0, 2.0],
        strides=[8, 16, 32, 64, 128],
        offset=0.0,
    ),
    box2box_transform=L(Box2BoxTransform)(weights=[1.0, 1.0, 1.0, 1.0]),
    anchor_matcher=L(Matcher)(
        thresholds=[0.4, 0.5], labels=[0, -1, 1], allow_low_quality_matches=True
    ),
    num_classes=80,
    head_in_features=["p3", "p4", "p5", "p6", "p7"],
    pixel_mean=[103.53, 116.28, 123.675],
    pixel_std=[57.375, 57.12, 58.395],
    input_format="BGR",
)

# configs/Base/recipes/Schedule-1x.yaml gives the reasons for Adam and this rate.
optimizer = L(torch.optim.Adam)(
    params=L(get_default_optimizer_params)(weight_decay_norm=0.0),
    lr=0.0002,
    weight_decay=0.0,
)
