"""K quantized convolutions with a common input, averaged, then normalized together."""

from torch import Tensor, nn

from .base_merge import merge_wide
from .quantization import Quantization


class AveragedConv(nn.Module):
    """``f(BN(mean_k conv_k(Q(x))))``: K bases with one BN after their average.

    A `ConvUnit` has a BN for each base, in front of the average. The decoder of Group-Net's
    segmentation networks (arXiv 1909.09934) has this order, with Q to {0, 1} and without f.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        quantization: Quantization,
        relu: bool = False,
        dilation: int = 1,
    ) -> None:
        """
        Args:
            in_channels, out_channels, kernel_size, dilation: Shape of each base; the padding keeps
                the size of the map.
            quantization: Quantizers and K.
            relu: Whether f is a ReLU; else the identity.
        """
        super().__init__()
        self.num_bases = num_bases = quantization.num_bases
        self.conv = quantization.make_conv(
            in_channels,
            num_bases * out_channels,
            kernel_size,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            num_groups=num_bases,
        )
        self.merge = merge_wide("mean", num_bases)
        self.norm = nn.BatchNorm2d(out_channels)
        self.act = nn.ReLU(inplace=True) if relu else nn.Identity()

    def run_bases(self, number: int) -> None:
        """See `groupnet_det.layers.slimmable`."""
        channels = self.conv.out_channels // self.num_bases
        self.conv.run_channels = channels * min(number, self.num_bases)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W)."""
        return self.act(self.norm(self.merge(self.conv(x))))
