"""FCN-32s, -16s and -8s."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling import SEM_SEG_HEADS_REGISTRY
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.modeling.features import find_features
from groupnet_det.modeling.heads.prediction_layers import make_predictor

from .segmentation_head import IN_FEATURES_KEY, SegmentationHead, head_arguments
from .upsampling import upsample_aligned


@SEM_SEG_HEADS_REGISTRY.register()
class GroupNetFCNHead(SegmentationHead):
    """Predictors at one, two or three stages of the backbone, summed from coarse to fine.

    ``s = predict(units(res5))``, then ``s = up(s) + predict(res4)`` and so on: FCN-32s from
    ``[res5]``, FCN-16s from ``[res4, res5]``, FCN-8s from ``[res3, res4, res5]``. The names are
    those of a backbone of output stride 32; a dilated one gives finer maps to the same head. Units
    are of the method's design with K bases, predictors float.

    Source: Long et al., Fully Convolutional Networks (arXiv 1411.4038).
    """

    @configurable
    def __init__(
        self,
        *,
        input_shape: Mapping[str, ShapeSpec],
        in_features: Sequence[str],
        channels: int,
        num_convs: int,
        **arguments: Any,
    ) -> None:
        """
        Args:
            input_shape: Shapes of the backbone's maps.
            in_features: Names from high to low resolution.
            channels: Channels of the units.
            num_convs: Number of 3x3 units in front of the deepest predictor.
            arguments: Arguments of `SegmentationHead`.

        Raises:
            ConfigError: A value cannot work; the message names the key.
        """
        found = find_features(input_shape, in_features, IN_FEATURES_KEY)
        shapes = dict(zip(in_features, found, strict=True))
        self._check_strides(shapes)
        stride = next(iter(shapes.values())).stride
        super().__init__(input_shape=input_shape, stride=stride, **arguments)
        self.in_features = tuple(shapes)
        self.strides = {name: shape.stride for name, shape in shapes.items()}
        deepest = self.in_features[-1]
        widths = {name: shape.channels for name, shape in shapes.items()}
        self.units = nn.Sequential()
        if num_convs:
            self.units.append(self.make_input_norm(widths[deepest]))
        for _ in range(num_convs):
            unit = self.method.design.make_unit(
                widths[deepest], channels, 3, quantization=self.method.quantization
            )
            self.units.append(unit)
            widths[deepest] = channels
        self.predictors = nn.ModuleDict(
            {
                name: make_predictor(width, self.num_classes, kernel_size=1)
                for name, width in widths.items()
            }
        )

    @staticmethod
    def _check_strides(shapes: Mapping[str, ShapeSpec]) -> None:
        strides = [shape.stride for shape in shapes.values()]
        if not strides or any(a > b or b % a for a, b in pairwise(strides)):
            raise ConfigError(
                f"{IN_FEATURES_KEY} is {list(shapes)} with strides {strides}; name one or more "
                "from high to low resolution, such as [res4, res5]"
            )

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: Mapping[str, ShapeSpec]) -> dict[str, Any]:
        return {
            **head_arguments(cfg, input_shape),
            "num_convs": cfg.MODEL.GROUPNET.SEGMENTATION.NUM_CONVS,
        }

    def score(self, features: Mapping[str, Tensor]) -> Tensor:
        *skips, name = self.in_features
        logits = self.predictors[name](self.units(features[name]))
        stride = self.strides[name]
        for name in reversed(skips):
            own = self.predictors[name](features[name])
            height, width = own.shape[-2:]
            logits = own + upsample_aligned(logits, stride // self.strides[name], (height, width))
            stride = self.strides[name]
        return logits
