"""The binary convolution, simulated with floats for training."""

import torch.nn.functional as F
from torch import Tensor, nn

from groupnet_det.quantizers import ActivationQuantizer, WeightQuantizer


class BinaryConv2d(nn.Conv2d):
    """Quantize the input, pad it with the quantizer's own value, convolve with quantized weights.

    ``y = conv(pad(Q_a(x), value=pad_value), Q_w(W))``, without a bias.

    No padded copy is made: with ``e = Q_a(x) - pad_value`` the native zero padding stands for
    `pad_value`, and ``y = conv(e, Q_w(W)) + pad_value * sum(Q_w(W))``, exactly.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        activation: ActivationQuantizer,
        weight: WeightQuantizer,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
    ) -> None:
        """
        Args:
            in_channels, out_channels, kernel_size, stride, padding, dilation: As in `nn.Conv2d`.
            activation: Quantizes the input; owned by this convolution.
            weight: Quantizes the weights, which stay float parameters.
        """
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=False,
        )
        self.activation: ActivationQuantizer = activation
        self.weight_quantizer: WeightQuantizer = weight

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H', W')."""
        return self.forward_maps([x])[0]

    def forward_maps(self, maps: list[Tensor]) -> list[Tensor]:
        """Convolve several maps, such as the levels of a pyramid; weights are quantized once."""
        weight = self.weight_quantizer(self.weight)
        pad_value = self.activation.pad_value
        pads_zero = not isinstance(pad_value, Tensor) and pad_value == 0
        bias = None if pads_zero else weight.sum(dim=(1, 2, 3)) * pad_value
        return [
            F.conv2d(
                self.activation.shifted(x), weight, bias, self.stride, self.padding, self.dilation
            )
            for x in maps
        ]
