"""The mask head of Mask R-CNN with binary or float layers."""

from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling import ROI_MASK_HEAD_REGISTRY
from detectron2.modeling.roi_heads.mask_head import BaseMaskRCNNHead
from torch import Tensor, nn

from .towers import TowerDesign, UnitShape, conv_chain

MASK_UPSAMPLING = 2


@ROI_MASK_HEAD_REGISTRY.register()
class GroupNetMaskHead(BaseMaskRCNNHead):
    """3x3 convolutions, an upsampling by two, and a 1x1 predictor, which stays float.

    The upsampling is a transposed 2x2 convolution with stride 2, whose windows do not overlap: the
    same as a 1x1 convolution to four times the channels, which are then laid out as 2x2 pixels. As
    such it is quantized and decomposed like all others. Its BN has a scale for each of the four.

    Source: He et al., Mask R-CNN (arXiv 1703.06870).
    """

    @configurable
    def __init__(
        self,
        *,
        input_shape: ShapeSpec,
        design: TowerDesign,
        conv_dims: Sequence[int],
        upsampled_dim: int,
        num_classes: int,
        **options: Any,
    ) -> None:
        """
        Args:
            input_shape: Shape of a region's features.
            design: Design of the layers.
            conv_dims: Output channels of the convolutions.
            upsampled_dim: Channels after the upsampling.
            num_classes: Masks per region: 1 where they do not depend on the class.
            options: Options of Detectron2's ``BaseMaskRCNNHead``.
        """
        super().__init__(**options)
        shapes = conv_chain(input_shape.channels, conv_dims)
        upsampling = UnitShape(
            in_channels=(input_shape.channels, *conv_dims)[-1],
            out_channels=MASK_UPSAMPLING**2 * upsampled_dim,
            kernel_size=1,
            padding=0,
        )
        self.tower = design.make_tower([*shapes, upsampling])
        self.predictor = nn.Conv2d(upsampled_dim, num_classes, 1)
        nn.init.normal_(self.predictor.weight, std=0.001)
        assert self.predictor.bias is not None
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        options = cfg.MODEL.ROI_MASK_HEAD
        return {
            **super().from_config(cfg, input_shape),
            "input_shape": input_shape,
            "design": TowerDesign.from_config(cfg),
            "conv_dims": [options.CONV_DIM] * options.NUM_CONV,
            "upsampled_dim": options.CONV_DIM,
            "num_classes": 1 if options.CLS_AGNOSTIC_MASK else cfg.MODEL.ROI_HEADS.NUM_CLASSES,
        }

    def layers(self, x: Tensor) -> Tensor:
        """(R, C, H, W) of R regions -> logits (R, num_classes, 2 H, 2 W)."""
        return self.predictor(channels_to_pixels(self.tower.forward_map(x)))


def channels_to_pixels(x: Tensor) -> Tensor:
    """(R, 4 C, H, W) -> (R, C, 2 H, 2 W), as `nn.PixelShuffle`, whose gradient for no regions is of
    the wrong shape (torch 2.14.1)."""
    number, channels, height, width = x.shape
    out_channels = channels // MASK_UPSAMPLING**2
    blocks = x.reshape(number, out_channels, MASK_UPSAMPLING, MASK_UPSAMPLING, height, width)
    rows = blocks.permute(0, 1, 4, 2, 5, 3)  # R, C, row, row within, column, column within
    return rows.reshape(number, out_channels, MASK_UPSAMPLING * height, MASK_UPSAMPLING * width)
