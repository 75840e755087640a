"""Choices that follow from how wide the network is, by task."""

from typing import Any

from .choice import Choice

# Factor on the channels of ResNet-18 -> channels of pyramids and heads, convolutions of towers.
CHANNELS = {1.0: 256, 0.5: 64, 0.25: 64}
TOWERS = {1.0: 4, 0.5: 2, 0.25: 2}
# Of R-CNNs: regions, and the box head's layers. The full ones are Detectron2's.
NARROW_REGIONS: dict[str, Any] = {
    "MODEL.RPN.BATCH_SIZE_PER_IMAGE": 128,
    "MODEL.RPN.PRE_NMS_TOPK_TRAIN": 400,
    "MODEL.RPN.PRE_NMS_TOPK_TEST": 400,
    "MODEL.RPN.POST_NMS_TOPK_TRAIN": 200,
    "MODEL.RPN.POST_NMS_TOPK_TEST": 100,
    "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE": 32,
    "MODEL.ROI_BOX_HEAD.FC_DIM": 256,
    "MODEL.ROI_MASK_HEAD.NUM_CONV": 2,
    "MODEL.ROI_MASK_HEAD.CONV_DIM": 64,
}
WHY = "follows WIDTH"


def widen_detector(width: float) -> list[Choice]:
    """Choose the channels of a RetinaNet."""
    return [
        Choice("MODEL.FPN.OUT_CHANNELS", CHANNELS[width], WHY),
        Choice("MODEL.RETINANET.NUM_CONVS", TOWERS[width], WHY),
    ]


def widen_mask_rcnn(width: float) -> list[Choice]:
    """Choose the channels of a Mask R-CNN."""
    regions = NARROW_REGIONS if width < 1 else {}
    return [
        Choice("MODEL.FPN.OUT_CHANNELS", CHANNELS[width], WHY),
        *(Choice(key, value, WHY) for key, value in regions.items()),
    ]


def widen_segmenter(width: float) -> list[Choice]:
    """Choose the channels of an FCN."""
    return [Choice("MODEL.SEM_SEG_HEAD.CONVS_DIM", CHANNELS[width], WHY)]


def widen_classifier(width: float) -> list[Choice]:
    """Choose the channels of a ResNet, which has nothing beside its backbone."""
    return []
