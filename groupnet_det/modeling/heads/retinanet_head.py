"""RetinaNet's head with binary or float towers and float predictors."""

from typing import Any, ClassVar

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling.anchor_generator import build_anchor_generator
from torch import Tensor

from .prediction_layers import (
    DenseHead,
    Towers,
    common_anchors,
    common_channels,
    make_predictor,
    prior_logit,
)
from .towers import TowerDesign, conv_chain

RETINANET_LEVELS = "MODEL.RETINANET.IN_FEATURES"


class GroupNetRetinaNetHead(DenseHead):
    """A tower and a predictor each for classes and boxes, shared between the pyramid levels.

    BN in the towers is unshared per level; the predictors stay float.

    Source: Lin et al., Focal Loss for Dense Object Detection (arXiv 1708.02002).
    """

    predictors: ClassVar[Towers] = {
        "cls_tower": {"cls_score": "logits"},
        "bbox_tower": {"bbox_pred": "deltas"},
    }

    @configurable
    def __init__(
        self,
        *,
        design: TowerDesign,
        channels: int,
        num_convs: int,
        num_levels: int,
        num_anchors: int,
        num_classes: int,
        prior_prob: float = 0.01,
    ) -> None:
        """
        Args:
            design: Design of the two towers.
            channels: Channels of each pyramid level.
            num_convs: Number of convolutions of each tower.
            num_levels: Number of levels of the pyramid.
            num_anchors: Per position.
            num_classes: Without the background.
            prior_prob: Foreground probability that the class predictor starts with.
        """
        super().__init__()
        shapes = conv_chain(channels, [channels] * num_convs)
        self.cls_tower = design.make_tower(shapes, num_levels=num_levels)
        self.bbox_tower = design.make_tower(shapes, num_levels=num_levels)
        self.cls_score = make_predictor(
            channels, num_anchors * num_classes, bias=prior_logit(prior_prob)
        )
        self.bbox_pred = make_predictor(channels, num_anchors * 4)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: list[ShapeSpec]) -> dict[str, Any]:
        anchors = build_anchor_generator(cfg, input_shape)
        return {
            "design": TowerDesign.from_config(cfg),
            "channels": common_channels(input_shape, RETINANET_LEVELS),
            "num_convs": cfg.MODEL.RETINANET.NUM_CONVS,
            "num_levels": len(input_shape),
            "num_anchors": common_anchors(anchors.num_cell_anchors, RETINANET_LEVELS),
            "num_classes": cfg.MODEL.RETINANET.NUM_CLASSES,
            "prior_prob": cfg.MODEL.RETINANET.PRIOR_PROB,
        }

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Predict from the pyramid.

        Args:
            features: One (N, C, H_l, W_l) map per level, from high to low resolution.

        Returns:
            Class logits (N, A * num_classes, H_l, W_l) and box deltas (N, A * 4, H_l, W_l) per
            level, where A is the number of anchors per position.
        """
        logits = [self.cls_score(x) for x in self.cls_tower(features)]
        deltas = [self.bbox_pred(x) for x in self.bbox_tower(features)]
        return logits, deltas
