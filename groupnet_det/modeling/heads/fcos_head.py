"""FCOS's head with binary or float towers and float predictors."""

from typing import Any, ClassVar

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from torch import Tensor

from groupnet_det.config import own_node

from .prediction_layers import DenseHead, Towers, common_channels, make_predictor, prior_logit
from .towers import TowerDesign, conv_chain

FCOS_LEVELS = "MODEL.FCOS.IN_FEATURES"


class GroupNetFCOSHead(DenseHead):
    """A tower for classes, and one for boxes and centerness, shared between the pyramid levels.

    BN in the towers is unshared per level; the predictors stay float. Centerness is predicted from
    the box tower.

    Source: Tian et al., FCOS: A Simple and Strong Anchor-free Object Detector (arXiv 2006.09214).
    """

    predictors: ClassVar[Towers] = {
        "cls_tower": {"cls_score": "logits"},
        "bbox_tower": {"bbox_pred": "deltas", "ctrness": "centerness"},
    }

    @configurable
    def __init__(
        self,
        *,
        design: TowerDesign,
        channels: int,
        num_convs: int,
        num_levels: int,
        num_classes: int,
        prior_prob: float = 0.01,
    ) -> None:
        """Arguments as of `GroupNetRetinaNetHead`; there is one anchor point per position."""
        super().__init__()
        shapes = conv_chain(channels, [channels] * num_convs)
        self.cls_tower = design.make_tower(shapes, num_levels=num_levels)
        self.bbox_tower = design.make_tower(shapes, num_levels=num_levels)
        self.cls_score = make_predictor(channels, num_classes, bias=prior_logit(prior_prob))
        self.bbox_pred = make_predictor(channels, 4)
        self.ctrness = make_predictor(channels, 1)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: list[ShapeSpec]) -> dict[str, Any]:
        options = own_node(cfg, "MODEL.FCOS")
        return {
            "design": TowerDesign.from_config(cfg),
            "channels": common_channels(input_shape, FCOS_LEVELS),
            "num_convs": options.NUM_CONVS,
            "num_levels": len(input_shape),
            "num_classes": options.NUM_CLASSES,
            "prior_prob": options.PRIOR_PROB,
        }

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Predict from the pyramid.

        Args:
            features: One (N, C, H_l, W_l) map per level, from high to low resolution.

        Returns:
            Per level: class logits (N, num_classes, H_l, W_l), box deltas (N, 4, H_l, W_l) and
            logits of centerness (N, 1, H_l, W_l).
        """
        logits = [self.cls_score(x) for x in self.cls_tower(features)]
        box_features = self.bbox_tower(features)
        deltas = [self.bbox_pred(x) for x in box_features]
        return logits, deltas, [self.ctrness(x) for x in box_features]
