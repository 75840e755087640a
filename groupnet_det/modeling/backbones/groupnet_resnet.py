"""The Group-Net ResNet. It needs torch only; `detectron2_backbones.py` registers it."""

from collections.abc import Sequence

from torch import Tensor, nn

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.layers import Binarization
from groupnet_det.layers.group_block import GroupBlock

# Blocks per stage, res2 to res5.
BLOCKS_PER_STAGE: dict[int, tuple[int, ...]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
STAGES = ("res2", "res3", "res4", "res5")
STAGE_CHANNELS = (64, 128, 256, 512)
STAGE_STRIDES = (4, 8, 16, 32)


def scale_channels(channels: int, width: float) -> int:
    """`channels` times `width`, at least 1 and whole.

    Raises:
        ConfigError: `width` is not positive.
    """
    if width <= 0:
        raise ConfigError(f"MODEL.GROUPNET.WIDTH is {width}; it must be above 0")
    return max(1, round(channels * width))


class Stem(nn.Sequential):
    """Float 7x7/2 convolution, max-pooling 3/2 and BN, without a ReLU; stride 4."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 7, stride=2, padding=3, bias=False)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)


class GroupNetResNet(nn.Module):
    """ResNet-18 or -34 whose blocks are each decomposed into K binary branches.

    Source: Zhuang et al., Structured Binary Neural Networks (arXiv 1909.09934): group-wise
    decomposition with a block as the group. Stem and BN stay float.
    """

    def __init__(
        self,
        *,
        depth: int = 18,
        width: float = 1.0,
        in_channels: int = 3,
        binarization: Binarization | None = None,
        gates: bool = True,
        merge: str = "mean",
        downsample: str = "binary",
        out_features: Sequence[str] = STAGES,
    ) -> None:
        """
        Args:
            depth: A key of `BLOCKS_PER_STAGE`.
            width: Factor on all channel counts.
            in_channels: Channels of the image.
            binarization: Quantizers and K; K = 4 with signs if absent.
            gates: Whether blocks but the first have soft gates.
            merge, downsample: As in `GroupBlock`.
            out_features: Stages whose merged output `forward` returns; those behind the last of
                them are not built.

        Raises:
            ConfigError: A value is not among the valid ones, which the message lists.
        """
        super().__init__()
        blocks_per_stage = lookup(
            {str(key): value for key, value in BLOCKS_PER_STAGE.items()},
            str(depth),
            "MODEL.GROUPNET.DEPTH",
        )
        if not out_features:
            raise ConfigError(f"MODEL.GROUPNET.OUT_FEATURES is empty; choose from {list(STAGES)}")
        for name in out_features:
            lookup(dict.fromkeys(STAGES), name, "an entry of MODEL.GROUPNET.OUT_FEATURES")
        self.out_features = tuple(out_features)
        self.feature_strides = dict(zip(STAGES, STAGE_STRIDES, strict=True))
        self.feature_channels = {
            name: scale_channels(channels, width)
            for name, channels in zip(STAGES, STAGE_CHANNELS, strict=True)
        }

        channels = self.feature_channels["res2"]
        self.stem = Stem(in_channels, channels)
        # Stages behind the last one asked for would be computed in vain.
        self.stages = STAGES[: 1 + max(map(STAGES.index, self.out_features))]
        for number, (name, num_blocks) in enumerate(
            zip(self.stages, blocks_per_stage, strict=False)
        ):
            blocks = nn.ModuleList()
            for index in range(num_blocks):
                blocks.append(
                    GroupBlock(
                        channels,
                        self.feature_channels[name],
                        stride=2 if number > 0 and index == 0 else 1,
                        gated=gates and not (number == 0 and index == 0),
                        merge=merge,
                        downsample=downsample,
                        binarization=binarization or Binarization(),
                    )
                )
                channels = self.feature_channels[name]
            self.add_module(name, blocks)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> the `out_features` by name, `res_i` (N, C_i, H/2^i, W/2^i)."""
        merged = self.stem(images)
        branches: list[Tensor] = []
        features: dict[str, Tensor] = {}
        for name in self.stages:
            for block in self.get_submodule(name).children():
                merged, branches = block(merged, branches)
            features[name] = merged
        return {name: features[name] for name in self.out_features}
