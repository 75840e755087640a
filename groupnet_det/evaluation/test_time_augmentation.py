"""Test-time augmentation by ``TEST.AUG``, with resized and mirrored images, for all tasks."""

from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.layers import batched_nms
from detectron2.modeling import DatasetMapperTTA, GeneralizedRCNN, GeneralizedRCNNWithTTA
from detectron2.modeling.meta_arch import PanopticFPN, SemanticSegmentor
from detectron2.modeling.meta_arch.dense_detector import DenseDetector
from detectron2.structures import Boxes, Instances
from fvcore.transforms import HFlipTransform
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from groupnet_det.config.dense_detectors import DENSE_DETECTORS
from groupnet_det.errors import ConfigError
from groupnet_det.modeling.heads.class_agnostic_nms import (
    KEY,
    ClassAgnosticHeads,
    suppress_across_classes,
)
from groupnet_det.modeling.meta_arch.semantic_inference import wrap_for_inference

DENSE = " and ".join(each.name for each in DENSE_DETECTORS)
SUPPORTED = f"{DENSE}, R-CNNs (boxes and masks) and semantic segmentation"


class DenseDetectorWithTTA(nn.Module):
    """A dense detector that runs on several versions of each image and merges the boxes by NMS.

    Detectron2 has this for R-CNNs only (`GeneralizedRCNNWithTTA`).
    """

    def __init__(self, model: DenseDetector, mapper: DatasetMapperTTA) -> None:
        """
        Args:
            model: Detector; its NMS threshold and number of detections also apply to the union.
            mapper: Function from an input to its versions.
        """
        super().__init__()
        self.model = model
        self.mapper = mapper

    def forward(self, batched_inputs: list[dict[str, Any]]) -> list[dict[str, Instances]]:
        """Return ``{"instances": ...}`` for each image in its own size, as the model does."""
        return [{"instances": self._detect(item)} for item in batched_inputs]

    def _detect(self, item: dict[str, Any]) -> Instances:
        shape = item["image"].shape
        size = item.get("height", shape[1]), item.get("width", shape[2])
        found = []
        for version in self.mapper({**item, "height": size[0], "width": size[1]}):
            transforms = version.pop("transforms").transforms
            # The model scales its boxes to the original image, mirrored or not.
            instances = self.model([version])[0]["instances"]
            if any(isinstance(transform, HFlipTransform) for transform in transforms):
                instances.pred_boxes = Boxes(_mirrored(instances.pred_boxes.tensor, size[1]))
            found.append(instances)
        union = Instances.cat(found)
        threshold, most = self.model.test_nms_thresh, self.model.max_detections_per_image
        if getattr(self.model, "class_agnostic_nms", False):
            return suppress_across_classes(union, threshold, most)
        kept = batched_nms(union.pred_boxes.tensor, union.scores, union.pred_classes, threshold)
        return union[kept[:most]]


def _mirrored(boxes: Tensor, width: int) -> Tensor:
    """Mirror boxes x0, y0, x1, y1 (N, 4) horizontally in an image of this width."""
    x0, y0, x1, y1 = boxes.unbind(dim=1)
    return torch.stack([width - x1, y0, width - x0, y1], dim=1)


def wrap_for_testing(cfg: CfgNode, model: nn.Module) -> nn.Module:
    """Wrap a model for test-time augmentation if ``TEST.AUG.ENABLED``; its mode is kept.

    Raises:
        ConfigError: The model does not support test-time augmentation.
    """
    bare = model.module if isinstance(model, DistributedDataParallel) else model
    if isinstance(bare, SemanticSegmentor):
        return wrap_for_inference(cfg, model)
    if not cfg.TEST.AUG.ENABLED:
        return model
    if isinstance(bare, DenseDetector):
        wrapped: nn.Module = DenseDetectorWithTTA(bare, DatasetMapperTTA(cfg))
    elif isinstance(getattr(bare, "roi_heads", None), ClassAgnosticHeads):
        raise ConfigError(
            f"TEST.AUG.ENABLED and {KEY} are True, but the augmentation of R-CNNs suppresses boxes "
            "within each class; switch one of them off"
        )
    elif isinstance(bare, GeneralizedRCNN) and not isinstance(bare, PanopticFPN):
        wrapped = GeneralizedRCNNWithTTA(cfg, bare)
    else:
        raise ConfigError(
            f"TEST.AUG.ENABLED is True, but {type(bare).__name__} has no test-time augmentation; "
            f"supported: {SUPPORTED}"
        )
    return wrapped.train(model.training)
