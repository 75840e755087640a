"""Atrous spatial pyramid pooling with binary convolutions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groupnet_det.errors import TrainingError
from groupnet_det.layers.convs.averaged_conv import AveragedConv
from groupnet_det.layers.convs.quantization import Quantization


class ImagePooling(nn.Module):
    """The mean over the map, a 1x1 convolution of K bases, and the same value everywhere again."""

    def __init__(
        self, in_channels: int, out_channels: int, *, quantization: Quantization, relu: bool
    ) -> None:
        super().__init__()
        self.unit = AveragedConv(in_channels, out_channels, 1, quantization=quantization, relu=relu)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W).

        Raises:
            TrainingError: A single image, of which BN cannot take statistics in training.
        """
        pooled = x.mean(dim=(2, 3), keepdim=True)
        try:
            y = self.unit(pooled)
        except ValueError as error:
            if not self.training:
                raise
            raise TrainingError(
                "the image pooling of DeepLab has one value for each image, and its BN needs two: "
                "set SOLVER.IMS_PER_BATCH to at least 2 for each process"
            ) from error
        return y.expand(-1, -1, *x.shape[-2:])


class BinaryASPP(nn.Module):
    """A 1x1 convolution, a 3x3 one for each rate, and image pooling side by side.

    Each is ``f(BN(mean_k conv_k(Q(x))))``; in Group-Net Q goes to {0, 1} and there is no f.

    Source: Zhuang et al., Structured Binary Neural Networks (arXiv 1909.09934); Chen et al.,
    Rethinking Atrous Convolution (arXiv 1706.05587).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        rates: Sequence[int],
        *,
        quantization: Quantization,
        relu: bool = False,
    ) -> None:
        """
        Args:
            in_channels: Input channels of the map.
            out_channels: Output channels of each of the parts.
            rates: Dilations of the 3x3 convolutions.
            quantization: Quantizers and K.
            relu: Whether f is a ReLU; else the identity.
        """
        super().__init__()
        shapes = [(1, 1), *((3, rate) for rate in rates)]
        self.branches = nn.ModuleList(
            AveragedConv(
                in_channels,
                out_channels,
                kernel_size,
                dilation=dilation,
                quantization=quantization,
                relu=relu,
            )
            for kernel_size, dilation in shapes
        )
        self.pooling = ImagePooling(in_channels, out_channels, quantization=quantization, relu=relu)
        self.out_channels = (len(shapes) + 1) * out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C', H, W), the parts one after the other in C'."""
        return torch.cat([*(branch(x) for branch in self.branches), self.pooling(x)], dim=1)
