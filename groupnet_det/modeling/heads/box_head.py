"""The box head of two-stage detectors with binary or float layers."""

from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling import ROI_BOX_HEAD_REGISTRY
from torch import Tensor, nn

from groupnet_det.errors import ConfigError

from .towers import TowerDesign, UnitShape, conv_chain


@ROI_BOX_HEAD_REGISTRY.register()
class GroupNetBoxHead(nn.Module):
    """3x3 convolutions, then fully connected layers, each with BN, on the features of a region.

    A fully connected layer is a convolution whose kernel covers its whole input, so the quantizers
    and the decomposition are those of all other layers: the first one's kernel is of the size of
    the region, those after it are 1x1 on a map of one pixel. Detectron2's predictors on top of it
    stay float.

    Source: Ren et al., Faster R-CNN (arXiv 1506.01497); with BN as needed by binary layers.
    """

    @configurable
    def __init__(
        self,
        *,
        input_shape: ShapeSpec,
        design: TowerDesign,
        conv_dims: Sequence[int],
        fc_dims: Sequence[int],
    ) -> None:
        """
        Args:
            input_shape: Channels, height and width of a region's features.
            design: Design of the layers.
            conv_dims: Output channels of the convolutions.
            fc_dims: Output channels of the fully connected layers.

        Raises:
            ConfigError: There is no layer at all.
        """
        super().__init__()
        if not (conv_dims or fc_dims):
            raise ConfigError(
                "MODEL.ROI_BOX_HEAD.NUM_CONV and NUM_FC are both 0; the box head needs a layer"
            )
        channels = (input_shape.channels, *conv_dims)[-1]
        shapes = conv_chain(input_shape.channels, conv_dims)
        kernel_size = input_shape.height
        for dim in fc_dims:
            shapes.append(
                UnitShape(
                    in_channels=channels, out_channels=dim, kernel_size=kernel_size, padding=0
                )
            )
            channels, kernel_size = dim, 1
        self.tower = design.make_tower(shapes)
        self.flatten = bool(fc_dims)
        self.output_shape = (
            ShapeSpec(channels=channels)
            if fc_dims
            else ShapeSpec(channels=channels, height=input_shape.height, width=input_shape.width)
        )

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        options = cfg.MODEL.ROI_BOX_HEAD
        return {
            "input_shape": input_shape,
            "design": TowerDesign.from_config(cfg),
            "conv_dims": [options.CONV_DIM] * options.NUM_CONV,
            "fc_dims": [options.FC_DIM] * options.NUM_FC,
        }

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, H, W) of R regions -> (R, C'), or (R, C', H, W) without fully connected layers."""
        y = self.tower.forward_map(x)
        return y.flatten(1) if self.flatten else y
