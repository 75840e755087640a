"""Detectors of Detectron2 whose inference the runtime's is compared with."""

import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.config import load_config
from groupnet_det.modeling.heads.class_agnostic_nms import with_chosen_nms

COMMON = ["MODEL.DEVICE", "cpu", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "16"]
OPTIONS = {
    "retinanet": [
        *("MODEL.RETINANET.NUM_CLASSES", "3"),
        *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.3"),
        *("MODEL.ANCHOR_GENERATOR.SIZES", "[[16], [32]]"),
        *("MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS", "[[0.5, 1.0]]"),
    ],
    "fcos": [
        *("MODEL.FCOS.NUM_CLASSES", "3"),
        *("MODEL.FCOS.SCORE_THRESH_TEST", "0.3"),
    ],
}
REGIONS = [
    *("MODEL.ROI_HEADS.NUM_CLASSES", "3"),
    *("MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.2"),
    *("MODEL.RPN.PRE_NMS_TOPK_TEST", "60"),
    *("MODEL.RPN.POST_NMS_TOPK_TEST", "30"),
    *("MODEL.ROI_BOX_HEAD.FC_DIM", "16"),
]


def build_detector(name, *more, topk=0, detections):
    """In eval mode; dense ones, which have a `topk`, with levels p3 and p4."""
    options = [*COMMON, *more, *("TEST.DETECTIONS_PER_IMAGE", str(detections))]
    if topk:
        options += [*OPTIONS[name], f"MODEL.{name.upper()}.TOPK_CANDIDATES_TEST", str(topk)]
    else:
        options += REGIONS
    cfg = load_config(f"configs/quick/{name}_groupnet_photo_digits.yaml", options)
    return build_model(with_chosen_nms(cfg)).eval()


def random_maps(sizes, channels, *, seed):
    """(1, channels, H, W) for each of the sizes."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, channels, *size, generator=generator) for size in sizes]
