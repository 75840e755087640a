"""Small segmentation networks from a config."""

import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config

NUM_CLASSES = 4
PARTS = "MODEL.GROUPNET.PARTS."
AUXILIARY = ["MODEL.GROUPNET.SEGMENTATION.AUXILIARY.LOSS_WEIGHT", 0.4]
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.META_ARCHITECTURE", "SemanticSegmentor"),
    *("MODEL.BACKBONE.NAME", "build_groupnet_resnet_backbone", "MODEL.BACKBONE.FREEZE_AT", 0),
    *("MODEL.GROUPNET.WIDTH", 0.125, "MODEL.GROUPNET.NUM_BASES", 2),
    *("MODEL.GROUPNET.OUTPUT_STRIDE", 8, "MODEL.GROUPNET.BPAC.ENABLED", True),
    *("MODEL.SEM_SEG_HEAD.NUM_CLASSES", NUM_CLASSES, "MODEL.SEM_SEG_HEAD.CONVS_DIM", 16),
]
HEADS = {
    "fcn32s": ("GroupNetFCNHead", ["res5"]),
    "fcn16s": ("GroupNetFCNHead", ["res4", "res5"]),
    "fcn8s": ("GroupNetFCNHead", ["res3", "res4", "res5"]),
    "deeplabv3": ("GroupNetDeepLabV3Head", ["res5"]),
    "deeplabv3plus": ("GroupNetDeepLabV3PlusHead", ["res5"]),
}


def small_config(head, *options):
    name, features = HEADS[head]
    cfg = load_config("", [])
    own = ["MODEL.SEM_SEG_HEAD.NAME", name, "MODEL.SEM_SEG_HEAD.IN_FEATURES", features]
    cfg.merge_from_list([*SMALL, *own, *options])
    return cfg


def make_segmentor(head, *options):
    return build_model(small_config(head, *options))


def make_batch(*sizes):
    """Images and masks; of 64 x 96 pixels where nothing is said."""
    return [
        {
            "image": torch.randint(0, 256, (3, *size)).float(),
            "sem_seg": torch.randint(0, NUM_CLASSES, size),
        }
        for size in sizes or [(64, 96)] * 2
    ]
