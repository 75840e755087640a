"""K binary convolutions that share one input, each with its own BatchNorm, averaged.

This is how the neck and the heads are decomposed (Group-Net, arXiv 1909.09934). Shapes: N images, C
channels out, K bases.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from .binarization import Binarization
from .per_level_norm import PerLevelBatchNorm


class MultiBaseConv2d(nn.Module):
    """``mean_k BN_k(conv_k(sign(x)))``, with a ReLU after each BN on request.

    The K bases share their input, so they are one wide convolution with K * C output channels and
    one BatchNorm over these; each base keeps its own weight scale.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        binarization: Binarization,
        stride: int = 1,
        padding: int = 0,
        relu: bool = False,
        shortcut: bool = False,
        num_levels: int = 1,
    ) -> None:
        """
        Args:
            in_channels, out_channels, kernel_size, stride, padding: Of each base.
            binarization: Quantizers and K.
            relu: Whether a ReLU follows each base's BN.
            shortcut: Whether the input is added to the average.
            num_levels: Maps per forward call, each with its own BN statistics and affine.
        """
        super().__init__()
        self.num_bases = binarization.num_bases
        self.relu = relu
        self.shortcut = shortcut
        self.conv = binarization.make_conv(
            in_channels,
            self.num_bases * out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            num_groups=self.num_bases,
        )
        self.norm = PerLevelBatchNorm(num_levels, self.num_bases * out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C, H', W'), for a layer with one level."""
        return self.forward_maps([x])[0]

    def forward_maps(self, maps: list[Tensor]) -> list[Tensor]:
        """One map per level; the same weights serve all of them."""
        merged = [self._merge(y) for y in self.norm(self.conv.forward_maps(maps))]
        return [y + x for y, x in zip(merged, maps, strict=True)] if self.shortcut else merged

    def _merge(self, bases: Tensor) -> Tensor:
        """(N, K * C, H, W) -> (N, C, H, W)."""
        if self.relu:
            bases = F.relu(bases)
        if self.num_bases == 1:
            return bases
        return bases.unflatten(1, (self.num_bases, -1)).mean(dim=1)
