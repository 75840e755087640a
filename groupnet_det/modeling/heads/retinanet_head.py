"""RetinaNet's head with binary or float towers and float predictors."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling.anchor_generator import build_anchor_generator
from torch import Tensor, nn

from groupnet_det.config import parse_method, part_method
from groupnet_det.errors import ConfigError

from .towers import Tower, binary_tower, float_tower


class GroupNetRetinaNetHead(nn.Module):
    """A tower and a predictor each for classes and boxes, shared between the pyramid levels.

    BN in the towers is unshared per level; the predictors stay float.

    Source: Lin et al., Focal Loss for Dense Object Detection (arXiv 1708.02002).
    """

    @configurable
    def __init__(
        self,
        *,
        make_tower: Callable[[], Tower],
        channels: int,
        num_anchors: int,
        num_classes: int,
        prior_prob: float,
    ) -> None:
        """
        Args:
            make_tower: Called twice: for the class and for the box tower.
            channels: Of each pyramid level.
            num_anchors: Per position.
            num_classes: Without the background.
            prior_prob: Foreground probability that the class predictor starts with.
        """
        super().__init__()
        self.cls_tower = make_tower()
        self.bbox_tower = make_tower()
        prior_logit = -math.log((1 - prior_prob) / prior_prob)
        self.cls_score = _predictor(channels, num_anchors * num_classes, bias=prior_logit)
        self.bbox_pred = _predictor(channels, num_anchors * 4, bias=0.0)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: list[ShapeSpec]) -> dict[str, Any]:
        num_anchors = set(build_anchor_generator(cfg, input_shape).num_cell_anchors)
        channels = {shape.channels for shape in input_shape}
        if len(num_anchors) != 1 or len(channels) != 1:
            raise ConfigError(
                f"the levels of MODEL.RETINANET.IN_FEATURES must agree in anchors ({num_anchors})"
                f" and channels ({channels})"
            )
        tower_shape = (channels.copy().pop(), cfg.MODEL.RETINANET.NUM_CONVS, len(input_shape))
        make_tower: Callable[[], Tower] = partial(float_tower, *tower_shape)
        if part_method(cfg, "HEAD") != "float":
            make_tower = partial(
                binary_tower,
                *tower_shape,
                quantization=parse_method(cfg, "HEAD").quantization,
                relu=cfg.MODEL.GROUPNET.HEAD.RELU,
            )
        return {
            "make_tower": make_tower,
            "channels": channels.pop(),
            "num_anchors": num_anchors.pop(),
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


def _predictor(in_channels: int, out_channels: int, *, bias: float) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    nn.init.normal_(conv.weight, std=0.01)
    assert conv.bias is not None
    nn.init.constant_(conv.bias, bias)
    return conv
