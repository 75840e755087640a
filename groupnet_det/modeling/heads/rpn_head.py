"""The head of a region proposal network with binary or float convolutions."""

from collections.abc import Sequence
from typing import Any, ClassVar

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling.anchor_generator import build_anchor_generator
from detectron2.modeling.proposal_generator import RPN_HEAD_REGISTRY
from torch import Tensor

from .prediction_layers import DenseHead, Towers, common_anchors, common_channels, make_predictor
from .towers import TowerDesign, conv_chain

LEVELS = "MODEL.RPN.IN_FEATURES"


@RPN_HEAD_REGISTRY.register()
class GroupNetRPNHead(DenseHead):
    """3x3 convolutions (``MODEL.RPN.CONV_DIMS``) whose BN is unshared per level, and 1x1
    predictors, which stay float.

    Source: Ren et al., Faster R-CNN (arXiv 1506.01497).
    """

    predictors: ClassVar[Towers] = {
        "tower": {"objectness_logits": "objectness", "anchor_deltas": "anchor_deltas"},
    }

    @configurable
    def __init__(
        self,
        *,
        design: TowerDesign,
        channels: int,
        conv_dims: Sequence[int],
        num_levels: int,
        num_anchors: int,
        box_dim: int = 4,
    ) -> None:
        """
        Args:
            design: Design of the convolutions.
            channels: Channels of each pyramid level.
            conv_dims: Output channels of each convolution; -1 for those of its input.
            num_levels: Number of levels of the pyramid.
            num_anchors: Per position.
            box_dim: Numbers that describe a box.
        """
        super().__init__()
        dims = []
        hidden = channels
        for dim in conv_dims:
            hidden = hidden if dim == -1 else dim
            dims.append(hidden)
        self.tower = design.make_tower(conv_chain(channels, dims), num_levels=num_levels)
        self.objectness_logits = make_predictor(hidden, num_anchors, kernel_size=1)
        self.anchor_deltas = make_predictor(hidden, num_anchors * box_dim, kernel_size=1)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: list[ShapeSpec]) -> dict[str, Any]:
        anchors = build_anchor_generator(cfg, input_shape)
        return {
            "design": TowerDesign.from_config(cfg),
            "channels": common_channels(input_shape, LEVELS),
            "conv_dims": cfg.MODEL.RPN.CONV_DIMS,
            "num_levels": len(input_shape),
            "num_anchors": common_anchors(anchors.num_anchors, LEVELS),
            "box_dim": anchors.box_dim,
        }

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Predict from the pyramid.

        Args:
            features: One (N, C, H_l, W_l) map per level.

        Returns:
            Objectness logits (N, A, H_l, W_l) and box deltas (N, A * box_dim, H_l, W_l) per level,
            where A is the number of anchors per position.
        """
        hidden = self.tower(features)
        return (
            [self.objectness_logits(x) for x in hidden],
            [self.anchor_deltas(x) for x in hidden],
        )
