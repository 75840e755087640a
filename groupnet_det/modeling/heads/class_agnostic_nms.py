"""Non-maximum suppression across classes, at inference, of the boxes of R-CNNs and dense detectors.

Detectron2's detectors suppress boxes within each class.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from detectron2.config import CfgNode
from detectron2.modeling import ROI_HEADS_REGISTRY
from detectron2.modeling.roi_heads import CascadeROIHeads, StandardROIHeads
from detectron2.structures import Instances
from torch import Tensor, nn
from torchvision.ops import nms

from groupnet_det.config import own_node
from groupnet_det.config.dense_detectors import DENSE_BY_ARCHITECTURE
from groupnet_det.errors import lookup

KEY = "MODEL.GROUPNET.HEAD.CLASS_AGNOSTIC_NMS"
ABOVE_ALL_OVERLAPS = 2.0  # a threshold of overlaps (IoU) that suppresses nothing
ALL = -1  # a number of boxes that leaves out none


def suppress_across_classes(found: Instances, threshold: float, most: int) -> Instances:
    """The boxes that overlap with no better one by more than `threshold`, best first.

    Args:
        found: ``pred_boxes`` and ``scores`` of an image.
        threshold: Overlap (IoU).
        most: How many are kept; all if it is negative.
    """
    kept = nms(found.pred_boxes.tensor.float(), found.scores, threshold)
    return found[kept[:most] if most >= 0 else kept]


class ClassAgnosticHeads(StandardROIHeads):
    """Base of region heads whose non-maximum suppression ignores classes.

    To be named before the heads in the bases of a class. A call changes the box predictor while it
    lasts: threads need models of their own.
    """

    class_agnostic_nms = True

    def _forward_box(
        self, features: dict[str, Tensor], proposals: list[Instances], *targets: Any
    ) -> Any:
        """See the heads' method."""
        if self.training:
            return super()._forward_box(features, proposals, *targets)
        several = isinstance(self.box_predictor, nn.ModuleList)
        last = self.box_predictor[-1] if several else self.box_predictor
        threshold, most = last.test_nms_thresh, last.test_topk_per_image
        with _all_candidates(last):
            found = super()._forward_box(features, proposals, *targets)
        return [suppress_across_classes(each, threshold, most) for each in found]


@contextmanager
def _all_candidates(predictor: Any) -> Iterator[None]:
    """While it lasts, a box predictor suppresses nothing."""
    before = predictor.test_nms_thresh, predictor.test_topk_per_image
    predictor.test_nms_thresh, predictor.test_topk_per_image = ABOVE_ALL_OVERLAPS, ALL
    try:
        yield
    finally:
        predictor.test_nms_thresh, predictor.test_topk_per_image = before


@ROI_HEADS_REGISTRY.register()
class ClassAgnosticROIHeads(ClassAgnosticHeads, StandardROIHeads):
    """The heads of Faster and Mask R-CNN."""


@ROI_HEADS_REGISTRY.register()
class ClassAgnosticCascadeROIHeads(ClassAgnosticHeads, CascadeROIHeads):
    """The heads of Cascade R-CNN."""


# MODEL.ROI_HEADS.NAME -> the heads that it stands for where `KEY` is set.
_HEADS = {
    "StandardROIHeads": ClassAgnosticROIHeads,
    "CascadeROIHeads": ClassAgnosticCascadeROIHeads,
    "ClassAgnosticROIHeads": ClassAgnosticROIHeads,
    "ClassAgnosticCascadeROIHeads": ClassAgnosticCascadeROIHeads,
}
# MODEL.META_ARCHITECTURE -> whether it has such heads; the others read `KEY` themselves.
_HAS_HEADS = {
    **{name: False for name in DENSE_BY_ARCHITECTURE if name.startswith("GroupNet")},
    "GeneralizedRCNN": True,
    "PanopticFPN": True,
}


def with_chosen_nms(cfg: CfgNode) -> CfgNode:
    """The config from which Detectron2 builds the detector with the suppression that `KEY` asks
    for: Detectron2's region heads become ours.

    Raises:
        ConfigError: `KEY` is set, and the network finds no objects, or not in a way that we know.
    """
    if not is_class_agnostic(cfg):
        return cfg
    what = f"{KEY} is set, and MODEL.META_ARCHITECTURE"
    if not lookup(_HAS_HEADS, cfg.MODEL.META_ARCHITECTURE, what):
        return cfg
    heads = lookup(_HEADS, cfg.MODEL.ROI_HEADS.NAME, f"{KEY} is set, and MODEL.ROI_HEADS.NAME")
    chosen = cfg.clone()
    chosen.defrost()
    chosen.MODEL.ROI_HEADS.NAME = heads.__name__
    return chosen


def is_class_agnostic(cfg: CfgNode) -> bool:
    """Whether `KEY` is set."""
    return bool(own_node(cfg, "MODEL.GROUPNET.HEAD").CLASS_AGNOSTIC_NMS)
