"""Narrow networks with random weights for each task, in checkpoints as a training writes them."""

import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det import __version__
from groupnet_det.config import load_config

THINGS = ["cat", "dog"]
STUFF = ["things", "grass", "sky"]

FPN = """
MODEL.BACKBONE.NAME build_groupnet_resnet_fpn_backbone
MODEL.BACKBONE.FREEZE_AT 0
MODEL.GROUPNET.NUM_BASES 1
MODEL.GROUPNET.WIDTH 0.125
MODEL.FPN.OUT_CHANNELS 16
INPUT.MIN_SIZE_TEST 96
MODEL.DEVICE cpu
"""
RCNN = """
MODEL.GROUPNET.FPN.TOP_BLOCK maxpool
MODEL.FPN.IN_FEATURES ['res2','res3','res4','res5']
MODEL.RPN.IN_FEATURES ['p2','p3','p4','p5','p6']
MODEL.RPN.POST_NMS_TOPK_TEST 20
MODEL.ANCHOR_GENERATOR.SIZES [[32],[64],[128],[256],[512]]
MODEL.ROI_HEADS.NAME StandardROIHeads
MODEL.ROI_HEADS.NUM_CLASSES 2
MODEL.ROI_HEADS.IN_FEATURES ['p2','p3','p4','p5']
MODEL.ROI_BOX_HEAD.NAME FastRCNNConvFCHead
MODEL.ROI_BOX_HEAD.NUM_FC 1
MODEL.ROI_BOX_HEAD.FC_DIM 16
MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION 7
MODEL.MASK_ON True
MODEL.ROI_MASK_HEAD.NAME MaskRCNNConvUpsampleHead
MODEL.ROI_MASK_HEAD.NUM_CONV 1
MODEL.ROI_MASK_HEAD.CONV_DIM 16
"""
SEMANTIC = """
MODEL.SEM_SEG_HEAD.NAME SemSegFPNHead
MODEL.SEM_SEG_HEAD.NUM_CLASSES 3
MODEL.SEM_SEG_HEAD.CONVS_DIM 16
MODEL.SEM_SEG_HEAD.NORM BN
MODEL.SEM_SEG_HEAD.IN_FEATURES ['p2','p3','p4','p5']
"""
RETINANET = """
MODEL.META_ARCHITECTURE GroupNetRetinaNet
MODEL.FPN.IN_FEATURES ['res3','res4','res5']
MODEL.RETINANET.NUM_CLASSES 2
MODEL.RETINANET.NUM_CONVS 1
MODEL.RETINANET.IN_FEATURES ['p3','p4','p5','p6','p7']
"""
CLASSIFIER = """
MODEL.META_ARCHITECTURE ImageClassifier
MODEL.BACKBONE.NAME build_groupnet_resnet_backbone
MODEL.GROUPNET.OUT_FEATURES ['res4']
MODEL.CLASSIFIER.NUM_CLASSES 2
INPUT.FORMAT RGB
INPUT.CLASSIFICATION.TEST_RESIZE 40
INPUT.CLASSIFICATION.TEST_CROP 32
"""
TASKS = {
    "retinanet": FPN + RETINANET,
    "mask_rcnn": FPN + RCNN,
    "panoptic": FPN + RCNN + SEMANTIC + "MODEL.META_ARCHITECTURE PanopticFPN",
    "semantic": FPN
    + SEMANTIC
    + "MODEL.META_ARCHITECTURE SemanticSegmentor\n"
    + "MODEL.FPN.IN_FEATURES ['res2','res3','res4','res5']",
    "classifier": FPN + CLASSIFIER,
}
METADATA = {
    "retinanet": {"thing_classes": THINGS},
    "mask_rcnn": {"thing_classes": THINGS},
    "panoptic": {"thing_classes": THINGS, "stuff_classes": STUFF},
    "semantic": {"stuff_classes": STUFF},
    "classifier": {"classes": THINGS},
}


def make_config(task, *options):
    words = [word for line in TASKS[task].split("\n") if line for word in line.split(maxsplit=1)]
    return load_config("", [*words, *options])


def make_model(task, *options):
    torch.manual_seed(0)
    return build_model(make_config(task, *options))


def write_checkpoint(folder, task, *options):
    """The file, with config and class names."""
    state = {
        "model": make_model(task, *options).state_dict(),
        "class_names": next(iter(METADATA[task].values())),
        "metadata": METADATA[task],
        "fingerprints": {"mine": "0" * 64},
        "config": make_config(task, *options).dump(),
        "groupnet_det_version": __version__,
    }
    path = folder / f"{task}.pth"
    torch.save(state, path)
    return path
