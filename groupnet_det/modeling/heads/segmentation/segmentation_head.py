"""Base of the heads of semantic segmentation.

Call contract, as Detectron2's ``SemanticSegmentor`` has it: ``head(features, targets)`` with the
backbone's maps by name and, in training, labels (N, H, W). In training it returns nothing and a
dict of losses, else logits (N, number of classes, H', W') in pixels of the image, at least as large
as that, and an empty dict.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from torch import Tensor, nn

from groupnet_det.config import parse_method, part_method
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.features import find_features
from groupnet_det.modeling.heads.prediction_layers import make_predictor

from .pixel_loss import pixel_cross_entropy
from .upsampling import upsample_aligned

IN_FEATURES_KEY = "MODEL.SEM_SEG_HEAD.IN_FEATURES"
AUXILIARY_KEY = "MODEL.GROUPNET.SEGMENTATION.AUXILIARY.FEATURE"
HARD_SHARE_KEY = "MODEL.GROUPNET.SEGMENTATION.HARD_SHARE"


class SegmentationHead(nn.Module):
    """Base class: upsampling, losses and the auxiliary head. Classes below give `score`."""

    def __init__(
        self,
        *,
        input_shape: Mapping[str, ShapeSpec],
        stride: int,
        num_classes: int,
        ignore_value: int,
        loss_weight: float,
        method: Method,
        normalize_inputs: bool,
        auxiliary_feature: str,
        auxiliary_weight: float,
        hard_share: float = 1.0,
    ) -> None:
        """
        Args:
            input_shape: Shapes of the backbone's maps.
            stride: Stride of the scores that `score` returns.
            num_classes: Size of the prediction, the background included.
            ignore_value: Label of pixels without a loss.
            loss_weight: Weight of the loss.
            method: Quantizers and design of the convolutions but the predictors.
            normalize_inputs: Whether a BN stands in front of the first quantized convolutions.
                Where the backbone ends in a ReLU it is needed: the sign of every value would be +1.
            auxiliary_feature: Map that an auxiliary head predicts from, in training alone.
            auxiliary_weight: Weight of the auxiliary loss; 0 for none.
            hard_share: Share of the pixels, those with the highest loss, that count in the loss.

        Raises:
            ConfigError: A value cannot work; the message names the key.
        """
        super().__init__()
        if num_classes < 2:
            raise ConfigError(
                f"MODEL.SEM_SEG_HEAD.NUM_CLASSES is {num_classes}; set that of the data set, with "
                "the background"
            )
        self.stride = stride
        self.num_classes = num_classes
        self.ignore_value = ignore_value
        self.loss_weight = loss_weight
        self.method = method
        self.normalize_inputs = normalize_inputs
        self.auxiliary_weight = auxiliary_weight
        if not 0 < hard_share <= 1:
            raise ConfigError(f"{HARD_SHARE_KEY} is {hard_share}; valid: above 0, to 1")
        self.hard_share = hard_share
        if auxiliary_weight:
            (shape,) = find_features(input_shape, [auxiliary_feature], AUXILIARY_KEY)
            self.auxiliary_feature, self.auxiliary_stride = auxiliary_feature, shape.stride
            narrow = max(1, shape.channels // 4)
            self.auxiliary = nn.Sequential()
            self.auxiliary.norm = self.make_input_norm(shape.channels)
            self.auxiliary.unit = method.design.make_unit(
                shape.channels, narrow, 3, quantization=method.quantization
            )
            self.auxiliary.predictor = make_predictor(narrow, num_classes, kernel_size=1)

    def forward(
        self, features: Mapping[str, Tensor], targets: Tensor | None = None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """See the module.

        Raises:
            DataError: In training without labels.
        """
        logits = self.score(features)
        if not self.training:
            return upsample_aligned(logits, self.stride), {}
        if targets is None:
            raise DataError("DATASETS.TRAIN has images without a mask (sem_seg_file_name)")
        losses = {"loss_sem_seg": self.loss_weight * self._loss(logits, self.stride, targets)}
        if self.auxiliary_weight:
            early = self.auxiliary(features[self.auxiliary_feature])
            loss = self._loss(early, self.auxiliary_stride, targets)
            losses["loss_sem_seg_auxiliary"] = self.auxiliary_weight * loss
        return None, losses

    def score(self, features: Mapping[str, Tensor]) -> Tensor:
        """The backbone's maps -> logits (N, number of classes, H/stride, W/stride)."""
        raise NotImplementedError

    def make_input_norm(self, channels: int) -> nn.Module:
        """The layer before a first quantized convolution."""
        return nn.BatchNorm2d(channels) if self.normalize_inputs else nn.Identity()

    def _loss(self, logits: Tensor, stride: int, targets: Tensor) -> Tensor:
        height, width = targets.shape[-2:]
        upsampled = upsample_aligned(logits, stride, (height, width))
        return pixel_cross_entropy(
            upsampled, targets, ignore_value=self.ignore_value, hard_share=self.hard_share
        )


def head_arguments(cfg: CfgNode, input_shape: Mapping[str, ShapeSpec]) -> dict[str, Any]:
    """The arguments that all heads have, but ``stride``, from the config."""
    options, auxiliary = cfg.MODEL.SEM_SEG_HEAD, cfg.MODEL.GROUPNET.SEGMENTATION.AUXILIARY
    return {
        "input_shape": input_shape,
        "in_features": options.IN_FEATURES,
        "channels": options.CONVS_DIM,
        "num_classes": options.NUM_CLASSES,
        "ignore_value": options.IGNORE_VALUE,
        "loss_weight": options.LOSS_WEIGHT,
        "method": parse_method(cfg, "HEAD"),
        "normalize_inputs": must_normalize(cfg, "HEAD"),
        "auxiliary_feature": auxiliary.FEATURE,
        "auxiliary_weight": auxiliary.LOSS_WEIGHT,
        "hard_share": cfg.MODEL.GROUPNET.SEGMENTATION.HARD_SHARE,
    }


def must_normalize(cfg: CfgNode, part: str) -> bool:
    """Whether `part` is quantized and the backbone's maps are of one sign."""
    signed = parse_method(cfg, "BACKBONE").design.signed_output
    return part_method(cfg, part) != "float" and not signed


def only_feature(
    input_shape: Mapping[str, ShapeSpec], names: Sequence[str]
) -> tuple[str, ShapeSpec]:
    """The one of `names`, and its shape.

    Raises:
        ConfigError: There are several, or it is unknown.
    """
    if len(names) != 1:
        raise ConfigError(f"{IN_FEATURES_KEY} is {list(names)}; this head takes one, such as res5")
    return names[0], find_features(input_shape, names, IN_FEATURES_KEY)[0]
